"""The results of the public functions, each with the JSON that ``--json`` prints; its keys do not change."""

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
    """The pull request in which a release was reviewed, or is to be."""

    number: int
    url: str


@dataclass(frozen=True)
class Release:
    """One immutable version of a repo; or a candidate, or a commit that hfver did not make.

    Attributes:
        repo: ``namespace/name``.
        commit: The commit, 40 hex digits; empty for a dry run.
        url: The address of its web page.
        version: The version; None for a commit that hfver did not make.
        tag: Its tag; None if it is not published.
        digest: The SHA-256 of its manifest, which identifies the release.
        content_digest: The SHA-256 over the author's files alone.
        bump: ``major``, ``minor`` or ``patch``.
        why: The changes that decided the bump, one sentence each; only for a release that was just made.
        because: Why its version is lower than the change required, if it is.
        measured: What it was measured by: ``smoke``, and ``metric:NAME`` for each metric with a budget; None where that
            was not recorded.
        date: When it was made.
        author: Who made it.
        published: Whether it is a version; False for a candidate, and for a commit that hfver did not make.
        yanked: Why it was yanked; None if it was not.
        adopted: Whether it was made without hfver. Then its manifest is on ``main``, not in its commit.
        stages: The stages that point to it.
        manifest: Its manifest; None if it was not read.
        bytes_sent: The number of bytes of LFS objects that were uploaded for it, or would be.
        smoke: The report of its smoke eval, or a summary of it.
        card: The card as it would be published; only for a dry run.
        note: What the user should know about this call.
        review: The pull request in which it was reviewed, or is to be.
    """

    repo: str
    commit: str
    url: str
    version: str | None = None
    tag: str | None = None
    digest: str | None = None
    content_digest: str | None = None
    bump: str | None = None
    why: tuple[str, ...] = ()
    because: str | None = None
    measured: tuple[str, ...] | None = None
    date: datetime | None = None
    author: str | None = None
    published: bool = True
    yanked: str | None = None
    adopted: bool = False
    stages: tuple[str, ...] = ()
    manifest: Manifest | None = field(default=None, repr=False)
    bytes_sent: int = 0
    smoke: SmokeReport | SmokeSummary | None = field(default=None, repr=False)
    card: str | None = field(default=None, repr=False)
    note: str | None = None
    review: Review | None = None

    @property
    def files(self) -> tuple[dict[str, Any], ...]:
        """Every file, with its path, size in bytes and SHA-256, sorted by path."""
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
        """Return the JSON of ``hfver release`` and ``hfver show``."""
        return {
            "repo": self.repo,
            **self.to_row(),
            "content_digest": self.content_digest,
            "because": self.because,
            "measured": None if self.measured is None else list(self.measured),
            "why": list(self.why),
            "published": self.published,
            "author": self.author,
            "url": self.url,
            "requires": dict(self.manifest.requires) if self.manifest else None,
            "files": list(self.files) if self.manifest else None,
            "bytes_total": self.bytes_total if self.manifest else None,
            "bytes_sent": self.bytes_sent,
            "smoke": self.smoke.model_dump(mode="json") if self.smoke else None,
            "note": self.note,
            **({"card": self.card} if self.card else {}),
            **({"review": {"number": self.review.number, "url": self.review.url}} if self.review else {}),
        }

    def to_row(self) -> dict[str, Any]:
        """Return the JSON of one row of ``hfver versions``."""
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
    """All releases of a repo.

    Attributes:
        repo: The repo.
        releases: Its releases, newest version first.
        pending: Tags without a ledger line: releases that were not finished, or tags that hfver did not create.
    """

    repo: str
    releases: tuple[Release, ...]
    pending: tuple[str, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver versions``."""
        rows = [release.to_row() for release in self.releases]
        return {"repo": self.repo, "releases": rows, "pending": list(self.pending)}


@dataclass(frozen=True)
class Pulled:
    """A release's files on this machine.

    Attributes:
        path: The folder that has them.
        release: The release.
        verified: The number of files that were compared with their recorded SHA-256: all of them.
    """

    path: Path
    release: Release
    verified: int

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver pull``."""
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
    """The result of a verification that found no difference.

    Attributes:
        path: The folder that was verified.
        repo: The repo.
        version: The version; None for a commit that hfver did not make.
        commit: The commit; None for a folder that was verified offline.
        digest: The digest of the release; None for a commit that hfver did not make.
        files: The number of files.
        bytes_total: The sum of their sizes in bytes.
        evidence: What the files were compared with: ``ledger``, ``manifest`` or ``commit``.
        signed_by: Whose signature was verified; None if no signature was required.
    """

    path: Path
    repo: str
    version: str | None
    commit: str | None
    digest: str | None
    files: int
    bytes_total: int
    evidence: str
    signed_by: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver verify``."""
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
    """A loaded model, every file of which was verified.

    Attributes:
        model: The transformers or PEFT model, in evaluation mode, on its device.
        tokenizer: Its tokenizer; None if it has none.
        processor: Its image, audio or multimodal processor; None if it has none.
        release: The release that it is.
        report: The report of the smoke eval; None unless ``smoke`` was set.
    """

    model: Any
    tokenizer: Any
    processor: Any
    release: Release
    report: SmokeReport | None = None


@dataclass(frozen=True)
class Adopted:
    """A tagged commit that became a release, with the number of its files and of their bytes."""

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
    """The result of an adoption.

    Attributes:
        repo: The repo.
        adopted: The commits that became releases, or would.
        skipped: The version tags that cannot become releases, with the reasons.
        left: The tags that are not versions.
        dry_run: Whether nothing was written.
        renamed_from: The former name of the repo, if that was recorded.
    """

    repo: str
    adopted: tuple[Adopted, ...] = ()
    skipped: tuple[Skipped, ...] = ()
    left: tuple[str, ...] = ()
    dry_run: bool = False
    renamed_from: str | None = None

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver adopt``."""
        return asdict(self)
