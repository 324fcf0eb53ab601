"""A proven commit onto disk and into memory: fetch, pull, verify, load."""
