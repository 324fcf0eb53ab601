"""The ordinary Hugging Face cache: where the files of a commit are, and how a Hub's files get there.

huggingface_hub serves what lies in the cache without a check, also offline. So a file is downloaded to a private folder
of the Hub that sends it, ``models--NS--NAME/.hfver/<hash of the Hub>/``, and is moved into the cache only when its
content is what its name and the release say. huggingface_hub ignores that folder, and deletes it together with the
repo.

Two Hubs can claim different files for the same commit, and the cache has one place for a commit. So the private folder
also records the list of files that its Hub claims: a Hub never replaces what a different Hub vouched for.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
import threading
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from hfver.core.below import create_below, holder, is_plain_below, replace_below, unlink_below
from hfver.core.file_stamp import FileStamp
from hfver.errors import DigestMismatch

__all__ = ["CommitCache", "Hashed", "blob_content_is", "cached_file", "snapshot_folder"]

PRIVATE = ".hfver"
"""The folder in a cached repo that has a private folder for each Hub."""

_BLOB = re.compile(r"[0-9a-f]{40}|[0-9a-f]{64}")

MAX_RECORD = 64 * 1024 * 1024
"""Maximum size of a record of a commit's files, in bytes: 250,000 files with long paths."""


def snapshot_folder(repo: str, commit: str) -> Path:
    """Return the cache folder with a commit's files."""
    from huggingface_hub import constants
    from huggingface_hub.file_download import repo_folder_name

    folder = repo_folder_name(repo_id=repo, repo_type="model")
    return Path(constants.HF_HUB_CACHE) / folder / "snapshots" / commit


def cached_file(repo: str, commit: str, path: str) -> Path | None:
    """Find a file of a commit in the cache; return None if it is not there. Sends no request."""
    file = snapshot_folder(repo, commit) / path
    return file if file.is_file() else None


def blob_content_is(blob: Path, name: str) -> bool:
    """Return whether the content of a blob is what its name says: a SHA-256, or git's id of a regular file."""
    # The SHA-1 is git's, which names regular files; the caller also compares a SHA-256.
    digest = hashlib.sha256() if len(name) == 64 else hashlib.sha1(usedforsecurity=False)
    with blob.open("rb", buffering=0) as stream:
        if len(name) == 40:
            digest.update(b"blob %d\x00" % os.fstat(stream.fileno()).st_size)
        while block := stream.read(1024 * 1024):
            digest.update(block)
    return digest.hexdigest() == name


@dataclass(frozen=True)
class Hashed:
    """A file that was hashed on its way into the cache: while it looks like this, it need not be hashed again.

    Attributes:
        sha256: Its SHA-256.
        stamp: What it looked like afterwards.
    """

    sha256: str
    stamp: FileStamp

    @classmethod
    def of(cls, sha256: str, path: Path) -> Hashed:
        """Look at a file, following links."""
        return cls(sha256, FileStamp.of(path.stat()))


@dataclass(frozen=True)
class CommitCache:
    """The place of a commit in the cache, as one Hub uses it.

    Attributes:
        repo: The repo, ``namespace/name``.
        commit: The commit, 40 hex digits.
        hub: The name under which this machine knows the Hub.
    """

    repo: str
    commit: str
    hub: str

    @property
    def folder(self) -> Path:
        """The snapshot folder, with the commit's files."""
        return snapshot_folder(self.repo, self.commit)

    @property
    def storage(self) -> Path:
        """The folder of the repo, with its snapshots and blobs."""
        return self.folder.parents[1]

    @property
    def private(self) -> str:
        """The private folder of the Hub, relative to the folder of the repo."""
        return f"{PRIVATE}/{hashlib.sha256(self.hub.encode()).hexdigest()[:16]}"

    @contextmanager
    def lock(self, blob: str) -> Iterator[None]:
        """Hold the lock of a blob, which is huggingface_hub's own."""
        from huggingface_hub.utils import WeakFileLock

        lock = self.storage.parent / ".locks" / self.storage.name / f"{blob}.lock"
        for folder in (lock.parent, self.storage):
            folder.mkdir(parents=True, exist_ok=True)
        with WeakFileLock(lock):
            yield

    def blob(self, name: str) -> Path | None:
        """Find a blob in the cache; None if there is none, or a link that leads out of the cache."""
        path = self.storage / "blobs" / name
        if path.is_symlink() and _linked_blob(path, self.storage.parent / "blobs") is None:
            return None
        return path if path.is_file() else None

    def add(self, part: str, name: str) -> Path:
        """Move a verified file from the private folder to its place among the blobs.

        Args:
            part: The path of the file, relative to the folder of the repo.
            name: The name of the blob.

        Raises:
            UsageError: A folder on the way is a link.
        """
        replace_below(self.storage, part, f"blobs/{name}")
        return self.storage / "blobs" / name

    def link(self, path: str, name: str) -> None:
        """Make a path of the snapshot a link to a blob, unless it is a file already.

        Raises:
            UsageError: A folder on the way is a link.
        """
        pointer, blob = self.folder / path, self.storage / "blobs" / name
        with holder(self.storage, f"snapshots/{self.commit}/{path}", create=True) as (folder, link):
            if not pointer.exists():
                with suppress(FileNotFoundError):
                    os.unlink(link, dir_fd=folder)
                os.symlink(os.path.relpath(blob, pointer.parent), link, dir_fd=folder)

    def forget(self, path: str) -> None:
        """Remove a file with wrong content from the snapshot, so that it is downloaded again.

        Its blob stays if its content is what its name says, because then only the link was wrong, and other commits may
        have the blob. A damaged blob is removed with all links to it: huggingface_hub cannot list a cache with a link
        that leads nowhere. Any other file that a link leads to is somebody else's, and stays.

        Raises:
            UsageError: A folder of the snapshot is a link.
        """
        blob = _linked_blob(self.folder / path, self.storage / "blobs")
        unlink_below(self.storage, f"snapshots/{self.commit}/{path}")
        if blob is None or (self.blob(blob.name) and blob_content_is(blob, blob.name)):
            return
        for link in self._links_to(blob):
            unlink_below(self.storage, link)
        # Of a link into the store that repos share only the link goes: others may need what it leads to.
        unlink_below(self.storage, f"blobs/{blob.name}")

    def _links_to(self, blob: Path) -> Iterator[str]:
        for base, _, names in os.walk(self.storage / "snapshots"):
            for link in (Path(base, name) for name in names):
                if _linked_blob(link, self.storage / "blobs") == blob:
                    yield link.relative_to(self.storage).as_posix()

    def vouch(self, names: Mapping[str, str], *, whole: bool = True) -> None:
        """Record that the Hub claims these files for the commit.

        Args:
            names: The name of each file's blob, by path.
            whole: Whether these are all files of the commit.

        Raises:
            UsageError: The private folder is a link.
        """
        part = f"{self.private}/{self.commit}.{os.getpid()}-{threading.get_ident()}.part"
        with create_below(self.storage, part) as stream:
            record = {"hub": self.hub, "whole": whole, "files": dict(names)}
            stream.write(json.dumps(record, sort_keys=True).encode())
        replace_below(self.storage, part, self._record)

    def vouch_for_cached(self, paths: Iterable[str]) -> None:
        """Record the same of verified files that were in the cache before, unless there is a record."""
        if not is_plain_below(self.storage, self._record):
            blobs = {path: _linked_blob(self.folder / path, self.storage / "blobs") for path in paths}
            self.vouch({path: blob.name for path, blob in blobs.items() if blob}, whole=False)

    def check_claims(self, names: Mapping[str, str]) -> None:
        """Compare a Hub's list of a commit's files with what other Hubs claimed when they filled the cache.

        Raises:
            DigestMismatch: They differ, and the cache has files of the other Hub.
        """
        for claim in self._other_claims():
            paths = names.keys() | claim.names.keys() if claim.whole else claim.names.keys()
            different = sorted(path for path in paths if names.get(path) != claim.names.get(path))
            if different and any((self.folder / path).is_file() for path in claim.names):
                path = different[0]
                raise self._contradiction(path, names.get(path, "absent"), claim, claim.names.get(path, "absent"))

    def check_may_forget(self, paths: Iterable[str]) -> None:
        """Check that no intact file of a different Hub is about to be removed because this Hub claims something else.

        Raises:
            DigestMismatch: There is one.
        """
        others = list(self._other_claims())
        for path in paths if others else ():
            blob = _linked_blob(self.folder / path, self.storage / "blobs")
            for claim in others:
                if blob and blob.is_file() and claim.names.get(path) == blob.name and blob_content_is(blob, blob.name):
                    raise self._contradiction(path, "different", claim, blob.name)

    @property
    def _record(self) -> str:
        return f"{self.private}/{self.commit}.json"

    def _contradiction(self, path: str, mine: str, claim: _Claim, theirs: str) -> DigestMismatch:
        return DigestMismatch(
            f"{self.hub} and {claim.hub} claim different files for commit {self.commit} of {self.repo}: {path} is "
            f"{mine} on the first, and {theirs} on the second. The cache has the commit from the second.",
            f"One of them is wrong: find out which. To use both, give each a cache of its own (HF_HUB_CACHE=DIR); to "
            f"forget the files of {claim.hub}, delete {self.storage}.",
        )

    def _other_claims(self) -> Iterator[_Claim]:
        """Read the records that different Hubs left of this commit."""
        try:
            with holder(self.storage, f"{PRIVATE}/x") as (folder, _):
                hubs = sorted(os.listdir(folder))  # noqa: PTH208 - a descriptor, not a path
        except FileNotFoundError:
            return
        for hub in hubs:
            record = f"{PRIVATE}/{hub}/{self.commit}.json"
            if record != self._record and is_plain_below(self.storage, record):
                claim = _read_claim(self.storage / record)
                if claim is not None:
                    yield claim


@dataclass(frozen=True)
class _Claim:
    """What a Hub claimed of a commit: the names of its files' blobs by path, and whether these are all files."""

    hub: str
    whole: bool
    names: Mapping[str, str]


def _read_claim(path: Path) -> _Claim | None:
    """Read a record; None if it is broken, which only loses the comparison with that Hub."""
    try:
        if path.stat().st_size > MAX_RECORD:
            return None
        data = json.loads(path.read_bytes())
        names = {str(file): str(blob) for file, blob in data["files"].items()}
        return _Claim(str(data["hub"]), bool(data["whole"]), names)
    except (OSError, ValueError, KeyError, TypeError, AttributeError, RecursionError):
        return None


def _linked_blob(link: Path, blobs: Path) -> Path | None:
    """Return the file in a folder of blobs that a link names; None for anything else."""
    if not link.is_symlink():
        return None
    target = Path(os.path.normpath(link.parent / link.readlink()))
    return target if target.is_relative_to(blobs) and _BLOB.fullmatch(target.name) else None
