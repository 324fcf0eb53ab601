"""What all requests to one Hub share: its folder, and everything that is open in it."""

from __future__ import annotations

import os
import secrets
import shutil
from collections.abc import Collection, Generator, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from pathlib import Path

import pygit2

from hfver.server.auth import Authenticator, Caller
from hfver.server.errors import HubSetupError
from hfver.server.git.first_commit import write_first_commit
from hfver.server.git.refs import break_stale_locks
from hfver.server.git.rename import finish_move, start_move, undo_interrupted_moves, undo_move
from hfver.server.git.repository import RepositoryPool, install_repository
from hfver.server.names import RepoId, is_namespace
from hfver.server.problems import Problem, conflict, repo_not_found
from hfver.server.storage.database import Database, RepoRow, delete_repo, insert_repo, move_repo
from hfver.server.storage.discussions import DiscussionStore
from hfver.server.storage.folder import open_folder
from hfver.server.storage.lfs_access import link_objects
from hfver.server.storage.lfs_store import LfsStore
from hfver.server.storage.pointers import Pointer


class ServerContext:
    """An open Hub, shared by all threads of a server.

    Several contexts may be open on one folder, in this process and in others: what they share is on disk, and changes
    to it are guarded by the locks of SQLite, git and the kernel.

    Args:
        path: The folder; created if it is missing.
        users: Token by user name, stored in the folder as hashes: from then on, nobody else has a token. None leaves
            those that the folder has.
        owner_token: A token that may do everything; kept in memory only.
        allows_copies: Whether the holder of `owner_token` runs in this process, so that large files may be copied by
            the file system instead of being sent.

    Raises:
        NotAHubError: The folder holds something that is not a Hub.
        HubSetupError: A user's name or token is not valid.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        users: Mapping[str, str] | None = None,
        owner_token: str | None = None,
        allows_copies: bool = False,
    ) -> None:
        _check_users(users or {})
        self.folder = open_folder(path)
        self.database = Database(self.folder.database)
        self.discussions = DiscussionStore(self.database)
        self.auth = Authenticator(self.database, self.folder.secret(), owner_token)
        self.repositories = RepositoryPool(self.folder)
        self.lfs = LfsStore(self.folder)
        self.allows_copies = allows_copies
        undo_interrupted_moves(self.folder, self.database)  # before any request looks for a repo
        for repository in self.folder.all_repos():
            break_stale_locks(repository)
        if users is not None:
            self.database.set_users({name: self.auth.hash(token) for name, token in users.items()})

    def close(self) -> None:
        """Close repositories and database."""
        self.repositories.close()
        self.database.close()

    @contextmanager
    def open_repo(self, row: RepoRow) -> Iterator[pygit2.Repository]:
        """Open the git repository of a repo.

        Raises:
            Problem: 404 if the repo was deleted in the meantime.
        """
        with self.repositories.borrow(row.number, row.repo.key) as git:
            yield git

    @contextmanager
    def open_repo_by_number(self, number: int) -> Iterator[pygit2.Repository]:
        """Open the git repository of a repo that may have been moved since its number was noted.

        Raises:
            Problem: 404 if the repo does not exist any more.
        """
        row = self.database.repo_by_number(number)
        if row is None:
            raise repo_not_found(anonymous=False)
        with self.open_repo(row) as git:
            yield git

    def link_objects(self, git: pygit2.Repository, caller: Caller, pointers: Collection[Pointer]) -> set[Pointer]:
        """Find the LFS objects that a caller need not upload to a repo, and let the repo refer to them."""
        with closing(self._repos_of(caller)) as others:
            return link_objects(git, self.lfs, pointers, reads_all=caller.is_owner, others=others)

    def _repos_of(self, caller: Caller) -> Generator[pygit2.Repository]:
        for row in self.database.repos_in(caller.name) if caller.name is not None else ():
            with suppress(Problem), self.open_repo(row) as git:  # a repo that was just deleted is skipped
                yield git

    def create_repo(self, repo: RepoId, *, private: bool, sdk: str, author: str, files: Mapping[str, bytes]) -> None:
        """Create a repo with its first commit. The row comes last, so that a crash leaves no visible repo.

        Raises:
            Problem: 409 if the id is taken.
        """
        with self.database.transaction() as db:
            if self.database.repo(repo.key) is not None:
                raise conflict(f"You already created this {repo.kind[:-1]} repo")
            _empty(self.folder.unfinished)  # left by a crash: nobody else can hold the write lock
            new = self.folder.unfinished / secrets.token_hex(8)
            write_first_commit(new, repo, author, files)
            # What an interrupted move left at this path belongs to another repo, and would be replaced.
            undo_move(self.folder, self.database, self.folder.repo(repo.key))
            install_repository(new, self.folder.repo(repo.key), self.folder.trash)
            insert_repo(db, repo, private=private, sdk=sdk)

    def delete_repo(self, row: RepoRow) -> None:
        """Delete a repo. Its LFS objects stay, because other repos may refer to them.

        Raises:
            Problem: 404 if it was deleted or moved in the meantime.
        """
        with self.database.transaction() as db:
            self._check_unchanged(row)
            delete_repo(db, row)
            path = self.folder.repo(row.repo.key)
            if path.exists():  # moved within the transaction, so that the id cannot be taken before
                path.rename(self.folder.trash / secrets.token_hex(8))
        _empty(self.folder.trash)  # after it: deleting many files takes long, and needs no lock

    def move_repo(self, row: RepoRow, target: RepoId) -> None:
        """Change a repo's id, and move its folder.

        Raises:
            Problem: 409 if the id is taken; 404 if the repo was deleted or moved in the meantime.
        """
        old, new = self.folder.repo(row.repo.key), self.folder.repo(target.key)
        with self.database.transaction() as db:
            self._check_unchanged(row)
            if old != new and self.database.repo(target.key) is not None:
                raise conflict(f"A repo with the id {target.id} exists already")
            undo_move(self.folder, self.database, new)
            if old != new and old.exists():
                start_move(self.folder, old, new, row.number)
            move_repo(db, row, target)
        finish_move(new)

    def _check_unchanged(self, row: RepoRow) -> None:
        """Require, under the write lock, that the repo is still the one that the caller looked up."""
        current = self.database.repo(row.repo.key)
        if current is None or current.number != row.number:
            raise repo_not_found(anonymous=False)


def _empty(folder: Path) -> None:
    for leftover in folder.iterdir():
        shutil.rmtree(leftover, ignore_errors=True)


def _check_users(users: Mapping[str, str]) -> None:
    for name, token in users.items():
        if not is_namespace(name):
            raise HubSetupError(f"{name!r} is not a valid user name")
        if not token or not token.isascii() or not token.isprintable() or " " in token:
            raise HubSetupError(f"the token of {name} must be printable ASCII without spaces")
