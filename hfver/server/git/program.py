"""Running the git program with a clean environment, never through a shell."""

from __future__ import annotations

import os
import shutil

GIT = shutil.which("git") or "git"


def git_environment() -> dict[str, str]:
    """Build a git process's environment: without the user's configuration, prompts and GIT_* variables."""
    return {
        "PATH": os.environ.get("PATH", os.defpath),
        "HOME": "/nonexistent",
        "LC_ALL": "C.UTF-8",
        "GIT_CONFIG_NOSYSTEM": "1",
        "GIT_CONFIG_GLOBAL": os.devnull,
        "GIT_TERMINAL_PROMPT": "0",
        "GIT_OPTIONAL_LOCKS": "0",
    }
