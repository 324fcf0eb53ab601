"""The state of a repo at one moment: refs and ledger, compared with what was seen of it before."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hfver.core.ledger import Ledger
from hfver.core.plural import counted
from hfver.core.repo_paths import LEDGER
from hfver.core.version import Version, version_of_tag
from hfver.errors import LedgerRewritten, LedgerTruncated
from hfver.hub import Refs
from hfver.hub.client import HubRepo
from hfver.hub.memory import RememberedLedger

if TYPE_CHECKING:  # models that a state without lock and policy does not need
    from hfver.core.lockfile import Lock
    from hfver.core.policy import Policy

__all__ = ["RepoState", "TrustOptions", "check_continues", "check_seen", "find_state", "read_state", "state_at"]

LAG = (0.0, 0.25, 1.0)
"""Seconds after which refs are read again that show fewer lines than this machine has seen."""


@dataclass(frozen=True)
class TrustOptions:
    """What must hold for a repo to be believed, beyond what it says itself.

    Attributes:
        mirror_of: The repo that it is knowingly a copy of.
        seen: The head of its ledger as a lock remembers it; the ledger must still hold that line.
        seen_by: What remembers it, for errors.
        lock: What the project holds of it; None leaves that aside.
        policy: Decides which releases must be signed; None for the nearest file.
    """

    mirror_of: str | None = None
    seen: str | None = None
    seen_by: str = "the lock"
    lock: Lock | None = field(default=None, repr=False)
    policy: Policy | None = field(default=None, repr=False)


@dataclass(frozen=True)
class RepoState:
    """What a repo says of itself at one moment.

    Attributes:
        repo: The repo, and everything that was read of it so far.
        refs: Its branches, tags and pull requests.
        ledger: Its releases and yanks.
        trust: What must hold for it to be believed.
    """

    repo: HubRepo
    refs: Refs
    ledger: Ledger
    trust: TrustOptions = TrustOptions()

    @property
    def names(self) -> frozenset[str]:
        """The repos, in lower case, whose releases may be found here."""
        return self.ledger.names | {self.repo.name.lower(), (self.trust.mirror_of or self.repo.name).lower()}

    @property
    def pending(self) -> dict[Version, str]:
        """Version tags without a ledger line, with the commits they point to."""
        published = {entry.version for entry in self.ledger.entries}
        tags = {version_of_tag(tag): commit for tag, commit in self.refs.tags.items()}
        return {version: commit for version, commit in tags.items() if version and version not in published}


def find_state(repo: HubRepo, trust: TrustOptions = TrustOptions()) -> RepoState | None:
    """Read refs and ledger, or return None if there is no such repo."""
    refs = repo.find_refs()
    return state_at(repo, refs, trust) if refs else None


def read_state(repo: HubRepo, trust: TrustOptions = TrustOptions()) -> RepoState:
    """Read refs and ledger; the ledger is only fetched if ``main`` moved since it was last seen.

    Raises:
        HubNotFound: There is no such repo.
        LedgerBroken: The ledger is unreadable, its chain is broken, or it does not continue the one seen before.
        ReleaseReplayed: The ledger is that of another repo.
    """
    return state_at(repo, repo.refs(), trust)


def state_at(repo: HubRepo, refs: Refs, trust: TrustOptions = TrustOptions()) -> RepoState:
    """Read the ledger that belongs to refs which were just read."""
    memory = repo.memory
    remembered = memory.ledger()
    refs, raw = _catch_up(repo, refs, remembered)
    ledger = Ledger.decode(raw, repo.name, trust.mirror_of)
    if remembered is not None:
        check_continues(repo, ledger, remembered)
    check_seen(repo, ledger, trust)
    if remembered is None or remembered.main != refs.main:
        memory.remember_ledger(refs.main, raw)
    return RepoState(repo, refs, ledger, trust)


def _catch_up(repo: HubRepo, refs: Refs, remembered: RememberedLedger | None) -> tuple[Refs, bytes]:
    """Read the ledger; refs that show less of it than was seen may be older, and are read again first.

    Another process may have seen more since these were read, and Hubs answer refs from caches for a moment.
    """
    raw = _read_ledger(repo, refs, remembered)
    for pause in LAG:
        if remembered is None or raw == remembered.raw or not remembered.raw.startswith(raw):
            break
        time.sleep(pause)
        refs = repo.refs()
        raw = _read_ledger(repo, refs, remembered)
    return refs, raw


def _read_ledger(repo: HubRepo, refs: Refs, remembered: RememberedLedger | None) -> bytes:
    if remembered is not None and remembered.main == refs.main:
        return remembered.raw
    return repo.find(refs.main, LEDGER) or b""


def check_continues(repo: HubRepo, ledger: Ledger, remembered: RememberedLedger) -> None:
    """Compare a ledger with the one that this machine saw last: it may only have grown.

    Raises:
        LedgerTruncated: Its end is gone.
        LedgerRewritten: It is another one.
    """
    if ledger.raw.startswith(remembered.raw):
        return
    hint = f"If the repo was deleted and made anew on purpose, remove {repo.memory.folder} and run the command again."
    then, now = remembered.raw.count(b"\n"), len(ledger.lines)
    if remembered.raw.startswith(ledger.raw):
        raise LedgerTruncated(
            f"The ledger of {repo} had {counted(then, 'line')} when this machine saw it last, and has {now}.", hint
        )
    raise LedgerRewritten(
        f"The ledger of {repo} was rewritten: of the {counted(then, 'line')} that this machine saw last, "
        f"line {_first_other(remembered.raw, ledger.raw)} is another one now.",
        hint,
    )


def _first_other(before: bytes, after: bytes) -> int:
    pairs = zip(before.split(b"\n"), after.split(b"\n"), strict=False)
    return next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 1)


def check_seen(repo: HubRepo, ledger: Ledger, trust: TrustOptions) -> None:
    """Compare a ledger with the head that a lock remembers.

    Raises:
        LedgerRewritten: It does not hold that line.
    """
    if not ledger.extends(trust.seen):
        raise LedgerRewritten(
            f"The ledger of {repo} does not hold the line that {trust.seen_by} saw last ({trust.seen}): "
            f"it was rewritten or cut, or another repo has taken the name.",
            "Trust nothing of this repo until its owner explains that; "
            f"then take it out of the lock (hfver lock --remove {repo}) and lock it anew.",
        )
