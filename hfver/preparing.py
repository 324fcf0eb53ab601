"""Prepare: from a checkpoint and what the Hub holds to every byte of the next release, writing nothing."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from hfver.capture import Wishes, capture
from hfver.card import CardFacts, ChangelogEntry, render_card, render_changelog
from hfver.checkpoint import Checkpoint, decode_tensors, encode_tensors
from hfver.compare import Difference, compare_tensors
from hfver.errors import DigestMismatch, HubNotFound, ReleaseExists
from hfver.hub import Hub
from hfver.hub.uploading import Source
from hfver.lineage import BaseModelLink, Lineage
from hfver.manifest import (
    CARD,
    CHANGELOG,
    LINEAGE,
    TENSORS,
    VERSION_FILE,
    FileEntry,
    Manifest,
    digest_of,
)
from hfver.records import Entry, SmokeReport
from hfver.resolving import RepoState, pin
from hfver.version import Bump, Version, bump_between, next_version, tag_of

__all__ = ["Draft", "Request", "prepare"]


@dataclass(frozen=True)
class Request:
    """What the user asked for. The fields are the options of ``hfver release``."""

    directory: Path
    repo: str
    version: Version | None = None
    bump: Bump | None = None
    """None works it out from the change."""
    message: str | None = None
    smoke: str = "auto"
    device: str = "auto"
    base: str | None = None
    datasets: Sequence[str] = ()
    metrics: Path | None = None
    lineage: Path | None = None
    private: bool = True
    dry_run: bool = False
    trust_remote_code: bool = False


@dataclass(frozen=True)
class Draft:
    """A release that is not on the Hub yet: every file, and the manifest that names them."""

    version: Version
    checkpoint: Checkpoint = field(repr=False)
    manifest: Manifest
    manifest_bytes: bytes
    sources: Mapping[str, Source] = field(repr=False)
    """Where to read each file of the manifest: a path, or the bytes themselves."""
    summary: str
    changes: tuple[str, ...]

    @property
    def digest(self) -> str:
        """The digest that the release will have."""
        return digest_of(self.manifest_bytes)

    @property
    def branch(self) -> str:
        """The short-lived branch that holds the candidate."""
        return f"hfver/{self.manifest.content_digest.removeprefix('sha256:')[:12]}"


@dataclass(frozen=True)
class Step:
    """From which release to which version, and why."""

    previous: Entry | None
    version: Version
    bump: Bump
    difference: Difference
    changelog: bytes | None


def prepare(
    hub: Hub,
    state: RepoState | None,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    smoke: SmokeReport | None,
    request: Request,
) -> Draft:
    """Write every file of the next release in memory.

    Args:
        hub: Where the previous release and datasets are looked up.
        state: The repo, or None if it does not exist yet.
        checkpoint: What goes out.
        base: What it was made from.
        smoke: The smoke eval of the folder, if it ran.
        request: What the user asked for.

    Raises:
        ReleaseExists: The version is published, or nothing changed since the newest release.
        VerificationError: The previous release is not what the ledger says.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    step = _take_step(hub, state, checkpoint, request)
    lineage = _lineage(hub, checkpoint, base, step, request, now)
    sources = _sources(checkpoint, lineage, step)
    sources[CARD] = _card(hub, checkpoint, lineage, smoke, step, request, now)
    sources[CHANGELOG] = _changelog(step, request, now)
    manifest = Manifest(
        repo=request.repo,
        version=str(step.version),
        previous=step.previous.line.digest if step.previous else None,
        ledger_head=state.ledger.head if state else None,
        content_digest=checkpoint.content_digest,
        bump=step.bump,
        created_at=now,
        created_by=hub.user,
        smoke=smoke.summary().model_dump() if smoke else None,
        files={path: checkpoint.files.get(path) or _entry(source) for path, source in sorted(sources.items())},
    )
    summary = request.message.strip().splitlines()[0] if request.message and request.message.strip() else None
    title = f"Release {step.version}" + (f": {summary[:120]}" if summary else "")
    return Draft(step.version, checkpoint, manifest, manifest.encode(), sources, title, step.difference.changes)


def _take_step(hub: Hub, state: RepoState | None, checkpoint: Checkpoint, request: Request) -> Step:
    previous = _previous(state, request.version)
    if state is None or previous is None:
        version = request.version or next_version(None, Bump.MAJOR)
        _check_free(state, version, checkpoint)
        return Step(None, version, Bump.MAJOR, Difference(None, ()), None)
    if request.version is None and previous.line.content_digest == checkpoint.content_digest:
        raise _nothing_changed(state, previous)
    difference, changelog = _compare(hub, state, previous, checkpoint)
    bump = request.bump or difference.level or Bump.PATCH
    version = request.version or _next_free(state, previous.version, bump)
    _check_free(state, version, checkpoint)
    return Step(previous, version, bump_between(previous.version, version), difference, changelog)


def _previous(state: RepoState | None, version: Version | None) -> Entry | None:
    """Choose what to compare with: the highest version, below the one the user fixed."""
    entries = state.ledger.entries if state else ()
    below = (entry for entry in entries if version is None or entry.version < version)
    return max(below, key=lambda entry: entry.version, default=None)


def _next_free(state: RepoState, newest: Version, bump: Bump) -> Version:
    """Raise the version until no tag has it; a tag that is no release of ours stays where it is."""
    version = next_version(newest, bump)
    while tag_of(version) in state.refs.tags:
        version = next_version(version, bump)
    return version


def _check_free(state: RepoState | None, version: Version, checkpoint: Checkpoint) -> None:
    if state is None:
        return
    if entry := state.ledger.find(version):
        same = entry.line.content_digest == checkpoint.content_digest
        raise ReleaseExists(
            f"{state.repo}@{version} is published already, with {'the same' if same else 'other'} content.",
            f"Load it: hfver pull {state.repo}@{version}" if same else "A version never changes: choose another one.",
        )
    if tag_of(version) in state.refs.tags:
        raise ReleaseExists(
            f"{state.repo} has a tag {tag_of(version)} that is no hfver release.",
            "Choose another version, or delete the tag on the Hub if it is yours.",
        )


def _nothing_changed(state: RepoState, entry: Entry) -> ReleaseExists:
    return ReleaseExists(
        f"Nothing changed: the folder equals {state.repo}@{entry.version} ({entry.line.content_digest}).",
        "Release it as another version on purpose with --version.",
    )


def _compare(hub: Hub, state: RepoState, previous: Entry, checkpoint: Checkpoint) -> tuple[Difference, bytes | None]:
    pinned = pin(hub, state, previous)
    manifest = pinned.release.manifest
    if manifest is None:
        return Difference(Bump.MAJOR, ("The previous release has no manifest.",)), None
    tensors = decode_tensors(_read(hub, state.repo, previous, manifest, TENSORS), f"{state.repo}@{previous.version}")
    return compare_tensors(tensors, checkpoint.tensors), _read(hub, state.repo, previous, manifest, CHANGELOG)


def _read(hub: Hub, repo: str, entry: Entry, manifest: Manifest, path: str) -> bytes:
    """Read a small file of a release, verified."""
    where, expected = f"{repo}@{entry.version}: {path}", manifest.files.get(path)
    if expected is None:
        raise DigestMismatch(f"{where} is not in its manifest.")
    content = hub.read(repo, entry.commit, path)
    if digest_of(content) != f"sha256:{expected.sha256}":
        raise DigestMismatch(f"{where} is {digest_of(content)}; the manifest says sha256:{expected.sha256}.")
    return content


def _lineage(
    hub: Hub, checkpoint: Checkpoint, base: BaseModelLink | None, step: Step, request: Request, now: datetime
) -> Lineage:
    wishes = Wishes(tuple(request.datasets), request.metrics, request.lineage)

    def resolve_dataset(name: str, revision: str | None) -> str | None:
        try:
            return hub.commit_of(name, revision or "main", kind="datasets")
        except HubNotFound:
            return None

    record = capture(checkpoint, wishes, base=base, resolve_dataset=resolve_dataset, now=now, author=hub.user)
    return record.model_copy(update={"model_version": str(step.version), "model_name": request.repo.partition("/")[2]})


def _sources(checkpoint: Checkpoint, lineage: Lineage, step: Step) -> dict[str, Source]:
    sources: dict[str, Source] = {path: checkpoint.directory / path for path in checkpoint.files}
    sources[VERSION_FILE] = f"{step.version}\n".encode()
    sources[LINEAGE] = lineage.encode()
    sources[TENSORS] = encode_tensors(checkpoint.tensors)
    return sources


def _card(
    hub: Hub,
    checkpoint: Checkpoint,
    lineage: Lineage,
    smoke: SmokeReport | None,
    step: Step,
    request: Request,
    now: datetime,
) -> bytes:
    facts = CardFacts(
        repo=request.repo,
        version=str(step.version),
        content_digest=checkpoint.content_digest,
        bump=step.bump if step.previous else None,
        date=now,
        previous_version=str(step.previous.version) if step.previous else None,
        message=request.message,
        changes=step.difference.changes,
        checkpoint=checkpoint,
        lineage=lineage,
        smoke=smoke,
        files=checkpoint.files,
        endpoint=hub.public_endpoint,
    )
    return render_card(facts)


def _changelog(step: Step, request: Request, now: datetime) -> bytes:
    title = {Bump.MAJOR: "Breaking", Bump.MINOR: "Changed", Bump.PATCH: "Fixed"}[step.bump]
    groups = {title: step.difference.changes}
    entry = ChangelogEntry(str(step.version), now.date(), request.message, groups, is_first=step.previous is None)
    return render_changelog(step.changelog, entry, request.repo)


def _entry(source: Source) -> FileEntry:
    if isinstance(source, Path):
        raise TypeError(f"{source} has no entry in the checkpoint")
    return FileEntry(size=len(source), sha256=digest_of(source).removeprefix("sha256:"))
