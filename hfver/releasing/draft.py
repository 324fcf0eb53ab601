"""Drafts: every byte of the next release, prepared in memory from a checkpoint and the state of the repo."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path

from hfver.core.log import logger
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
from hfver.core.version import Version
from hfver.errors import HubDenied, HubNotFound
from hfver.hub.client import HubRepo
from hfver.hub.upload import Source
from hfver.model.card import CardFacts, render_card, render_changelog, with_yanks
from hfver.model.checkpoint import Checkpoint, encode_tensors, tensor_roots
from hfver.model.compare.libraries import requirements
from hfver.model.lineage import LineageOptions, capture
from hfver.model.lineage.record import BaseModelLink, Lineage, metrics_of
from hfver.model.secrets import refuse_secrets, scan_texts
from hfver.registry.diff import describe_checkpoint
from hfver.registry.state import RepoState
from hfver.releasing.next_version import ReleaseContent, VersionChoice, VersionRequest, choose_version
from hfver.releasing.notes import changelog_entry, commit_description, commit_title, grouped_changes
from hfver.releasing.request import ReleaseRequest
from hfver.releasing.tokenizer_gate import misses_tokenizer

__all__ = ["Draft", "branch_of", "prepare_draft"]

MAX_SHOWN = 3
"""How many of the changes are shown right after a release; the changelog has all of them."""


@dataclass(frozen=True)
class Draft:
    """A release that is not on the Hub yet: every file, and the manifest that lists them.

    Attributes:
        version: The version that it is to become.
        checkpoint: The checkpoint to release.
        manifest: The manifest.
        manifest_bytes: The manifest as it will be stored.
        sources: Where to read each file of the manifest: a path, or the bytes themselves.
        title: The title of its commit.
        description: The description of its commit: the author's message, and what changed.
        choice: How the version was chosen.
        metrics: The metrics of the release.
        author_message: What the author wrote about the release.
        signature: The Model Signing bundle over all of it; None for an unsigned release.
    """

    version: Version
    checkpoint: Checkpoint = field(repr=False)
    manifest: Manifest
    manifest_bytes: bytes
    sources: Mapping[str, Source] = field(repr=False)
    title: str
    description: str
    choice: VersionChoice = field(repr=False)
    metrics: Mapping[str, float] = field(repr=False)
    author_message: str | None = None
    signature: bytes | None = field(default=None, repr=False)

    @property
    def unlisted(self) -> dict[str, bytes]:
        """The files that the manifest does not list: the manifest itself, and the signature."""
        return {MANIFEST: self.manifest_bytes, **({SIGNATURE: self.signature} if self.signature else {})}

    @property
    def digest(self) -> str:
        """The digest that the release will have."""
        return digest_of(self.manifest_bytes)

    @property
    def why(self) -> tuple[str, ...]:
        """The changes that decided the bump, one sentence each; at most ``MAX_SHOWN``."""
        return next(iter(grouped_changes(self.choice.difference).values()), ())[:MAX_SHOWN]

    @property
    def branch(self) -> str:
        """The short-lived branch for the candidate."""
        return branch_of(self.manifest.content_digest)


def branch_of(content_digest: str) -> str:
    """Return the name of the branch for candidates with this content."""
    return f"hfver/{content_digest.removeprefix('sha256:')[:12]}"


def prepare_draft(
    repo: HubRepo,
    state: RepoState | None,
    checkpoint: Checkpoint,
    base: BaseModelLink | None,
    smoke: SmokeReport | None,
    request: ReleaseRequest,
    policy: Policy,
    golden: Mapping[str, bytes] | None = None,
) -> Draft:
    """Prepare every file of the next release in memory.

    Args:
        repo: The repo to release to; datasets are looked up on the same Hub.
        state: The state of the repo; None if it does not exist yet.
        checkpoint: The checkpoint to release.
        base: The model that it was made from.
        smoke: The report of the smoke eval of the folder, if it ran.
        request: What the user asked for.
        policy: The budgets, rule levels and allowed secrets that apply.
        golden: The files that record how the model behaves, if they are published.

    Raises:
        ReleaseExists: The version is published, or nothing changed since the newest release.
        PolicyViolation: A metric is beyond its budget, or the requested version is lower than the change requires.
        SecretFound: The card, the lineage or another generated text contains a secret.
        VerificationError: The previous release does not match the ledger.
    """
    now = datetime.now(UTC).replace(microsecond=0)
    lineage = _lineage(repo, checkpoint, base, request, now)
    # The card is compared with the previous one, and the comparison decides the version. So it is rendered twice: here
    # without the version and the changes, and with them once they are known.
    facts = _facts(repo, checkpoint, lineage, smoke, request, now)
    described = describe_checkpoint(checkpoint, lineage, render_card(facts))
    facts = replace(facts, requires=requirements(described.side(described)))
    smoked = smoke is not None and smoke.status in ("passed", "warned")
    content = ReleaseContent(described, checkpoint.content_digest, metrics_of(lineage.evaluation), smoked)
    wanted = VersionRequest(request.exact, request.level, request.pre, request.because, request.allow)
    choice = choose_version(state, content, wanted, policy)
    sources = _sources(checkpoint, lineage, facts, choice, content.metrics, state.ledger.yanks if state else {})
    sources |= golden or {}
    measured = content.measured(policy)
    manifest = _manifest(repo, state, checkpoint, sources, smoke, choice, measured, facts, policy, request, now)
    description = commit_description(request.message, choice)
    # The author's files were scanned when they were read; these are the texts that hfver wrote.
    ours = {path: data for path, data in sources.items() if path not in checkpoint.files and isinstance(data, bytes)}
    texts = {**ours, MANIFEST: manifest.encode(), "the commit's message": description.encode()}
    refuse_secrets(scan_texts(texts), policy.secrets.allow)
    return Draft(
        choice.version,
        checkpoint,
        manifest,
        manifest.encode(),
        sources,
        commit_title(choice.version, request.message),
        description,
        choice,
        content.metrics,
        request.message,
    )


def _manifest(
    repo: HubRepo,
    state: RepoState | None,
    checkpoint: Checkpoint,
    sources: Mapping[str, Source],
    smoke: SmokeReport | None,
    choice: VersionChoice,
    measured: tuple[str, ...],
    facts: CardFacts,
    policy: Policy,
    request: ReleaseRequest,
    now: datetime,
) -> Manifest:
    overridden = _used_overrides(checkpoint, choice, policy, request)
    allowed = tuple(sorted({*overridden, *request.allowed_checks(smoke)}))
    return Manifest(
        repo=request.repo,
        version=str(choice.version),
        previous=choice.previous.line.digest if choice.previous else None,
        ledger_head=state.ledger.head if state else None,
        content_digest=checkpoint.content_digest,
        bump=choice.bump,
        because=choice.because or (request.because if allowed else None),
        allowed=allowed,
        levels=policy.rules or None,
        libraries=choice.difference.libraries,
        requires=facts.requires,
        tensors=tensor_roots(checkpoint.tensors),
        measured=measured,
        created_at=now,
        created_by=repo.hub.user,
        smoke=smoke.summary().model_dump() if smoke else None,
        files={path: checkpoint.files.get(path) or _entry(source) for path, source in sorted(sources.items())},
    )


def _used_overrides(
    checkpoint: Checkpoint, choice: VersionChoice, policy: Policy, request: ReleaseRequest
) -> Iterator[str]:
    """Yield the refusals that were overridden, not those that would never have come."""
    if "no-tokenizer" in request.allow and misses_tokenizer(checkpoint, request.repo):
        yield "no-tokenizer"
    if "unmeasured" in request.allow and policy.unmeasured == "refuse" and choice.difference.is_unmeasured:
        yield "unmeasured"
    if "behavior" in request.allow:  # whether it was needed is found out after this, and it is recorded if in doubt
        yield "behavior"


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
        except HubDenied as denied:  # a token for one repo is refused even by public ones
            try:
                return repo.hub.anonymous().repo(name, "datasets").commit_of(revision or "main")
            except (HubNotFound, HubDenied):
                logger.warning("The data set %s is recorded without a commit: %s", name, denied.message)
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
    """Collect what the card shows, without the version and the changes: they follow from comparing this card too."""
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
    choice: VersionChoice,
    metrics: Mapping[str, float],
    yanks: Mapping[str, str],
) -> dict[str, Source]:
    """Collect every file of the release: as bytes, except for the author's large files, which stay paths."""
    named = lineage.model_copy(update={"model_version": str(choice.version)})
    card = replace(
        facts,
        version=str(choice.version),
        bump=choice.bump if choice.previous else None,
        previous_version=str(choice.previous.version) if choice.previous else None,
        changes=tuple(sentence for group in grouped_changes(choice.difference).values() for sentence in group),
        lineage=named,
    )
    entry = changelog_entry(choice, facts.message, facts.date.date(), metrics)
    content: Mapping[str, Source] = checkpoint.content
    sources: dict[str, Source] = {path: content.get(path, checkpoint.directory / path) for path in checkpoint.files}
    sources[VERSION_FILE] = f"{choice.version}\n".encode()
    sources[LINEAGE] = named.encode()
    sources[TENSORS] = encode_tensors(checkpoint.tensors)
    sources[CARD] = with_yanks(render_card(card), yanks)
    sources[CHANGELOG] = render_changelog(choice.previous_changelog, entry, facts.repo)
    return sources


def _entry(source: Source) -> FileEntry:
    if isinstance(source, Path):
        raise TypeError(f"{source} has no entry in the checkpoint")
    return FileEntry(size=len(source), sha256=digest_of(source).removeprefix("sha256:"))
