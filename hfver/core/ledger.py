"""The ledger: the append-only, hash-chained list of a repo's releases and yanks, and its on-disk format."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from hfver.core.manifest import Digest, RepoName, digest_of, load_json
from hfver.core.smoke_report import SmokeSummary
from hfver.core.version import Bump, Version, is_canonical, parse_version
from hfver.errors import LedgerBroken, LedgerTruncated, ReleaseReplayed

__all__ = ["Entry", "Ledger", "Line"]

MAX_LEDGER_BYTES = 256 * 1024 * 1024

Sha1 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class Line(BaseModel):
    """One event in a repo's ledger."""

    model_config = ConfigDict(frozen=True)

    event: Literal["release", "yank", "unyank", "rename", "adopt"]
    repo: RepoName
    version: str | None = None
    commit: Sha1 | None = None
    digest: Digest | None = None
    content_digest: Digest | None = None
    bump: Bump | None = None
    date: datetime
    author: str
    smoke: SmokeSummary | None = None
    reason: str | None = None
    """Of a yank."""
    because: str | None = None
    """Of a release whose version says less than the change."""
    before: Digest | None = None
    """SHA-256 of the line before, without its newline; None on the first line."""

    def encode(self) -> bytes:
        """Write the line canonically, without its newline."""
        data = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Entry:
    """A release or adoption line, read with the lines about it that follow."""

    version: Version
    line: Line
    yanked: str | None = None
    """The reason it was yanked, or None."""

    @property
    def commit(self) -> str:
        """The commit S that the version is."""
        return str(self.line.commit)


@dataclass(frozen=True)
class Ledger:
    """A repo's ledger: its bytes as stored, and the lines read from them."""

    raw: bytes
    lines: tuple[Line, ...]

    @classmethod
    def empty(cls) -> Ledger:
        """Make the ledger of a repo without releases."""
        return cls(b"", ())

    @classmethod
    def decode(cls, raw: bytes, repo: str, mirror_of: str | None = None) -> Ledger:
        """Read a ledger, check its chain of hashes, and that it is that of this repo.

        Args:
            raw: The bytes as stored.
            repo: Where they were read.
            mirror_of: The repo that this one is knowingly a copy of.

        Raises:
            LedgerTruncated: The last line is cut off.
            LedgerBroken: A line is unreadable, or does not name the hash of the line before.
            ReleaseReplayed: It is the ledger of another repo.
        """
        if raw and not raw.endswith(b"\n"):
            raise _broken(repo, "its last line is cut off", LedgerTruncated)
        if len(raw) > MAX_LEDGER_BYTES:
            raise _broken(repo, f"it has {len(raw)} bytes")
        ledger = cls(raw, tuple(_read_lines(raw, repo)))
        ledger._check_versions(repo)
        ledger._check_names(repo, mirror_of)
        return ledger

    @property
    def head(self) -> str | None:
        """The hash of the last line, or None for an empty ledger."""
        return digest_of(self.raw.rstrip(b"\n").rpartition(b"\n")[2]) if self.raw else None

    def append(self, line: Line) -> Ledger:
        """Return the ledger with one more line, chained to the last."""
        chained = line.model_copy(update={"before": self.head})
        return Ledger(self.raw + chained.encode() + b"\n", (*self.lines, chained))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that the repo had, in lower case: ids are compared without it."""
        return frozenset(line.repo.lower() for line in self.lines)

    def extends(self, older_head: str | None) -> bool:
        """Tell whether this ledger still holds the line that an older look at it ended with."""
        return older_head is None or older_head in self.heads

    @cached_property
    def heads(self) -> Mapping[str, int]:
        """The hash of every line, with its number, counted from 0."""
        return {digest_of(raw): number for number, raw in enumerate(_split(self.raw))}

    @cached_property
    def digests(self) -> Mapping[str, int]:
        """The digest of every release, with the number of its line."""
        lines = enumerate(self.lines)
        return {line.digest: number for number, line in lines if line.digest and line.event in ("release", "adopt")}

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All releases, in the order they were published, with their yanks applied."""
        entries: dict[str, Entry] = {}
        for line in self.lines:
            key = line.version or ""
            if line.event in ("release", "adopt"):
                entries[key] = Entry(parse_version(key), line)
            elif line.event in ("yank", "unyank") and key in entries:
                reason = (line.reason or "no reason given") if line.event == "yank" else None
                entries[key] = Entry(entries[key].version, entries[key].line, reason)
        return tuple(entries.values())

    @property
    def yanks(self) -> dict[str, str]:
        """Why versions were yanked, by version, the newest first."""
        yanked = [entry for entry in self.entries if entry.yanked is not None]
        ordered = sorted(yanked, key=lambda entry: entry.version, reverse=True)
        return {str(entry.version): str(entry.yanked) for entry in ordered}

    def find(self, version: Version) -> Entry | None:
        """Find the release of an exact version."""
        return next((entry for entry in self.entries if entry.version == version), None)

    def at_commit(self, sha: str) -> Entry | None:
        """Find the release whose commit S this is."""
        return next((entry for entry in self.entries if entry.line.commit == sha), None)

    def newest(self, *, stable: bool = True) -> Entry | None:
        """Find the highest version that is not yanked; prereleases count only if not ``stable``."""
        live = (entry for entry in self.entries if entry.yanked is None)
        return max(
            (entry for entry in live if not (stable and entry.version.prerelease)),
            key=lambda entry: entry.version,
            default=None,
        )

    def _check_names(self, repo: str, mirror_of: str | None) -> None:
        """Check that all lines speak of one repo, under the names that it had, and that it is the one asked for."""
        current = self.lines[0].repo if self.lines else repo
        for number, line in enumerate(self.lines, 1):
            if line.event == "rename":
                current = line.repo
            if line.repo.lower() != current.lower():
                raise _broken(repo, f"line {number} is about {line.repo}, the lines before it about {current}")
        if self.lines and not self.names & {repo.lower(), (mirror_of or repo).lower()}:
            raise ReleaseReplayed(
                f"The ledger of {repo} belongs to {current}: its releases were made for {current}, not for {repo}.",
                f"If {repo} is a copy that you trust, add --mirror-of {current}. If the repo was moved, its owner "
                f"records that: hfver adopt {repo} --renamed-from {current}",
            )

    def _check_versions(self, repo: str) -> None:
        seen: set[str] = set()
        for number, line in enumerate(self.lines, 1):
            if line.event not in ("release", "adopt"):
                continue
            if line.version is None or line.commit is None or line.digest is None:
                raise _broken(repo, f"line {number} is a release without version, commit or digest")
            if line.version in seen:
                raise _broken(repo, f"line {number} publishes {line.version} a second time")
            seen.add(line.version)


def _split(raw: bytes) -> list[bytes]:
    return raw.split(b"\n")[:-1]


def _read_lines(raw: bytes, repo: str) -> Iterator[Line]:
    before: str | None = None
    for number, data in enumerate(_split(raw), 1):
        line = _read_line(data, number, repo)
        if line.before != before:
            raise _broken(repo, f"line {number} does not follow from line {number - 1}")
        before = digest_of(data)
        yield line


def _read_line(data: bytes, number: int, repo: str) -> Line:
    try:
        line = Line.model_validate(load_json(data, limit=1024 * 1024))
    except (ValueError, ValidationError):
        raise _broken(repo, f"line {number} cannot be read") from None
    if line.version is not None and not is_canonical(line.version):
        raise _broken(repo, f"line {number} writes a version as {line.version[:80]!r}")
    return line


def _broken(repo: str, what: str, kind: type[LedgerBroken] = LedgerBroken) -> LedgerBroken:
    return kind(
        f"The ledger of {repo} is broken: {what}.",
        "Trust nothing of this repo until the history of its main explains this.",
    )
