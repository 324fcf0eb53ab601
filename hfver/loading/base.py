"""The base model of an adapter release, which its lineage pins to a commit."""

from __future__ import annotations

from hfver.core.lockfile import Lock
from hfver.core.progress import Progress, silent
from hfver.core.ref import Commit, Ref, check_model_id
from hfver.core.version import is_canonical
from hfver.errors import DigestMismatch, UsageError
from hfver.hub import Hub
from hfver.loading.fetch import Snapshot, fetch_snapshot
from hfver.model.lineage.record import BaseModelLink
from hfver.registry.resolve import Pinned
from hfver.registry.resolve_locked import locate_locked
from hfver.registry.state import TrustOptions

__all__ = ["base_ref", "fetch_base", "is_loadable"]

_LOADABLE = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".py")


def fetch_base(
    hub: Hub, base: BaseModelLink | None, where: str, *, lock: Lock | None = None, progress: Progress = silent
) -> Snapshot:
    """Fetch and verify the base that a lineage pins.

    Args:
        hub: The Hub that has it.
        base: The base in the lineage.
        where: Names the adapter in error messages.
        lock: The lock to check it against, if it is in there.
        progress: Called with the number of bytes downloaded.

    Raises:
        UsageError: The lineage does not pin a base to a commit.
        DigestMismatch: The commit is not the release that the lineage names.
    """
    pinned = locate_locked(hub, base_ref(base, where), TrustOptions(lock=lock))
    _check_digest(base, pinned, where)
    return fetch_snapshot(pinned, include=is_loadable, progress=progress)


def base_ref(base: BaseModelLink | None, where: str) -> Ref:
    """Return the reference of the commit that an adapter's lineage pins.

    Raises:
        UsageError: The lineage does not pin a base to a commit.
    """
    if base is None or base.source is None or base.revision is None:
        raise UsageError(
            f"{where} is an adapter, but its lineage does not pin a base to a commit.",
            "Release it again with --base ns/name@<version or 40 hex digits>",
        )
    return Ref(check_model_id(base.source), Commit(base.revision))


def _check_digest(base: BaseModelLink | None, pinned: Pinned, where: str) -> None:
    """Compare a base with the digest in the lineage, which has one if the base was an hfver release."""
    # A lineage may name a version that is not hfver's, such as a branch or a date; only ours are compared.
    if base is None or base.digest is None or not is_canonical(base.version or ""):
        return
    if pinned.release.digest != base.digest:
        raise DigestMismatch(
            f"{where}: its lineage names {base.source}@{base.version} with digest {base.digest}; "
            f"commit {base.revision} has {pinned.release.digest or 'no manifest'}.",
            f"Do not use {base.source} until its owner has explained this.",
        )


def is_loadable(path: str) -> bool:
    """Return whether transformers may need a file to load a model: a top-level file in safetensors or a text format."""
    return "/" not in path and path.endswith(_LOADABLE)
