"""Examining a repo as a whole."""

from __future__ import annotations

from hfver.api.arguments import trust_options
from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.core.audit_report import Audit
from hfver.core.progress import Progress, silent
from hfver.core.ref import check_repo

__all__ = ["audit"]


def audit(
    repo: str,
    *,
    deep: bool = False,
    hub: HubLike = None,
    mirror_of: str | None = None,
    lock: PathLike | bool = True,
    token: str | None = None,
    progress: Progress = silent,
) -> Audit:
    """Check every release of a repo, its ledger, and the history of both, by one git fetch and without weights.

    Args:
        repo: ``namespace/name``.
        deep: Download every LFS object too and hash it; nothing is kept.
        hub: None, a URL, or the folder of an embedded Hub.
        mirror_of: The repo that this one is knowingly a copy of.
        lock: Compare with what the nearest ``hfver.lock`` saw of the ledger; False for none, or a path.
        token: Access token; None for the user's own.
        progress: Told the bytes that are hashed.

    Returns:
        A verdict per version. Tampering is a finding in it, not an exception.

    Raises:
        UsageError: There is no git program here.
        BadConfig: The lock is broken.
        HubError: There is no such repo, or no answer.
    """
    from hfver.auditing.audit import audit as run
    from hfver.registry.resolve_locked import trust_for

    name = check_repo(repo)
    trust = trust_options(mirror_of, lock)
    with open_hub(hub, token) as client:
        package = trust.lock.find(name, client.identity) if trust.lock else None
        return run(client.repo(name), trust_for(package, trust), deep=deep, progress=progress)
