"""The ``hfver`` command: a thin layer over the face. Data goes to stdout, talk to stderr."""

from hfver.cli.running import main

__all__ = ["main"]
