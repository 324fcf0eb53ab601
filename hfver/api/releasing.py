"""The public functions that write to a repo: releasing, finishing a review, adopting older tags, and yanking."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.arguments import policy_of, trust_options
from hfver.api.hubs import HubLike, open_hub
from hfver.api.references import parse_reference, parse_repo
from hfver.api.shared_docs import function_of, public
from hfver.core.progress import Progress, silent
from hfver.core.ref import check_repo, parse_pull
from hfver.core.results import Adoption, Release
from hfver.errors import UsageError
from hfver.releasing.request import ReleaseRequest

if TYPE_CHECKING:
    from hfver.core.settings import PolicyLike

__all__ = ["adopt", "finish", "release", "yank"]


def say_nothing(sentence: str) -> None:
    """Ignore a sentence; the default of ``say``."""


@dataclass(frozen=True, kw_only=True)
class ReleaseCall(ReleaseRequest):
    """A request, with the parameters that are not part of it: they belong to one call."""

    hub: HubLike = None
    policy: PolicyLike = None
    token: str | None = None
    say: Callable[[str], None] = field(
        default=say_nothing,
        metadata={"doc": "Called with a sentence about each file that is left out, and each write that is to come."},
    )
    progress: Progress = silent

    def request(self, repo: str) -> ReleaseRequest:
        """Return the request alone, for this repo."""
        asked = {one.name: getattr(self, one.name) for one in fields(ReleaseRequest)}
        return ReleaseRequest(**{**asked, "repo": repo})


def _release(call: ReleaseCall) -> Release:
    """Publish a checkpoint folder as the next immutable version of a repo.

    If a call was interrupted, repeating it finishes the work. No byte is sent twice.

    Returns:
        The published release. With ``review``, it is a candidate whose ``review`` names the pull request; with
        ``dry_run``, the release that would be published, with an empty commit.

    Raises:
        UsageError: The folder, the repo id or an option is wrong.
        Refused: Nothing changed, the version is taken, the policy is not met, or the smoke eval failed.
        VerificationError: The previous release does not match the ledger.
        HubError: The Hub refused the request, or did not answer.
    """
    from hfver.releasing.release import release as run

    policy = policy_of(call.policy)
    # No alias here: what a file defines must not decide where something is created.
    request = call.request(check_repo(call.repo))
    # Both raise if they are wrong, which should be known before anything is read.
    request.exact, request.signer  # noqa: B018
    with (
        _source(request.folder, call.convert, call.progress, call.say) as folder,
        open_hub(call.hub, call.token, create=not call.dry_run, pretend=call.dry_run) as client,
    ):
        return run(client, request, folder, policy, say=call.say, progress=call.progress)


release = function_of(ReleaseCall, _release)


@public
def finish(pull: str, *, hub: HubLike = None, policy: PolicyLike = None, token: str | None = None) -> Release:
    """Publish the release of a merged pull request. Finishing it again only notes that it is published already.

    Args:
        pull: The pull request: ``ns/name#N``.

    Returns:
        The published release.

    Raises:
        BadRef: ``pull`` does not name a pull request.
        Refused: It is not merged, or another release was published after the one that it was compared with.
        VerificationError: Its files differ from its manifest.
        HubError: There is no such pull request, or the Hub refused the request.
    """
    from hfver.releasing.finish import finish as run

    repo, number = parse_pull(pull)
    trust = trust_options(policy=policy_of(policy))
    with open_hub(hub, token) as client:
        return run(client.repo(repo), number, trust)


@contextmanager
def _source(directory: Path, convert: bool, progress: Progress, say: Callable[[str], None]) -> Iterator[Path]:
    """Yield the folder to release: the user's own, or a converted copy of it."""
    if not convert:
        yield directory
        return
    from hfver.api.scratch import scratch_folder
    from hfver.model.checkpoint import convert_pickles

    with scratch_folder() as scratch:
        say(f"Converting pickled weights of {directory} to safetensors")
        yield convert_pickles(directory, scratch / "checkpoint", progress=progress)


@public
def adopt(
    repo: str,
    *,
    dry_run: bool = False,
    renamed_from: str | None = None,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
) -> Adoption:
    """Make a repo's tags ``vX.Y.Z`` releases, or record that the repo was moved. Nothing is rewritten.

    Args:
        dry_run: Report what would be adopted, and write nothing.
        renamed_from: The name that the repo had before it was moved. This is recorded, and no tag is adopted.

    Returns:
        The tags that were adopted, those that were skipped and why, and those that are not versions.

    Raises:
        BadRef: A repo id has no known form.
        UsageError: git is not installed, or the options contradict each other.
        Refused: The repo is not the one that was renamed.
        HubError: There is no such repo, or the user may not write to it.
        VerificationError: The ledger is broken, or does not continue the one seen before.
    """
    from hfver.releasing.adopt import adopt as run
    from hfver.releasing.adopt import note_rename

    rules = policy_of(policy)
    name, old = parse_repo(repo, rules), check_repo(renamed_from) if renamed_from else None
    if old and dry_run:
        raise UsageError(
            "--dry-run has no effect with --renamed-from, which only adds one line to the ledger.",
            "Leave --dry-run out.",
        )
    trust = trust_options(policy=rules)
    with open_hub(hub, token) as client:
        return note_rename(client.repo(name), old) if old else run(client.repo(name), trust, dry_run=dry_run)


@public
def yank(
    ref: str,
    reason: str | None = None,
    *,
    undo: bool = False,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
) -> Release:
    """Withdraw a release from version ranges without deleting it. Nothing is rewritten.

    An exact version, a commit or a lock still loads it, with a warning that shows the reason.

    Args:
        ref: The exact version or commit: ``ns/name@1.2.0``.
        reason: Why it is withdrawn, for everybody who uses it. Required unless ``undo``.
        undo: Undo an earlier yank.

    Returns:
        The release as it is afterwards.

    Raises:
        BadRef: The reference has no known form, or is a range.
        UsageError: The reason is missing or too long.
        HubError: There is no such release, or the user may not write to the repo.
        VerificationError: The ledger is broken, or does not continue the one seen before.
    """
    from hfver.releasing.yank import yank as run

    rules = policy_of(policy)
    wanted, trust = parse_reference(ref, rules), trust_options(policy=rules)
    with open_hub(hub, token) as client:
        return run(client, wanted, reason, trust, undo=undo)
