"""A bare clone of a repo: its refs, commits and small files by one git fetch, kept in hfver's cache folder.

Content that is not fetched on purpose is never read: git would fetch missing objects one by one.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import tempfile
from collections.abc import Callable, Iterable, Mapping
from configparser import Error as ConfigError
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from hfver.core.log import timed
from hfver.core.manifest import FileEntry
from hfver.errors import HubError, UsageError
from hfver.hub.client import HubRepo
from hfver.hub.git.environment import git_environment, git_remote, was_redirected
from hfver.hub.listing import TreeFile

if TYPE_CHECKING:
    from git import Repo

__all__ = ["Clone", "GitTree", "Tag", "parse_pointer", "with_clone"]

FILTER = "blob:limit=1k"
"""Fetches every file that can be an LFS pointer (git-lfs: less than 1024 bytes), and only the names of larger ones."""

MAX_POINTER = 1024
"""Maximum size of an LFS pointer in bytes."""

MAX_SECONDS = 253402300799
"""The last second of the year 9999, the latest that datetime can hold. A commit may claim any date."""

MAX_FILES = 250_000
"""Maximum number of files in a commit."""

MAX_DEPTH = 64
"""Maximum number of nested folders."""

BATCH = 10_000
"""Maximum number of objects to ask for in one fetch."""

REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,18})\n?"
)
_MISSING_OBJECT = re.compile(r"(?:not our ref|bad revision|bad object) '?([0-9a-f]{40})")
"""How a server refuses an object, or how git reports that the server left it out."""

_T = TypeVar("_T")


@dataclass(frozen=True)
class Tag:
    """A tag: the commit that it points to, and its message; None if it is not annotated."""

    commit: str
    message: str | None


@dataclass(frozen=True)
class GitTree:
    """The files of a commit.

    Attributes:
        blobs: The git blob ids of regular files, by path.
        odd: What a release cannot contain, by path: symbolic links, submodules, and folders that cannot be read.
    """

    blobs: Mapping[str, str]
    odd: Mapping[str, str]


class _Broken(Exception):
    """git failed: the clone on disk is damaged, or the Hub did not send what was requested."""

    def __init__(self, error: Exception) -> None:
        self.stderr = str(getattr(error, "stderr", "") or error)
        super().__init__(_reason(self.stderr))


def with_clone(repo: HubRepo, work: Callable[[Clone], _T]) -> _T:
    """Update a repo's clone and call a function with it. A damaged clone is deleted and fetched again.

    Raises:
        UsageError: git is not installed.
        HubError: git could not fetch from the Hub.
    """
    from huggingface_hub.utils import WeakFileLock

    folder = repo.memory.folder
    folder.mkdir(parents=True, exist_ok=True)
    with WeakFileLock(folder / "clone.lock"):
        try:
            return _work(repo, folder / "clone.git", work)
        except _Broken:
            shutil.rmtree(folder / "clone.git", ignore_errors=True)
        try:
            return _work(repo, folder / "clone.git", work)
        except _Broken as error:
            raise HubError(
                f"{repo}: git could not fetch the repo from {repo.hub.place} ({error}).",
                "Check the address and your token: a proxy or a login page may have answered instead of the Hub.",
            ) from None


def _work(repo: HubRepo, folder: Path, work: Callable[[Clone], _T]) -> _T:
    git = _open(folder)
    try:
        return work(Clone(git, repo))
    finally:
        git.close()


def _open(folder: Path) -> Repo:
    os.environ.setdefault("GIT_PYTHON_REFRESH", "quiet")
    try:
        from git import GitError, Repo
        from git.cmd import Git
    except ImportError:
        raise UsageError("This command needs git, which is not installed.", "Install it: https://git-scm.com") from None
    try:
        if not (folder / "HEAD").is_file():
            folder.mkdir(parents=True, exist_ok=True)
            command = ["git", "init", "--quiet", "--bare", "--initial-branch=main", "--template=", str(folder)]
            Git(str(folder.parent)).execute(command, env=git_environment(folder))
        git = Repo(folder)
    except (GitError, OSError, ValueError, ConfigError) as error:
        raise _Broken(error) from None
    git.git.update_environment(**git_environment(folder))
    return git


class Clone:
    """A bare clone that was just updated. Only objects that were fetched can be read.

    Attributes:
        branches: The head of each branch, by name.
        tags: The tags, by name.
    """

    def __init__(self, git: Repo, repo: HubRepo) -> None:
        self._git, self._repo = git, repo
        self._fetch(f"--filter={FILTER}", "--prune", "--force", "origin", *REFSPECS)
        self._sizes = self._local_objects()
        self._trees: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self.branches, self.tags = self._refs()
        if "main" not in self.branches:  # git takes any web page for the refs of an old, empty server
            raise _Broken(ValueError("fatal: the response has no branch main"))

    def has(self, oid: str) -> bool:
        """Return whether an object was fetched."""
        return oid in self._sizes

    def size(self, oid: str) -> int | None:
        """Return an object's size in bytes; None if it was not fetched."""
        return self._sizes.get(oid)

    def read(self, oid: str) -> bytes:
        """Read an object that was fetched."""
        return self._object(oid)[1]

    def fetch(self, oids: Iterable[str]) -> None:
        """Fetch objects by their ids. Those that the Hub does not have stay missing."""
        absent = sorted(set(oids) - self._sizes.keys())
        for start in range(0, len(absent), BATCH):
            self._fetch_existing(absent[start : start + BATCH])
        if absent:
            self._sizes = self._local_objects()

    def tree(self, commit: str) -> GitTree | None:
        """List the files of a commit; return None if the commit was not fetched."""
        if not self.has(commit):
            return None
        kind, data = self._object(commit)
        if kind != "commit":
            return None
        return GitTree(*self._files(data[5:45].decode("ascii")))

    def tree_file(self, path: str, blob: str) -> TreeFile:
        """Return a file as a Hub lists it; with the size -1 if it was not fetched."""
        size = self.size(blob)
        pointer = parse_pointer(self.read(blob)) if size is not None and size <= MAX_POINTER else None
        if pointer:
            return TreeFile(path, pointer[1], blob, pointer[0])
        return TreeFile(path, -1 if size is None else size, blob, None)

    def is_pointer(self, blob: str) -> bool:
        """Return whether a file that was fetched is an LFS pointer."""
        return (self.size(blob) or 0) <= MAX_POINTER and parse_pointer(self.read(blob)) is not None

    def entry(self, blob: str) -> FileEntry:
        """Return the size and SHA-256 of a file that was fetched: its own, or the ones in its LFS pointer."""
        content = self.read(blob)
        oid, size = parse_pointer(content) or (hashlib.sha256(content).hexdigest(), len(content))
        return FileEntry(size=size, sha256=oid)

    def date_and_author(self, commit: str) -> tuple[datetime, str]:
        """Return when a commit was made, and its author's name."""
        head = self.read(commit).decode("utf-8", "replace").partition("\n\n")[0]
        author = re.search(r"^author (.*) <[^>\n]*> \d", head, re.MULTILINE)
        time = re.search(r"^committer .*> (\d{1,12})\b", head, re.MULTILINE)
        seconds = min(int(time[1]), MAX_SECONDS) if time else 0
        return datetime.fromtimestamp(seconds, UTC), (author[1].strip() if author else "") or "unknown"

    def versions_of(self, path: str, branch: str = "main") -> list[tuple[str, str | None]]:
        """List the commits of a branch that changed a file, newest first, with its blob; None where it was deleted."""
        format_ = ["--format=commit %H", "--raw", "--no-abbrev", "--no-renames", "-m", "--full-history"]
        text = self._run("log", *format_, f"refs/heads/{branch}", "--", path)
        found, commit = [], ""
        for line in text.splitlines():
            if line.startswith("commit "):
                commit = line[7:]
            elif line.startswith(":"):
                _, mode, _, blob = line.split()[:4]
                found.append((commit, blob if mode.startswith("100") else None))
        return found

    def _files(self, tree: str, depth: int = 0) -> tuple[dict[str, str], dict[str, str]]:
        """List a tree and the trees below it. Trees are remembered, because releases share most of theirs."""
        if tree not in self._trees:
            blobs, odd = self._walk(tree, depth)
            if len(blobs) > MAX_FILES or depth > MAX_DEPTH:
                blobs, odd = {}, {"…": "too large for a release: too many files, or folders nested too deeply"}
            self._trees[tree] = blobs, odd
        return self._trees[tree]

    def _walk(self, tree: str, depth: int) -> tuple[dict[str, str], dict[str, str]]:
        from git.objects.fun import tree_entries_from_data

        blobs: dict[str, str] = {}
        odd: dict[str, str] = {}
        try:
            entries = tree_entries_from_data(self.read(tree)) if depth <= MAX_DEPTH and self.has(tree) else []
        except ValueError as error:
            return {}, {"…": f"a folder that git would not check out ({str(error)[:80]})"}
        for binary, mode, name in entries:
            oid, kind = binary.hex(), mode >> 12
            if kind == 0o04:
                blobs_below, odd_below = self._files(oid, depth + 1)
                blobs.update((f"{name}/{path}", blob) for path, blob in blobs_below.items())
                odd.update((f"{name}/{path}", kind_of_entry) for path, kind_of_entry in odd_below.items())
            elif kind == 0o10:
                blobs[name] = oid
            else:
                odd[name] = "a symbolic link" if kind == 0o12 else "a submodule"
            if len(blobs) > MAX_FILES:  # a few trees that contain each other many times can stand for billions of files
                break
        return blobs, odd

    def _refs(self) -> tuple[dict[str, str], dict[str, Tag]]:
        branches: dict[str, str] = {}
        tags: dict[str, Tag] = {}
        for line in self._run("for-each-ref", "--format=%(objectname) %(refname)").splitlines():
            oid, _, name = line.partition(" ")
            if name.startswith("refs/heads/"):
                branches[name[11:]] = oid
            elif name.startswith("refs/tags/"):
                tags[name[10:]] = self._tag(oid)
        return branches, tags

    def _tag(self, oid: str) -> Tag:
        message: str | None = None
        while self.has(oid):
            kind, data = self._object(oid)
            if kind != "tag":
                break
            head, _, text = data.decode("utf-8", "replace").partition("\n\n")
            message = text if message is None else message
            oid = head.split("\n", 1)[0].removeprefix("object ")
        return Tag(oid, message)

    def _object(self, oid: str) -> tuple[str, bytes]:
        try:
            _, kind, _, data = self._git.git.get_object_data(oid)
        except (ValueError, OSError) as error:
            raise _Broken(error) from None
        return kind.decode() if isinstance(kind, bytes) else str(kind), bytes(data)

    def _local_objects(self) -> dict[str, int]:
        """List the size of every object in the clone, because asking git for a missing one would fetch it."""
        text = self._run("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objectsize)")
        self._git.git.clear_cache()
        return {oid: int(size) for oid, _, size in (line.partition(" ") for line in text.splitlines())}

    def _fetch_existing(self, oids: list[str]) -> None:
        """Fetch objects; a fetch fails if the Hub lacks one of them, so leave that out and try again."""
        wanted = set(oids)
        while wanted:
            try:
                return self._fetch_objects(sorted(wanted))
            except _Broken as error:
                missing = _MISSING_OBJECT.search(error.stderr)
                if missing is None or missing[1] not in wanted:
                    raise
                wanted.remove(missing[1])
        return None

    def _fetch_objects(self, oids: list[str]) -> None:
        with tempfile.TemporaryFile() as names:
            names.write("".join(f"{oid}\n" for oid in oids).encode())
            names.seek(0)
            # A server leaves out the files of commits that we say we have. We have the commits, but not the files.
            self._fetch(
                "--filter=blob:none",
                "--stdin",
                "origin",
                istream=names,
                settings={"fetch.negotiationAlgorithm": "noop"},
            )

    def _fetch(self, *arguments: str, istream: Any = None, settings: Mapping[str, str] | None = None) -> None:
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        try:
            environment = git_environment(Path(self._git.git_dir), {**git_remote(self._repo), **(settings or {})})
            self._run("fetch", *options, *arguments, env=environment, istream=istream)
        except _Broken as error:
            if not (was_redirected(error.stderr) and self._repo.find_git_name()):
                raise
            if istream is not None:
                istream.seek(0)
            self._fetch(*arguments, istream=istream, settings=settings)

    def _run(self, *arguments: str, env: Mapping[str, str] | None = None, istream: Any = None) -> str:
        from git import GitError

        program = self._git.git.GIT_PYTHON_GIT_EXECUTABLE
        try:
            with timed(f"git {arguments[0]}"):
                return str(self._git.git.execute([program, *arguments], env=env, istream=istream))
        except (GitError, OSError) as error:
            raise _Broken(error) from None


def parse_pointer(data: bytes) -> tuple[str, int] | None:
    """Parse a Git-LFS pointer: the SHA-256, and the size in bytes; None for any other content."""
    found = _POINTER.fullmatch(data) if len(data) <= MAX_POINTER else None
    return (found[1].decode(), int(found[2])) if found else None


def _reason(stderr: str) -> str:
    """Return the line that says why git failed."""
    lines = [line.strip(" '").removeprefix("stderr: '") for line in stderr.splitlines() if line.strip(" '")]
    errors = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (errors or lines or ["no reason given"])[-1][:300]
