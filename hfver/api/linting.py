"""The public function ``pins``: check the code that loads models."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.shared_docs import public

if TYPE_CHECKING:
    from hfver.lint import Report

__all__ = ["pins"]


@public
def pins(paths: Sequence[PathLike], *, fix: bool = False, hub: HubLike = None, token: str | None = None) -> Report:
    """Report everything in a code base that loads from a Hub without naming a commit.

    Nothing is executed. A call is pinned if its revision is a commit of 40 hex digits. A call of hfver's own is also
    pinned if its reference is an exact version, or one that the nearest ``hfver.lock`` has; an alias counts as what
    ``hfver.toml`` says that it stands for. A comment ``# hfver: ignore`` exempts the line.

    Args:
        paths: Files and folders: Python, notebooks, shell scripts, YAML and Dockerfiles.
        fix: Write ``revision="<commit>"`` wherever possible, and leave everything else in the file as it is. The
            commit comes from the nearest ``hfver.lock``, otherwise from the Hub.
        hub: None, a URL, or the folder of an embedded Hub; used only with ``fix``.

    Returns:
        What is not pinned, what was fixed, and what could not be read.

    Raises:
        UsageError: A path does not exist, no file could be read, or the extra ``pins`` is needed and not installed.
        BadConfig: The nearest ``hfver.lock`` or ``hfver.toml`` cannot be read.
    """
    from hfver.lint import check_pins

    targets = [Path(path) for path in paths]
    if not fix:
        return check_pins(targets)
    with open_hub(hub, token) as client:
        return check_pins(targets, ask_hub=lambda name, revision, kind: client.repo(name, kind).commit_of(revision))
