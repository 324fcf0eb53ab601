"""``--policy``: which rules a command applies, and the files that they come from, named once."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hfver.core.policy import Policy

__all__ = ["chosen_policy"]


def chosen_policy(file: Path | None, as_json: bool, *, start: Path | None = None) -> Policy:
    """Return the policy that applies, and name its files on stderr unless the JSON will.

    Args:
        file: The file that was asked for; None for the nearest.
        as_json: Whether the command prints JSON.
        start: The folder from which the nearest file is searched; None for the working directory.
    """
    from hfver.cli.rendering.basics import say
    from hfver.core.settings import resolve_policy

    policy = resolve_policy(file, start=start)
    if policy.files and not as_json:
        say(f"Policy: {', '.join(map(str, policy.files))}")
    return policy
