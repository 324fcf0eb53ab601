"""One file per command: its options, and the one call of the API that it makes."""
