"""Interpreting what callers pass besides references: the policy, and what must hold for a repo to be trusted."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.hubs import PathLike
from hfver.core.ref import check_repo
from hfver.registry.state import TrustOptions

if TYPE_CHECKING:
    from hfver.core.policy import Policy
    from hfver.core.settings import PolicyLike

__all__ = ["policy_of", "trust_options"]


def policy_of(policy: PolicyLike) -> Policy:
    """Return the policy that applies, as :func:`hfver.core.settings.resolve_policy` does.

    The model of all settings is loaded only here, so that functions which apply no policy do without.
    """
    from hfver.core.settings import resolve_policy

    return resolve_policy(policy)


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
    if lock is False:
        return TrustOptions(mirrored, policy=policy)
    from hfver.core.lockfile import find_lock, read_lock

    if lock is True:
        return TrustOptions(mirrored, lock=find_lock(Path.cwd()), policy=policy)
    return TrustOptions(mirrored, lock=read_lock(Path(lock).absolute()), policy=policy)
