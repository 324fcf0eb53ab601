"""Find what a model was made from: its base, pinned to an exact commit."""

from __future__ import annotations

import re
from pathlib import PurePath

from hfver.checkpoint import BaseHint, Checkpoint
from hfver.errors import BadRef, DigestMismatch, HubNotFound, UsageError
from hfver.fetching import Snapshot, bring
from hfver.hub import Hub
from hfver.lineage import BaseModelLink
from hfver.locked import locate_locked
from hfver.lockfile import Lock
from hfver.observing import Terms, state_at
from hfver.progress import Progress, silent
from hfver.ref import Commit, Ref, check_model_id, parse_ref
from hfver.resolving import Pinned, locate
from hfver.version import is_canonical

__all__ = ["base_ref", "bring_base", "find_base", "is_loadable"]

_SHA = re.compile(r"[0-9a-f]{40}")
_IN_CACHE = re.compile(r"models--([^/\\]+)--([^/\\]+)[/\\]snapshots[/\\]([0-9a-f]{40})")
_LOADABLE = (".safetensors", ".json", ".txt", ".model", ".jinja", ".tiktoken", ".py")


def find_base(hub: Hub, checkpoint: Checkpoint, wanted: str | None) -> BaseModelLink | None:
    """Pin the base that the user named, or that the folder itself names.

    Args:
        hub: Where to look it up.
        checkpoint: The folder; an adapter must have a base.
        wanted: ``ns/name``, ``ns/name@SPEC``, or None.

    Raises:
        HubNotFound: The base that the user named is not on this Hub.
        UsageError: An adapter's base cannot be pinned.
    """
    if wanted:
        relation = _relation(checkpoint, None)
        return _look_up(hub, *_split(wanted), relation)
    hint = _recognise(checkpoint.base)
    if hint is None:
        _check_needs_none(checkpoint)
        return None
    try:
        return _look_up(hub, hint.name, hint.revision, _relation(checkpoint, hint))
    except (HubNotFound, BadRef) as error:
        if checkpoint.kind != "adapter":
            return BaseModelLink(name=hint.name, source=_public_id(hint.name), relation=_relation(checkpoint, hint))
        raise UsageError(
            f"{checkpoint.directory}: its base {hint.name!r} cannot be pinned: {error.message}",
            "Name it: --base ns/name@<version or 40 hex digits>",
        ) from None


def bring_base(
    hub: Hub, base: BaseModelLink | None, where: str, *, lock: Lock | None = None, progress: Progress = silent
) -> Snapshot:
    """Have the base that a lineage pins in the cache, verified; against a lock too if it holds it.

    Raises:
        UsageError: The lineage does not pin a base to a commit.
        DigestMismatch: The commit is not the release that the lineage names.
    """
    pinned = locate_locked(hub, base_ref(base, where), Terms(lock=lock))
    _check_base(base, pinned, where)
    return bring(hub, pinned, wanted=is_loadable, progress=progress)


def base_ref(base: BaseModelLink | None, where: str) -> Ref:
    """Name the commit that an adapter's lineage pins.

    Raises:
        UsageError: The lineage does not pin a base to a commit.
    """
    if base is None or base.source is None or base.revision is None:
        raise UsageError(
            f"{where} is an adapter, and its lineage pins no base to a commit.",
            "Release it again with --base ns/name@<version or 40 hex digits>.",
        )
    return Ref(check_model_id(base.source), Commit(base.revision))


def _check_base(base: BaseModelLink | None, pinned: Pinned, where: str) -> None:
    """Compare a base with the digest that the lineage took down when it was a release of hfver's."""
    if base is None or base.digest is None or not is_canonical(base.version or ""):
        return
    if pinned.release.digest != base.digest:
        raise DigestMismatch(
            f"{where}: its lineage names {base.source}@{base.version} with digest {base.digest}; "
            f"commit {base.revision} is {pinned.release.digest or 'no release'}.",
            "Trust nothing of that repo until its owner explains that.",
        )


def is_loadable(path: str) -> bool:
    """Tell what transformers needs to load a model: safetensors and small files at the top, no other formats."""
    return "/" not in path and path.endswith(_LOADABLE)


def _check_needs_none(checkpoint: Checkpoint) -> None:
    if checkpoint.kind == "adapter":
        raise UsageError(
            f"{checkpoint.directory} is an adapter that does not say of which base.",
            "Name it: --base ns/name@<version or 40 hex digits>",
        )


def _split(wanted: str) -> tuple[str, str | None]:
    name, _, revision = wanted.partition("@")
    return name, revision or None


def _look_up(hub: Hub, name: str, revision: str | None, relation: str) -> BaseModelLink:
    if "/" in check_model_id(name) and state_at(hub, name, hub.refs(name)).ledger.entries:
        spec = f"@{revision}" if revision and revision != "main" else ""
        return _release_link(locate(hub, parse_ref(f"{name}{spec}")), relation)
    commit = revision if revision and _SHA.fullmatch(revision) else hub.commit_of(name, revision or "main")
    return BaseModelLink(name=PurePath(name).name, source=name, revision=commit, relation=relation)


def _release_link(pinned: Pinned, relation: str) -> BaseModelLink:
    release = pinned.release
    return BaseModelLink(
        name=PurePath(release.repo).name,
        source=release.repo,
        version=release.version,
        revision=release.commit,
        relation=relation,
        digest=release.digest,
    )


def _recognise(hint: BaseHint | None) -> BaseHint | None:
    """See through a path into the Hugging Face cache: it names repo and commit exactly."""
    match = _IN_CACHE.search(hint.name) if hint else None
    if hint is None or match is None:
        return hint
    return BaseHint(f"{match[1]}/{match[2]}", match[3], hint.relation)


def _relation(checkpoint: Checkpoint, hint: BaseHint | None) -> str:
    if checkpoint.kind == "adapter":
        return "adapter"
    return hint.relation if hint else "finetune"


def _public_id(name: str) -> str | None:
    """Give the name as a repo id, unless it is a path of the author's machine."""
    return name if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) and not name.startswith(".") else None
