"""What a caller may name: a release, or a folder."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from hfver.api.hubs import PathLike
from hfver.core.lockfile import find_lock, read_lock
from hfver.core.policy import Policy
from hfver.core.ref import check_repo
from hfver.errors import BadConfig
from hfver.registry.state import TrustOptions

__all__ = ["looks_like_folder", "one_of", "trust_options"]


def looks_like_folder(target: str) -> bool:
    """Tell a path from a reference: it exists as a folder, or is written like a path."""
    return target.startswith((".", "/", "~")) or ("@" not in target and Path(target).is_dir())


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    """Return an option's value after checking that it is one of those allowed.

    Raises:
        BadConfig: It is another one.
    """
    if value not in allowed:
        raise BadConfig(f"{option} cannot be {value!r}.", f"Choose one of: {', '.join(allowed)}")
    return value


def trust_options(
    mirror_of: str | None = None, lock: PathLike | bool = False, policy: Policy | None = None
) -> TrustOptions:
    """Say on what terms a repo is believed.

    Args:
        mirror_of: The repo that it is knowingly a copy of.
        lock: The lock to heed: True for the nearest, False for none.
        policy: Decides which releases must be signed; None where nothing is checked that a policy decides.

    Raises:
        BadRef: ``mirror_of`` is no repo id.
        BadConfig: The lock is broken, or there is none at that path.
    """
    mirrored = check_repo(mirror_of) if mirror_of else None
    if isinstance(lock, bool):
        return TrustOptions(mirrored, lock=find_lock(Path.cwd()) if lock else None, policy=policy)
    return TrustOptions(mirrored, lock=read_lock(Path(lock).absolute()), policy=policy)
