"""The Hub's folder: the database, LFS objects, and which repo may refer to which object."""
