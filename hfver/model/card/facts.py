"""What a card is written from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime

from hfver.core.manifest import FileEntry
from hfver.core.smoke_report import SmokeReport
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Lineage

__all__ = ["CardFacts"]


@dataclass(frozen=True)
class CardFacts:
    """Everything a release knows about itself before it has a commit."""

    repo: str
    version: str
    content_digest: str
    bump: str | None
    """``major``, ``minor`` or ``patch``; None for a first release."""
    date: datetime
    previous_version: str | None
    message: str | None
    """What the author says about this version."""
    changes: tuple[str, ...]
    """What changed since the previous version, a sentence each."""
    checkpoint: Checkpoint
    lineage: Lineage
    smoke: SmokeReport | None
    files: Mapping[str, FileEntry]
    """The author's files as they go out."""
    endpoint: str | None
    """The Hub it goes to; None for huggingface.co."""
