"""The LFS store: files named by their SHA-256. A file that has a name is complete, on disk, and was compared with it.

What enters the store is hashed on the way, whatever the transport. A file that was there before, put there by an
earlier version or from a backup, is hashed before a repo may refer to it again, once for as long as it stays the same
file (see `verified`). What does not match its name is set aside, so that the right bytes can be uploaded again.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import logging
import os
import re
import secrets
import stat
import threading
from collections.abc import Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from hfver.server.problems import Problem, unprocessable
from hfver.server.storage.folder import HubFolder, sync_folder
from hfver.server.storage.pointers import Pointer
from hfver.server.storage.room import check_room
from hfver.server.storage.verified import FileIdentity, VerifiedFiles, matches_name, open_object

logger = logging.getLogger("hfver.server")

# Bytes between two syncs in the background: without them, the final fsync of a large file takes many seconds.
_SYNC_BYTES = 16 * 1024 * 1024
_TICKET = re.compile(r"[0-9a-f]{32}")
_TURNS = 256


class Upload:
    """An upload in progress: bytes are hashed while they are written.

    Args:
        path: File to write to; None only hashes, which proves that the sender has what is stored already.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path
        self._file = path.open("xb", buffering=0) if path is not None else None
        self._hash = hashlib.sha256()
        self._syncing: threading.Thread | None = None
        self._failure: OSError | None = None
        self._synced = 0
        self.size = 0

    def write(self, block: bytes | bytearray) -> None:
        """Take the next bytes. Hashing and writing both release the interpreter lock."""
        view = memoryview(block)
        self._hash.update(view)
        self.size += len(view)
        while view and self._file is not None:
            view = view[self._file.write(view) :]
        if self._file is not None and self.size - self._synced >= _SYNC_BYTES:
            self._sync_in_background(self._file.fileno())

    def _sync_in_background(self, handle: int) -> None:
        """Let the disk work while bytes still arrive, so that little is left for the fsync at the end."""
        if self._syncing is not None and self._syncing.is_alive():
            return
        self._synced = self.size
        self._syncing = threading.Thread(target=self._sync, args=(handle,), daemon=True)
        self._syncing.start()

    def _sync(self, handle: int) -> None:
        try:
            os.fsync(handle)
        except OSError as error:  # the kernel reports it only once: a later fsync would succeed
            self._failure = error

    def wait_for_disk(self) -> None:
        """Wait for the syncs that were started in the background.

        Raises:
            OSError: One of them failed.
        """
        if self._syncing is not None:
            self._syncing.join()
        if self._failure is not None:
            raise self._failure

    def digest(self) -> str:
        """Return the SHA-256 of all bytes so far."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close the file, and remove it unless it was published."""
        if self._syncing is not None:
            self._syncing.join()  # the thread uses the file
        if self._file is not None and self.path is not None:
            self._file.close()
            self.path.unlink(missing_ok=True)


class LfsStore:
    """LFS objects by SHA-256.

    All repos of the Hub share the store, so equal content is kept once. Who may read an object is decided by the repo
    that refers to it (see `lfs_access`), not here.
    """

    def __init__(self, folder: HubFolder) -> None:
        self._objects, self._incoming, self._damaged = folder.objects, folder.incoming, folder.damaged
        self._verified = VerifiedFiles(folder.verified)
        self._lock_path = folder.store_lock
        # An object is hashed by one request at a time: a client that lost patience and asks again does not add to it.
        self._turns = tuple(threading.Lock() for _ in range(_TURNS))

    def path(self, oid: str) -> Path:
        """Return the path of an object, whether it exists or not; `oid` must be a SHA-256."""
        return self._objects / oid[:2] / oid[2:4] / oid

    def size(self, oid: str) -> int | None:
        """Return the size of an object in bytes; None if the store does not have it."""
        try:
            return self.path(oid).stat().st_size
        except FileNotFoundError:
            return None

    def has(self, pointer: Pointer) -> bool:
        """Return whether the store has a file for the object, with exactly this size. The file is not read."""
        return self.size(pointer.oid) == pointer.size

    def intact(self, pointers: Collection[Pointer]) -> set[Pointer]:
        """Find the objects that are stored and match their names. Files that were never compared are read."""
        present = [pointer for pointer in pointers if self.has(pointer)]
        unknown = [pointer for pointer in present if not self._is_known(pointer)]
        with ThreadPoolExecutor(min(len(unknown), os.cpu_count() or 1) or 1) as pool:
            sound = dict(zip(unknown, pool.map(lambda pointer: self._verify(pointer.oid), unknown), strict=True))
        return {pointer for pointer in present if sound.get(pointer, True)}

    def intact_size(self, oid: str) -> int | None:
        """Return the size of an object that matches its name; None if the store has none."""
        size = self.size(oid)
        return size if size is not None and self._verify(oid) else None

    def _is_known(self, pointer: Pointer) -> bool:
        """Return whether the object is stored and was compared with its name before."""
        try:
            identity = FileIdentity.of(self.path(pointer.oid).lstat())
        except FileNotFoundError:
            return False
        return identity.size == pointer.size and self._verified.includes(pointer.oid, identity)

    def _verify(self, oid: str) -> bool:
        """Compare an object with its name, unless that was done for this very file before.

        One that does not match is moved out of the store, where it would be served under a name that is not its own
        and keep the right bytes out. It is kept for the operator to look at.
        """
        with self._turn(oid):
            result = matches_name(self.path(oid), self._verified)
        if isinstance(result, FileIdentity):
            self._set_aside(oid, result)
        return result is True

    def _set_aside(self, oid: str, damaged: FileIdentity) -> None:
        path = self.path(oid)
        with self._renaming():
            # Another process may have replaced it with the right one in the meantime.
            if path.exists() and FileIdentity.of(path.lstat()) == damaged:
                target = self._damaged / f"{oid}-{secrets.token_hex(4)}"
                path.rename(target)
                sync_folder(path.parent)
                logger.error("LFS object %s does not hold what its name says; it was moved to %s", oid, target)

    def _turn(self, oid: str) -> threading.Lock:
        return self._turns[int(oid[:2], 16) % _TURNS]

    @contextlib.contextmanager
    def _renaming(self) -> Iterator[None]:
        """Exclude every process that renames a file into or out of the store."""
        with self._lock_path.open("ab") as file:
            fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def check_room(self, size: int) -> None:
        """Check that the disk has room for so many bytes more.

        Raises:
            Problem: 507 if it has not.
        """
        check_room(self._incoming, size)

    @contextlib.contextmanager
    def open_upload(self, expected: Pointer) -> Iterator[Upload]:
        """Open an upload, which is discarded at the end unless it was published.

        Raises:
            Problem: 507 if the disk has no room for it.
        """
        # Even an object that is stored has to be sent: the caller must prove to have it, see `lfs_access`.
        known = self._is_known(expected)
        if not known:
            self.check_room(expected.size)
        upload = Upload(None if known else self._incoming / secrets.token_hex(16))
        try:
            yield upload
        finally:
            upload.close()

    def publish(self, upload: Upload, expected: Pointer) -> None:
        """Check an upload, and add it to the store.

        Raises:
            Problem: 422 if size or hash differ.
            OSError: The disk failed.
        """
        if upload.size != expected.size:
            raise unprocessable(f"Size mismatch: expected {expected.size} bytes, got {upload.size}")
        if upload.digest() != expected.oid:
            raise unprocessable(f"SHA-256 mismatch: expected {expected.oid}, got {upload.digest()}")
        upload.wait_for_disk()
        if upload.path is not None:
            _seal(upload.path)
            self._install(upload.path, expected.oid)

    def new_ticket(self) -> str:
        """Name a new place in incoming/, to which a client in this process may copy a file."""
        return secrets.token_hex(16)

    def incoming(self, ticket: str) -> Path:
        """Return the path of a ticket.

        Raises:
            Problem: 422 if it cannot be a ticket.
        """
        if not _TICKET.fullmatch(ticket):
            raise unprocessable("Invalid ticket")
        return self._incoming / ticket

    def accept_copy(self, ticket: str, expected: Pointer) -> None:
        """Add a file to the store that a client in this process has copied to the path of its ticket.

        The client's word counts for nothing: what it copied may have been written to or exchanged since it was hashed.

        Raises:
            Problem: 422 if the file is missing, is not a regular file of its own, or has another size or hash.
            OSError: The disk failed.
        """
        path = self.incoming(ticket)
        with self._turn(expected.oid):
            # The answer to an earlier request of the client may have been lost.
            if self.has(expected) and matches_name(self.path(expected.oid), self._verified) is True:
                path.unlink(missing_ok=True)
                return
            _check_copy(path, expected)
            own = self._incoming / secrets.token_hex(16)
            path.rename(own)  # from here on nobody knows its name
            try:
                _seal_copy(own, expected)
                self._install(own, expected.oid)
            finally:
                own.unlink(missing_ok=True)

    def _install(self, source: Path, oid: str) -> None:
        """Rename a file that is sealed, so that a name always stands for a complete file."""
        final = self.path(oid)
        _make_durable_folder(final.parent, self._objects)
        with self._renaming():
            source.rename(final)
            identity = FileIdentity.of(final.lstat())  # the time of its last change is that of the rename
        sync_folder(final.parent)
        self._verified.add(oid, identity)


def _seal(path: Path) -> None:
    """Make a file read-only, because an object never changes, and sync it to disk."""
    with path.open("rb") as file:
        os.fchmod(file.fileno(), 0o444)
        os.fsync(file.fileno())


def _seal_copy(path: Path, expected: Pointer) -> None:
    """Seal a copy, and hash it at the same time: the one keeps the disk busy, the other the processor.

    Raises:
        Problem: 422 if it is another object.
        OSError: The disk failed.
    """
    with ThreadPoolExecutor(1) as pool, open_object(path) as file:
        if file is None:
            raise _no_copy(expected)
        sealing = pool.submit(_seal, path)
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        sealing.result()
        if os.fstat(file.fileno()).st_size != expected.size:
            raise _no_copy(expected)
    if digest != expected.oid:
        raise unprocessable(f"SHA-256 mismatch: expected {expected.oid}, got {digest}")


def _check_copy(path: Path, expected: Pointer) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        raise _no_copy(expected) from None
    # Through a second name the file could still be changed later.
    if not stat.S_ISREG(found.st_mode) or found.st_nlink != 1 or found.st_size != expected.size:
        raise _no_copy(expected)


def _no_copy(expected: Pointer) -> Problem:
    return unprocessable(f"No copied file of {expected.size} bytes for {expected.oid}")


def _make_durable_folder(folder: Path, top: Path) -> None:
    """Create a folder and its parents below `top`, and sync the parent of each."""
    if folder == top or folder.is_dir():
        return
    _make_durable_folder(folder.parent, top)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)
