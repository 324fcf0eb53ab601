"""Two chat templates compared, for the child process: it loads this package on its own, without hfver around it."""

from __future__ import annotations

from .compare import compare_templates

__all__ = ["compare_templates"]
