"""The ``hfver`` command: a thin layer over what ``import hfver`` offers. Data goes to stdout, messages to stderr."""

from hfver.cli.entry import main

__all__ = ["main"]
