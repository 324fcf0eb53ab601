"""One pass over each file: SHA-256 of the file and, in safetensors, xxh3-128 of each tensor.

Files are read in parallel: hashlib and xxhash release the interpreter's lock.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from io import FileIO
from pathlib import Path

import xxhash

from hfver.core.manifest import FileEntry
from hfver.core.progress import Progress, silent
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.hash_cache import HashCache, Known, TensorDigest
from hfver.model.checkpoint.safetensors_header import HeaderError, Span, read_header
from hfver.model.checkpoint.untrusted_files import Stat, changed, held_still, shown, stat_regular

CHUNK = 1024 * 1024
"""Bytes per read: both hashes then find them in the processor's own cache."""

MIN_CACHED = 64 * 1024
"""Smaller files are hashed in less time than it takes to look them up."""

_THREADS = 8


@dataclass(frozen=True)
class Job:
    """One file to hash: where it is, what it looked like when it was listed, whether it holds tensors."""

    real: Path
    stat: Stat
    tensors: bool = False


class Stopped(Exception):
    """The work on the other files is given up."""


class _Tally:
    """Counts bytes over all threads, tells the listener, and stops them when one has failed."""

    def __init__(self, progress: Progress, label: str, total: int) -> None:
        self._progress, self._label, self._total = progress, label, total
        self._done = 0
        self._lock = threading.Lock()
        self.stopped = False

    def add(self, count: int) -> None:
        if self.stopped:
            raise Stopped
        with self._lock:
            self._done += count
            done = self._done
        self._progress(self._label, done, self._total)


class _TensorHasher:
    """Takes the bytes after the header in any portions and hashes each tensor's part of them."""

    def __init__(self, spans: tuple[Span, ...]) -> None:
        self._spans, self._next, self._at = spans, 0, 0
        self._hash = xxhash.xxh3_128()
        self.digests: list[TensorDigest] = []
        self._close_full()

    def feed(self, view: memoryview) -> None:
        while view:
            take = view[: self._spans[self._next].stop - self._at]
            self._hash.update(take)
            self._at += len(take)
            view = view[len(take) :]
            self._close_full()

    def _close_full(self) -> None:
        # A loop, since tensors without elements end where they start.
        while self._next < len(self._spans) and self._spans[self._next].stop == self._at:
            span = self._spans[self._next]
            digest = f"xxh3:{self._hash.hexdigest()}"
            self.digests.append(TensorDigest(span.name, span.dtype, span.shape, digest))
            self._hash.reset()
            self._next += 1


def hash_files(
    paths: Mapping[str, Path],
    *,
    progress: Progress = silent,
    label: str = "hashing",
    cache: HashCache | None = None,
) -> dict[str, FileEntry]:
    """Hash regular files, through links, several at a time.

    Args:
        paths: Name of each file in the result, and where it is.
        progress: Told of every portion read.
        label: What to call the work.
        cache: Where digests of unchanged files are found; none by default.

    Returns:
        Size and SHA-256 per name, in the order of ``paths``.

    Raises:
        BadCheckpoint: A file is missing, unreadable or not regular, or changed while it was read.
    """
    jobs = {name: Job(path, stat_regular(path)) for name, path in paths.items()}
    known = run(jobs, progress=progress, label=label, cache=cache)
    return {name: FileEntry(size=job.stat.size, sha256=known[name].sha256) for name, job in jobs.items()}


def run(jobs: Mapping[str, Job], *, progress: Progress, label: str, cache: HashCache | None) -> dict[str, Known]:
    """Hash what the cache does not know, the largest file first so that no thread is left with it at the end.

    Raises:
        BadCheckpoint: As ``hash_files``, or a file that should hold tensors is not sound.
    """
    tally = _Tally(progress, label, sum(job.stat.size for job in jobs.values()))
    known = {name: found for name, job in jobs.items() if (found := _look_up(job, cache))}
    tally.add(sum(jobs[name].stat.size for name in known))
    rest = sorted(jobs.keys() - known.keys(), key=lambda name: (-jobs[name].stat.size, name))
    return known | dict(zip(rest, _in_threads([jobs[name] for name in rest], tally, cache), strict=True))


def _look_up(job: Job, cache: HashCache | None) -> Known | None:
    if cache is None or job.stat.size < MIN_CACHED:
        return None
    return cache.lookup(job.stat, tensors=job.tensors)


def _in_threads(jobs: list[Job], tally: _Tally, cache: HashCache | None) -> Iterable[Known]:
    if len(jobs) < 2:
        return [_hash(job, tally, cache) for job in jobs]
    from concurrent.futures import ThreadPoolExecutor  # 20 ms, and a warm look needs it not

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1, len(jobs))) as pool:
        futures = [pool.submit(_hash, job, tally, cache) for job in jobs]
        try:
            return [future.result() for future in futures]
        except BaseException:
            tally.stopped = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise


def _hash(job: Job, tally: _Tally, cache: HashCache | None) -> Known:
    looked_at = time.time_ns()
    try:
        with held_still(job.real, job.stat) as stream:
            known = _read_tensors(stream, job, tally) if job.tensors else _read_plain(stream, job, tally)
    except HeaderError as error:
        raise BadCheckpoint(f"{shown(job.real)} is not a sound safetensors file: {error}.") from None
    if cache is not None and job.stat.size >= MIN_CACHED:
        cache.remember(job.stat, known, looked_at)
    return known


def _read_plain(stream: FileIO, job: Job, tally: _Tally) -> Known:
    digest = hashlib.sha256()
    for view in _chunks(stream, job, job.stat.size):
        digest.update(view)
        tally.add(len(view))
    return Known(digest.hexdigest())


def _read_tensors(stream: FileIO, job: Job, tally: _Tally) -> Known:
    header = read_header(stream, job.stat.size)
    digest, hasher = hashlib.sha256(header.raw), _TensorHasher(header.spans)
    tally.add(len(header.raw))
    for view in _chunks(stream, job, job.stat.size - len(header.raw)):
        digest.update(view)
        hasher.feed(view)
        tally.add(len(view))
    return Known(digest.hexdigest(), tuple(hasher.digests))


def _chunks(stream: FileIO, job: Job, size: int) -> Iterable[memoryview]:
    """Read exactly ``size`` bytes through one buffer; each view is valid until the next one."""
    view = memoryview(bytearray(min(CHUNK, size)))
    while size:
        count = stream.readinto(view[:size])
        if not count:
            raise changed(job.real)
        yield view[:count]
        size -= count
