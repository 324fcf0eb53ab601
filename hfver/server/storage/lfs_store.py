"""The LFS store: content-addressed files that are whole and durable as soon as they have a name."""

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

_SYNC_BYTES = 16 * 1024 * 1024
_TICKET = re.compile(r"[0-9a-f]{32}")


class Intake:
    """One upload on its way in: bytes are hashed as they are written.

    Args:
        path: Where to write; None only hashes, to prove that the sender has what is stored already.
    """

    def __init__(self, path: Path | None) -> None:
        self._path = path
        self._file = path.open("xb", buffering=0) if path is not None else None
        self._hash = hashlib.sha256()
        self._syncing: threading.Thread | None = None
        self._failure: OSError | None = None
        self._synced = 0
        self.size = 0

    def write(self, block: bytes | bytearray) -> None:
        """Take the next bytes; both calls let other threads run."""
        view = memoryview(block)
        self._hash.update(view)
        self.size += len(view)
        while view and self._file is not None:
            view = view[self._file.write(view) :]
        if self._file is not None and self.size - self._synced >= _SYNC_BYTES:
            self._sync_aside(self._file.fileno())

    def _sync_aside(self, handle: int) -> None:
        """Let the disk work while bytes still come in, so that the fsync at the end has little left to do."""
        if self._syncing is not None and self._syncing.is_alive():
            return
        self._synced = self.size
        self._syncing = threading.Thread(target=self._sync, args=(handle,), daemon=True)
        self._syncing.start()

    def _sync(self, handle: int) -> None:
        try:
            os.fsync(handle)
        except OSError as error:  # the kernel reports it once, so a later fsync would succeed
            self._failure = error

    def settle(self) -> None:
        """Wait for the disk, as far as it was set to work.

        Raises:
            OSError: It could not write.
        """
        if self._syncing is not None:
            self._syncing.join()
        if self._failure is not None:
            raise self._failure

    def digest(self) -> str:
        """SHA-256 of all bytes so far."""
        return self._hash.hexdigest()

    def close(self) -> None:
        """Close, and remove what was not published."""
        if self._syncing is not None:
            self._syncing.join()  # it uses the file
        if self._file is not None and self._path is not None:
            self._file.close()
            self._path.unlink(missing_ok=True)


class ObjectStore:
    """LFS objects by SHA-256.

    The store is one for all repos of the Hub, so equal content is kept once. Who may read an object is
    decided by the repo that refers to it (see `routes.lfs`), not here.
    """

    def __init__(self, folder: HubFolder) -> None:
        self._objects, self._incoming = folder.objects, folder.incoming

    def path(self, oid: str) -> Path:
        """Where the object lies or would lie; `oid` has been checked to be a SHA-256."""
        return self._objects / oid[:2] / oid[2:4] / oid

    def size(self, oid: str) -> int | None:
        """The object's size, or None when the store lacks it."""
        try:
            return self.path(oid).stat().st_size
        except FileNotFoundError:
            return None

    def has(self, pointer: Pointer) -> bool:
        """Tell whether exactly this object is here."""
        return self.size(pointer.oid) == pointer.size

    @contextlib.contextmanager
    def intake(self, expected: Pointer) -> Iterator[Intake]:
        """Open an upload; it vanishes at the end unless it was published."""
        intake = Intake(None if self.has(expected) else self._incoming / secrets.token_hex(16))
        try:
            yield intake
        finally:
            intake.close()

    def publish(self, intake: Intake, expected: Pointer) -> None:
        """Check what came, and give it its name.

        Raises:
            Problem: 422 when size or hash differ.
        """
        if intake.size != expected.size:
            raise unprocessable(f"Size mismatch: expected {expected.size} bytes, got {intake.size}")
        if intake.digest() != expected.oid:
            raise unprocessable(f"SHA-256 mismatch: expected {expected.oid}, got {intake.digest()}")
        intake.settle()
        if intake._path is not None:
            self._settle(intake._path, expected.oid)

    def ticket(self) -> str:
        """Name a place in incoming/ for a client of this very process to copy a file to."""
        return secrets.token_hex(16)

    def incoming(self, ticket: str) -> Path:
        """The place of a ticket."""
        if not _TICKET.fullmatch(ticket):
            raise unprocessable("Not a ticket")
        return self._incoming / ticket

    def adopt(self, ticket: str, expected: Pointer) -> None:
        """Take over a file that the client copied here itself.

        The hash is trusted, the size is checked. Only the holder of the owner token of this very process
        gets a ticket; that caller runs as the user who owns the folder and could write the store anyway.

        Raises:
            Problem: 422 when the file is not there, is no regular file, or has another size.
        """
        path = self.incoming(ticket)
        if path.is_symlink() or not path.is_file() or path.stat().st_size != expected.size:
            raise unprocessable(f"No copied file of {expected.size} bytes for {expected.oid}")
        self._settle(path, expected.oid)

    def _settle(self, draft: Path, oid: str) -> None:
        """Make a draft durable, then rename it: a name always stands for a whole file."""
        final = self.path(oid)
        with draft.open("rb") as file:
            os.fchmod(file.fileno(), 0o444)
            os.fsync(file.fileno())
        _make_durable_folder(final.parent, self._objects)
        draft.rename(final)
        sync_folder(final.parent)


def _make_durable_folder(folder: Path, top: Path) -> None:
    """Make a folder and its parents up to `top`, each one synced into its parent."""
    if folder == top or folder.is_dir():
        return
    _make_durable_folder(folder.parent, top)
    folder.mkdir(exist_ok=True)
    sync_folder(folder.parent)
