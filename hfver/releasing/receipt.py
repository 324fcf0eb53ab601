"""Receipts: local notes of which command published which content, so that a repeated command finds its release."""

from __future__ import annotations

import json
from dataclasses import replace

from hfver.core.ledger import Entry
from hfver.core.results import Release
from hfver.hub.client import HubRepo
from hfver.model.checkpoint import Checkpoint
from hfver.registry.resolve import pin
from hfver.registry.state import RepoState
from hfver.releasing.candidate import Candidate, delete_leftover_branch
from hfver.releasing.draft import branch_of
from hfver.releasing.request import ReleaseRequest

__all__ = ["find_published", "remember_receipt"]


def find_published(state: RepoState | None, checkpoint: Checkpoint, request: ReleaseRequest) -> Release | None:
    """Find the release that an earlier run of the same command published, and delete the branch that it left.

    A run may have been killed, or its last answer lost, after the release was published. Repeating the command must
    then succeed instead of reporting that nothing changed.
    """
    entry = _same_content(state, checkpoint, request) if state else None
    if state is None or entry is None:
        return None
    # With an exact version, equal content is proof enough: the command cannot mean a different release.
    receipt = state.repo.memory.receipt(checkpoint.content_digest)
    if request.exact is None and receipt != _receipt(entry.commit, request):
        return None
    if not request.dry_run:
        delete_leftover_branch(state, branch_of(checkpoint.content_digest))
    return replace(pin(state, entry).release, note="published already by an earlier run of this command")


def remember_receipt(repo: HubRepo, candidate: Candidate, request: ReleaseRequest) -> None:
    """Record that this commit comes from this command.

    Must be called before the tag is created: after it, any other writer may publish the release, and a repeated
    command could not tell that the release is its own.
    """
    repo.memory.remember_receipt(candidate.manifest.content_digest, _receipt(candidate.commit, request))


def _same_content(state: RepoState, checkpoint: Checkpoint, request: ReleaseRequest) -> Entry | None:
    if exact := request.exact:
        entry = state.ledger.find(exact)
    else:
        entry = max(state.ledger.entries, key=lambda entry: entry.version, default=None)
    return entry if entry and entry.line.content_digest == checkpoint.content_digest else None


def _receipt(commit: str, request: ReleaseRequest) -> bytes:
    """Encode a receipt: the commit, the folder, and the identity of the request."""
    # Receipts are compared byte by byte, so one that another version of hfver wrote in a different form counts as
    # missing. Then the command fails with the name of the release that the folder equals; nothing is published twice.
    facts = {"schema": 2, "commit": commit, "folder": str(request.folder.resolve()), "request": request.identity()}
    return json.dumps(facts, sort_keys=True).encode() + b"\n"
