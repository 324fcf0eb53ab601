"""The server process: a folder served for as long as it is needed."""
