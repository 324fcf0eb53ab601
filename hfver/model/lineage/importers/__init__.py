"""The importers that come with hfver, one file each; see the entry points in pyproject.toml."""
