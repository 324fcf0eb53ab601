"""The Hub's protocol, one file per family of routes."""
