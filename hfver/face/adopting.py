"""Taking up what was made without hfver."""

from __future__ import annotations

from hfver.embedded import HubLike, open_hub
from hfver.errors import UsageError
from hfver.ref import check_repo
from hfver.results import Adoption

__all__ = ["adopt"]


def adopt(
    repo: str,
    *,
    dry_run: bool = False,
    renamed_from: str | None = None,
    hub: HubLike = None,
    token: str | None = None,
) -> Adoption:
    """Bring a repo's tags ``vX.Y.Z`` under the ledger, or note that it was moved; nothing is rewritten.

    Args:
        repo: ``namespace/name``.
        dry_run: Say what would be adopted and write nothing.
        renamed_from: The name that the repo had before it was moved; notes that and adopts nothing.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.

    Returns:
        What was adopted, what could not be and why, and which tags are no versions.

    Raises:
        UsageError: There is no git program here, or the options contradict each other.
        Refused: The repo is not the one that was renamed.
        HubError: There is no such repo, or it may not be written.
        VerificationError: The ledger is broken, or another than was seen before.
    """
    from hfver.adopting import adopt as run
    from hfver.adopting import note_rename

    name, old = check_repo(repo), check_repo(renamed_from) if renamed_from else None
    if old and dry_run:
        raise UsageError("A rename is one line in the ledger: there is nothing to try.", "Leave --dry-run out.")
    with open_hub(hub, token) as client:
        return note_rename(client, name, old) if old else run(client, name, dry_run=dry_run)
