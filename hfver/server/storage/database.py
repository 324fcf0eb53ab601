"""SQLite: users, token hashes, repos with their visibility, redirects. Nothing that can be read from git."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from hfver.server.names import RepoId

# AUTOINCREMENT never reuses a number. Signed links, pooled handles and discussions identify a repo by it.
_SCHEMA = """
CREATE TABLE IF NOT EXISTS users (
    id INTEGER PRIMARY KEY AUTOINCREMENT, name TEXT NOT NULL UNIQUE COLLATE NOCASE, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS tokens (
    hash BLOB PRIMARY KEY, user INTEGER NOT NULL REFERENCES users(id),
    label TEXT NOT NULL, created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS repos (
    id INTEGER PRIMARY KEY AUTOINCREMENT, key TEXT NOT NULL UNIQUE, kind TEXT NOT NULL,
    namespace TEXT NOT NULL, name TEXT NOT NULL, private INTEGER NOT NULL,
    gated TEXT NOT NULL DEFAULT '', sdk TEXT NOT NULL DEFAULT '', created REAL NOT NULL);
CREATE TABLE IF NOT EXISTS redirects (
    key TEXT PRIMARY KEY, repo INTEGER NOT NULL REFERENCES repos(id) ON DELETE CASCADE);
"""
_COLUMNS = "id, kind, namespace, name, private, gated, sdk, created"


@dataclass(frozen=True)
class RepoRow:
    """What the database stores about a repo. `number` is never used twice, and survives a move."""

    number: int
    repo: RepoId
    private: bool
    gated: str
    sdk: str
    created: float


@dataclass(frozen=True)
class TokenRow:
    """The user whose token it is."""

    user: str
    label: str
    created: float


class Database:
    """One connection for reading and one for writing, each used by one thread at a time."""

    def __init__(self, path: Path) -> None:
        # SQLite would create the file with the permissions of the umask, and token hashes are for the owner only.
        os.close(os.open(path, os.O_CREAT | os.O_RDWR, 0o600))
        self._reader, self._writer = _connect(path), _connect(path)
        self._reading, self._writing = threading.Lock(), threading.RLock()
        with self.transaction() as db:
            for statement in _SCHEMA.split(";"):  # `executescript` would commit before it starts
                db.execute(statement)

    def close(self) -> None:
        """Close both connections."""
        with self._reading, self._writing:
            self._reader.close()
            self._writer.close()

    @contextlib.contextmanager
    def transaction(self) -> Iterator[sqlite3.Connection]:
        """Hold the write lock of the whole folder, across processes. Commits at the end, or rolls back on an error."""
        with self._writing:
            # A deferred transaction takes the lock at its first write, and can fail there: SQLITE_BUSY.
            self._writer.execute("BEGIN IMMEDIATE")
            try:
                yield self._writer
                self._writer.execute("COMMIT")
            except BaseException:  # whatever it was, the connection must not stay in the transaction
                self._writer.execute("ROLLBACK")
                raise

    def read(self, query: str, *values: object) -> list[tuple[object, ...]]:
        """Run a query and fetch all of its rows."""
        with self._reading:
            return self._reader.execute(query, values).fetchall()

    def set_users(self, token_hashes: Mapping[str, bytes]) -> None:
        """Make these the only users with a token; who had one before and is not among them loses it.

        The users themselves stay, as the authors of their discussions.

        Args:
            token_hashes: The hash of the only token of each user, by name.
        """
        now = time.time()
        with self.transaction() as db:
            db.execute("DELETE FROM tokens")
            for name, token_hash in token_hashes.items():
                db.execute("INSERT OR IGNORE INTO users (name, created) VALUES (?, ?)", (name, now))
                (user,) = db.execute("SELECT id FROM users WHERE name = ?", (name,)).fetchone()
                db.execute("INSERT OR REPLACE INTO tokens VALUES (?, ?, ?, ?)", (token_hash, user, "configured", now))

    def find_token(self, token_hash: bytes) -> TokenRow | None:
        """Look up a token by its hash."""
        query = "SELECT u.name, t.label, t.created FROM tokens t JOIN users u ON u.id = t.user WHERE hash = ?"
        rows = self.read(query, token_hash)
        return TokenRow(*rows[0]) if rows else None  # type: ignore[arg-type]

    def has_tokens(self) -> bool:
        """Return whether any user can log in."""
        return bool(self.read("SELECT 1 FROM tokens LIMIT 1"))

    def repo(self, key: str) -> RepoRow | None:
        """Look up a repo by its key."""
        rows = self.read(f"SELECT {_COLUMNS} FROM repos WHERE key = ?", key)  # noqa: S608
        return _row(rows[0]) if rows else None

    def repo_by_number(self, number: int) -> RepoRow | None:
        """Look up a repo by its number."""
        rows = self.read(f"SELECT {_COLUMNS} FROM repos WHERE id = ?", number)  # noqa: S608
        return _row(rows[0]) if rows else None

    def repos_in(self, namespace: str) -> list[RepoRow]:
        """List all repos of a namespace, newest first."""
        query = f"SELECT {_COLUMNS} FROM repos WHERE namespace = ? COLLATE NOCASE ORDER BY id DESC"  # noqa: S608
        return [_row(values) for values in self.read(query, namespace)]

    def redirect(self, key: str) -> RepoRow | None:
        """Look up the repo that had this key before it was moved."""
        query = f"SELECT {_COLUMNS} FROM repos WHERE id = (SELECT repo FROM redirects WHERE key = ?)"  # noqa: S608
        rows = self.read(query, key)
        return _row(rows[0]) if rows else None

    def repos(self, kind: str) -> list[RepoRow]:
        """List all repos of a kind, newest first."""
        query = f"SELECT {_COLUMNS} FROM repos WHERE kind = ? ORDER BY created DESC, id DESC"  # noqa: S608
        return [_row(values) for values in self.read(query, kind)]

    def repo_keys(self) -> list[str]:
        """List the keys of all repos."""
        return [str(key) for (key,) in self.read("SELECT key FROM repos")]

    def update_settings(self, number: int, *, private: bool, gated: str) -> None:
        """Change a repo's settings."""
        with self.transaction() as db:
            db.execute("UPDATE repos SET private = ?, gated = ? WHERE id = ?", (private, gated, number))


def insert_repo(db: sqlite3.Connection, repo: RepoId, *, private: bool, sdk: str) -> None:
    """Add the row of a new repo. A redirect from its id ends."""
    db.execute("DELETE FROM redirects WHERE key = ?", (repo.key,))
    db.execute(
        "INSERT INTO repos (key, kind, namespace, name, private, sdk, created) VALUES (?, ?, ?, ?, ?, ?, ?)",
        (repo.key, repo.kind, repo.namespace, repo.name, private, sdk, time.time()),
    )


def move_repo(db: sqlite3.Connection, row: RepoRow, target: RepoId) -> None:
    """Change a repo's id, and redirect from the old one."""
    db.execute("DELETE FROM redirects WHERE key = ?", (target.key,))
    db.execute(
        "UPDATE repos SET key = ?, namespace = ?, name = ? WHERE id = ?",
        (target.key, target.namespace, target.name, row.number),
    )
    if target.key != row.repo.key:
        db.execute("INSERT OR REPLACE INTO redirects VALUES (?, ?)", (row.repo.key, row.number))


def delete_repo(db: sqlite3.Connection, row: RepoRow) -> None:
    """Remove a repo's row and the redirects to it."""
    db.execute("DELETE FROM redirects WHERE repo = ?", (row.number,))
    db.execute("DELETE FROM repos WHERE id = ?", (row.number,))


def _row(values: tuple[object, ...]) -> RepoRow:
    number, kind, namespace, name, private, gated, sdk, created = values
    repo = RepoId(str(kind), str(namespace), str(name))
    return RepoRow(int(str(number)), repo, bool(private), str(gated), str(sdk), float(str(created)))


def _connect(path: Path) -> sqlite3.Connection:
    # Without an isolation level, Python starts no transactions of its own; locks in `Database` keep threads apart.
    connection = sqlite3.connect(path, timeout=30, isolation_level=None, check_same_thread=False)
    connection.execute("PRAGMA journal_mode = WAL")  # readers do not wait for the writer
    connection.execute("PRAGMA synchronous = FULL")  # an acknowledged change survives a power failure
    connection.execute("PRAGMA foreign_keys = ON")
    return connection
