"""The edits of a commit, and applying them to a tree. Reads and writes git objects only, no refs."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import pygit2
from pygit2.enums import FileMode

from hfver.server.problems import Problem, unprocessable


@dataclass(frozen=True)
class WriteFile:
    """Put a blob that is already in the object database at a path."""

    path: str
    oid: pygit2.Oid


@dataclass(frozen=True)
class DeletePath:
    """Remove a file, or a folder with everything in it."""

    path: str
    is_folder: bool


TreeEdit = WriteFile | DeletePath


@dataclass
class _EditedFolder:
    """A folder that is being edited: the original tree, and the children that replace the original ones."""

    git: pygit2.Repository
    tree: pygit2.Tree | None
    touched: dict[str, _EditedFolder | pygit2.Oid | None] = field(default_factory=dict)
    modes: dict[str, int] = field(default_factory=dict)

    def child(self, name: str) -> _EditedFolder | pygit2.Oid | None:
        """Return a child: a folder, the id of a blob, or None if there is none."""
        if name not in self.touched:
            found = self.tree[name] if self.tree is not None and name in self.tree else None
            if isinstance(found, pygit2.Tree):
                return _EditedFolder(self.git, found)
            return found.id if found is not None else None
        return self.touched[name]

    def write(self) -> pygit2.Oid | None:
        """Write the tree and the edited ones below it; None if it is empty, as git has no empty folders."""
        builder = self.git.TreeBuilder(self.tree) if self.tree is not None else self.git.TreeBuilder()
        for name, child in self.touched.items():
            oid = child.write() if isinstance(child, _EditedFolder) else child
            if oid is not None:
                mode = FileMode.TREE if isinstance(child, _EditedFolder) else self.modes.get(name, FileMode.BLOB)
                builder.insert(name, oid, FileMode(mode))
            elif builder.get(name) is not None:
                builder.remove(name)
        return builder.write() if len(builder) else None


def apply_edits(git: pygit2.Repository, base: pygit2.Tree | None, edits: Iterable[TreeEdit]) -> pygit2.Oid:
    """Apply edits in their order, and write the new tree.

    Raises:
        Problem: 404 if a path to delete does not exist; 422 if a file would have to be a folder, or the reverse.
    """
    root = _EditedFolder(git, base)
    for edit in edits:
        _write_file(root, edit) if isinstance(edit, WriteFile) else _delete(root, edit)
    return root.write() or git.TreeBuilder().write()


def _write_file(root: _EditedFolder, edit: WriteFile) -> None:
    *parents, name = edit.path.split("/")
    folder = root
    for part in parents:
        child = folder.child(part) or _EditedFolder(folder.git, None)
        if not isinstance(child, _EditedFolder):
            raise unprocessable(f'"{edit.path}": "{part}" is a file, not a folder')
        folder.touched[part] = child
        folder = child
    _write_here(folder, name, edit)


def _write_here(folder: _EditedFolder, name: str, edit: WriteFile) -> None:
    existing = folder.child(name)
    if isinstance(existing, _EditedFolder) and not _is_empty(existing):
        raise unprocessable(f'"{edit.path}" is a folder')
    if folder.tree is not None and name in folder.tree:  # replacing a script must not make it non-executable
        mode = folder.tree[name].filemode
        folder.modes[name] = mode if mode == FileMode.BLOB_EXECUTABLE else FileMode.BLOB
    folder.touched[name] = edit.oid


def _is_empty(folder: _EditedFolder) -> bool:
    names = {item.name for item in folder.tree or ()} | set(folder.touched)
    children = (folder.child(name) for name in names if name is not None)
    return all(child is None or (isinstance(child, _EditedFolder) and _is_empty(child)) for child in children)


def _delete(root: _EditedFolder, edit: DeletePath) -> None:
    *parents, name = edit.path.split("/")
    folder = root
    for part in parents:
        child = folder.child(part)
        if not isinstance(child, _EditedFolder):
            raise _missing(edit)
        folder.touched[part] = child
        folder = child
    existing = folder.child(name)
    if existing is None or isinstance(existing, _EditedFolder) != edit.is_folder:
        raise _missing(edit)
    folder.touched[name] = None


def _missing(edit: DeletePath) -> Problem:
    noun = "folder" if edit.is_folder else "file"
    return Problem(404, f'A {noun} with the name "{edit.path}" does not exist', "EntryNotFound")
