"""Which versions of libraries development and CI install."""

from __future__ import annotations

import re
from importlib.metadata import version
from pathlib import Path

import pytest

__all__ = ["needs_locked"]

LOCK = Path(__file__).parent.parent / "requirements" / "dev.txt"


def needs_locked(*libraries: str) -> None:
    """Skip a test whose expectation holds for the locked versions alone, where others are installed."""
    pins = dict(re.findall(r"^([\w.-]+)==(\S+)", LOCK.read_text(encoding="utf-8"), re.MULTILINE))
    for library in libraries:
        if version(library) != pins[library]:
            pytest.skip(f"what it expects holds for {library} {pins[library]}, and {version(library)} is installed")
