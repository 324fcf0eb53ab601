"""A commit as a list of changes, and applying it to a tree. Pure git objects: no ref moves here."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pygit2
from pygit2.enums import FileMode

from hfver.server.problems import Problem, unprocessable


@dataclass(frozen=True)
class Put:
    """Write a blob, already in the object database, to a path."""

    path: str
    oid: pygit2.Oid


@dataclass(frozen=True)
class Delete:
    """Remove a file, or a folder with everything in it."""

    path: str
    is_folder: bool


Change = Put | Delete


@dataclass
class _Folder:
    """A folder being edited: git's tree, with the children that were touched laid over it."""

    git: pygit2.Repository
    tree: pygit2.Tree | None
    touched: dict[str, _Folder | pygit2.Oid | None] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)

    def child(self, name: str) -> _Folder | pygit2.Oid | None:
        """Look at a child: a folder, a blob's id, or None."""
        if name not in self.touched:
            found = self.tree[name] if self.tree is not None and name in self.tree else None
            if isinstance(found, pygit2.Tree):
                return _Folder(self.git, found)
            return found.id if found is not None else None
        return self.touched[name]

    def write(self) -> pygit2.Oid | None:
        """Write the tree, and those below it that were touched; None when nothing is left in it."""
        builder = self.git.TreeBuilder(self.tree) if self.tree is not None else self.git.TreeBuilder()
        for name, child in self.touched.items():
            oid = child.write() if isinstance(child, _Folder) else child
            if oid is not None:
                mode = FileMode.TREE if isinstance(child, _Folder) else self.modes.get(name, FileMode.BLOB)
                builder.insert(name, oid, FileMode(mode))
            elif builder.get(name) is not None:
                builder.remove(name)
        return builder.write() if len(builder) else None


def apply(git: pygit2.Repository, base: pygit2.Tree | None, changes: Iterable[Change]) -> pygit2.Oid:
    """Apply changes in order and write the new tree.

    Raises:
        Problem: A path to delete is not there; a file would have to be a folder, or the reverse.
    """
    root = _Folder(git, base)
    for change in changes:
        _put(root, change) if isinstance(change, Put) else _delete(root, change)
    return root.write() or git.TreeBuilder().write()


def _put(root: _Folder, change: Put) -> None:
    *parents, name = change.path.split("/")
    folder = root
    for part in parents:
        child = folder.child(part) or _Folder(folder.git, None)
        if not isinstance(child, _Folder):
            raise unprocessable(f'"{change.path}": "{part}" is a file, not a folder')
        folder.touched[part] = child
        folder = child
    _put_here(folder, name, change)


def _put_here(folder: _Folder, name: str, change: Put) -> None:
    existing = folder.child(name)
    if isinstance(existing, _Folder) and not _is_empty(existing):
        raise unprocessable(f'"{change.path}" is a folder')
    if folder.tree is not None and name in folder.tree:
        mode = folder.tree[name].filemode
        folder.modes[name] = mode if mode == FileMode.BLOB_EXECUTABLE else FileMode.BLOB
    folder.touched[name] = change.oid


def _is_empty(folder: _Folder) -> bool:
    names = {item.name for item in folder.tree or ()} | set(folder.touched)
    children = (folder.child(name) for name in names if name is not None)
    return all(child is None or (isinstance(child, _Folder) and _is_empty(child)) for child in children)


def _delete(root: _Folder, change: Delete) -> None:
    *parents, name = change.path.split("/")
    folder = root
    for part in parents:
        child = folder.child(part)
        if not isinstance(child, _Folder):
            raise _missing(change)
        folder.touched[part] = child
        folder = child
    existing = folder.child(name)
    if existing is None or isinstance(existing, _Folder) != change.is_folder:
        raise _missing(change)
    folder.touched[name] = None


def _missing(change: Delete) -> Problem:
    noun = "folder" if change.is_folder else "file"
    return Problem(404, f'A {noun} with the name "{change.path}" does not exist', "EntryNotFound")
