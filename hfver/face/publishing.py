"""Publishing from a training run or a script."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Literal

from hfver.embedded import HubLike, PathLike, open_hub
from hfver.face.targets import one_of
from hfver.progress import Progress, silent
from hfver.ref import check_repo, parse_pull
from hfver.results import Release
from hfver.version import Bump, parse_version

__all__ = ["finish", "release"]


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
    from hfver.preparing import Request
    from hfver.releasing import release as run
    from hfver.signing import parse_signer

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
        )
        with open_hub(hub, token, create=not dry_run, pretend=dry_run) as client:
            return run(client, request, say=say, progress=progress)


def finish(pull: str, *, hub: HubLike = None, token: str | None = None) -> Release:
    """Publish the release of a pull request that was merged; running it again says that it is done.

    Args:
        pull: ``ns/name#N``.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.

    Returns:
        The published release.

    Raises:
        BadRef: ``pull`` names no pull request.
        Refused: It is not merged, or another release overtook it.
        VerificationError: What it holds is not what its manifest says.
        HubError: There is no such pull request, or the Hub refused.
    """
    from hfver.finishing import finish as run

    repo, number = parse_pull(pull)
    with open_hub(hub, token) as client:
        return run(client, repo, number)


@contextmanager
def _source(directory: Path, convert: bool, progress: Progress, say: Callable[[str], None]) -> Iterator[Path]:
    """Give the folder to release: the user's own, or a converted copy of it."""
    if not convert:
        yield directory
        return
    from hfver.checkpoint import convert_pickles
    from hfver.face.scratch import scratch_folder

    with scratch_folder() as scratch:
        say(f"Converting pickled weights of {directory} to safetensors")
        yield convert_pickles(directory, scratch / "checkpoint", progress=progress)


def _bump(bump: str) -> Bump | None:
    return None if bump == "auto" else Bump(one_of("bump", bump, ("auto", *Bump)))
