"""The ledger: the append-only, hash-chained list of a repo's releases and yanks, and its format on disk."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, StringConstraints, ValidationError

from hfver.core.digests import Digest, RepoName, digest_of, load_json
from hfver.core.smoke_report import SmokeSummary
from hfver.core.version import Bump, Version, is_canonical, parse_version
from hfver.errors import LedgerBroken, LedgerTruncated, ReleaseReplayed

__all__ = ["Entry", "Ledger", "Line"]

MAX_LEDGER_BYTES = 256 * 1024 * 1024
"""Maximum size of a ledger."""

Sha1 = Annotated[str, StringConstraints(pattern=r"^[0-9a-f]{40}$")]


class Line(BaseModel):
    """One line of a ledger: an event in the life of a repo."""

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
    measured: tuple[str, ...] | None = None
    """What a release was measured by, as in its manifest; empty where nothing was. hfver 0.1 ignores this key."""
    reason: str | None = None
    """Why a version was yanked."""
    because: str | None = None
    """Why the version of a release is lower than the change required."""
    before: Digest | None = None
    """The SHA-256 of the line before, without its newline; None on the first line."""

    def encode(self) -> bytes:
        """Encode the line without its newline; equal lines are equal bytes."""
        data = self.model_dump(mode="json", exclude_none=True)
        return json.dumps(data, sort_keys=True, ensure_ascii=False, separators=(",", ":")).encode()


@dataclass(frozen=True)
class Entry:
    """A release in the ledger: its line, with the yanks that apply to it.

    Attributes:
        version: The version.
        line: The line that released or adopted it.
        yanked: Why it was yanked; None if it was not, or the yank was undone.
    """

    version: Version
    line: Line
    yanked: str | None = None

    @property
    def commit(self) -> str:
        """The release's commit."""
        return str(self.line.commit)


@dataclass(frozen=True)
class Ledger:
    """A repo's ledger: its bytes as stored, and the lines read from them."""

    raw: bytes
    lines: tuple[Line, ...]

    @classmethod
    def empty(cls) -> Ledger:
        """Return the ledger of a repo without releases."""
        return cls(b"", ())

    @classmethod
    def decode(cls, raw: bytes, repo: str, mirror_of: str | None = None) -> Ledger:
        """Decode a ledger, and check its chain of hashes and that it belongs to the repo.

        Args:
            raw: The bytes as stored.
            repo: The repo that has it.
            mirror_of: The repo that this one is a known copy of.

        Raises:
            LedgerTruncated: The last line is incomplete.
            LedgerBroken: A line is unreadable, or does not name the hash of the line before.
            ReleaseReplayed: It is the ledger of a different repo.
        """
        if raw and not raw.endswith(b"\n"):
            raise _broken(repo, "its last line is incomplete", LedgerTruncated)
        if len(raw) > MAX_LEDGER_BYTES:
            raise _broken(repo, f"it has {len(raw)} bytes, and the limit is {MAX_LEDGER_BYTES}")
        # The chain first: without it, no line can be trusted to be the one that was written.
        ledger = cls(raw, tuple(_read_lines(raw, repo)))
        ledger._check_versions(repo)
        ledger._check_names(repo, mirror_of)
        return ledger

    @property
    def head(self) -> str | None:
        """The hash of the last line; None for an empty ledger."""
        return digest_of(self.raw.rstrip(b"\n").rpartition(b"\n")[2]) if self.raw else None

    def append(self, line: Line) -> Ledger:
        """Return the ledger with one more line, which names the hash of the line before."""
        # The bytes before stay as they are, and are never encoded again: their hashes must not change.
        chained = line.model_copy(update={"before": self.head})
        return Ledger(self.raw + chained.encode() + b"\n", (*self.lines, chained))

    @cached_property
    def names(self) -> frozenset[str]:
        """Every name that the repo ever had, in lower case: repo ids are compared without case."""
        return frozenset(line.repo.lower() for line in self.lines)

    @property
    def name(self) -> str | None:
        """The name that the repo has now, by its last rename; None for an empty ledger."""
        renames = (line.repo for line in reversed(self.lines) if line.event == "rename")
        return next(renames, self.lines[0].repo) if self.lines else None

    def extends(self, older_head: str | None) -> bool:
        """Return whether the ledger contains the line that was its head when it was read before."""
        return older_head is None or older_head in self.heads

    @cached_property
    def heads(self) -> Mapping[str, int]:
        """The number of each line, counted from 0, by the hash of the line."""
        return {digest_of(raw): number for number, raw in enumerate(_split(self.raw))}

    @cached_property
    def digests(self) -> Mapping[str, int]:
        """The number of each release's line, counted from 0, by the digest of the release."""
        lines = enumerate(self.lines)
        return {line.digest: number for number, line in lines if line.digest and line.event in ("release", "adopt")}

    @cached_property
    def entries(self) -> tuple[Entry, ...]:
        """All releases in the order in which they were published, with their yanks applied."""
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
        """The reasons of all yanks that apply, by version, newest first."""
        yanked = [entry for entry in self.entries if entry.yanked is not None]
        ordered = sorted(yanked, key=lambda entry: entry.version, reverse=True)
        return {str(entry.version): str(entry.yanked) for entry in ordered}

    def find(self, version: Version) -> Entry | None:
        """Find the release with this version."""
        return next((entry for entry in self.entries if entry.version == version), None)

    def at_commit(self, sha: str) -> Entry | None:
        """Find the release with this commit."""
        return next((entry for entry in self.entries if entry.line.commit == sha), None)

    def newest(self, *, stable: bool = True) -> Entry | None:
        """Find the highest version that is not yanked; prereleases only count if ``stable`` is False."""
        live = (entry for entry in self.entries if entry.yanked is None)
        return max(
            (entry for entry in live if not (stable and entry.version.prerelease)),
            key=lambda entry: entry.version,
            default=None,
        )

    def _check_names(self, repo: str, mirror_of: str | None) -> None:
        """Check that all lines are about one repo, under the names that it had, and that it is the expected one."""
        current = self.name or repo
        # A line may use a former name: hfver 0.1 appends such a line if it releases to the old name of a moved repo.
        had = {line.repo.lower() for line in self.lines[:1]}
        for number, line in enumerate(self.lines, 1):
            if line.event == "rename":
                had.add(line.repo.lower())
            elif line.repo.lower() not in had:
                before = self.lines[number - 2].repo
                raise _broken(repo, f"line {number} is about {line.repo}, but the lines before it are about {before}")
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
                raise _broken(repo, f"line {number} is a release without a version, commit or digest")
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
            raise _broken(repo, f"line {number} does not continue line {number - 1}")
        before = digest_of(data)
        yield line


def _read_line(data: bytes, number: int, repo: str) -> Line:
    try:
        line = Line.model_validate(load_json(data, limit=1024 * 1024))
    except (ValueError, ValidationError):
        raise _broken(repo, f"line {number} cannot be read") from None
    if line.version is not None and not is_canonical(line.version):
        # One way to write a version, so that the same version cannot be published twice under two spellings.
        raise _broken(repo, f"line {number} has the malformed version {line.version[:80]!r}")
    return line


def _broken(repo: str, problem: str, kind: type[LedgerBroken] = LedgerBroken) -> LedgerBroken:
    return kind(
        f"The ledger of {repo} is broken: {problem}.",
        "Do not use this repo until its owner has explained this. The history of its main shows who changed the "
        "ledger, and when.",
    )
