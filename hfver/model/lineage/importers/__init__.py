"""The importers that come with hfver, one file each, registered as entry points in pyproject.toml."""
