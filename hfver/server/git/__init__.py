"""Bare repositories: reading, committing, packing, receiving pushes."""
