"""Choosing the next version: which release to compare with, how far the change raises it, and what overrides that."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass, field, replace

from hfver.core.ledger import Entry
from hfver.core.manifest import CHANGELOG, LINEAGE
from hfver.core.policy import Policy, metric_breaches
from hfver.core.version import Bump, Version, bump_between, next_prerelease, next_version, tag_of
from hfver.errors import PolicyViolation, ReleaseExists
from hfver.model.compare import Change, Difference
from hfver.model.lineage.record import Lineage, metrics_of
from hfver.registry.diff import Described, compare_described, describe_release
from hfver.registry.resolve import pin
from hfver.registry.state import RepoState

__all__ = ["ReleaseContent", "VersionChoice", "VersionRequest", "choose_version"]


@dataclass(frozen=True)
class ReleaseContent:
    """What is to be released.

    Attributes:
        described: The checkpoint, described for comparison.
        content_digest: Its content digest.
        metrics: Its metrics.
        smoked: Whether its smoke eval passed.
    """

    described: Described
    content_digest: str
    metrics: Mapping[str, float]
    smoked: bool = False

    def measured(self, policy: Policy) -> tuple[str, ...]:
        """Return what it was measured by: the smoke eval, and metrics with a budget."""
        gated = sorted(name for name in policy.metrics if name in self.metrics)
        return (*(["smoke"] if self.smoked else []), *(f"metric:{name}" for name in gated))


@dataclass(frozen=True)
class VersionRequest:
    """What the user asked for. If nothing is set, the change alone decides.

    Attributes:
        version: Exactly this version.
        bump: At least this level, or a lower one with ``because``.
        pre: Name of a prerelease line, such as ``rc``.
        allow: The refusals that the user overrides, by name.
        because: Why the version may be lower than the change requires.
    """

    version: Version | None = None
    bump: Bump | None = None
    pre: str | None = None
    because: str | None = None
    allow: Collection[str] = ()


@dataclass(frozen=True)
class VersionChoice:
    """The next version, and what it was chosen from.

    Attributes:
        previous: The release that was compared with; None for a first release.
        version: The next version.
        bump: The level by which the version rises.
        difference: What changed since the previous release.
        because: Why the version is lower than the change requires, or a metric beyond its budget, if so.
        previous_changelog: The previous release's changelog.
        previous_metrics: The previous release's metrics.
    """

    previous: Entry | None
    version: Version
    bump: Bump
    difference: Difference = field(default_factory=lambda: Difference(None))
    because: str | None = None
    previous_changelog: bytes | None = None
    previous_metrics: Mapping[str, float] | None = None


def choose_version(
    state: RepoState | None, content: ReleaseContent, request: VersionRequest, policy: Policy
) -> VersionChoice:
    """Choose the next version.

    Args:
        state: The repo, or None if it does not exist yet.
        content: What is to be released.
        request: What the user asked for.
        policy: The budgets and rule levels that apply.

    Raises:
        ReleaseExists: Nothing changed, or the version is taken.
        PolicyViolation: A metric is beyond its budget, or the requested version is lower than the change requires.
        VerificationError: The previous release does not match the ledger.
    """
    previous = previous_release(state, request.version)
    if state is not None and previous is not None:
        _check_changed(state, previous, content.content_digest, request)
        return _choose_after(state, previous, content, request, policy)
    breaches = _check_budgets(policy, {}, content.metrics, request)
    version = request.version or _next_free(state.refs.tags if state else {}, None, Bump.MAJOR, request.pre)
    _check_free(state, version, content.content_digest)
    return VersionChoice(None, version, Bump.MAJOR, because=request.because if breaches else None)


def _choose_after(
    state: RepoState, previous: Entry, content: ReleaseContent, request: VersionRequest, policy: Policy
) -> VersionChoice:
    before = describe_release(pin(state, previous))
    old_metrics = metrics_of(_lineage(before).evaluation)
    breaches = _check_budgets(policy, old_metrics, content.metrics, request)
    difference = _with_breaches(compare_described(before, content.described, policy.rules), breaches)
    difference = replace(difference, measured=content.measured(policy))
    _check_measured(difference, policy, request)
    required = difference.level or Bump.PATCH
    version = request.version or _next_free(state.refs.tags, previous.version, request.bump or required, request.pre)
    bump = bump_between(previous.version, version)
    if bump.height < required.height and not request.because:
        raise _too_low(difference, required, bump, version)
    _check_free(state, version, content.content_digest)
    # A reason is only recorded where one was needed.
    because = request.because if bump.height < required.height or breaches else None
    changelog = before.read(CHANGELOG) if CHANGELOG in before.documents else None
    return VersionChoice(previous, version, bump, difference, because, changelog, old_metrics)


def previous_release(state: RepoState | None, version: Version | None) -> Entry | None:
    """Choose the release to compare with: the highest stable one, below the exact version if one was asked for."""
    # Prereleases are skipped: nobody pins them with a range, so the change is measured from the release before them.
    entries = state.ledger.entries if state else ()
    below = [entry for entry in entries if version is None or entry.version < version]
    stable = [entry for entry in below if not entry.version.prerelease]
    return max(stable, key=lambda entry: entry.version, default=None)


def _check_changed(state: RepoState, previous: Entry, content_digest: str, request: VersionRequest) -> None:
    """Refuse to publish the same content twice, unless the user asked for a version or a level."""
    if request.version or request.bump:
        return
    newest = max(state.ledger.entries, key=lambda entry: entry.version)
    for entry in {previous.version: previous, **({newest.version: newest} if request.pre else {})}.values():
        if entry.line.content_digest == content_digest:
            raise ReleaseExists(
                f"Nothing changed: the folder equals {state.repo}@{entry.version} ({content_digest}).",
                "To release it again with a new card and lineage, add --bump patch or --version.",
            )


def _next_free(tags: Iterable[str], newest: Version | None, bump: Bump, pre: str | None) -> Version:
    """Raise the version until no tag has it: a tag that hfver did not create takes its version too."""
    version = next_version(newest, bump)
    if pre:
        return next_prerelease(version, pre, tags)
    while tag_of(version) in tags:
        version = next_version(version, bump)
    return version


def _check_free(state: RepoState | None, version: Version, content_digest: str) -> None:
    if state is None:
        return
    if entry := state.ledger.find(version):
        same = entry.line.content_digest == content_digest
        raise ReleaseExists(
            f"{state.repo}@{version} is published already, with {'the same' if same else 'different'} content.",
            f"Load it: hfver pull {state.repo}@{version}"
            if same
            else "A version never changes. Choose another one, or leave --version out.",
        )
    if tag_of(version) in state.refs.tags:
        raise ReleaseExists(
            f"{state.repo} has a tag {tag_of(version)} that is not an hfver release.",
            f"Choose another version, or make the tag a release: hfver adopt {state.repo}",
        )


def _check_budgets(
    policy: Policy, before: Mapping[str, float], after: Mapping[str, float], request: VersionRequest
) -> tuple[Change, ...]:
    """Refuse metrics beyond their budgets; if the user gave a reason, return them as MAJOR changes instead."""
    breaches = metric_breaches(policy, before, after)
    if breaches and not request.because:
        raise PolicyViolation(
            "A metric is beyond its budget: " + "; ".join(breach.message for breach in breaches) + ".",
            'Release a better model, or release this one as MAJOR and say why: --because "…"',
        )
    return tuple(
        Change("metric-regression", Bump.MAJOR, f"lineage.yaml:{breach.metric}", breach.before, breach.after, text)
        for breach in breaches
        for text in [f"A gated metric got worse: {breach.message}."]
    )


def _check_measured(difference: Difference, policy: Policy, request: VersionRequest) -> None:
    """Refuse a MINOR change that nothing has measured, if the policy says so."""
    if policy.unmeasured == "refuse" and difference.is_unmeasured and "unmeasured" not in request.allow:
        raise PolicyViolation(
            "The change is MINOR, and neither a smoke eval nor a metric with a budget backs it (unmeasured).",
            "Let the smoke eval run (pip install 'hfver[torch]'), or give metrics that have a budget: --metrics FILE. "
            'To release it unmeasured: --allow unmeasured --because "…"',
        )


def _with_breaches(difference: Difference, breaches: tuple[Change, ...]) -> Difference:
    if not breaches:
        return difference
    return replace(difference, level=Bump.MAJOR, changes=(*breaches, *difference.changes))


def _too_low(difference: Difference, required: Bump, bump: Bump, version: Version) -> PolicyViolation:
    change = next((change for change in difference.changes if change.level == required), None)
    return PolicyViolation(
        f"The change is {required.upper()}, but {version} would be a {bump.upper()} release"
        + (f": {change.message} ({change.rule}, {change.where})" if change else "."),
        f'Release it with --bump {required}, or say why a lower level is right: --because "…"',
    )


def _lineage(before: Described) -> Lineage:
    return (
        Lineage.decode(before.read(LINEAGE), f"{before.name}: {LINEAGE}") if LINEAGE in before.documents else Lineage()
    )
