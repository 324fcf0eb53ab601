"""Bare git repositories: reading, committing, packing, and checking pushes."""
