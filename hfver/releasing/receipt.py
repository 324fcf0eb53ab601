"""Receipts: which command released which content, so that running it again finds its own release."""

from __future__ import annotations

import json
from dataclasses import replace

from hfver.core.ledger import Entry
from hfver.core.results import Release
from hfver.hub.client import HubRepo
from hfver.model.checkpoint import Checkpoint
from hfver.registry.resolve import pin
from hfver.registry.state import RepoState
from hfver.releasing.candidate import Candidate, drop_left
from hfver.releasing.draft import branch_of
from hfver.releasing.request import ReleaseRequest

__all__ = ["done_before", "remember_receipt"]


def done_before(state: RepoState | None, checkpoint: Checkpoint, request: ReleaseRequest) -> Release | None:
    """Find the release that this very command published on an earlier run, and remove what that run left behind."""
    entry = _same_content(state, checkpoint, request) if state else None
    if state is None or entry is None:
        return None
    receipt = state.repo.memory.receipt(checkpoint.content_digest)
    if request.exact is None and receipt != _receipt(entry.commit, request):
        return None
    if not request.dry_run:
        drop_left(state, branch_of(checkpoint.content_digest))
    return replace(pin(state, entry).release, note="published already by an earlier run of this command")


def remember_receipt(repo: HubRepo, candidate: Candidate, request: ReleaseRequest) -> None:
    """Note, before the tag is made, that this commit comes from this command."""
    repo.memory.remember_receipt(candidate.manifest.content_digest, _receipt(candidate.commit, request))


def _same_content(state: RepoState, checkpoint: Checkpoint, request: ReleaseRequest) -> Entry | None:
    if exact := request.exact:
        entry = state.ledger.find(exact)
    else:
        entry = max(state.ledger.entries, key=lambda entry: entry.version, default=None)
    return entry if entry and entry.line.content_digest == checkpoint.content_digest else None


def _receipt(commit: str, request: ReleaseRequest) -> bytes:
    """Write a receipt: which commit, from which folder, and what was asked for.

    Compared byte by byte: one that an older or a newer version wrote in another form counts as none. The worst that
    follows is that the command is told which release its folder equals.
    """
    facts = {"schema": 2, "commit": commit, "folder": str(request.folder.resolve()), "request": request.identity()}
    return json.dumps(facts, sort_keys=True).encode() + b"\n"
