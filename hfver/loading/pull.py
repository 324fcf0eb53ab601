"""Pull: a release's files onto this machine, every one compared with its recorded SHA-256.

Into the ordinary Hugging Face cache, or from there into a folder. A folder is marked while it is being filled and
gets its manifest last: one without a manifest is never taken for whole.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

from hfver.core.manifest import MANIFEST, MARK, SIGNATURE, FileEntry, safe_path
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.results import Pulled
from hfver.errors import FileUnexpected, UsageError
from hfver.hub import Hub
from hfver.hub.upload import copy_file
from hfver.loading.fetch import Snapshot, fetch_snapshot, files_in
from hfver.loading.verify import manifest_in
from hfver.model.checkpoint import HashCache, hash_files, refuse_code
from hfver.registry.release_checks import check_folder, check_names
from hfver.registry.resolve import Pinned, warn_if_yanked
from hfver.registry.resolve_locked import code_is_allowed, resolve_locked
from hfver.registry.state import TrustOptions

__all__ = ["MARK", "check_code", "pull"]

PART = ".hfver/pulling.part"
"""The file that is being written: it gets its name when it is whole."""


def pull(
    hub: Hub,
    ref: Ref,
    directory: Path | None,
    trust: TrustOptions = TrustOptions(),
    *,
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> Pulled:
    """Bring a release onto this machine and verify it.

    Args:
        hub: Where from.
        ref: Which release.
        directory: Where to; None leaves it in the Hugging Face cache.
        trust: What must hold for the repo to be believed.
        trust_remote_code: Allow configs that make libraries run code when they load the release.
        progress: Told the bytes.

    Raises:
        PolicyViolation: Loading the release would run code, and that is not allowed.
        UsageError: The directory holds something else.
        VerificationError: A file is not what was released.
    """
    pinned = resolve_locked(hub, ref, trust)
    warn_if_yanked(pinned.release)
    if directory is not None:
        _check_target(directory, pinned)
    snapshot = fetch_snapshot(pinned, progress=progress)
    if not (trust_remote_code or code_is_allowed(pinned, trust)):
        check_code(pinned, snapshot)
    path = _fill(directory, snapshot, pinned) if directory is not None else snapshot.path
    return Pulled(path, pinned.release, len(snapshot.files))


def check_code(pinned: Pinned, snapshot: Snapshot) -> None:
    """Refuse a release that would run code, before it gets a folder of its own; a commit is looked at once.

    Raises:
        PolicyViolation: It would.
    """
    commit, memory = pinned.release.commit, pinned.repo.memory
    if not memory.runs_no_code(commit):
        refuse_code(snapshot.path, name=str(pinned.release), paths=snapshot.files)
        memory.remember_no_code(commit)


def _check_target(directory: Path, pinned: Pinned) -> None:
    """Refuse to write into a folder that holds anything but a release of the same repo."""
    if not directory.exists() or (directory.is_dir() and _is_bare(directory)):
        return
    repo = _repo_in(directory) if directory.is_dir() else None
    made_for = pinned.release.manifest.repo if pinned.release.manifest else pinned.release.repo
    if repo is None or repo.lower() not in (pinned.release.repo.lower(), made_for.lower()):
        holds = f"a release of {repo}" if repo else "other files" if directory.is_dir() else "a file"
        raise UsageError(
            f"{directory} is not empty: it holds {holds}.",
            "Name a new folder, or one pulled from the same repo.",
        )


def _is_bare(directory: Path) -> bool:
    """Tell whether a folder holds nothing, or no more than a pull that was killed before it wrote its mark."""
    own = directory / PART
    return all(path in (own, own.parent) for path in directory.rglob("*")) and not own.parent.is_symlink()


def _repo_in(directory: Path) -> str | None:
    if (directory / MARK).is_file():
        return str(_read_mark(directory)["repo"])
    return manifest_in(directory).repo if (directory / MANIFEST).is_file() else None


def _read_mark(directory: Path) -> dict[str, object]:
    try:
        mark = json.loads((directory / MARK).read_bytes())
        return {"repo": str(mark["repo"]), "files": [safe_path(path) for path in mark["files"]]}
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        raise UsageError(f"{directory / MARK} cannot be read.", "Delete the folder and pull again.") from None


def _fill(directory: Path, snapshot: Snapshot, pinned: Pinned) -> Path:
    """Copy a snapshot into a folder: mark it, write what differs, drop what is stale, the manifest last."""
    stale = _begin(directory, pinned, snapshot) - {*snapshot.files, MANIFEST}
    for path, entry in snapshot.files.items():
        _place(directory, path, snapshot.path / path, entry)
    for path in stale:
        (directory / path).unlink(missing_ok=True)
    check_folder(directory, snapshot.files, str(pinned.release), cache=HashCache())
    if pinned.release.manifest is not None:
        _place_signature(directory, snapshot.path / SIGNATURE)
        _place_manifest(directory, snapshot.path / MANIFEST, pinned)
    (directory / PART).unlink(missing_ok=True)
    (directory / MARK).unlink()
    _drop_empty(directory)
    _warn_of_others(directory, snapshot, pinned)
    return directory


def _warn_of_others(directory: Path, snapshot: Snapshot, pinned: Pinned) -> None:
    """Warn of files that somebody else put there: they are left alone, and the folder is more than the release."""
    try:
        check_names(files_in(directory), snapshot.files, str(directory))
    except FileUnexpected as found:
        warnings.warn(f"{found.message} Move it away if it should be {pinned.release} alone.", stacklevel=4)


def _place_manifest(directory: Path, source: Path, pinned: Pinned) -> None:
    """Put the manifest where the folder's files are; an adopted release's is not among its commit's files."""
    if not pinned.release.adopted:
        _place(directory, MANIFEST, source, None)
    elif pinned.raw is not None:
        (directory / PART).write_bytes(pinned.raw)
        (directory / PART).replace(directory / MANIFEST)


def _begin(directory: Path, pinned: Pinned, snapshot: Snapshot) -> set[str]:
    """Mark the folder as unfinished; returns the files that earlier pulls left there."""
    before: set[str] = set()
    if (directory / MARK).is_file():
        before.update(map(str, _as_list(_read_mark(directory)["files"])))
    elif (directory / MANIFEST).is_file():
        before.update(manifest_in(directory).files)
    mark = directory / MARK
    mark.parent.mkdir(parents=True, exist_ok=True)
    part = directory / PART
    part.write_text(json.dumps({"repo": pinned.release.repo, "files": sorted({*before, *snapshot.files})}))
    part.replace(mark)
    (directory / MANIFEST).unlink(missing_ok=True)
    return before


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _place(directory: Path, path: str, source: Path, entry: FileEntry | None) -> None:
    """Copy a file into the folder, unless it is there as it should be; it appears whole or not at all."""
    target, part = directory / path, directory / PART
    if entry is not None and target.is_file() and hash_files({"": target}, cache=HashCache())[""] == entry:
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    copy_file(source, part)
    part.replace(target)


def _place_signature(directory: Path, source: Path) -> None:
    """Put the release's signature beside it; one of another release must not stay."""
    if source.is_file():
        _place(directory, SIGNATURE, source, None)
    else:
        (directory / SIGNATURE).unlink(missing_ok=True)


def _drop_empty(directory: Path) -> None:
    for base, _, _ in os.walk(directory, topdown=False):
        if Path(base) != directory and not any(Path(base).iterdir()):
            Path(base).rmdir()
