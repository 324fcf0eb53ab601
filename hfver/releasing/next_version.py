"""Step: from which release to which version, and why. The change itself says how far."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
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

__all__ = ["Offer", "Step", "Wanted", "take_step"]


@dataclass(frozen=True)
class Offer:
    """What goes out.

    Attributes:
        described: The checkpoint, as comparing sees it.
        content: Its content digest.
        metrics: Its metrics.
    """

    described: Described
    content: str
    metrics: Mapping[str, float]


@dataclass(frozen=True)
class Wanted:
    """How the user steers the version. All empty: the change alone decides.

    Attributes:
        version: Exactly this one.
        bump: At least this level, or a lower one with ``because``.
        pre: Name of a prerelease line, such as ``rc``.
        because: Why the version may say less than the change.
    """

    version: Version | None = None
    bump: Bump | None = None
    pre: str | None = None
    because: str | None = None


@dataclass(frozen=True)
class Step:
    """The way from the previous release to the next.

    Attributes:
        previous: What was compared with; None for a first release.
        version: The next version.
        bump: What the version says.
        difference: What the change says.
        because: Why the version says less, where it does.
        changelog: The previous release's changelog.
        metrics: The previous release's metrics.
    """

    previous: Entry | None
    version: Version
    bump: Bump
    difference: Difference = field(default_factory=lambda: Difference(None))
    because: str | None = None
    changelog: bytes | None = None
    metrics: Mapping[str, float] | None = None


def take_step(state: RepoState | None, offer: Offer, wanted: Wanted, policy: Policy) -> Step:
    """Choose the next version.

    Args:
        state: The repo, or None if it does not exist yet.
        offer: What goes out.
        wanted: What the user asked for.
        policy: The repo's budgets and rule levels.

    Raises:
        ReleaseExists: Nothing changed, or the version is taken.
        PolicyViolation: A metric is beyond its budget, or the version asked for says less than the change.
        VerificationError: The previous release is not what the ledger says.
    """
    previous = _previous(state, wanted.version)
    if state is not None and previous is not None:
        _check_changed(state, previous, offer.content, wanted)
        return _step_from(state, previous, offer, wanted, policy)
    breaches = _check_budgets(policy, {}, offer.metrics, wanted)
    version = wanted.version or _free(state.refs.tags if state else {}, None, Bump.MAJOR, wanted.pre)
    _check_free(state, version, offer.content)
    return Step(None, version, Bump.MAJOR, because=wanted.because if breaches else None)


def _step_from(state: RepoState, previous: Entry, offer: Offer, wanted: Wanted, policy: Policy) -> Step:
    before = describe_release(pin(state, previous))
    old = metrics_of(_lineage(before).evaluation)
    breaches = _check_budgets(policy, old, offer.metrics, wanted)
    difference = _with_breaches(compare_described(before, offer.described, policy.rules), breaches)
    asked = difference.level or Bump.PATCH
    version = wanted.version or _free(state.refs.tags, previous.version, wanted.bump or asked, wanted.pre)
    bump = bump_between(previous.version, version)
    if bump.height < asked.height and not wanted.because:
        raise _says_too_little(difference, asked, bump, version)
    _check_free(state, version, offer.content)
    because = wanted.because if bump.height < asked.height or breaches else None
    changelog = before.read(CHANGELOG) if CHANGELOG in before.documents else None
    return Step(previous, version, bump, difference, because, changelog, old)


def _previous(state: RepoState | None, version: Version | None) -> Entry | None:
    """Choose what to compare with: the highest stable version, below the one the user fixed.

    Prereleases are steps towards a version, not something that anybody pinned: the change is measured from the
    release before them.
    """
    entries = state.ledger.entries if state else ()
    below = [entry for entry in entries if version is None or entry.version < version]
    stable = [entry for entry in below if not entry.version.prerelease]
    return max(stable, key=lambda entry: entry.version, default=None)


def _check_changed(state: RepoState, previous: Entry, content: str, wanted: Wanted) -> None:
    """Refuse to publish the same thing twice, unless the user names a version or a level on purpose."""
    if wanted.version or wanted.bump:
        return
    newest = max(state.ledger.entries, key=lambda entry: entry.version)
    for entry in {previous.version: previous, **({newest.version: newest} if wanted.pre else {})}.values():
        if entry.line.content_digest == content:
            raise ReleaseExists(
                f"Nothing changed: the folder equals {state.repo}@{entry.version} ({content}).",
                "Release it again on purpose with --bump patch (new card and lineage) or --version.",
            )


def _free(tags: Iterable[str], newest: Version | None, bump: Bump, pre: str | None) -> Version:
    """Raise the version until no tag has it; a tag that is no release of ours stays where it is."""
    version = next_version(newest, bump)
    if pre:
        return next_prerelease(version, pre, tags)
    while tag_of(version) in tags:
        version = next_version(version, bump)
    return version


def _check_free(state: RepoState | None, version: Version, content: str) -> None:
    if state is None:
        return
    if entry := state.ledger.find(version):
        same = entry.line.content_digest == content
        raise ReleaseExists(
            f"{state.repo}@{version} is published already, with {'the same' if same else 'other'} content.",
            f"Load it: hfver pull {state.repo}@{version}" if same else "A version never changes: choose another one.",
        )
    if tag_of(version) in state.refs.tags:
        raise ReleaseExists(
            f"{state.repo} has a tag {tag_of(version)} that is no hfver release.",
            f"Choose another version, or take the tag up as a release: hfver adopt {state.repo}",
        )


def _check_budgets(
    policy: Policy, before: Mapping[str, float], after: Mapping[str, float], wanted: Wanted
) -> tuple[Change, ...]:
    """Refuse metrics beyond their budget; with a reason they count as MAJOR changes instead."""
    breaches = metric_breaches(policy, before, after)
    if breaches and not wanted.because:
        raise PolicyViolation(
            "A metric is beyond its budget: " + "; ".join(breach.message for breach in breaches) + ".",
            'Release a better model, or release this one as MAJOR with --because "…".',
        )
    return tuple(
        Change("metric-regression", Bump.MAJOR, f"lineage.yaml:{breach.metric}", breach.before, breach.after, text)
        for breach in breaches
        for text in [f"A gated metric got worse: {breach.message}."]
    )


def _with_breaches(difference: Difference, breaches: tuple[Change, ...]) -> Difference:
    if not breaches:
        return difference
    return replace(difference, level=Bump.MAJOR, changes=(*breaches, *difference.changes))


def _says_too_little(difference: Difference, asked: Bump, bump: Bump, version: Version) -> PolicyViolation:
    why = next((change for change in difference.changes if change.level == asked), None)
    return PolicyViolation(
        f"The change is {asked.upper()}, and {version} says {bump.upper()}"
        + (f": {why.message} ({why.rule}, {why.where})" if why else "."),
        f'Release it as --bump {asked}, or say why it may be less: --because "…".',
    )


def _lineage(before: Described) -> Lineage:
    return (
        Lineage.decode(before.read(LINEAGE), f"{before.name}: {LINEAGE}") if LINEAGE in before.documents else Lineage()
    )
