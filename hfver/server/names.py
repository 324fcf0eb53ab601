"""Which names the Hub accepts: repo ids, paths in a repo, branches and tags. Pure functions."""

from __future__ import annotations

import re
from dataclasses import dataclass

import pygit2

KINDS = ("models", "datasets", "spaces")
_SEGMENT = re.compile(r"[A-Za-z0-9_](?:[A-Za-z0-9._-]*[A-Za-z0-9_])?", re.ASCII)
_RESERVED = frozenset({"api", "datasets", "lfs-objects", "models", "spaces"})
_HEX40 = re.compile(r"[0-9a-f]{40}")
_SHA256 = re.compile(r"[0-9a-f]{64}")
# HFS+ ignores these when it compares names, so ".g\u200cit" would be ".git" on a Mac. git's fsck has the same list.
_INVISIBLE = re.compile("[\u200c-\u200f\u202a-\u202e\u206a-\u206f\ufeff]")
MAX_ID = 96  # as on huggingface.co
MAX_PATH = 4096
MAX_COMPONENT = 255  # bytes, as common file systems allow
MAX_REF = 200
_MAX_REF_COMPONENT = MAX_COMPONENT - len(".lock")  # git locks a ref by a file of that name beside it


@dataclass(frozen=True)
class RepoId:
    """A repo's kind, namespace and name, in the spelling of the request."""

    kind: str
    namespace: str
    name: str

    @property
    def id(self) -> str:
        """``namespace/name``."""
        return f"{self.namespace}/{self.name}"

    @property
    def key(self) -> str:
        """The id in lower case: the same for every spelling, and the path of the repo's folder."""
        return f"{self.kind}/{self.namespace}/{self.name}".lower()

    @property
    def page(self) -> str:
        """The path of the repo's page: the id, with a prefix for datasets and spaces."""
        return self.id if self.kind == "models" else f"{self.kind}/{self.id}"


def is_namespace(text: object) -> bool:
    """Return whether `text` may name a user or an organization."""
    return _is_segment(text) and str(text).lower() not in _RESERVED


def is_repo_id(repo: RepoId) -> bool:
    """Return whether the id follows the rules of huggingface.co; such an id is always a safe relative path."""
    return is_namespace(repo.namespace) and _is_segment(repo.name) and len(repo.id) <= MAX_ID


def _is_segment(text: object) -> bool:
    return (
        isinstance(text, str)
        and _SEGMENT.fullmatch(text) is not None
        and "--" not in text
        and ".." not in text
        and not text.lower().endswith((".git", ".ipynb", ".lock"))
    )


def is_path(path: object) -> bool:
    """Return whether `path` may name a file in a repo, and on every system where the repo may be cloned."""
    if not isinstance(path, str) or not 0 < len(path) <= MAX_PATH or not _is_utf8(path):
        return False
    if any(ord(letter) < 32 or letter in "\\\x7f" for letter in path):
        return False
    return all(_is_component(part) for part in path.split("/"))


def _is_component(part: str) -> bool:
    if part in ("", ".", "..") or len(part.encode()) > MAX_COMPONENT:
        return False
    # NTFS ignores trailing dots and spaces and what follows a colon, and git~1 is its short name for .git.
    folded = _INVISIBLE.sub("", part).split(":")[0].rstrip(". ").lower()
    return folded not in (".git", "git~1")


def _is_utf8(text: str) -> bool:
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return True


def is_ref(name: object) -> bool:
    """Return whether `name` may name a branch or tag. A name that looks like a commit or a full ref may not."""
    return (
        isinstance(name, str)
        and 0 < len(name) <= MAX_REF
        and _is_utf8(name)
        and all(len(part.encode()) <= _MAX_REF_COMPONENT for part in name.split("/"))
        and "\x00" not in name
        and not name.startswith(("-", "refs/"))
        and name != "HEAD"
        and not is_commit(name)
        and bool(pygit2.reference_is_valid_name(f"refs/heads/{name}"))
    )


def is_commit(text: object) -> bool:
    """Return whether `text` is a full commit id."""
    return isinstance(text, str) and _HEX40.fullmatch(text) is not None


def is_sha256(text: object) -> bool:
    """Return whether `text` is a SHA-256 in lower-case hexadecimal, the only kind of oid in Git-LFS."""
    return isinstance(text, str) and _SHA256.fullmatch(text) is not None
