"""Checking what callers pass besides references: options with few values, and how far a repo is trusted."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.hubs import PathLike
from hfver.core.ref import check_repo
from hfver.errors import BadConfig
from hfver.registry.state import Terms

if TYPE_CHECKING:
    from hfver.core.policy import Policy
    from hfver.core.settings import PolicyLike

__all__ = ["one_of", "policy_of", "terms_of"]


def one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    """Return an option's value after checking that it is one of those allowed.

    Raises:
        BadConfig: It is another one.
    """
    if value not in allowed:
        raise BadConfig(f"{option} cannot be {value!r}.", f"Choose one of: {', '.join(allowed)}")
    return value


def policy_of(policy: PolicyLike) -> Policy:
    """Return the policy that applies, as :func:`hfver.core.settings.resolve_policy` does.

    The model of all settings is loaded only here, so that functions which apply no policy do without.
    """
    from hfver.core.settings import resolve_policy

    return resolve_policy(policy)


def terms_of(mirror_of: str | None = None, lock: PathLike | bool = False, policy: Policy | None = None) -> Terms:
    """Return what must hold for a repo to be believed.

    Args:
        mirror_of: The repo that it is knowingly a copy of.
        lock: The lock that applies: True for the nearest, False for none, or a path.
        policy: Decides which releases must be signed; None for the nearest file.

    Raises:
        BadRef: ``mirror_of`` is no repo id.
        BadConfig: The lock is broken, or there is none at that path.
    """
    mirrored = check_repo(mirror_of) if mirror_of else None
    if lock is False:
        return Terms(mirrored, policy=policy)
    from hfver.core.lockfile import find_lock, read_lock

    if lock is True:
        return Terms(mirrored, lock=find_lock(Path.cwd()), policy=policy)
    return Terms(mirrored, lock=read_lock(Path(lock).absolute()), policy=policy)
