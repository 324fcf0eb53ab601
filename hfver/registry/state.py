"""The state of a repo at one moment: refs and ledger, checked against what this machine and the lock saw before."""

from __future__ import annotations

import time
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from hfver.core.ledger import Ledger
from hfver.core.plural import counted
from hfver.core.repo_paths import LEDGER
from hfver.core.version import Version, tag_of, version_of_tag
from hfver.errors import HubError, LedgerRewritten, LedgerTruncated
from hfver.hub import Refs
from hfver.hub.client import HubRepo
from hfver.hub.memory import RememberedLedger

if TYPE_CHECKING:  # models that a state without lock and policy does not need
    from hfver.core.lockfile import Lock
    from hfver.core.policy import Policy

__all__ = ["RepoState", "TrustOptions", "check_continues", "check_seen", "find_state", "read_state", "state_at"]


@dataclass(frozen=True)
class TrustOptions:
    """What must hold for a repo to be trusted, beyond the checks of its own content.

    Attributes:
        mirror_of: The repo that this one is a known copy of.
        ledger_head: The head of the ledger that a lock recorded; the ledger must still contain that line.
        recorded_by: The name of the lock that recorded it, for error messages.
        lock: The lock of the project; None for none.
        policy: Decides which releases must be signed; None for the nearest file.
    """

    mirror_of: str | None = None
    ledger_head: str | None = None
    recorded_by: str = "the lock"
    lock: Lock | None = field(default=None, repr=False)
    policy: Policy | None = field(default=None, repr=False)


@dataclass(frozen=True)
class RepoState:
    """The state of a repo at one moment.

    Attributes:
        repo: The repo, with everything that was read of it so far.
        refs: Its branches, tags and pull requests.
        ledger: Its releases and yanks.
        trust: What must hold for it to be trusted.
    """

    repo: HubRepo
    refs: Refs
    ledger: Ledger
    trust: TrustOptions = TrustOptions()

    @property
    def names(self) -> frozenset[str]:
        """The repos, in lower case, whose releases count as releases of this one."""
        # The releases of a repo that was moved name its former names, and those of a mirror name the original.
        return self.ledger.names | {self.repo.name.lower(), (self.trust.mirror_of or self.repo.name).lower()}

    @property
    def pending(self) -> dict[Version, str]:
        """Version tags without a ledger line, with the commits they point to."""
        published = {entry.version for entry in self.ledger.entries}
        tags = {version_of_tag(tag): commit for tag, commit in self.refs.tags.items()}
        return {version: commit for version, commit in tags.items() if version and version not in published}

    def pending_commit(self, version: Version) -> str:
        """Return the commit of a pending tag, by one request."""
        tag = tag_of(version)
        return self.commit_of_tag(tag) or self.refs.tags[tag]

    def commit_of_tag(self, tag: str) -> str | None:
        """Ask the Hub for the commit of a tag; None if it has no such tag.

        Its refs may name the objects of annotated tags, or come from a cache that does not have the tag yet.
        """
        target = self.refs.tags.get(tag)
        return target if tag in self.refs.branches else self.repo.commit_of_tag(tag, target)


def find_state(repo: HubRepo, trust: TrustOptions = TrustOptions()) -> RepoState | None:
    """Read refs and ledger as `read_state` does; return None if there is no such repo."""
    refs = repo.find_refs()
    return state_at(repo, refs, trust) if refs else None


def read_state(repo: HubRepo, trust: TrustOptions = TrustOptions()) -> RepoState:
    """Read refs and ledger. The ledger is only fetched if ``main`` moved since this machine read it.

    Raises:
        HubNotFound: There is no such repo.
        LedgerBroken: The ledger is unreadable, its chain is broken, or it does not continue the one seen before.
        ReleaseReplayed: The ledger belongs to a different repo.
    """
    return state_at(repo, repo.refs(), trust)


def state_at(repo: HubRepo, refs: Refs, trust: TrustOptions = TrustOptions()) -> RepoState:
    """Read the ledger that belongs to refs which were just read, as `read_state` does."""
    memory = repo.memory
    remembered = memory.ledger()
    refs, raw = _catch_up(repo, refs, remembered)
    # First whether the ledger is intact in itself, then whether it is the one that was seen before: whoever rewrites
    # all of it consistently passes the first check, but not the second.
    ledger = Ledger.decode(raw, repo.name, trust.mirror_of)
    if remembered is not None:
        check_continues(repo, ledger, remembered)
    check_seen(repo, ledger, trust)
    if remembered is None or remembered.main != refs.main:
        memory.remember_ledger(refs.main, raw)
    return RepoState(repo, refs, ledger, trust)


def _catch_up(repo: HubRepo, refs: Refs, remembered: RememberedLedger | None) -> tuple[Refs, bytes]:
    """Read the ledger, and read refs and ledger again if it has fewer lines than this machine has seen."""
    # A shorter ledger is not tampering yet: another process of this machine may have appended a line since these refs
    # were read, and a Hub may answer refs from a cache for a moment.
    raw = _read_ledger(repo, refs, remembered)
    for pause in (0.0, *repo.lag_pauses(written=True)):
        if remembered is None or raw == remembered.raw or not remembered.raw.startswith(raw):
            break
        time.sleep(pause)
        refs = repo.refs()
        raw = _read_ledger(repo, refs, remembered)
    return refs, raw


def _read_ledger(repo: HubRepo, refs: Refs, remembered: RememberedLedger | None) -> bytes:
    # While main has not moved, its ledger cannot have changed, so no request is needed.
    if remembered is not None and remembered.main == refs.main:
        return remembered.raw
    raw = repo.find(refs.main, LEDGER)
    # A machine without memory would start a new ledger over the old one after a single false "no such file".
    if raw is None and LEDGER in repo.tree(refs.main):
        raise HubError(
            f"{repo}: {repo.hub.place} lists {LEDGER} on main, and answers that it does not exist.",
            "Run the same command again later. If it stays so, the Hub has lost the file.",
        )
    return raw or b""


def check_continues(repo: HubRepo, ledger: Ledger, remembered: RememberedLedger) -> None:
    """Check that a ledger continues the one that this machine saw last: it may only have grown.

    Raises:
        LedgerTruncated: Lines at its end are missing.
        LedgerRewritten: A line differs.
    """
    if ledger.raw.startswith(remembered.raw):
        return
    hint = (
        f"If the repo was deleted and created again on purpose, remove {repo.memory.folder} and run the command again."
    )
    then, now = remembered.raw.count(b"\n"), len(ledger.lines)
    if remembered.raw.startswith(ledger.raw):
        raise LedgerTruncated(
            f"The ledger of {repo} had {counted(then, 'line')} when this machine last read it, and now has {now}.",
            hint,
        )
    raise LedgerRewritten(
        f"The ledger of {repo} was rewritten: line {_first_difference(remembered.raw, ledger.raw)} of the "
        f"{counted(then, 'line')} that this machine read last is different now.",
        hint,
    )


def _first_difference(before: bytes, after: bytes) -> int:
    pairs = zip(before.split(b"\n"), after.split(b"\n"), strict=False)
    return next((number for number, (old, new) in enumerate(pairs, 1) if old != new), 1)


def check_seen(repo: HubRepo, ledger: Ledger, trust: TrustOptions) -> None:
    """Check that a ledger contains the line that was its head when the lock recorded it.

    Raises:
        LedgerRewritten: It does not.
    """
    if not ledger.extends(trust.ledger_head):
        raise LedgerRewritten(
            f"The ledger of {repo} does not contain line {trust.ledger_head}, which {trust.recorded_by} recorded: "
            "it was rewritten or truncated, or a different repo has this name now.",
            "Do not use this repo until its owner has explained this. "
            f"Then remove it from the lock (hfver lock --remove {repo}) and lock it again.",
        )
