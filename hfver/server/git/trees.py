"""Reading trees. For a Git-LFS file, an entry describes the content and not the pointer."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import dataclass

import pygit2
from pygit2.enums import ObjectType

from hfver.server.names import is_path
from hfver.server.problems import entry_not_found
from hfver.server.storage.pointers import MAX_POINTER, Pointer, parse_pointer

_MAX_CACHED = 100_000


@dataclass(frozen=True)
class TreeEntry:
    """A file or folder at a path of a commit."""

    path: str
    oid: str
    is_folder: bool
    git_size: int
    pointer: Pointer | None

    @property
    def size(self) -> int:
        """The size of the content in bytes, not of its pointer."""
        return self.pointer.size if self.pointer else self.git_size

    @property
    def content_id(self) -> str:
        """The ETag: the SHA-256 of an LFS object, else git's blob id."""
        return self.pointer.oid if self.pointer else self.oid

    def describe(self) -> dict[str, object]:
        """Describe the entry as the tree endpoint does."""
        kind = "directory" if self.is_folder else "file"
        facts: dict[str, object] = {"type": kind, "oid": self.oid, "size": self.size, "path": self.path}
        if self.pointer:
            facts["lfs"] = {"oid": self.pointer.oid, "size": self.size, "pointerSize": self.git_size}
        return facts


class _BlobCache:
    """Sizes and pointers by blob id. Blobs never change, so nothing in it becomes stale."""

    def __init__(self) -> None:
        self._known: dict[str, tuple[int, Pointer | None]] = {}
        self._lock = threading.Lock()

    def get(self, git: pygit2.Repository, oid: pygit2.Oid) -> tuple[int, Pointer | None]:
        name = str(oid)
        facts = self._known.get(name)
        if facts is None:
            facts = _inspect(git, oid)
            with self._lock:
                # Starting over is simple, and rare enough: the values are cheap to compute.
                if len(self._known) >= _MAX_CACHED:
                    self._known.clear()
                self._known[name] = facts
        return facts


_BLOBS = _BlobCache()


def _inspect(git: pygit2.Repository, oid: pygit2.Oid) -> tuple[int, Pointer | None]:
    size = git.odb.read_header(oid)[1]
    pointer = parse_pointer(git.odb.read(oid)[1]) if size <= MAX_POINTER else None
    return size, pointer


def _entry(git: pygit2.Repository, item: pygit2.Object, path: str) -> TreeEntry:
    if item.type == ObjectType.BLOB:
        size, pointer = _BLOBS.get(git, item.id)
        return TreeEntry(path, str(item.id), False, size, pointer)
    return TreeEntry(path, str(item.id), True, 0, None)  # a submodule is listed as an empty folder


def _name(item: pygit2.Object) -> str:
    """Decode a name. Names in git are bytes; what is not UTF-8 becomes replacement characters."""
    return (item.raw_name or b"").decode("utf-8", "replace")


def find_entry(git: pygit2.Repository, commit: pygit2.Commit, path: str) -> TreeEntry | None:
    """Find a path in a commit; None if it is not there."""
    if not is_path(path):
        return None
    try:
        return _entry(git, commit.tree[path], path)
    except (KeyError, ValueError, pygit2.GitError):
        return None


def find_file(git: pygit2.Repository, commit: pygit2.Commit, path: str) -> TreeEntry:
    """Find a file in a commit.

    Raises:
        Problem: EntryNotFound.
    """
    entry = find_entry(git, commit, path)
    if entry is None or entry.is_folder:
        raise entry_not_found(path, str(commit.id))
    return entry


def walk_tree(git: pygit2.Repository, commit: pygit2.Commit, path: str = "", *, recursive: bool) -> Iterator[TreeEntry]:
    """List a folder in git's order.

    Raises:
        Problem: EntryNotFound if `path` is not a folder.
    """
    if not path:
        return _walk(git, commit.tree, "", recursive)
    entry = find_entry(git, commit, path)
    folder = git.get(entry.oid) if entry and entry.is_folder else None
    if not isinstance(folder, pygit2.Tree):
        raise entry_not_found(path, str(commit.id))
    return _walk(git, folder, f"{path}/", recursive)


def _walk(git: pygit2.Repository, tree: pygit2.Tree, prefix: str, recursive: bool) -> Iterator[TreeEntry]:
    for item in tree:
        path = prefix + _name(item)
        yield _entry(git, item, path)
        if recursive and isinstance(item, pygit2.Tree):
            yield from _walk(git, item, f"{path}/", recursive)


def read_small_file(git: pygit2.Repository, commit: pygit2.Commit, path: str, limit: int) -> bytes | None:
    """Read a file that is kept in git itself; None if it is missing, in Git-LFS, or larger than `limit` bytes."""
    entry = find_entry(git, commit, path)
    if entry is None or entry.is_folder or entry.pointer or entry.git_size > limit:
        return None
    return bytes(git.odb.read(pygit2.Oid(hex=entry.oid))[1])
