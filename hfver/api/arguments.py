"""Interpreting what callers pass: folders or references, and what must hold for a repo to be trusted."""

from __future__ import annotations

from pathlib import Path

from hfver.api.hubs import PathLike
from hfver.core.lockfile import find_lock, read_lock
from hfver.core.policy import Policy
from hfver.core.ref import check_repo
from hfver.registry.state import TrustOptions

__all__ = ["looks_like_folder", "trust_options"]


def looks_like_folder(target: str) -> bool:
    """Return whether a target is a folder and not a reference: it exists as one, or is written like a path."""
    return target.startswith((".", "/", "~")) or ("@" not in target and Path(target).is_dir())


def trust_options(
    mirror_of: str | None = None, lock: PathLike | bool = False, policy: Policy | None = None
) -> TrustOptions:
    """Return what must hold for a repo to be trusted.

    Args:
        mirror_of: The repo that it is a known copy of.
        lock: The lock that applies: True for the nearest one, False for none, or a path.
        policy: Decides which releases must be signed; None if nothing is checked that a policy decides.

    Raises:
        BadRef: ``mirror_of`` is not a repo id.
        BadConfig: The lock is broken, or the path does not exist.
    """
    mirrored = check_repo(mirror_of) if mirror_of else None
    if isinstance(lock, bool):
        return TrustOptions(mirrored, lock=find_lock(Path.cwd()) if lock else None, policy=policy)
    return TrustOptions(mirrored, lock=read_lock(Path(lock).absolute()), policy=policy)
