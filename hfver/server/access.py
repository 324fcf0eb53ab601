"""Who calls, and what the caller may do."""

from __future__ import annotations

import base64
import binascii
import hashlib
import hmac
import re
import time
from dataclasses import dataclass
from urllib.parse import urlencode

from hfver.server.problems import Problem, forbidden, gated, invalid_credentials, repo_not_found, unauthorized
from hfver.server.storage.database import Database, RepoRow

OWNER = "local"
_LINK_SECONDS = 24 * 3600
_NUMBER = re.compile(r"[0-9]{1,12}")


@dataclass(frozen=True)
class Caller:
    """Whoever sent a request. `name` None is anonymous; `is_owner` may do everything."""

    name: str | None = None
    label: str = ""
    created: float = 0.0
    is_owner: bool = False

    @property
    def anonymous(self) -> bool:
        """Whether nobody logged in."""
        return self.name is None

    def owns(self, namespace: str) -> bool:
        """Tell whether the caller may write a namespace."""
        return self.is_owner or (self.name or "").lower() == namespace.lower()


def check_read(caller: Caller, row: RepoRow) -> None:
    """Let the caller see a repo, or deny that it exists."""
    if row.private and not caller.owns(row.repo.namespace):
        raise repo_not_found(anonymous=caller.anonymous)


def check_files(caller: Caller, row: RepoRow) -> None:
    """Let the caller see a repo's files."""
    check_read(caller, row)
    if row.gated and not caller.owns(row.repo.namespace):
        raise gated(row.repo.id, anonymous=caller.anonymous)


def check_write(caller: Caller, row: RepoRow) -> None:
    """Let the caller change a repo."""
    check_read(caller, row)
    check_namespace(caller, row.repo.namespace, f"write to {row.repo.id}")


def check_proposal(caller: Caller, row: RepoRow) -> None:
    """Let the caller open a pull request: anybody who may read and has a name."""
    check_read(caller, row)
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")


def check_namespace(caller: Caller, namespace: str, action: str) -> None:
    """Let the caller act in a namespace."""
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")
    if not caller.owns(namespace):
        raise forbidden(f"You don't have the rights to {action}")


class Gatekeeper:
    """Turns credentials into callers, and signs links that carry their own permission."""

    def __init__(self, database: Database, secret: bytes, owner_token: str | None) -> None:
        self._database, self._secret = database, secret
        self._owner = self.hash(owner_token) if owner_token else None
        self._since = time.time()

    def retire_owner(self) -> None:
        """Forget the owner token: users have tokens of their own."""
        self._owner = None

    def hash(self, token: str) -> bytes:
        """Hash a token for storage, keyed by the Hub's secret; the token itself is never stored."""
        return hmac.digest(self._secret, b"token\0" + token.encode("utf-8", "surrogatepass"), "sha256")

    def admit(self, authorization: str | None) -> Caller:
        """Find the caller of an Authorization header.

        Raises:
            Problem: 401 for credentials that nobody has.
        """
        if not authorization:
            return Caller()
        token = _token_of(authorization)
        if not token:
            raise invalid_credentials()
        digest = self.hash(token)
        if self._owner is not None and hmac.compare_digest(digest, self._owner):
            return Caller(OWNER, "owner", self._since, is_owner=True)
        found = self._database.token(digest)
        if found is None:
            raise invalid_credentials()
        return Caller(found.user, found.label, found.created)

    def sign(self, *facts: str) -> str:
        """Make the query string of a link: until when it is good, and the signature over it and the facts."""
        expires = str(int(time.time()) + _LINK_SECONDS)
        return urlencode({"expires": expires, "signature": self._signature(expires, *facts)})

    def check_signature(self, expires: str, signature: str, *facts: str) -> None:
        """Accept only links that this Hub signed for exactly these facts.

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
    """Take the token out of Bearer, or out of Basic as git and git-lfs send it (password, any user)."""
    scheme, _, value = authorization.partition(" ")
    if scheme.lower() == "bearer":
        return value.strip()
    if scheme.lower() != "basic":
        return ""
    try:
        user, _, password = base64.b64decode(value, validate=True).decode("utf-8").partition(":")
    except (binascii.Error, UnicodeDecodeError, ValueError):
        return ""
    return password or user
