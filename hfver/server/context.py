"""One Hub: its folder with everything that is open on it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Mapping
from pathlib import Path

from hfver.server.access import Gatekeeper
from hfver.server.errors import HubSetupError
from hfver.server.git.first_commit import write_first_commit
from hfver.server.git.rename import move_folder, put_all_back, put_back, unmark
from hfver.server.git.repository import Handles, publish_repository
from hfver.server.names import RepoId, is_namespace
from hfver.server.problems import conflict, repo_not_found
from hfver.server.storage.database import Database, RepoRow, delete_repo, insert_repo, move_repo
from hfver.server.storage.discussions import Discussions
from hfver.server.storage.folder import open_folder
from hfver.server.storage.lfs_store import ObjectStore


class Hub:
    """The state behind the routes, shared by all threads of a server.

    Several Hubs, in this process or others, may be open on one folder: what they share is on disk, and
    changes there are guarded by SQLite's, git's and the kernel's locks.

    Args:
        path: The folder; made when missing.
        users: Name to token, stored (hashed) in the folder.
        owner_token: A token that may write everything; kept in memory only.
        copies_locally: Whether the holder of `owner_token` runs in this process, so that large files may
            go by file system instead of socket.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        users: Mapping[str, str] | None = None,
        owner_token: str | None = None,
        copies_locally: bool = False,
    ) -> None:
        _check_users(users or {})
        self.folder = open_folder(path)
        self.database = Database(self.folder.database)
        self.discussions = Discussions(self.database)
        self.gate = Gatekeeper(self.database, self.folder.secret(), owner_token)
        self.handles = Handles(self.folder)
        self.objects = ObjectStore(self.folder)
        self.copies_locally = copies_locally
        put_all_back(self.folder, self.database)
        for name, token in (users or {}).items():
            self.database.set_user(name, self.gate.hash(token))

    def close(self) -> None:
        """Close handles and database."""
        self.handles.close()
        self.database.close()

    def create_repo(self, repo: RepoId, *, private: bool, sdk: str, author: str, files: Mapping[str, bytes]) -> None:
        """Make a repo with its first commit. Git first, then the row: a crash leaves no visible repo.

        Raises:
            Problem: 409 when the id is taken.
        """
        with self.database.transaction() as db:
            if self.database.repo(repo.key) is not None:
                raise conflict(f"You already created this {repo.kind[:-1]} repo")
            _empty(self.folder.drafts)  # what a crash left half made: we hold the only write lock
            draft = self.folder.drafts / secrets.token_hex(8)
            write_first_commit(draft, repo, author, files)
            put_back(self.folder, self.database, self.folder.repo(repo.key))
            publish_repository(draft, self.folder.repo(repo.key), self.folder.trash)
            insert_repo(db, repo, private=private, sdk=sdk)

    def delete_repo(self, row: RepoRow) -> None:
        """Remove a repo. Its LFS objects stay: other repos may refer to them."""
        with self.database.transaction() as db:
            self._check_unchanged(row)
            delete_repo(db, row)
            path = self.folder.repo(row.repo.key)
            if path.exists():
                path.rename(self.folder.trash / secrets.token_hex(8))
        _empty(self.folder.trash)

    def move_repo(self, row: RepoRow, target: RepoId) -> None:
        """Give a repo another id; its folder moves along.

        Raises:
            Problem: 409 when the id is taken.
        """
        old, new = self.folder.repo(row.repo.key), self.folder.repo(target.key)
        with self.database.transaction() as db:
            self._check_unchanged(row)
            if old != new and self.database.repo(target.key) is not None:
                raise conflict(f"A repo with the id {target.id} exists already")
            put_back(self.folder, self.database, new)
            if old != new and old.exists():
                move_folder(self.folder, old, new, row.number)
            move_repo(db, row, target)
        unmark(new)

    def _check_unchanged(self, row: RepoRow) -> None:
        """Make sure, under the write lock, that the repo is still the one that the caller looked up."""
        current = self.database.repo(row.repo.key)
        if current is None or current.number != row.number:
            raise repo_not_found(anonymous=False)


def _empty(folder: Path) -> None:
    for leftover in folder.iterdir():
        shutil.rmtree(leftover, ignore_errors=True)


def _check_users(users: Mapping[str, str]) -> None:
    for name, token in users.items():
        if not is_namespace(name):
            raise HubSetupError(f"{name!r} cannot be the name of a user")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise HubSetupError(f"the token of {name} must be printable ASCII without blanks")
