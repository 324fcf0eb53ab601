"""Links in a folder: where they may lead, so that a name in the folder never publishes a file from outside of it."""

from __future__ import annotations

import re
from pathlib import Path

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.untrusted_files import shown

__all__ = ["homes_of", "stay_home"]

_COMMIT = re.compile(r"[0-9a-f]{40}")


def homes_of(directory: Path) -> tuple[Path, ...]:
    """Return the real folders that files of a folder may lie in: itself, and its blobs in a Hugging Face cache."""
    home = directory.resolve()
    snapshots = (at for at in (home, *home.parents) if at.parent.name == "snapshots" and _COMMIT.fullmatch(at.name))
    return (home, *((at.parents[1] / "blobs").resolve() for at in snapshots))


def stay_home(link: Path, homes: tuple[Path, ...]) -> None:
    """Follow a link, through as many others as there are, and check that it ends where the folder's files may lie.

    Raises:
        BadCheckpoint: It leads nowhere, or to somewhere else.
    """
    try:
        end = link.resolve(strict=True)
    except (OSError, RuntimeError):  # Python before 3.13 raises RuntimeError for links in a circle
        raise BadCheckpoint(f"{shown(link)} is a link that leads nowhere.", "Remove it.") from None
    if not any(end.is_relative_to(home) for home in homes):
        raise BadCheckpoint(
            f"{shown(link)} is a link that leads out of the folder, to {shown(end)}.",
            "Put a copy of that file in its place if it belongs to the model, or remove the link.",
        )
