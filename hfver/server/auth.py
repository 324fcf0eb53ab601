"""Authentication and authorization: who sends a request, what that caller may do, and signed links."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import math
import re
import threading
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from hfver.server.problems import Problem, forbidden, gated_repo, invalid_credentials, repo_not_found, unauthorized
from hfver.server.storage.database import Database, RepoRow

OWNER = "local"
_MAX_FAILURES = 30  # wrong tokens from an address in a minute; a client with an old token sends a few
_FAILURE_SECONDS = 60.0
_MAX_ADDRESSES = 10_000
_LINK_SECONDS = 24 * 3600  # a batch may have links to files that take hours to send
_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Caller:
    """The user who sends a request. `name` is None for an anonymous one; `is_owner` may do everything."""

    name: str | None = None
    label: str = ""
    created: float = 0.0
    is_owner: bool = False

    @property
    def anonymous(self) -> bool:
        """Whether the request has no credentials."""
        return self.name is None

    def is_user(self, name: str) -> bool:
        """Return whether the caller is the user of that name."""
        return (self.name or "").lower() == name.lower()

    def owns(self, namespace: str) -> bool:
        """Return whether the caller may write to a namespace."""
        return self.is_owner or self.is_user(namespace)


def check_read(caller: Caller, row: RepoRow) -> None:
    """Require the right to see a repo's metadata. Without it, the repo seems not to exist.

    Raises:
        Problem: 401 or 404.
    """
    if row.private and not caller.owns(row.repo.namespace):
        raise repo_not_found(anonymous=caller.anonymous)


def check_files(caller: Caller, row: RepoRow) -> None:
    """Require the right to read a repo's files.

    Raises:
        Problem: 401, 403 or 404.
    """
    check_read(caller, row)
    # Nobody can ask for access here, so a gated repo can be read by the owner of its namespace only.
    if row.gated and not caller.owns(row.repo.namespace):
        raise gated_repo(row.repo.id, anonymous=caller.anonymous)


def check_write(caller: Caller, row: RepoRow) -> None:
    """Require the right to write to a repo.

    Raises:
        Problem: 401, 403 or 404.
    """
    check_read(caller, row)
    check_namespace(caller, row.repo.namespace, f"write to {row.repo.id}")


def check_proposal(caller: Caller, row: RepoRow) -> None:
    """Require the right to open a discussion or pull request, which everybody has who logs in and sees the repo.

    Raises:
        Problem: 401 or 404.
    """
    check_read(caller, row)
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")


def check_namespace(caller: Caller, namespace: str, action: str) -> None:
    """Require the right to write to a namespace; `action` completes the message "You don't have the rights to …".

    Raises:
        Problem: 401 or 403.
    """
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")
    if not caller.owns(namespace):
        raise forbidden(f"You don't have the rights to {action}")


class _Brake:
    """Slows down guessing: an address that sent many wrong tokens is refused for the rest of a minute.

    Tokens that were right before keep working from there, because many people can share an address.
    """

    def __init__(self) -> None:
        self._failures: dict[str, list[float]] = {}
        self._known: set[bytes] = set()
        self._lock = threading.Lock()

    def check(self, address: str, digest: bytes) -> None:
        """Refuse an attempt from an address that failed too often.

        Raises:
            Problem: 429.
        """
        with self._lock:
            recent = self._recent(address)
            if len(recent) >= _MAX_FAILURES and digest not in self._known:
                wait = str(max(1, math.ceil(recent[0] + _FAILURE_SECONDS - time.monotonic())))
                raise Problem(429, "Too many attempts with an invalid token", headers={"Retry-After": wait})

    def note_failure(self, address: str) -> None:
        """Count a wrong token."""
        with self._lock:
            if len(self._failures) > _MAX_ADDRESSES:
                self._failures = {one: times for one in self._failures if (times := self._recent(one))}
            self._failures[address] = [*self._recent(address), time.monotonic()][-_MAX_FAILURES:]

    def note_success(self, digest: bytes) -> None:
        """Remember a token that was right."""
        with self._lock:
            if len(self._known) > _MAX_ADDRESSES:
                self._known.clear()
            self._known.add(digest)

    def _recent(self, address: str) -> list[float]:
        since = time.monotonic() - _FAILURE_SECONDS
        return [moment for moment in self._failures.get(address, ()) if moment > since]


class Authenticator:
    """Finds the caller of a request by its credentials, and signs links that need none.

    Args:
        database: Users and the hashes of their tokens.
        secret: The Hub's key.
        owner_token: A token that may do everything; kept in memory only.
    """

    def __init__(self, database: Database, secret: bytes, owner_token: str | None) -> None:
        self._database, self._secret = database, secret
        self._owner = self.hash(owner_token) if owner_token else None
        self._since = time.time()
        self._brake = _Brake()

    def revoke_owner(self) -> None:
        """Stop accepting the owner token, for a Hub whose users have tokens."""
        self._owner = None

    def hash(self, token: str) -> bytes:
        """Hash a token for storage, with the Hub's key; tokens themselves are never stored."""
        # The prefix separates token hashes from link signatures, which use the same key.
        return hmac.digest(self._secret, b"token\0" + token.encode("utf-8", "surrogatepass"), "sha256")

    def authenticate(self, authorization: str | None, address: str = "") -> Caller:
        """Find the caller of a request by its Authorization header.

        Args:
            authorization: The header.
            address: Where the request comes from, to slow down those who guess.

        Raises:
            Problem: 401 if the credentials are not those of any user; 429 after many such attempts.
        """
        if not authorization:
            return Caller()
        token = _token_of(authorization)
        if not token:
            raise invalid_credentials()
        digest = self.hash(token)
        # In constant time, so that response times reveal nothing about the owner token.
        if self._owner is not None and hmac.compare_digest(digest, self._owner):
            return Caller(OWNER, "owner", self._since, is_owner=True)
        self._brake.check(address, digest)
        found = self._database.find_token(digest)
        if found is None:
            self._brake.note_failure(address)
            raise invalid_credentials()
        self._brake.note_success(digest)
        return Caller(found.user, found.label, found.created)

    def sign(self, *facts: str) -> str:
        """Make the query string of a link: its expiry, and a signature over the expiry and `facts`."""
        expires = str(int(time.time()) + _LINK_SECONDS)
        return urlencode({"expires": expires, "signature": self._signature(expires, *facts)})

    def check_signature(self, expires: str, signature: str, *facts: str) -> None:
        """Require that this Hub signed the link for exactly these facts, and that it has not expired.

        Raises:
            Problem: 403.
        """
        expected = self._signature(expires, *facts)
        genuine = hmac.compare_digest(expected.encode(), signature.encode("utf-8", "replace"))
        if not genuine or not _NUMBER.fullmatch(expires) or int(expires) < time.time():
            raise Problem(403, "Invalid or expired link")

    def _signature(self, *facts: str) -> str:
        text = "\0".join(("link", *facts)).encode("utf-8", "replace")
        return hmac.new(self._secret, text, hashlib.sha256).hexdigest()


def _token_of(authorization: str) -> str:
    """Extract the token from Bearer credentials, or from Basic ones as git and git-lfs send them (as the password)."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return password or user  # https://TOKEN@host has the token as the user name, and no password
