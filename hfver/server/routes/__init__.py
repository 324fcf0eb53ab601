"""The endpoints of the Hub, one file per family."""
