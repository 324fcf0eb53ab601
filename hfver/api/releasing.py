"""Publishing a release, and what becomes of it afterwards: finish a review, adopt older tags, yank."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from hfver.api.arguments import one_of, trust_options
from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.core.progress import Progress, silent
from hfver.core.ref import check_repo, parse_pull, parse_ref
from hfver.core.results import Adoption, Release
from hfver.core.settings import PolicyLike, resolve_policy
from hfver.core.version import Bump, parse_version
from hfver.errors import UsageError

__all__ = ["adopt", "finish", "release", "yank"]


def release(
    directory: PathLike,
    repo: str,
    *,
    version: str | None = None,
    bump: Literal["auto", "major", "minor", "patch"] = "auto",
    pre: str | None = None,
    because: str | None = None,
    message: str | None = None,
    hub: HubLike = None,
    smoke: Literal["auto", "require", "off"] = "auto",
    device: str = "auto",
    base: str | None = None,
    datasets: Sequence[str] = (),
    metrics: PathLike | None = None,
    lineage: PathLike | None = None,
    private: bool = True,
    convert: bool = False,
    trust_remote_code: bool = False,
    sign: str | None = None,
    review: bool = False,
    dry_run: bool = False,
    policy: PolicyLike = None,
    token: str | None = None,
    say: Callable[[str], None] = lambda _: None,
    progress: Progress = silent,
) -> Release:
    """Publish a checkpoint folder as the next immutable version of a repo.

    Args:
        directory: What ``save_pretrained``, ``Trainer.save_model`` or PEFT wrote.
        repo: ``namespace/name``; created if it does not exist.
        version: The exact version; None takes the next one by ``bump``.
        bump: ``auto`` works it out from what changed since the newest release. A level may be raised freely.
        pre: Name of a prerelease line: ``rc`` gives ``1.3.0-rc.1``, then ``-rc.2``.
        because: Why the version may say less than the change, or a metric be beyond its budget; kept in the ledger.
        message: What changed, in the author's words.
        hub: None, a URL, or the folder of an embedded Hub.
        smoke: ``auto`` runs the folder's model if torch is there; ``require`` also runs what the Hub gives back
            before it is tagged; ``off`` runs nothing.
        device: Where the smoke eval runs: ``auto``, ``cpu``, ``cuda`` or ``cuda:N``.
        base: The model it was made from, ``ns/name[@SPEC]``; None believes the folder.
        datasets: What it was trained on: ``ns/name[@REV]`` or local paths.
        metrics: A JSON or YAML file of metric names and values.
        lineage: A ``lineage.yaml`` whose values win over what was found.
        private: Whether a repo that is created is private.
        convert: Convert pickled weights to safetensors first, in a process that cannot run their code.
        trust_remote_code: Allow a checkpoint that brings or names code: to be released, and to run in the smoke eval.
        sign: ``key:PATH`` (a private key in PEM form, its password in HFVER_SIGNING_PASSWORD) or ``sigstore``.
        review: Open a pull request instead of publishing, or refresh the one that is open. Once it is merged,
            `finish` publishes it.
        dry_run: Describe the release and write nothing.
        policy: The rules that apply: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.
        say: Told in a sentence what is about to be written.
        progress: Told the bytes.

    Returns:
        The published release; with ``review`` a candidate, whose ``review`` names the pull request.

    Raises:
        UsageError: The folder, the repo id or an option is wrong.
        Refused: Nothing changed, the version is taken, or the smoke eval failed.
        HubError: The Hub refused, or did not answer.
    """
    from hfver.registry.signing import parse_signer
    from hfver.releasing.release import release as run
    from hfver.releasing.request import Request

    with _source(Path(directory), convert, progress, say) as folder:
        request = Request(
            directory=folder,
            named=Path(directory),
            repo=check_repo(repo),
            version=parse_version(version) if version else None,
            bump=_bump(bump),
            pre=pre,
            because=because,
            message=message,
            smoke=one_of("smoke", smoke, ("auto", "require", "off")),
            device=device,
            base=base,
            datasets=tuple(datasets),
            metrics=Path(metrics) if metrics else None,
            lineage=Path(lineage) if lineage else None,
            private=private,
            dry_run=dry_run,
            trust_remote_code=trust_remote_code,
            sign=None if sign is None else parse_signer(sign),
            review=review,
            policy=resolve_policy(policy),
        )
        with open_hub(hub, token, create=not dry_run, pretend=dry_run) as client:
            return run(client, request, say=say, progress=progress)


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
    trust = trust_options(policy=resolve_policy(policy))
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


def _bump(bump: str) -> Bump | None:
    return None if bump == "auto" else Bump(one_of("bump", bump, ("auto", *Bump)))


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

    name, old = check_repo(repo), check_repo(renamed_from) if renamed_from else None
    if old and dry_run:
        raise UsageError("A rename is one line in the ledger: there is nothing to try.", "Leave --dry-run out.")
    trust = trust_options(policy=resolve_policy(policy))
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

    wanted, trust = parse_ref(ref), trust_options(policy=resolve_policy(policy))
    with open_hub(hub, token) as client:
        return run(client, wanted, reason, trust, undo=undo)
