"""The public function ``audit``: check all releases of a repo."""

from __future__ import annotations

from hfver.api.arguments import trust_options
from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.references import parse_repo
from hfver.api.shared_docs import public
from hfver.core.audit_report import Audit
from hfver.core.progress import Progress, silent

__all__ = ["audit"]


@public
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
    """Check every release of a repo, its ledger, and the history of both, through git and without downloading weights.

    Args:
        deep: Also download and hash every LFS object; nothing is kept.
        lock: Compare the ledger with the state that the nearest ``hfver.lock`` recorded; a path names another lock, and
            False skips the comparison.

    Returns:
        A verdict per version. Tampering is reported in it and raises nothing.

    Raises:
        UsageError: git is not installed.
        BadConfig: The lock cannot be read.
        HubError: The repo does not exist, or the Hub does not answer.
    """
    from hfver.auditing.audit import audit as run
    from hfver.registry.resolve_locked import trust_for

    name = parse_repo(repo)
    trust = trust_options(mirror_of, lock)
    with open_hub(hub, token) as client:
        package = trust.lock.find(name, client.identity) if trust.lock else None
        return run(client.repo(name), trust_for(package, trust), deep=deep, progress=progress)
