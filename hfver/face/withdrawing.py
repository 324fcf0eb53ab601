"""Withdrawing what should not be used any more."""

from __future__ import annotations

from hfver.embedded import HubLike, open_hub
from hfver.ref import parse_ref
from hfver.results import Release

__all__ = ["yank"]


def yank(
    ref: str, reason: str | None = None, *, undo: bool = False, hub: HubLike = None, token: str | None = None
) -> Release:
    """Withdraw a release from ranges without deleting it; nothing is rewritten.

    An exact version, a commit or a lock still loads it, with a warning that carries the reason.

    Args:
        ref: Its exact version or commit: ``ns/name@1.2.0``.
        reason: Why, for everybody who meets it. Needed unless ``undo``.
        undo: Take back an earlier yank.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.

    Returns:
        The release as it stands now.

    Raises:
        UsageError: There is no reason, or the reference is a range.
        HubError: There is no such release, or it may not be written.
    """
    from hfver.yanking import yank as run

    wanted = parse_ref(ref)
    with open_hub(hub, token) as client:
        return run(client, wanted, reason, undo=undo)
