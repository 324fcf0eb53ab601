"""Discussions and pull requests: opening, finding, merging and describing them."""
