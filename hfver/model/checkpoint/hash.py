"""Hash files that are no checkpoint, such as those of a downloaded release."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hfver.core.manifest import FileEntry
from hfver.core.progress import Progress, silent
from hfver.model.checkpoint.file_pass import ByteCounter, ReadTask, read_files
from hfver.model.checkpoint.hash_cache import HashCache
from hfver.model.checkpoint.untrusted_files import stat_regular


def hash_files(
    paths: Mapping[str, Path],
    *,
    progress: Progress = silent,
    label: str = "hashing",
    cache: HashCache | None = None,
) -> dict[str, FileEntry]:
    """Hash regular files, following links, several at a time.

    Args:
        paths: The path of each file, by the name it has in the result.
        progress: Called with the number of bytes that are done.
        label: The name of the work for ``progress``.
        cache: Where digests of unchanged files are found and kept; none by default.

    Returns:
        Size and SHA-256 by name, in the order of ``paths``.

    Raises:
        BadCheckpoint: A file is missing, unreadable or not regular, or changed while it was read.
    """
    tasks = {name: ReadTask(path, stat_regular(path)) for name, path in paths.items()}
    counter = ByteCounter(progress, label, sum(task.stamp.size for task in tasks.values()))
    reads = read_files(tasks, counter, cache)
    return {name: FileEntry(size=task.stamp.size, sha256=reads[name].whole.sha256) for name, task in tasks.items()}
