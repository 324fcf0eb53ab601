"""Walk a folder: which files a release holds, which are excluded, and what makes the folder unfit for a release."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hfver.core.file_stamp import FileStamp
from hfver.core.manifest import CARD, GENERATED, MANIFEST, safe_path
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import Exclusion
from hfver.model.checkpoint.exclusions import (
    HEAD,
    is_ambiguous,
    is_model_weights,
    is_other_framework,
    is_pickle_name,
    looks_pickled,
    why_exclude_file,
    why_exclude_folder,
)
from hfver.model.checkpoint.symlinks import homes_of, stay_home
from hfver.model.checkpoint.untrusted_files import held_still, shown, unreadable


@dataclass(frozen=True)
class FileOnDisk:
    """A regular file in the folder: where it is, and its stamp when the folder was walked."""

    path: Path
    stamp: FileStamp


@dataclass(frozen=True)
class FolderWalk:
    """All files of a folder.

    Attributes:
        directory: The folder.
        files: The files that a release holds, sorted by path.
        documents: The files that hfver writes itself, by path: the card and what a pulled release holds.
        pickles: Files that only unpickling would load.
        exclusions: What a release does not hold, except for the pickles.
    """

    directory: Path
    files: Mapping[str, FileOnDisk]
    documents: Mapping[str, FileOnDisk]
    pickles: Mapping[str, FileOnDisk]
    exclusions: tuple[Exclusion, ...]


def walk_folder(directory: Path) -> FolderWalk:
    """Walk a folder and sort its files by their names, without following links to folders or out of the folder.

    Ambiguous files (``.bin``, ``.npy``) are among ``files`` until their first bytes are known: see ``find_pickles``.

    Raises:
        BadCheckpoint: It is not a folder, or holds what can be neither published nor excluded: names that are unsafe
            or differ only in case, links that lead nowhere or out of the folder, pipes, unreadable files.
    """
    if not directory.is_dir():
        raise BadCheckpoint(f"{shown(directory)} is not a folder.", "Name the folder that save_pretrained wrote.")
    exclusions: list[Exclusion] = []
    homes = homes_of(directory)
    found = {path: _find(directory / path, homes) for path in _walk(directory, "", exclusions)}
    documents = {path: file for path, file in found.items() if path in GENERATED}
    pickles = {
        path: file for path, file in found.items() if path not in documents and is_pickle_name(PurePosixPath(path).name)
    }
    files = {path: found[path] for path in sorted(found.keys() - documents.keys() - pickles.keys())}
    # Of two names that differ only in case, an ambiguous one may turn out to be an excluded pickle.
    check_names(path for path in files if not is_ambiguous(PurePosixPath(path).name))
    exclusions += _replaced_documents(documents, is_pulled=(directory / MANIFEST).is_file())
    return FolderWalk(directory, files, documents, pickles, tuple(sorted(exclusions, key=lambda item: item.path)))


def find_pickles(walk: FolderWalk) -> FolderWalk:
    """Open the ambiguous files and move those that are pickles to ``pickles``."""
    ambiguous = [path for path in walk.files if is_ambiguous(PurePosixPath(path).name)]
    return move_pickles(walk, [path for path in ambiguous if _is_pickled(walk.files[path])])


def move_pickles(walk: FolderWalk, paths: Collection[str]) -> FolderWalk:
    """Move files that turned out to be pickles to ``pickles``, and check the names of the others.

    Raises:
        BadCheckpoint: Two of the other names differ only in case.
    """
    files = {path: file for path, file in walk.files.items() if path not in paths}
    check_names(files)
    return replace(walk, files=files, pickles={**walk.pickles, **{path: walk.files[path] for path in paths}})


def with_pickles(walk: FolderWalk) -> FolderWalk:
    """Count pickles among the files, for a folder that is only compared."""
    files = dict(sorted({**walk.files, **walk.pickles}.items()))
    return replace(walk, files=files, pickles={})


def check_weights(walk: FolderWalk) -> None:
    """Check that no weights are there as a pickle alone.

    Raises:
        BadCheckpoint: A pickle has the name of model weights, and its folder has no safetensors file.
    """
    safe = {str(PurePosixPath(path).parent) for path in walk.files if path.endswith(".safetensors")}
    for path in sorted(walk.pickles):
        if is_model_weights(PurePosixPath(path).name) and str(PurePosixPath(path).parent) not in safe:
            raise pickled_only(walk.directory / path)


def exclude_pickles(walk: FolderWalk) -> tuple[Exclusion, ...]:
    """Return everything that a release does not hold, including the pickles, sorted by path."""
    reason = "pickled, which could run code when loaded; the safetensors files hold the weights"
    pickled = (Exclusion(path, reason) for path in walk.pickles)
    return tuple(sorted((*walk.exclusions, *pickled), key=lambda item: item.path))


def pickled_only(path: Path) -> BadCheckpoint:
    """Make the error for weights that are there as a pickle only."""
    return BadCheckpoint(
        f"{shown(path)} is pickled: loading it could run code, so no release holds it.",
        "Run the command again with --convert: it releases a safetensors copy, and runs no pickled code.",
    )


def check_names(paths: Iterable[str]) -> None:
    """Check that the names stay apart on systems that ignore case, or how an accent is composed.

    Raises:
        BadCheckpoint: Two of them are the same file on such a system.
    """
    seen = {_folded(path): (path, False) for path in GENERATED}  # the release adds these
    for path in paths:
        pure = PurePosixPath(path)
        for part in (pure, *pure.parents[:-1]):
            mine = (str(part), part != pure)
            twin = seen.setdefault(_folded(mine[0]), mine)
            if twin != mine:
                raise BadCheckpoint(
                    f"{shown(twin[0])} and {shown(mine[0])} are the same file on systems that ignore case.",
                    f"Rename {shown(mine[0])}.",
                )


def _walk(directory: Path, prefix: str, exclusions: list[Exclusion]) -> Iterator[str]:
    for entry in _scan(directory / prefix):
        path = f"{prefix}{entry.name}"
        is_folder = _is_folder(entry)
        reason = _why_exclude(path, entry.name, is_folder)
        if path == ".hfver" and is_folder:  # came with a pulled release; nobody needs to be told
            continue
        if reason:
            exclusions.append(Exclusion(_printable(path) + "/" * is_folder, reason))
        elif is_folder:
            _check_path(directory, path)
            yield from _walk(directory, f"{path}/", exclusions)
        else:
            _check_path(directory, path)
            yield path


def _why_exclude(path: str, name: str, is_folder: bool) -> str | None:
    if is_folder:
        return why_exclude_folder(name)
    if path in GENERATED:
        return None
    return why_exclude_file(name) or ("weights for another framework" if is_other_framework(name) else None)


def _scan(folder: Path) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError as error:
        raise unreadable(folder, error) from None


def _is_folder(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_dir():
            return False
    except OSError as error:
        raise unreadable(Path(entry.path), error) from None
    # `is_dir` follows links. A linked folder could lead anywhere, even back up; one that is excluded does no harm.
    if entry.is_symlink() and not why_exclude_folder(entry.name):
        raise BadCheckpoint(
            f"{shown(entry.path)} is a link to a folder.", "Put a copy in its place, or remove the link."
        )
    return True


def _find(path: Path, homes: tuple[Path, ...]) -> FileOnDisk:
    if path.is_symlink():
        stay_home(path, homes)
    try:
        result = path.stat()
    except OSError as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(result.st_mode):
        raise BadCheckpoint(
            f"{shown(path)} is a pipe, socket or device, not a regular file.", "Remove it from the folder."
        )
    return FileOnDisk(path, FileStamp.of(result))


def _is_pickled(file: FileOnDisk) -> bool:
    with held_still(file.path, file.stamp) as stream:
        return looks_pickled(file.path.name, stream.read(HEAD))


def _check_path(directory: Path, path: str) -> None:
    try:
        path.encode()
        safe_path(path)
    except ValueError:
        raise BadCheckpoint(
            f"The name {shown(path)} in {shown(directory)} cannot be published: other systems forbid it.",
            "Rename it: no backslash, colon or control character, and no dot or space at the end.",
        ) from None


def _folded(path: str) -> str:
    # Case folding can undo the normalization, so it is applied twice.
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _replaced_documents(documents: Iterable[str], *, is_pulled: bool) -> Iterator[Exclusion]:
    # In a pulled folder they came with the release; elsewhere the author may have written them.
    if not is_pulled:
        for path in documents:
            if path != CARD:
                yield Exclusion(path, "hfver writes its own")


def _printable(path: str) -> str:
    return path if path.isprintable() else shown(path)
