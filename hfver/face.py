"""The face: what ``import hfver`` offers. Strings and paths come in, the verbs do the work, values go out.

``hub`` is everywhere the same: None for huggingface_hub's default (``HF_ENDPOINT`` or huggingface.co), a URL, or the
folder of an embedded Hub, which then runs on loopback for that one call.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from hfver.embedded import HubLike, PathLike, open_hub
from hfver.errors import BadConfig, UsageError
from hfver.progress import Progress, silent
from hfver.records import SmokeReport
from hfver.ref import Ref, check_repo, parse_ref
from hfver.results import Loaded, Pulled, Release, Verified, Versions
from hfver.version import Bump, parse_version

if TYPE_CHECKING:
    from hfver.compare import Difference

__all__ = ["changelog", "diff", "load", "pull", "release", "resolve", "show", "smoke_eval", "verify", "versions"]


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
        trust_remote_code: Allow the checkpoint's own Python code to run in the smoke eval.
        dry_run: Describe the release and write nothing.
        token: Access token; None for the user's own.
        say: Told in a sentence what is about to be written.
        progress: Told the bytes.

    Returns:
        The published release.

    Raises:
        UsageError: The folder, the repo id or an option is wrong.
        Refused: Nothing changed, the version is taken, or the smoke eval failed.
        HubError: The Hub refused, or did not answer.
    """
    from hfver.preparing import Request
    from hfver.releasing import release as run

    with _source(Path(directory), convert, progress, say) as folder:
        request = Request(
            directory=folder,
            repo=check_repo(repo),
            version=parse_version(version) if version else None,
            bump=_bump(bump),
            pre=pre,
            because=because,
            message=message,
            smoke=_one_of("smoke", smoke, ("auto", "require", "off")),
            device=device,
            base=base,
            datasets=tuple(datasets),
            metrics=Path(metrics) if metrics else None,
            lineage=Path(lineage) if lineage else None,
            private=private,
            dry_run=dry_run,
            trust_remote_code=trust_remote_code,
        )
        with open_hub(hub, token, create=not dry_run) as client:
            return run(client, request, say=say, progress=progress)


def load(
    ref: str,
    *,
    hub: HubLike = None,
    device: str = "auto",
    dtype: str = "auto",
    smoke: bool = False,
    trust_remote_code: bool = False,
    token: str | None = None,
    progress: Progress = silent,
) -> Loaded:
    """Load a release: pinned, every file verified, and only then built.

    Args:
        ref: ``ns/name@SPEC``: a version, a range, ``latest``, a commit or ``refs/pr/N``; without ``@`` the newest.
        hub: None, a URL, or the folder of an embedded Hub.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: ``auto`` keeps the stored one; else a torch dtype's name.
        smoke: Run the smoke eval on it; its report is in the result.
        trust_remote_code: Allow the release's own Python code to run.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        BadRef: The reference has no known form.
        HubError: There is no such release, or no answer.
        VerificationError: Something is not what was released.
        SmokeFailed: The smoke eval found the model broken.
    """
    from hfver.loading import load as run

    wanted = parse_ref(ref)
    with open_hub(hub, token) as client:
        return run(
            client,
            wanted,
            device=device,
            dtype=dtype,
            smoke=smoke,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )


def pull(
    ref: str,
    directory: PathLike | None = None,
    *,
    hub: HubLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> Pulled:
    """Bring a release's files onto this machine, every one verified.

    Args:
        ref: Which release.
        directory: Where to; None leaves it in the Hugging Face cache.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        UsageError: The directory holds something else.
        HubError: There is no such release, or no answer.
        VerificationError: A file is not what was released.
    """
    from hfver.pulling import pull as run

    wanted = parse_ref(ref)
    with open_hub(hub, token) as client:
        return run(client, wanted, Path(directory) if directory else None, progress=progress)


def resolve(ref: str, *, hub: HubLike = None, token: str | None = None) -> Release:
    """Find the release that a reference means, and check its tag, manifest and tree.

    Raises:
        HubError: There is no such release, or no answer.
        VerificationError: Something on the Hub is not what was released.
    """
    from hfver.resolving import resolve as run

    wanted = parse_ref(ref)
    with open_hub(hub, token) as client:
        return run(client, wanted).release


show = resolve


def versions(repo: str, *, hub: HubLike = None, token: str | None = None) -> Versions:
    """List a repo's releases, newest version first.

    Raises:
        HubError: There is no such repo, or no answer.
        VerificationError: The ledger is broken, or a tag was moved.
    """
    from hfver.resolving import list_versions

    name = check_repo(repo)
    with open_hub(hub, token) as client:
        return list_versions(client, name)


def diff(
    before: str, after: str, *, hub: HubLike = None, token: str | None = None, progress: Progress = silent
) -> Difference:
    """Compare two folders or releases: what changed, and what that means for someone who pinned ``^``.

    Nothing is executed, and between releases no weights are downloaded.

    Args:
        before: A reference, or a folder.
        after: A reference, or a folder.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.
        progress: Told the bytes of folders that are read.

    Raises:
        BadCheckpoint: A folder is no checkpoint, or a file in it is broken.
        HubError: There is no such release, or no answer.
        VerificationError: Something on the Hub is not what was released.
    """
    from hfver.differing import Described, compare_described, describe_folder, describe_release
    from hfver.resolving import resolve as find

    targets = [Path(target) if looks_like_folder(target) else parse_ref(target) for target in (before, after)]

    asks = any(isinstance(target, Ref) for target in targets)
    with open_hub(hub if asks else None, token) as client:

        def describe(target: Path | Ref) -> Described:
            if isinstance(target, Path):
                return describe_folder(target, progress=progress)
            return describe_release(client, find(client, target))

        return compare_described(describe(targets[0]), describe(targets[1]))


def changelog(
    repo: str, *, after: str | None = None, upto: str | None = None, hub: HubLike = None, token: str | None = None
) -> str:
    """Read what changed, newest first, as the releases themselves say it.

    Args:
        repo: ``namespace/name``.
        after: Leave out this version and older ones.
        upto: Leave out versions newer than this one.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.

    Raises:
        HubError: There is no such release, or no answer.
        VerificationError: Something on the Hub is not what was released.
    """
    from hfver.chronicling import changelog as run

    name = check_repo(repo)
    bounds = parse_version(after) if after else None, parse_version(upto) if upto else None
    with open_hub(hub, token) as client:
        return run(client, name, *bounds)


def verify(
    target: str,
    *,
    hub: HubLike = None,
    offline: bool = False,
    force: bool = True,
    token: str | None = None,
    progress: Progress = silent,
) -> Verified:
    """Check a release, or a pulled folder, byte for byte.

    Args:
        target: A reference, or a folder that ``pull`` filled.
        hub: None, a URL, or the folder of an embedded Hub.
        offline: Check a folder against its own manifest alone, without asking the Hub's ledger.
        force: Read every byte again, whatever is remembered.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        VerificationError: Something differs.
    """
    from hfver.pulling import verify_folder, verify_release

    if not looks_like_folder(target):
        wanted = parse_ref(target)
        with open_hub(hub, token) as client:
            return verify_release(client, wanted, force=force, progress=progress)
    if offline:
        return verify_folder(None, Path(target), force=force, progress=progress)
    with open_hub(hub, token) as client:
        return verify_folder(client, Path(target), force=force, progress=progress)


def smoke_eval(
    target: str,
    *,
    hub: HubLike = None,
    device: str = "auto",
    dtype: str = "auto",
    base: PathLike | None = None,
    trust_remote_code: bool = False,
    token: str | None = None,
    progress: Progress = silent,
) -> SmokeReport:
    """Run the smoke eval on a release or on a folder.

    Args:
        target: A reference, or a checkpoint folder.
        hub: None, a URL, or the folder of an embedded Hub.
        device: ``auto`` (CUDA if there is one), ``cpu``, ``cuda`` or ``cuda:N``.
        dtype: ``auto`` keeps the stored one.
        base: The folder of an adapter folder's base.
        trust_remote_code: Allow the model's own Python code to run.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Returns:
        The report; a broken model is a report with status ``failed``, not an exception.

    Raises:
        UsageError: There is no such folder, or the device is not there.
        HubError: There is no such release, or no answer.
        VerificationError: Something is not what was released.
    """
    if looks_like_folder(target):
        if not Path(target).is_dir():
            raise UsageError(f"There is no folder {target}.", "Name a checkpoint folder, or a release: ns/name@^1.2")
        from hfver.smoke import run_smoke

        return run_smoke(
            Path(target),
            device=device,
            dtype=dtype,
            base_directory=Path(base) if base else None,
            trust_remote_code=trust_remote_code,
        )
    from hfver.loading import smoke_release

    wanted = parse_ref(target)
    with open_hub(hub, token) as client:
        return smoke_release(
            client,
            wanted,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )


def looks_like_folder(target: str) -> bool:
    """Tell a path from a reference: it exists as a folder, or is written like a path."""
    return target.startswith((".", "/", "~")) or ("@" not in target and Path(target).is_dir())


@contextmanager
def _source(directory: Path, convert: bool, progress: Progress, say: Callable[[str], None]) -> Iterator[Path]:
    """Give the folder to release: the user's own, or a converted copy of it."""
    if not convert:
        yield directory
        return
    from tempfile import TemporaryDirectory

    from hfver.checkpoint import convert_pickles

    with TemporaryDirectory(prefix="hfver-") as scratch:
        say(f"Converting pickled weights of {directory} to safetensors")
        yield convert_pickles(directory, Path(scratch) / "checkpoint", progress=progress)


def _bump(bump: str) -> Bump | None:
    return None if bump == "auto" else Bump(_one_of("bump", bump, ("auto", *Bump)))


def _one_of(option: str, value: str, allowed: Sequence[str]) -> str:
    if value not in allowed:
        raise BadConfig(f"{option} cannot be {value!r}.", f"Choose one of: {', '.join(allowed)}")
    return value
