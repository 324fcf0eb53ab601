"""Loading: a verified release onto disk (fetch, pull, verify) and into memory (load)."""
