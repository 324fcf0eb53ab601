"""The LFS store: files named by their SHA-256. A file that has a name is complete and on disk."""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
import secrets
import threading
from collections.abc import Iterator
from pathlib import Path

from hfver.server.problems import unprocessable
from hfver.server.storage.folder import HubFolder, sync_folder
from hfver.server.storage.pointers import Pointer

# Bytes between two syncs in the background: without them, the final fsync of a large file takes many seconds.
_SYNC_BYTES = 16 * 1024 * 1024
_TICKET = re.compile(r"[0-9a-f]{32}")


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
        self._objects, self._incoming = folder.objects, folder.incoming

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
        """Return whether the store has the object with exactly this size."""
        return self.size(pointer.oid) == pointer.size

    @contextlib.contextmanager
    def open_upload(self, expected: Pointer) -> Iterator[Upload]:
        """Open an upload, which is discarded at the end unless it was published."""
        # Even an object that is stored has to be sent: the caller must prove to have it, see `lfs_access`.
        upload = Upload(None if self.has(expected) else self._incoming / secrets.token_hex(16))
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

        The size is checked, the hash is trusted. Only the holder of this process's owner token gets a ticket; that
        caller runs as the user who owns the folder and could write to the store anyway.

        Raises:
            Problem: 422 if the file is missing, is not a regular file, or has another size.
        """
        path = self.incoming(ticket)
        if path.is_symlink() or not path.is_file() or path.stat().st_size != expected.size:
            raise unprocessable(f"No copied file of {expected.size} bytes for {expected.oid}")
        self._install(path, expected.oid)

    def _install(self, source: Path, oid: str) -> None:
        """Sync a file to disk and only then rename it, so that a name always stands for a complete file."""
        final = self.path(oid)
        with source.open("rb") as file:
            os.fchmod(file.fileno(), 0o444)  # an object never changes
            os.fsync(file.fileno())
        _make_durable_folder(final.parent, self._objects)
        source.rename(final)
        sync_folder(final.parent)


def _make_durable_folder(folder: Path, top: Path) -> None:
    """Create a folder and its parents below `top`, and sync the parent of each."""
    if folder == top or folder.is_dir():
        return
    _make_durable_folder(folder.parent, top)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)
