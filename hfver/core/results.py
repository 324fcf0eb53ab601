"""What the verbs return: frozen values, each with the JSON that ``--json`` prints. Its keys do not change."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # most commands print values that hold neither
    from hfver.core.manifest import Manifest
    from hfver.core.smoke_report import SmokeReport, SmokeSummary

__all__ = ["Adopted", "Adoption", "Loaded", "Pulled", "Release", "Review", "Skipped", "Verified", "Versions"]


@dataclass(frozen=True)
class Review:
    """A pull request in which a release waits, or waited, to be merged."""

    number: int
    url: str


@dataclass(frozen=True)
class Release:
    """One immutable version of a repo, or a commit that is none yet (``version`` is None or not published)."""

    repo: str
    commit: str
    url: str
    version: str | None = None
    tag: str | None = None
    digest: str | None = None
    content_digest: str | None = None
    bump: str | None = None
    why: tuple[str, ...] = ()
    """The changes that made it the bump that it is, a sentence each; of a release that was just made."""
    because: str | None = None
    """Why its version says less than the change, where it does."""
    date: datetime | None = None
    author: str | None = None
    published: bool = True
    yanked: str | None = None
    """Why it was withdrawn from ranges, or None."""
    adopted: bool = False
    """Whether it was made without hfver: its manifest lies on ``main``, not in its commit."""
    stages: tuple[str, ...] = ()
    manifest: Manifest | None = field(default=None, repr=False)
    bytes_sent: int = 0
    """Bytes of LFS objects that releasing it sent, or would send."""
    smoke: SmokeReport | SmokeSummary | None = field(default=None, repr=False)
    card: str | None = field(default=None, repr=False)
    """The card as it would be written; of a dry run only."""
    note: str | None = None
    """What is worth saying about how it came about."""
    review: Review | None = None
    """The pull request that it came through, where releasing it used one."""

    @property
    def files(self) -> tuple[dict[str, Any], ...]:
        """Every file with path, size in bytes and SHA-256, sorted by path."""
        entries = self.manifest.files if self.manifest else {}
        return tuple(
            {"path": path, "size": entry.size, "sha256": entry.sha256} for path, entry in sorted(entries.items())
        )

    @property
    def bytes_total(self) -> int:
        """Sum of the sizes of all files, in bytes."""
        return self.manifest.bytes_total if self.manifest else 0

    def __str__(self) -> str:
        return f"{self.repo}@{self.version or self.commit}"

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver release`` and ``hfver show``."""
        return {
            "repo": self.repo,
            **self.to_row(),
            "content_digest": self.content_digest,
            "because": self.because,
            "why": list(self.why),
            "published": self.published,
            "author": self.author,
            "url": self.url,
            "files": list(self.files) if self.manifest else None,
            "bytes_total": self.bytes_total if self.manifest else None,
            "bytes_sent": self.bytes_sent,
            "smoke": self.smoke.model_dump(mode="json") if self.smoke else None,
            "note": self.note,
            **({"card": self.card} if self.card else {}),
            **({"review": {"number": self.review.number, "url": self.review.url}} if self.review else {}),
        }

    def to_row(self) -> dict[str, Any]:
        """Give the JSON of one row of ``hfver versions``."""
        return {
            "version": self.version,
            "tag": self.tag,
            "commit": self.commit or None,
            "digest": self.digest,
            "date": self.date.isoformat() if self.date else None,
            "bump": self.bump,
            "yanked": self.yanked,
            "adopted": self.adopted,
            "stages": list(self.stages),
        }


@dataclass(frozen=True)
class Versions:
    """All releases of a repo, newest version first."""

    repo: str
    releases: tuple[Release, ...]
    pending: tuple[str, ...] = ()
    """Tags without a ledger line: releases that were begun and not finished, or tags of somebody else."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver versions``."""
        rows = [release.to_row() for release in self.releases]
        return {"repo": self.repo, "releases": rows, "pending": list(self.pending)}


@dataclass(frozen=True)
class Pulled:
    """A release's files on this machine, every one verified."""

    path: Path
    release: Release
    verified: int
    """How many files were compared with their recorded hash."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver pull``."""
        release = self.release
        return {
            "path": str(self.path),
            "repo": release.repo,
            "version": release.version,
            "commit": release.commit,
            "digest": release.digest,
            "verified": True,
            "files": self.verified,
        }


@dataclass(frozen=True)
class Verified:
    """The outcome of a verification that found nothing wrong."""

    path: Path
    repo: str
    version: str | None
    commit: str | None
    digest: str | None
    files: int
    bytes_total: int
    evidence: str
    """What the files were compared with: ``ledger``, ``manifest`` or ``commit``."""
    signed_by: str | None = None
    """Whose signature was checked; None if none was asked for."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver verify``."""
        return {
            "path": str(self.path),
            "repo": self.repo,
            "version": self.version,
            "commit": self.commit,
            "digest": self.digest,
            "verified": True,
            "files": self.files,
            "bytes_total": self.bytes_total,
            "evidence": self.evidence,
            "signed_by": self.signed_by,
        }


@dataclass(frozen=True)
class Loaded:
    """A model that is proven to be a release, ready to run.

    Attributes:
        model: The transformers (or PEFT) model, in eval mode on its device.
        tokenizer: Its tokenizer, or None.
        processor: Its image, audio or multimodal processor, or None.
        release: Which release it is.
        report: The smoke report, if ``smoke=True``.
    """

    model: Any
    tokenizer: Any
    processor: Any
    release: Release
    report: SmokeReport | None = None


@dataclass(frozen=True)
class Adopted:
    """A tagged commit that became a release: how many files it has, and their bytes."""

    version: str
    commit: str
    files: int
    bytes_total: int


@dataclass(frozen=True)
class Skipped:
    """A version tag that was not adopted, and why."""

    tag: str
    commit: str
    reason: str


@dataclass(frozen=True)
class Adoption:
    """What was brought under the ledger.

    Attributes:
        repo: The repo.
        adopted: What became a release, or would.
        skipped: Version tags that cannot.
        left: Tags that are no versions.
        dry_run: Whether nothing was written.
        renamed_from: The name that the repo had, if that was noted.
    """

    repo: str
    adopted: tuple[Adopted, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    left: tuple[str, ...] = ()
    dry_run: bool = False
    renamed_from: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver adopt``."""
        return asdict(self)
