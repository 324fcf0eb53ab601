"""Prepare: from a checkpoint and what the Hub holds to every byte of the next release, writing nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hfver.core.manifest import (
    CARD,
    CHANGELOG,
    LINEAGE,
    MANIFEST,
    SIGNATURE,
    TENSORS,
    VERSION_FILE,
    FileEntry,
    Manifest,
    digest_of,
)
from hfver.core.policy import Policy
from hfver.core.smoke_report import SmokeReport
from hfver.core.version import Bump, Version
from hfver.errors import HubNotFound
from hfver.hub.client import HubRepo
from hfver.hub.upload import Source
from hfver.model.card import CardFacts, ChangelogEntry, MetricDelta, render_card, render_changelog, with_yanks
from hfver.model.checkpoint import Checkpoint, encode_tensors
from hfver.model.compare import Difference
from hfver.model.lineage import LineageOptions, capture
from hfver.model.lineage.record import BaseModelLink, Lineage, metrics_of
from hfver.model.secrets import refuse_secrets, scan_texts
from hfver.registry.diff import describe_checkpoint
from hfver.registry.state import RepoState
from hfver.releasing.next_version import Offer, Step, Wanted, take_step
from hfver.releasing.request import ReleaseRequest

__all__ = ["Draft", "branch_of", "prepare"]

MAX_MESSAGE = 20_000
"""Characters of a commit's message; the changelog has all of it, and Hubs take so much and no more."""


SAID = 3
"""How many of the changes are told right after a release; the changelog has all."""


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
    message: str
    """What changed, in the author's words and by the difference."""
    step: Step = field(repr=False)
    """From which release it comes, and how it differs."""
    metrics: Mapping[str, float] = field(repr=False)
    words: str | None = None
    """What changed, in the author's words alone."""
    signature: bytes | None = field(default=None, repr=False)
    """The Model Signing bundle over all of it, where it is signed."""

    @property
    def unlisted(self) -> dict[str, bytes]:
        """The files that the manifest does not list: itself, and the signature over it."""
        return {MANIFEST: self.manifest_bytes, **({SIGNATURE: self.signature} if self.signature else {})}

    @property
    def digest(self) -> str:
        """The digest that the release will have."""
        return digest_of(self.manifest_bytes)

    @property
    def why(self) -> tuple[str, ...]:
        """The changes that made the version the bump that it is, a sentence each: the first few."""
        return next(iter(_groups(self.step.difference).values()), ())[:SAID]

    @property
    def branch(self) -> str:
        """The short-lived branch that holds the candidate."""
        return branch_of(self.manifest.content_digest)


def branch_of(content_digest: str) -> str:
    """Name the branch of candidates with this content."""
    return f"hfver/{content_digest.removeprefix('sha256:')[:12]}"


def prepare(
    repo: HubRepo,
    state: RepoState | None,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    smoke: SmokeReport | None,
    request: ReleaseRequest,
    policy: Policy,
) -> Draft:
    """Write every file of the next release in memory.

    Args:
        repo: Where it goes; datasets are looked up on the same Hub.
        state: What the repo says of itself, or None if it does not exist yet.
        checkpoint: What goes out.
        base: What it was made from.
        smoke: The smoke eval of the folder, if it ran.
        request: What the user asked for.
        policy: The budgets, rule levels and known secrets that apply.

    Raises:
        ReleaseExists: The version is published, or nothing changed since the newest release.
        SecretFound: What was gathered or written beside the checkpoint holds a secret.
        VerificationError: The previous release is not what the ledger says.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    lineage = _lineage(repo, checkpoint, base, request, now)
    facts = _facts(repo, checkpoint, lineage, smoke, request, now)
    after = describe_checkpoint(checkpoint, lineage, render_card(facts))
    wanted = Wanted(request.exact, request.level, request.pre, request.because)
    offer = Offer(after, checkpoint.content_digest, metrics_of(lineage.evaluation))
    step = take_step(state, offer, wanted, policy)
    sources = _sources(checkpoint, lineage, facts, step, offer.metrics, state.ledger.yanks if state else {})
    manifest = _manifest(repo, state, checkpoint, sources, smoke, step, policy, request, now)
    message = _message(request, step)
    # The author's files were searched when they were read.
    ours = {path: data for path, data in sources.items() if path not in checkpoint.files and isinstance(data, bytes)}
    texts = {**ours, MANIFEST: manifest.encode(), "the commit's message": message.encode()}
    refuse_secrets(scan_texts(texts), policy.secrets.allow)
    return Draft(
        step.version,
        checkpoint,
        manifest,
        manifest.encode(),
        sources,
        _title(step.version, request),
        message,
        step,
        offer.metrics,
        request.message,
    )


def _manifest(
    repo: HubRepo,
    state: RepoState | None,
    checkpoint: Checkpoint,
    sources: Mapping[str, Source],
    smoke: SmokeReport | None,
    step: Step,
    policy: Policy,
    request: ReleaseRequest,
    now: datetime,
) -> Manifest:
    return Manifest(
        repo=request.repo,
        version=str(step.version),
        previous=step.previous.line.digest if step.previous else None,
        ledger_head=state.ledger.head if state else None,
        content_digest=checkpoint.content_digest,
        bump=step.bump,
        because=step.because,
        levels=policy.rules or None,
        created_at=now,
        created_by=repo.hub.user,
        smoke=smoke.summary().model_dump() if smoke else None,
        files={path: checkpoint.files.get(path) or _entry(source) for path, source in sorted(sources.items())},
    )


def _title(version: Version, request: ReleaseRequest) -> str:
    words = (request.message or "").strip().splitlines()
    return f"Release {version}" + (f": {words[0][:120]}" if words else "")


def _message(request: ReleaseRequest, step: Step) -> str:
    """Say in the commit what the changelog says: the author first, then what the change means to a consumer."""
    parts = [request.message.strip()] if request.message else []
    for title, lines in _groups(step.difference).items():
        parts.append("\n".join([f"{title}:", *(f"- {line}" for line in lines)]))
    if step.because:
        parts.append(f"The bump is lower than the change calls for, because: {step.because}")
    return "\n\n".join(parts)[:MAX_MESSAGE]


def _lineage(
    repo: HubRepo, checkpoint: Checkpoint, base: BaseModelLink | None, request: ReleaseRequest, now: datetime
) -> Lineage:
    files = (Path(file) if file else None for file in (request.metrics, request.lineage))
    options = LineageOptions(tuple(request.datasets), *files)

    def resolve_dataset(name: str, revision: str | None) -> str | None:
        try:
            return repo.hub.repo(name, "datasets").commit_of(revision or "main")
        except HubNotFound:
            return None

    record = capture(checkpoint, options, base=base, resolve_dataset=resolve_dataset, now=now, author=repo.hub.user)
    return record.model_copy(update={"model_version": None, "model_name": request.repo.partition("/")[2]})


def _facts(
    repo: HubRepo,
    checkpoint: Checkpoint,
    lineage: Lineage,
    smoke: SmokeReport | None,
    request: ReleaseRequest,
    now: datetime,
) -> CardFacts:
    """Gather what the card says, but for the version and what changed: those come from comparing."""
    return CardFacts(
        repo=request.repo,
        version="0.0.0",
        content_digest=checkpoint.content_digest,
        bump=None,
        date=now,
        previous_version=None,
        message=request.message,
        changes=(),
        checkpoint=checkpoint,
        lineage=lineage,
        smoke=smoke,
        files=checkpoint.files,
        endpoint=repo.hub.endpoint,
    )


def _sources(
    checkpoint: Checkpoint,
    lineage: Lineage,
    facts: CardFacts,
    step: Step,
    metrics: Mapping[str, float],
    yanks: Mapping[str, str],
) -> dict[str, Source]:
    """Collect every file of the release: as bytes, except for the author's large files, which stay paths."""
    named = lineage.model_copy(update={"model_version": str(step.version)})
    told = replace(
        facts,
        version=str(step.version),
        bump=step.bump if step.previous else None,
        previous_version=str(step.previous.version) if step.previous else None,
        changes=tuple(line for group in _groups(step.difference).values() for line in group),
        lineage=named,
    )
    content: Mapping[str, Source] = checkpoint.content
    sources: dict[str, Source] = {path: content.get(path, checkpoint.directory / path) for path in checkpoint.files}
    sources[VERSION_FILE] = f"{step.version}\n".encode()
    sources[LINEAGE] = named.encode()
    sources[TENSORS] = encode_tensors(checkpoint.tensors)
    sources[CARD] = with_yanks(render_card(told), yanks)
    sources[CHANGELOG] = render_changelog(step.changelog, _changes(step, facts, metrics), facts.repo)
    return sources


def _changes(step: Step, facts: CardFacts, metrics: Mapping[str, float]) -> ChangelogEntry:
    before = step.metrics or {}
    deltas = tuple(MetricDelta(name, before.get(name), metrics.get(name)) for name in sorted({*before, *metrics}))
    return ChangelogEntry(
        version=str(step.version),
        date=facts.date.date(),
        message=facts.message,
        groups=_groups(step.difference),
        metrics=deltas,
        because=step.because,
        is_first=step.previous is None,
    )


_GROUPS = {Bump.MAJOR: "Breaking", Bump.MINOR: "Changed", Bump.PATCH: "Fixed"}


def _groups(difference: Difference) -> dict[str, tuple[str, ...]]:
    """Say what the changes mean, a sentence each, by level; that the documents are new is no news."""
    lines: dict[str, list[str]] = {title: [] for title in _GROUPS.values()}
    for change in difference.changes:
        if change.rule != "docs" and change.message not in lines[_GROUPS[change.level]]:
            lines[_GROUPS[change.level]].append(change.message)
    moved = difference.weights
    if moved.moved:
        lines["Changed"].append(f"{moved.share:.1%} of the weights changed ({moved.moved} of {moved.total} tensors).")
    return {title: tuple(found) for title, found in lines.items() if found}


def _entry(source: Source) -> FileEntry:
    if isinstance(source, Path):
        raise TypeError(f"{source} has no entry in the checkpoint")
    return FileEntry(size=len(source), sha256=digest_of(source).removeprefix("sha256:"))
