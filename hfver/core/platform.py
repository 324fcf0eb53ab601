"""Which systems hfver runs on."""

from __future__ import annotations

import sys

from hfver.errors import UsageError

__all__ = ["check_platform", "system"]

LACKING = "file locks that the kernel drops with their process, file owners and modes, limits for child processes"


def system() -> str:
    """Return the name of this system, as ``sys.platform`` has it."""
    return sys.platform


def check_platform() -> None:
    """Refuse to start on a system that lacks what hfver relies on.

    Raises:
        UsageError: This is Windows.
    """
    if system() == "win32":
        raise UsageError(
            f"hfver runs on Linux and macOS. Windows lacks what it relies on: {LACKING}.",
            "Run it in WSL (https://learn.microsoft.com/windows/wsl/install), or in a container.",
        )
