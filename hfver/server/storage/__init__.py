"""What lies in the folder: LFS objects, the database, and who may read them."""
