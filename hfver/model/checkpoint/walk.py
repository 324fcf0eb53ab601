"""Walking a folder: what is a release's, what stays at home, and what makes the folder unfit."""

from __future__ import annotations

import os
import stat
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from hfver.core.manifest import GENERATED, MANIFEST, safe_path
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import LeftOut
from hfver.model.checkpoint.exclusions import (
    is_model_weights,
    is_other_framework,
    looks_pickled,
    may_be_pickle,
    why_file,
    why_folder,
)
from hfver.model.checkpoint.symlinks import homes_of, stay_home
from hfver.model.checkpoint.untrusted_files import Stat, held_still, shown, unreadable

_HEAD = 4096


@dataclass(frozen=True)
class Found:
    """A regular file in the folder: where it is, and what it looked like when the folder was walked."""

    real: Path
    stat: Stat


@dataclass(frozen=True)
class Listing:
    """All files of a folder.

    Attributes:
        directory: The folder.
        files: Those that a release holds, sorted by path.
        generated: Those that hfver writes itself, by path: the card and what a pulled release holds.
        pickles: Weights (and whatever else) that only unpickling would load.
        left_out: What no release holds, without the pickles.
    """

    directory: Path
    files: Mapping[str, Found]
    generated: Mapping[str, Found]
    pickles: Mapping[str, Found]
    left_out: tuple[LeftOut, ...]


def list_folder(directory: Path) -> Listing:
    """Walk a folder and sort its files, without following links to folders, or out of it.

    Raises:
        BadCheckpoint: It is no folder, or holds what cannot be part of a release and cannot be left out:
            names that are unsafe or differ only in case, links that lead nowhere or out, pipes, unreadable files.
    """
    if not directory.is_dir():
        raise BadCheckpoint(f"{shown(directory)} is not a folder.", "Name the folder that save_pretrained wrote.")
    left_out: list[LeftOut] = []
    homes = homes_of(directory)
    found = {path: _find(directory / path, homes) for path in _walk(directory, "", left_out)}
    generated = {path: file for path, file in found.items() if path in GENERATED}
    pickles = {path: file for path, file in found.items() if path not in generated and _is_pickle(path, file)}
    files = {path: found[path] for path in sorted(found.keys() - generated.keys() - pickles.keys())}
    _check_names(files)
    left_out += _own_files(generated, (directory / MANIFEST).is_file())
    return Listing(directory, files, generated, pickles, tuple(sorted(left_out, key=lambda item: item.path)))


def check_pickles(listing: Listing) -> tuple[LeftOut, ...]:
    """Say of each pickle why it is left out.

    Raises:
        BadCheckpoint: Weights are there as a pickle only, and not as safetensors in the same folder.
    """
    safe = {str(PurePosixPath(path).parent) for path in listing.files if path.endswith(".safetensors")}
    for path in sorted(listing.pickles):
        if is_model_weights(PurePosixPath(path).name) and str(PurePosixPath(path).parent) not in safe:
            raise pickled_only(listing.directory / path)
    reason = "pickled, which could run code when loaded; the safetensors files hold the weights"
    return tuple(LeftOut(path, reason) for path in sorted(listing.pickles))


def with_pickles(listing: Listing) -> Listing:
    """Count pickles among the files, for a folder that is only looked at."""
    files = dict(sorted({**listing.files, **listing.pickles}.items()))
    return replace(listing, files=files, pickles={})


def pickled_only(path: Path) -> BadCheckpoint:
    """Refuse weights that are there as a pickle only."""
    return BadCheckpoint(
        f"{shown(path)} is pickled: loading it could run code, so no release holds it.",
        "Run the command again with --convert: it releases a safetensors copy, and runs no pickled code.",
    )


def _walk(directory: Path, prefix: str, left_out: list[LeftOut]) -> Iterator[str]:
    for entry in _scan(directory / prefix):
        path = f"{prefix}{entry.name}"
        is_folder = _is_folder(entry)
        reason = _why(path, entry.name, is_folder)
        if path == ".hfver" and is_folder:
            continue
        if reason:
            left_out.append(LeftOut(_printable(path) + "/" * is_folder, reason))
        elif is_folder:
            _check_path(directory, path)
            yield from _walk(directory, f"{path}/", left_out)
        else:
            _check_path(directory, path)
            yield path


def _why(path: str, name: str, is_folder: bool) -> str | None:
    if is_folder:
        return why_folder(name)
    if path in GENERATED:
        return None
    return why_file(name) or ("weights for another framework" if is_other_framework(name) else None)


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
    if entry.is_symlink() and not why_folder(entry.name):
        raise BadCheckpoint(
            f"{shown(entry.path)} is a link to a folder.", "Put a copy in its place, or remove the link."
        )
    return True


def _find(real: Path, homes: tuple[Path, ...]) -> Found:
    if real.is_symlink():
        stay_home(real, homes)
    try:
        result = real.stat()
    except OSError as error:
        raise unreadable(real, error) from None
    if not stat.S_ISREG(result.st_mode):
        raise BadCheckpoint(
            f"{shown(real)} is a pipe, socket or device, not a regular file.", "Remove it from the folder."
        )
    return Found(real, Stat.of(result))


def _is_pickle(path: str, file: Found) -> bool:
    name = PurePosixPath(path).name
    if may_be_pickle(name):
        return True
    if not name.lower().endswith((".bin", ".npy")):
        return False
    with held_still(file.real, file.stat) as stream:
        return looks_pickled(name, stream.read(_HEAD))


def _check_path(directory: Path, path: str) -> None:
    try:
        path.encode()
        safe_path(path)
    except ValueError:
        raise BadCheckpoint(
            f"The name {shown(path)} in {shown(directory)} cannot be published: other systems forbid it.",
            "Rename it: plain characters, no backslash, colon or control character, no final dot or space.",
        ) from None


def _check_names(paths: Iterable[str]) -> None:
    """Refuse two names that are one where case, or the way to compose an accent, does not count."""
    seen = {_folded(path): (path, False) for path in GENERATED}
    for path in paths:
        pure = PurePosixPath(path)
        for part in (pure, *pure.parents[:-1]):
            mine = (str(part), part != pure)
            twin = seen.setdefault(_folded(mine[0]), mine)
            if twin != mine:
                raise BadCheckpoint(
                    f"{shown(twin[0])} and {shown(mine[0])} are one file where case does not count.",
                    f"Rename {shown(mine[0])}.",
                )


def _folded(path: str) -> str:
    return unicodedata.normalize("NFC", unicodedata.normalize("NFC", path).casefold())


def _own_files(generated: Iterable[str], is_pulled: bool) -> Iterator[LeftOut]:
    # In a folder that hfver pulled they are no news; elsewhere the author may have written them.
    if not is_pulled:
        for path in generated:
            if path != "README.md":
                yield LeftOut(path, "hfver writes its own")


def _printable(path: str) -> str:
    return path if path.isprintable() else shown(path)
