"""Datasets as the user names them: an id on the Hub, or a local file or folder, pinned to what it is now."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Callable, Iterator
from pathlib import Path

from hfver.errors import BadConfig
from hfver.model.lineage.hub_ids import hub_id
from hfver.model.lineage.record import Dataset

__all__ = ["describe_dataset"]

MAX_COUNTED = 1024**3
"""Largest text file, in bytes, whose examples are counted."""

_SKIPPED = frozenset({".git", ".cache", "__pycache__", ".DS_Store"})


def describe_dataset(named: str, resolve: Callable[[str, str | None], str | None]) -> Dataset:
    """Describe what ``--dataset`` names.

    Args:
        named: ``ID``, ``ID@REV`` or a path that exists; a path wins over an id.
        resolve: Returns the commit of an id and a revision; None if the Hub does not know it.

    Raises:
        BadConfig: It is none of these.
    """
    path = Path(named).expanduser()
    if named and path.exists():
        return _folder(path) if path.is_dir() else _file(path)
    name, _, revision = named.partition("@")
    if hub_id(name) is None or name.startswith("."):
        raise BadConfig(
            f"--dataset {named[:120]!r} is neither an existing path nor a dataset id.",
            "Give a path that exists, or ID or ID@REV as on the Hub.",
        )
    given = revision or None
    commit = resolve(name, given)
    version = given if given != commit else None  # a full commit is not a version for people
    return Dataset(name=name.rpartition("/")[2], source=name, version=version, revision=commit)


def _file(path: Path) -> Dataset:
    return Dataset(name=path.resolve().name, size=_examples(path), hash=f"sha256:{_sha256(path)}")


def _folder(path: Path) -> Dataset:
    # The same files give the same hash on every system: relative paths, with slashes, in one order.
    files = sorted(_files(path), key=lambda file: file.relative_to(path).as_posix())
    total = hashlib.sha256()
    for file in files:
        total.update(f"{_sha256(file)}  {file.relative_to(path).as_posix()}\n".encode())
    sizes = [_examples(file) for file in files if file.suffix in _COUNTERS]
    known = [size for size in sizes if size is not None]
    # A sum over some of the files would look like the size of the dataset.
    size = sum(known) if known and len(known) == len(sizes) else None
    return Dataset(name=path.resolve().name, size=size, hash=f"sha256:{total.hexdigest()}")


def _files(folder: Path) -> Iterator[Path]:
    for path in folder.iterdir():
        if path.name in _SKIPPED:
            continue
        if path.is_dir() and not path.is_symlink():
            yield from _files(path)
        elif path.is_file():
            yield path


def _sha256(path: Path) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _examples(path: Path) -> int | None:
    """Count the examples of a file, or return None if that would take long or its format is unknown."""
    count = _COUNTERS.get(path.suffix)
    if count is None or (path.suffix != ".parquet" and path.stat().st_size > MAX_COUNTED):
        return None
    try:
        return count(path)
    except (ValueError, OSError, csv.Error):
        return None


def _count_lines(path: Path) -> int:
    with path.open("rb") as stream:
        return sum(1 for line in stream if line.strip())


def _count_csv(path: Path) -> int:
    with path.open(newline="", encoding="utf-8", errors="replace") as stream:
        separator = "\t" if path.suffix == ".tsv" else ","
        # The csv module counts records, not lines: a quoted value may span several.
        return max(sum(1 for row in csv.reader(stream, delimiter=separator) if row) - 1, 0)


def _count_parquet(path: Path) -> int | None:
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import read_metadata
    except ImportError:
        return None
    try:
        return int(read_metadata(path).num_rows)
    except ArrowException:
        return None


_COUNTERS: dict[str, Callable[[Path], int | None]] = {
    ".jsonl": _count_lines,
    ".ndjson": _count_lines,
    ".csv": _count_csv,
    ".tsv": _count_csv,
    ".parquet": _count_parquet,
}
