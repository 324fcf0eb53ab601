"""The functions that the processes of a race run. Without pytest, because each process imports this file alone."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import hfver
from hfver.core.file_stamp import FileStamp
from hfver.errors import HfverError
from hfver.hub.memory import Memory
from hfver.model.checkpoint import HashCache
from hfver.model.checkpoint.hash_cache import FileFacts

BIG = 200_000


def release(folder: Path, repo: str, url: str, token: str, at: float, options: dict[str, Any]) -> tuple[str, str]:
    """Release at a given time; return the version or the error's name, and the note or message."""
    time.sleep(max(0.0, at - time.time()))
    try:
        done = hfver.release(folder, repo, hub=url, token=token, smoke="off", **options)
    except HfverError as error:
        return type(error).__name__, error.message
    return str(done.version), done.note or ""


def remember(number: int, at: float) -> int:
    """Write and read one repo's memory and one file's hash as fast as possible; return the number of torn reads."""
    memory, cache = Memory("the hub", "acme/shared"), HashCache(margin=-1e9)
    found, torn = FileStamp(1, 2, 3, 4, 5), 0
    time.sleep(max(0.0, at - time.time()))
    for _ in range(60):
        letter = b"%d" % number
        memory.remember_manifest("c" * 40, letter * BIG)
        raw = memory.manifest("c" * 40) or b""
        torn += len(raw) != BIG or len(set(raw)) != 1
        cache.remember(found, FileFacts(str(number) * 64), time.time_ns())
        known = cache.lookup(found)
        torn += known is None or len(set(known.sha256)) != 1
    return torn
