"""The base model of a checkpoint, pinned to an exact commit: the one that the user names, or that the folder names."""

from __future__ import annotations

import re
from pathlib import PurePath

from hfver.core.log import logger
from hfver.core.ref import check_model_id, parse_ref
from hfver.errors import BadRef, HubDenied, HubError, HubNotFound, UsageError
from hfver.hub import Hub
from hfver.model.checkpoint import Checkpoint
from hfver.model.checkpoint.checkpoint import BaseHint
from hfver.model.lineage.record import BaseModelLink
from hfver.registry.resolve import Pinned, locate
from hfver.registry.state import state_at

__all__ = ["find_base"]

_SHA = re.compile(r"[0-9a-f]{40}")


def find_base(hub: Hub, checkpoint: Checkpoint, named: str | None) -> BaseModelLink | None:
    """Pin the base that the user named, or else the one that the folder names.

    Args:
        hub: The Hub to look it up on.
        checkpoint: The folder; an adapter must have a base.
        named: What the user named: ``ns/name``, ``ns/name@SPEC``, or None.

    Returns:
        The base; None for a model without one. A full model's base that is not on this Hub is not pinned to a commit.

    Raises:
        HubNotFound: The base that the user named is not on this Hub.
        UsageError: An adapter's base cannot be pinned.
    """
    if named:
        relation, (name, revision) = _relation(checkpoint, None), _split(named)
        try:
            return _look_up(hub, name, revision, relation)
        except HubDenied as error:
            return _unpinned(checkpoint, BaseHint(name, revision, relation), error)
    hint = checkpoint.base
    if hint is None:
        _check_not_adapter(checkpoint)
        return None
    try:
        return _look_up(hub, hint.name, hint.revision, _relation(checkpoint, hint))
    except (HubNotFound, HubDenied, BadRef) as error:
        return _unpinned(checkpoint, hint, error)


def _unpinned(checkpoint: Checkpoint, hint: BaseHint, error: HubError | BadRef) -> BaseModelLink:
    """Record a base that the Hub does not show as it was named; an adapter is useless without its exact base."""
    if checkpoint.kind == "adapter":
        raise UsageError(
            f"{checkpoint.directory}: the adapter's base {hint.name!r} cannot be pinned: {error.message}",
            "Name the base: --base ns/name@<version or 40 hex digits>",
        ) from None
    if isinstance(error, HubDenied):
        logger.warning("The base %s is recorded without a commit: %s", hint.name, error.message)
    return BaseModelLink(name=hint.name, source=_public_id(hint.name), relation=_relation(checkpoint, hint))


def _check_not_adapter(checkpoint: Checkpoint) -> None:
    if checkpoint.kind == "adapter":
        raise UsageError(
            f"{checkpoint.directory} is an adapter that does not name its base.",
            "Name the base: --base ns/name@<version or 40 hex digits>",
        )


def _split(named: str) -> tuple[str, str | None]:
    name, _, revision = named.partition("@")
    return name, revision or None


def _look_up(hub: Hub, name: str, revision: str | None, relation: str) -> BaseModelLink:
    """Pin a base; one that refuses the token, because that is for one repo alone, is asked again without it.

    Raises:
        HubNotFound: The Hub does not have it.
        HubDenied: It refuses the token, and is not public.
    """
    try:
        return _look_up_once(hub, name, revision, relation)
    except HubDenied:
        try:
            return _look_up_once(hub.anonymous(), name, revision, relation)
        except HubNotFound:  # without a token, private looks like absent
            pass
        raise


def _look_up_once(hub: Hub, name: str, revision: str | None, relation: str) -> BaseModelLink:
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


def _relation(checkpoint: Checkpoint, hint: BaseHint | None) -> str:
    if checkpoint.kind == "adapter":
        return "adapter"
    return hint.relation if hint else "finetune"


def _public_id(name: str) -> str | None:
    """Return the name if it can be a repo id; None for a path of the author's machine, which must not be published."""
    return name if re.fullmatch(r"[\w.-]+(/[\w.-]+)?", name) and not name.startswith(".") else None
