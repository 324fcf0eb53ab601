"""One pass over each file, which feeds everything that wants its bytes.

That is the SHA-256 of the file, the xxh3-128 and a sample of each tensor of a safetensors file (and its SHA-256 if
wanted), the secret scan, and, for small files, the memory. Files are read in parallel: hashlib and xxhash release the
interpreter's lock.
"""

from __future__ import annotations

import hashlib
import os
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from io import FileIO
from pathlib import Path

import xxhash

from hfver.core.file_stamp import FileStamp
from hfver.core.progress import Progress
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.exclusions import HEAD, looks_pickled
from hfver.model.checkpoint.hash_cache import FileFacts, HashCache, TensorDigest
from hfver.model.checkpoint.safetensors_header import HeaderError, Span, read_header
from hfver.model.checkpoint.tensor_sample import Sampler
from hfver.model.checkpoint.untrusted_files import changed, held_still, shown
from hfver.model.secrets import SecretScanner, find_secrets

CHUNK = 1024 * 1024
"""Bytes per read: all consumers then find them in the processor's cache."""

MIN_CACHED = 64 * 1024
"""Smaller files are hashed in less time than it takes to look them up."""

_THREADS = 8


@dataclass(frozen=True)
class ReadTask:
    """One file to read, and what is wanted of it besides its SHA-256.

    Attributes:
        path: Where it is.
        stamp: Its stamp when the folder was walked.
        tensors: Whether it is a safetensors file whose tensors are digested.
        tensor_sha256: Whether each of its tensors is also hashed by SHA-256.
        keep: Whether its bytes are returned. It must be small enough for the memory.
        scan: Whether it is searched for secrets.
        check_pickle: Whether to stop if its first bytes show that it is a pickle.
    """

    path: Path
    stamp: FileStamp
    tensors: bool = False
    tensor_sha256: bool = False
    keep: bool = False
    scan: bool = False
    check_pickle: bool = False


@dataclass(frozen=True)
class FileRead:
    """What the pass over one file returned.

    Attributes:
        facts: Its digests and secrets; None for a pickle, which is not read further.
        content: Its bytes, if they were to be kept.
    """

    facts: FileFacts | None
    content: bytes | None = None

    @property
    def whole(self) -> FileFacts:
        """The facts about a file that is known to have been read to its end."""
        if self.facts is None:
            raise AssertionError("the file is a pickle, which was not read")
        return self.facts


class Stopped(Exception):
    """Another file failed, so the work on this one is abandoned."""


class ByteCounter:
    """Counts the bytes of all threads, reports them, and stops the threads when one has failed."""

    def __init__(self, progress: Progress, label: str, total: int) -> None:
        self._progress, self._label, self._total = progress, label, total
        self._done = 0
        self._lock = threading.Lock()
        self.stopped = False

    def add(self, count: int) -> None:
        """Report that ``count`` more bytes are done."""
        if self.stopped:
            raise Stopped
        with self._lock:
            self._done += count
            done = self._done
        self._progress(self._label, done, self._total)


class _TensorHasher:
    """Takes the bytes after the header in portions of any size and digests each tensor's part of them."""

    def __init__(self, spans: tuple[Span, ...], *, sha256: bool) -> None:
        self._spans, self._next, self._at = spans, 0, 0
        self._hash = xxhash.xxh3_128()
        self._sha256 = hashlib.sha256() if sha256 else None
        self._sampler = Sampler(spans)
        self._digests: list[TensorDigest] = []
        self._close_full()

    def finish(self) -> tuple[TensorDigest, ...]:
        samples = self._sampler.finish()
        return tuple(replace(one, sample=sample) for one, sample in zip(self._digests, samples, strict=True))

    def feed(self, view: memoryview) -> None:
        self._sampler.feed(view)
        while view:
            take = view[: self._spans[self._next].stop - self._at]
            self._hash.update(take)
            if self._sha256 is not None:
                self._sha256.update(take)
            self._at += len(take)
            view = view[len(take) :]
            self._close_full()

    def _close_full(self) -> None:
        # A loop, since tensors without elements end where they start.
        while self._next < len(self._spans) and self._spans[self._next].stop == self._at:
            span = self._spans[self._next]
            digest = f"xxh3:{self._hash.hexdigest()}"
            sha256 = None
            if self._sha256 is not None:
                sha256, self._sha256 = self._sha256.hexdigest(), hashlib.sha256()
            self._digests.append(TensorDigest(span.name, span.dtype, span.shape, digest, sha256=sha256))
            self._hash.reset()
            self._next += 1


def read_files(
    tasks: Mapping[str, ReadTask], counter: ByteCounter, cache: HashCache | None = None
) -> dict[str, FileRead]:
    """Read files, the largest first so that no thread is left with it at the end.

    A file whose facts are in the cache is not opened, unless its bytes are to be kept or its first bytes are needed.

    Args:
        tasks: The files by name.
        counter: Counts the bytes that are done, including those of files that need not be opened.
        cache: Where facts of unchanged files are found and kept.

    Raises:
        BadCheckpoint: A file cannot be read, changed while it was read, or is not sound.
    """
    known = {name: facts for name, task in tasks.items() if (facts := _look_up(task, cache))}
    done = {name: FileRead(facts) for name, facts in known.items() if not _must_open(tasks[name])}
    counter.add(sum(tasks[name].stamp.size for name in done))
    rest = sorted(tasks.keys() - done.keys(), key=lambda name: (-tasks[name].stamp.size, name))
    reads = [_OpenedFile(tasks[name], known.get(name), counter, cache) for name in rest]
    return done | dict(zip(rest, _in_threads(reads, counter), strict=True))


def _look_up(task: ReadTask, cache: HashCache | None) -> FileFacts | None:
    if cache is None or task.stamp.size < MIN_CACHED:
        return None
    return cache.lookup(task.stamp, tensors=task.tensors, secrets=task.scan, tensor_sha256=task.tensor_sha256)


def _must_open(task: ReadTask) -> bool:
    return task.keep or task.check_pickle


def _in_threads(reads: Sequence[_OpenedFile], counter: ByteCounter) -> Sequence[FileRead]:
    if len(reads) < 2:
        return [read.run() for read in reads]
    from concurrent.futures import ThreadPoolExecutor  # 20 ms, which a warm cache does not need

    with ThreadPoolExecutor(min(_THREADS, os.cpu_count() or 1, len(reads))) as pool:
        futures = [pool.submit(read.run) for read in reads]
        try:
            return [future.result() for future in futures]
        except BaseException:
            counter.stopped = True
            pool.shutdown(wait=False, cancel_futures=True)
            raise


@dataclass(frozen=True)
class _OpenedFile:
    """The pass over one file that has to be opened, with what the cache knows of it."""

    task: ReadTask
    known: FileFacts | None
    counter: ByteCounter
    cache: HashCache | None

    def run(self) -> FileRead:
        """Read the file, and remember what is new.

        Raises:
            BadCheckpoint: It cannot be read, changed while it was read, or is not sound.
        """
        task, looked_at = self.task, time.time_ns()
        try:
            with held_still(task.path, task.stamp) as stream:
                read = self._read(stream)
        except HeaderError as error:
            raise BadCheckpoint(f"{shown(task.path)} is not a sound safetensors file: {error}.") from None
        if self.cache is not None and task.stamp.size >= MIN_CACHED and read.facts not in (None, self.known):
            self.cache.remember(task.stamp, read.facts, looked_at)
        return read

    def _read(self, stream: FileIO) -> FileRead:
        if self.task.keep:
            return self._read_whole(stream)
        if self.task.tensors:
            return FileRead(self._read_tensors(stream))
        if self.known is not None:
            return self._read_head(stream, self.known)
        return FileRead(self._read_plain(stream))

    def _read_whole(self, stream: FileIO) -> FileRead:
        content = stream.readall()
        sha256 = hashlib.sha256(content).hexdigest()
        self.counter.add(len(content))
        if self._is_pickle(content[:HEAD]):
            return FileRead(None)
        if self.known is not None and self.known.sha256 == sha256:
            # The file was opened all the same, but a scan takes 0.1 s for each MB: the cached verdict saves that.
            return FileRead(self.known, content)
        return FileRead(FileFacts(sha256, secrets=find_secrets(content) if self.task.scan else None), content)

    def _read_head(self, stream: FileIO, known: FileFacts) -> FileRead:
        """Check the first bytes of a file whose digest is known: what it hashed to does not say if it is a pickle."""
        self.counter.add(self.task.stamp.size)
        return FileRead(None if self._is_pickle(stream.read(HEAD) or b"") else known)

    def _read_plain(self, stream: FileIO) -> FileFacts | None:
        digest, scanner = hashlib.sha256(), SecretScanner() if self.task.scan else None
        for number, view in enumerate(_chunks(stream, self.task.path, self.task.stamp.size)):
            if number == 0 and self._is_pickle(bytes(view[:HEAD])):
                self.counter.add(self.task.stamp.size)
                return None
            digest.update(view)
            if scanner is not None:
                scanner.feed(view)
            self.counter.add(len(view))
        return FileFacts(digest.hexdigest(), secrets=scanner.finish() if scanner else None)

    def _read_tensors(self, stream: FileIO) -> FileFacts:
        header = read_header(stream, self.task.stamp.size)
        digest, hasher = hashlib.sha256(header.raw), _TensorHasher(header.spans, sha256=self.task.tensor_sha256)
        self.counter.add(len(header.raw))
        # The tensors are numbers. Text, and so a secret, can be in the header only.
        secrets = find_secrets(header.raw[8:]) if self.task.scan else None
        for view in _chunks(stream, self.task.path, self.task.stamp.size - len(header.raw)):
            digest.update(view)
            hasher.feed(view)
            self.counter.add(len(view))
        return FileFacts(digest.hexdigest(), hasher.finish(), secrets)

    def _is_pickle(self, head: bytes) -> bool:
        return self.task.check_pickle and looks_pickled(self.task.path.name, head)


def _chunks(stream: FileIO, path: Path, size: int) -> Iterator[memoryview]:
    """Read exactly ``size`` bytes through one buffer; each view is valid until the next one."""
    view = memoryview(bytearray(min(CHUNK, size)))
    while size:
        count = stream.readinto(view[:size])
        if not count:
            raise changed(path)
        yield view[:count]
        size -= count
