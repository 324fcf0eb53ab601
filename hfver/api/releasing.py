"""Publishing a release, and what becomes of it afterwards: finish a review, adopt older tags, yank."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.arguments import HUB, POLICY, PROGRESS, TOKEN, function_of, policy_of, trust_options
from hfver.api.hubs import HubLike, open_hub
from hfver.api.references import parse_reference, parse_repo
from hfver.core.progress import Progress, silent
from hfver.core.ref import check_repo, parse_pull
from hfver.core.results import Adoption, Release
from hfver.errors import UsageError
from hfver.releasing.request import ReleaseRequest

if TYPE_CHECKING:
    from hfver.core.settings import PolicyLike

__all__ = ["adopt", "finish", "release", "yank"]


def unheard(sentence: str) -> None:
    """Say nothing."""


@dataclass(frozen=True, kw_only=True)
class ReleaseCall(ReleaseRequest):
    """A request, and the circumstances of one call."""

    hub: HubLike = field(default=None, metadata={"doc": HUB})
    policy: PolicyLike = field(default=None, metadata={"doc": POLICY})
    token: str | None = field(default=None, metadata={"doc": TOKEN})
    say: Callable[[str], None] = field(
        default=unheard, metadata={"doc": "Called with a sentence about what is about to be written."}
    )
    progress: Progress = field(default=silent, metadata={"doc": PROGRESS})

    def request(self, repo: str) -> ReleaseRequest:
        """Return the request alone, for this repo."""
        asked = {one.name: getattr(self, one.name) for one in fields(ReleaseRequest)}
        return ReleaseRequest(**{**asked, "repo": repo})


def _release(call: ReleaseCall) -> Release:
    """Publish a checkpoint folder as the next immutable version of a repo.

    Running it again after it was interrupted finishes the work, and sends no byte twice.

    Returns:
        The published release; with ``review`` a candidate, whose ``review`` names the pull request; with ``dry_run``
        the release that it would be, with an empty commit.

    Raises:
        UsageError: The folder, the repo id or an option is wrong.
        Refused: Nothing changed, the version is taken, the policy is not met, or the smoke eval failed.
        VerificationError: The previous release is not what the ledger says.
        HubError: The Hub refused, or did not answer.
    """
    from hfver.releasing.release import release as run

    policy = policy_of(call.policy)
    # No alias here: what a file defines must not decide where something is created.
    request = call.request(check_repo(call.repo))
    request.exact, request.signer  # noqa: B018 - says what is wrong with them before anything is read
    with (
        _source(request.folder, call.convert, call.progress, call.say) as folder,
        open_hub(call.hub, call.token, create=not call.dry_run, pretend=call.dry_run) as client,
    ):
        return run(client, request, folder, policy, say=call.say, progress=call.progress)


release = function_of(ReleaseCall, _release)


def finish(pull: str, *, hub: HubLike = None, policy: PolicyLike = None, token: str | None = None) -> Release:
    """Publish the release of a pull request that was merged; running it again says that it is done.

    Args:
        pull: ``ns/name#N``.
        hub: None, a URL, or the folder of an embedded Hub.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.

    Returns:
        The published release.

    Raises:
        BadRef: ``pull`` names no pull request.
        Refused: It is not merged, or another release overtook it.
        VerificationError: What it holds is not what its manifest says.
        HubError: There is no such pull request, or the Hub refused.
    """
    from hfver.releasing.finish import finish as run

    repo, number = parse_pull(pull)
    trust = trust_options(policy=policy_of(policy))
    with open_hub(hub, token) as client:
        return run(client.repo(repo), number, trust)


@contextmanager
def _source(directory: Path, convert: bool, progress: Progress, say: Callable[[str], None]) -> Iterator[Path]:
    """Give the folder to release: the user's own, or a converted copy of it."""
    if not convert:
        yield directory
        return
    from hfver.api.scratch import scratch_folder
    from hfver.model.checkpoint import convert_pickles

    with scratch_folder() as scratch:
        say(f"Converting pickled weights of {directory} to safetensors")
        yield convert_pickles(directory, scratch / "checkpoint", progress=progress)


def adopt(
    repo: str,
    *,
    dry_run: bool = False,
    renamed_from: str | None = None,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
) -> Adoption:
    """Bring a repo's tags ``vX.Y.Z`` under the ledger, or note that it was moved; nothing is rewritten.

    Args:
        repo: ``namespace/name``.
        dry_run: Say what would be adopted and write nothing.
        renamed_from: The name that the repo had before it was moved; notes that and adopts nothing.
        hub: None, a URL, or the folder of an embedded Hub.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.

    Returns:
        What was adopted, what could not be and why, and which tags are no versions.

    Raises:
        UsageError: There is no git program here, or the options contradict each other.
        Refused: The repo is not the one that was renamed.
        HubError: There is no such repo, or it may not be written.
        VerificationError: The ledger is broken, or another than was seen before.
    """
    from hfver.releasing.adopt import adopt as run
    from hfver.releasing.adopt import note_rename

    rules = policy_of(policy)
    name, old = parse_repo(repo, rules), check_repo(renamed_from) if renamed_from else None
    if old and dry_run:
        raise UsageError("A rename is one line in the ledger: there is nothing to try.", "Leave --dry-run out.")
    trust = trust_options(policy=rules)
    with open_hub(hub, token) as client:
        return note_rename(client.repo(name), old) if old else run(client.repo(name), trust, dry_run=dry_run)


def yank(
    ref: str,
    reason: str | None = None,
    *,
    undo: bool = False,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
) -> Release:
    """Withdraw a release from ranges without deleting it; nothing is rewritten.

    An exact version, a commit or a lock still loads it, with a warning that carries the reason.

    Args:
        ref: Its exact version or commit: ``ns/name@1.2.0``.
        reason: Why, for everybody who meets it. Needed unless ``undo``.
        undo: Take back an earlier yank.
        hub: None, a URL, or the folder of an embedded Hub.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.

    Returns:
        The release as it stands now.

    Raises:
        UsageError: There is no reason, or the reference is a range.
        HubError: There is no such release, or it may not be written.
    """
    from hfver.releasing.yank import yank as run

    rules = policy_of(policy)
    wanted, trust = parse_reference(ref, rules), trust_options(policy=rules)
    with open_hub(hub, token) as client:
        return run(client, wanted, reason, trust, undo=undo)
