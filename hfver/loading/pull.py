"""Pulling a release's files onto this machine, and checking each against its recorded SHA-256.

They are fetched into the ordinary Hugging Face cache, and from there copied to a folder if the user names one. The
folder has a mark while it is being filled, and gets its manifest last, so that an incomplete folder never passes for a
release.
"""

from __future__ import annotations

import json
import os
import warnings
from pathlib import Path

from hfver.core.below import create_below, is_plain_below, make_durable_folder, replace_below, unlink_below
from hfver.core.disk import check_space, free_bytes, shares_blocks, writing
from hfver.core.manifest import MANIFEST, MARK, SIGNATURE, FileEntry, safe_path
from hfver.core.progress import Progress, silent
from hfver.core.ref import Ref
from hfver.core.results import Pulled
from hfver.errors import FileUnexpected, UsageError
from hfver.hub import Hub
from hfver.hub.upload import copy_content
from hfver.loading.fetch import Snapshot, fetch_snapshot, files_in
from hfver.loading.verify import manifest_in
from hfver.model.checkpoint import HashCache, hash_files, refuse_code
from hfver.registry.release_checks import check_folder, check_names
from hfver.registry.resolve import Pinned, warn_if_yanked
from hfver.registry.resolve_locked import code_is_allowed, resolve_locked
from hfver.registry.state import TrustOptions

__all__ = ["MARK", "check_code", "pull"]

PART = ".hfver/pulling.part"
"""The file that is being written; it is renamed when it is complete."""

ELSEWHERE = "name a folder on a different disk"


def pull(
    hub: Hub,
    ref: Ref,
    directory: Path | None,
    trust: TrustOptions = TrustOptions(),
    *,
    trust_remote_code: bool = False,
    progress: Progress = silent,
) -> Pulled:
    """Fetch and verify a release's files, and copy them to a folder.

    Args:
        hub: The Hub that has the release.
        ref: The reference of the release.
        directory: The folder; None to leave the files in the Hugging Face cache.
        trust: What must hold for the repo to be trusted.
        trust_remote_code: Allow Python code, and configs that make libraries run code, in the release.
        progress: Called with the number of bytes downloaded.

    Raises:
        DiskError: There is no room for the files, or the disk cannot be written.
        PolicyViolation: Loading the release would run code, which was not allowed.
        UsageError: The folder has other files.
        VerificationError: A file is not as released.
    """
    pinned = resolve_locked(hub, ref, trust)
    warn_if_yanked(pinned.release)
    if directory is not None:
        _check_target(directory, pinned)
    snapshot = fetch_snapshot(pinned, progress=progress)
    if not (trust_remote_code or code_is_allowed(pinned, trust)):
        check_code(pinned, snapshot)
    if directory is None:
        return Pulled(snapshot.path, pinned.release, len(snapshot.files))
    with writing(directory, elsewhere=ELSEWHERE):
        return Pulled(_fill(directory, snapshot, pinned), pinned.release, len(snapshot.files))


def check_code(pinned: Pinned, snapshot: Snapshot) -> None:
    """Refuse a release that would run code. The verdict on a commit is remembered.

    Raises:
        PolicyViolation: It would run code.
    """
    commit, memory = pinned.release.commit, pinned.repo.memory
    if not memory.runs_no_code(commit):
        refuse_code(snapshot.path, name=str(pinned.release), paths=snapshot.files)
        memory.remember_no_code(commit)


def _check_target(directory: Path, pinned: Pinned) -> None:
    """Refuse to write to a folder that has anything but a release of the same repo."""
    if not directory.exists() or (directory.is_dir() and _is_empty(directory)):
        return
    if directory.is_dir():
        is_plain_below(directory, MARK)  # refuses a linked .hfver before anything in it is believed
    repo = _repo_in(directory) if directory.is_dir() else None
    made_for = pinned.release.manifest.repo if pinned.release.manifest else pinned.release.repo
    if repo is None or repo.lower() not in (pinned.release.repo.lower(), made_for.lower()):
        if not directory.is_dir():
            raise UsageError(f"{directory} is a file, not a folder.", "Name a new folder.")
        content = f"a release of {repo}" if repo else "files that are not a release"
        raise UsageError(
            f"{directory} is not empty: it contains {content}.",
            f"Name a new folder, or one with a release of {pinned.release.repo}.",
        )


def _is_empty(directory: Path) -> bool:
    """Return whether a folder is empty, or has only what a pull leaves that is killed before it writes the mark."""
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
        raise UsageError(
            f"{directory / MARK} cannot be read.", f"Delete the folder {directory}, then pull the release again."
        ) from None


def _fill(directory: Path, snapshot: Snapshot, pinned: Pinned) -> Path:
    """Copy a snapshot to a folder: the mark first, then the files that differ, and the manifest last."""
    # If this is killed, the folder has the mark, which lists what this pull and earlier ones wrote. So the next pull
    # knows what to delete, and deletes nothing that somebody else put there.
    different = [path for path, entry in snapshot.files.items() if not _has(directory, path, entry)]
    _check_space(directory, snapshot, different)
    stale = _write_mark(directory, pinned, snapshot) - {*snapshot.files, MANIFEST}
    for path in different:
        with writing(directory / path, snapshot.files[path].size, ELSEWHERE):
            _copy(directory, path, snapshot.path / path)
    for path in stale:
        unlink_below(directory, path, durable=True)
    check_folder(directory, snapshot.files, str(pinned.release), cache=HashCache())
    if pinned.release.manifest is not None:
        _copy_signature(directory, snapshot.path / SIGNATURE)
        _copy_manifest(directory, snapshot.path / MANIFEST, pinned)
    unlink_below(directory, PART)
    unlink_below(directory, MARK, durable=True)
    _remove_empty_folders(directory)
    _warn_about_other_files(directory, snapshot, pinned)
    return directory


def _check_space(directory: Path, snapshot: Snapshot, different: list[str]) -> None:
    """Check that there is room for the copies: each file is replaced when its copy is complete.

    Raises:
        DiskError: There is not.
    """
    used = peak = 0
    for path in different:
        size = snapshot.files[path].size
        peak = max(peak, used + size)
        used += size - ((directory / path).stat().st_size if is_plain_below(directory, path) else 0)
    largest = max(different, key=lambda path: snapshot.files[path].size, default=None)
    if largest is None:
        return
    if peak > (free_bytes(directory) or peak) and shares_blocks(snapshot.path / largest, directory):
        return
    check_space(
        directory, peak, largest=snapshot.files[largest].size, elsewhere=ELSEWHERE, what="the files of the release"
    )


def _warn_about_other_files(directory: Path, snapshot: Snapshot, pinned: Pinned) -> None:
    """Warn about files that are not the release's. They stay, because somebody else put them there."""
    try:
        check_names(files_in(directory), snapshot.files, str(directory))
    except FileUnexpected as found:
        warnings.warn(f"{found.message} Remove what is not part of {pinned.release}.", stacklevel=4)


def _copy_manifest(directory: Path, source: Path, pinned: Pinned) -> None:
    if not pinned.release.adopted:
        _copy(directory, MANIFEST, source)
    elif pinned.raw is not None:
        # The commit of an adopted release has no manifest; it was read from main.
        _write(directory, MANIFEST, pinned.raw)


def _write_mark(directory: Path, pinned: Pinned, snapshot: Snapshot) -> set[str]:
    """Mark the folder as incomplete, and return the paths that earlier pulls wrote."""
    before: set[str] = set()
    if (directory / MARK).is_file():
        before.update(map(str, _as_list(_read_mark(directory)["files"])))
    elif (directory / MANIFEST).is_file():
        before.update(manifest_in(directory).files)
    make_durable_folder(directory)
    mark = {"repo": pinned.release.repo, "files": sorted({*before, *snapshot.files})}
    _write(directory, MARK, json.dumps(mark).encode())
    # Otherwise a power failure could leave new files beside the manifest of the earlier release.
    unlink_below(directory, MANIFEST, durable=True)
    return before


def _write(directory: Path, path: str, content: bytes) -> None:
    """Write a file of the folder atomically."""
    with create_below(directory, PART) as stream:
        stream.write(content)
    replace_below(directory, PART, path, durable=True)


def _as_list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _has(directory: Path, path: str, entry: FileEntry) -> bool:
    """Return whether the folder has a file already."""
    # A link is replaced even if it leads to the same bytes: whoever owns them could change them later.
    return is_plain_below(directory, path) and hash_files({"": directory / path}, cache=HashCache())[""] == entry


def _copy(directory: Path, path: str, source: Path) -> None:
    """Copy a file to the folder atomically."""
    with source.open("rb") as reader, create_below(directory, PART) as writer:
        copy_content(reader, writer)
    replace_below(directory, PART, path, durable=True)


def _copy_signature(directory: Path, source: Path) -> None:
    """Copy the release's signature, or delete the one of an earlier pull."""
    if source.is_file():
        _copy(directory, SIGNATURE, source)
    else:
        unlink_below(directory, SIGNATURE, durable=True)


def _remove_empty_folders(directory: Path) -> None:
    for base, _, _ in os.walk(directory, topdown=False):
        if Path(base) != directory and not any(Path(base).iterdir()):
            Path(base).rmdir()
