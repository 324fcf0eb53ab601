"""The facts that a card is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from hfver.core.manifest import FileEntry
from hfver.core.smoke_report import SmokeReport
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Lineage

__all__ = ["CardFacts"]


@dataclass(frozen=True)
class CardFacts:
    """Everything that a release knows about itself before it has a commit.

    Attributes:
        repo: The repo.
        version: The version.
        content_digest: The digest of the author's files.
        bump: ``major``, ``minor`` or ``patch``; None for a first release.
        date: When the release is made.
        previous_version: The version that it is compared with; None for a first release.
        message: What the author says about this version.
        changes: What changed since the previous version, a sentence each.
        checkpoint: The checkpoint, with the author's README.
        lineage: What it was made from, and how.
        smoke: The smoke eval, if it ran.
        files: The author's files as they are published.
        requires: The minimum version of each library that reads the files.
        endpoint: The Hub that it is published on; None for huggingface.co.
    """

    repo: str
    version: str
    content_digest: str
    bump: str | None
    date: datetime
    previous_version: str | None
    message: str | None
    changes: tuple[str, ...]
    checkpoint: Checkpoint
    lineage: Lineage
    smoke: SmokeReport | None
    files: Mapping[str, FileEntry]
    endpoint: str | None
    requires: Mapping[str, str] = field(default_factory=dict)
