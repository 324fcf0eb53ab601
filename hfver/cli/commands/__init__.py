"""One file per command: its options, and the one call of the face that it makes."""
