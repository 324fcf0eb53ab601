"""Find what a checkpoint was made from: its base, pinned to an exact commit."""

from __future__ import annotations

import re
from pathlib import PurePath

from hfver.core.ref import check_model_id, parse_ref
from hfver.errors import BadRef, HubNotFound, UsageError
from hfver.hub import Hub
from hfver.model.checkpoint import Checkpoint
from hfver.model.checkpoint.checkpoint import BaseHint
from hfver.model.lineage.record import BaseModelLink
from hfver.registry.resolve import Pinned, locate
from hfver.registry.state import state_at

__all__ = ["find_base"]


_SHA = re.compile(r"[0-9a-f]{40}")


_IN_CACHE = re.compile(r"models--([^/\\]+)--([^/\\]+)[/\\]snapshots[/\\]([0-9a-f]{40})")


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
    repo = hub.repo(check_model_id(name))
    if "/" in name and state_at(repo, repo.refs()).ledger.entries:
        spec = f"@{revision}" if revision and revision != "main" else ""
        return _release_link(locate(hub, parse_ref(f"{name}{spec}")), relation)
    commit = revision if revision and _SHA.fullmatch(revision) else repo.commit_of(revision or "main")
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
