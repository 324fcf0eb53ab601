"""Values and on-disk formats, and nothing that talks to a network."""
