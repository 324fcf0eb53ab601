"""Which files of a checkpoint are kept in memory, so that none of them is opened twice."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath

from hfver.core.lfs import wants_lfs
from hfver.core.manifest import CARD, CHANGELOG, LINEAGE, MANIFEST
from hfver.model.checkpoint.remote_code import is_config
from hfver.model.checkpoint.shards import is_index
from hfver.model.checkpoint.untrusted_files import read_small, stat_regular
from hfver.model.checkpoint.walk import FolderWalk

MAX_KEPT = 64 * 1024 * 1024
"""Largest file that is kept, in bytes; the tokenizer.json of Gemma 3, 33 MB, is the largest that readers want."""

MAX_README = 2 * 1024 * 1024
"""Largest README in bytes."""

RUN_RECORDS = (
    "trainer_state.json",
    "all_results.json",
    "train_results.json",
    "eval_results.json",
    "test_results.json",
)
"""What the Trainer writes about a run, beside the model."""

# Files that hfver reads whole: the tokenizer (it is tried on text), templates, shard indexes and run records.
_READ_WHOLE = re.compile(
    r"tokenizer\.json|vocab\.(json|txt)|merges\.txt|added_tokens\.json|special_tokens_map\.json"
    r"|chat_template\.json|.*\.jinja"
)


def is_read_whole(path: str) -> bool:
    """Return whether some reader in hfver wants all bytes of a file of this name."""
    name = PurePosixPath(path).name
    return is_config(path) or is_index(path) or path in RUN_RECORDS or bool(_READ_WHOLE.fullmatch(name))


def is_kept(path: str, size: int, *, for_release: bool) -> bool:
    """Return whether the bytes of a file stay in memory once it has been read.

    These are the files that readers want whole and, for a release, all that are committed as regular files: at most
    10 MB each, and a commit holds them in memory anyway. What is published is then the bytes that were hashed.

    Args:
        path: Its path in the folder.
        size: Its size in bytes.
        for_release: Whether the folder is to be released.
    """
    # Even a small safetensors file is read through its header, which checks it and digests its tensors.
    if size > MAX_KEPT or path.endswith(".safetensors"):
        return False
    return is_read_whole(path) or (for_release and not wants_lfs(path, size))


def read_documents(walk: FolderWalk, *, for_release: bool) -> dict[str, bytes]:
    """Read what stands beside the files of a release: the card, and the records of earlier work.

    Args:
        walk: The folder.
        for_release: Whether the folder is to be released. If not, the records of the training run are not wanted.

    Raises:
        BadCheckpoint: One cannot be read, or is too large.
    """
    found: dict[str, bytes] = {}
    for path in (CARD, CHANGELOG, LINEAGE):
        if path in walk.documents:
            file = walk.documents[path]
            found[path] = read_small(file.path, file.stamp, MAX_README if path == CARD else MAX_KEPT)
    if for_release:
        found |= {path: read_small(file, stat_regular(file), MAX_KEPT) for path, file in _records(walk.directory)}
    return found


def _records(directory: Path) -> Iterator[tuple[str, Path]]:
    # Excluded from the release, so the walk has not looked at them. One that is too large is the importer's to refuse.
    for path in ("trainer_state.json", MANIFEST):
        file = directory / path
        if file.is_file() and file.stat().st_size <= MAX_KEPT:
            yield path, file
