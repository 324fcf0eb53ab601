"""Clone: a repo's refs, commits and small files by one git fetch, kept in hfver's own folder for the next time.

The file below the verbs that fetches by git; `hfver.hub.git.push` pushes in the same way. git runs without the user's
configuration, hooks and prompts; the token travels in its environment, never in an argument, an address or a file.
Content that was not fetched stays away: git is never left to fetch objects one by one.
"""

from __future__ import annotations

import base64
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
from hfver.hub.listing import TreeFile

if TYPE_CHECKING:
    from git import Repo

__all__ = ["Clone", "GitTree", "Tag", "git_environment", "git_remote", "parse_pointer", "with_clone"]

FILTER = "blob:limit=1k"
"""Brings what an LFS pointer can be (git-lfs: less than 1024 bytes), and of other files only their names."""
MAX_POINTER = 1024
MAX_SECONDS = 253402300799
"""The last second of the year 9999: a commit may claim any."""
MAX_FILES = 250_000
MAX_DEPTH = 64
BATCH = 10_000
"""Objects asked for in one fetch."""
REFSPECS = ("+refs/heads/*:refs/heads/*", "+refs/tags/*:refs/tags/*")

_POINTER = re.compile(
    rb"version https://git-lfs\.github\.com/spec/v1\n(?:ext-[^\n]*\n)*"
    rb"oid sha256:([0-9a-f]{64})\nsize (0|[1-9][0-9]{0,18})\n?"
)
_NEUTRAL = {
    "GIT_ALTERNATE_OBJECT_DIRECTORIES": "",
    "GIT_ASKPASS": "",
    "GIT_CONFIG_GLOBAL": os.devnull,
    "GIT_CONFIG_NOSYSTEM": "1",
    "GIT_CONFIG_PARAMETERS": "",
    "GIT_LFS_SKIP_SMUDGE": "1",
    "GIT_NAMESPACE": "",
    "GIT_NO_LAZY_FETCH": "1",
    "GIT_NO_REPLACE_OBJECTS": "1",
    "GIT_TERMINAL_PROMPT": "0",
    "SSH_ASKPASS": "",
}
_NOT_THERE = re.compile(r"(?:not our ref|bad revision|bad object) '?([0-9a-f]{40})")
"""How a server refuses an object, or git notices that it was left out."""
_T = TypeVar("_T")


@dataclass(frozen=True)
class Tag:
    """A tag: the commit it leads to, and its message, None if it is not annotated."""

    commit: str
    message: str | None


@dataclass(frozen=True)
class GitTree:
    """The files of a commit.

    Attributes:
        blobs: Path to git blob id, for regular files.
        odd: Path to what it is, for symbolic links and submodules.
    """

    blobs: Mapping[str, str]
    odd: Mapping[str, str]


class _Broken(Exception):
    """Git failed: the clone on disk cannot be read, or the Hub did not give what was asked for."""

    def __init__(self, error: Exception) -> None:
        self.said = str(getattr(error, "stderr", "") or error)
        super().__init__(_reason(self.said))


def with_clone(repo: HubRepo, work: Callable[[Clone], _T]) -> _T:
    """Bring a repo's clone up to date and work on it; one that is damaged is thrown away and made again.

    Raises:
        UsageError: There is no git program.
        HubError: The Hub did not let git fetch.
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
                f"{repo}: git could not fetch it from {repo.hub.place} ({error}).",
                "Check the address and your token; a proxy or a login page may have answered in the Hub's place.",
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
        raise UsageError("This needs the git program.", "Install git: https://git-scm.com") from None
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
    """A bare clone that is up to date. Only what was fetched can be read."""

    def __init__(self, git: Repo, repo: HubRepo) -> None:
        self._git, self._repo = git, repo
        self._fetch(f"--filter={FILTER}", "--prune", "--force", "origin", *REFSPECS)
        self._sizes = self._at_hand()
        self._trees: dict[str, tuple[dict[str, str], dict[str, str]]] = {}
        self.branches, self.tags = self._refs()
        if "main" not in self.branches:  # git takes a page of anything for the refs of an old, empty server
            raise _Broken(ValueError("fatal: what it answered with names no branch main"))

    def has(self, oid: str) -> bool:
        """Tell whether an object is at hand."""
        return oid in self._sizes

    def size(self, oid: str) -> int | None:
        """Tell an object's size in bytes, or None if it is not at hand."""
        return self._sizes.get(oid)

    def read(self, oid: str) -> bytes:
        """Read an object that is at hand."""
        return self._object(oid)[1]

    def fetch(self, oids: Iterable[str]) -> None:
        """Fetch objects by their ids, all in one go; those that the Hub lacks stay away."""
        absent = sorted(set(oids) - self._sizes.keys())
        for start in range(0, len(absent), BATCH):
            self._bring(absent[start : start + BATCH])
        if absent:
            self._sizes = self._at_hand()

    def tree(self, commit: str) -> GitTree | None:
        """List the files of a commit, or return None if the commit is not at hand."""
        if not self.has(commit):
            return None
        kind, data = self._object(commit)
        if kind != "commit":
            return None
        return GitTree(*self._files(data[5:45].decode("ascii")))

    def tree_file(self, path: str, blob: str) -> TreeFile:
        """Describe a file as a Hub lists it; one that is not at hand has the size -1."""
        size = self.size(blob)
        pointer = parse_pointer(self.read(blob)) if size is not None and size <= MAX_POINTER else None
        if pointer:
            return TreeFile(path, pointer[1], blob, pointer[0])
        return TreeFile(path, -1 if size is None else size, blob, None)

    def is_pointer(self, blob: str) -> bool:
        """Tell whether a file that is at hand is an LFS pointer."""
        return (self.size(blob) or 0) <= MAX_POINTER and parse_pointer(self.read(blob)) is not None

    def entry(self, blob: str) -> FileEntry:
        """Name a file that is at hand by size and SHA-256: its own, or what its LFS pointer says."""
        content = self.read(blob)
        oid, size = parse_pointer(content) or (hashlib.sha256(content).hexdigest(), len(content))
        return FileEntry(size=size, sha256=oid)

    def made(self, commit: str) -> tuple[datetime, str]:
        """Tell when a commit was made, and its author's name."""
        head = self.read(commit).decode("utf-8", "replace").partition("\n\n")[0]
        who, when = (
            re.search(r"^author (.*) <[^>\n]*> \d", head, re.MULTILINE),
            re.search(r"^committer .*> (\d{1,12})\b", head, re.MULTILINE),
        )
        seconds = min(int(when[1]), MAX_SECONDS) if when else 0
        return datetime.fromtimestamp(seconds, UTC), (who[1].strip() if who else "") or "unknown"

    def versions_of(self, path: str, branch: str = "main") -> list[tuple[str, str | None]]:
        """List the commits of a branch's history that changed a file, newest first, with its blob (None: none)."""
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
        """List a tree and what is below it; trees are remembered, as releases share most of theirs."""
        if tree not in self._trees:
            blobs, odd = self._walk(tree, depth)
            if len(blobs) > MAX_FILES or depth > MAX_DEPTH:
                blobs, odd = (
                    {},
                    {"…": "beyond what a release can hold: too many files, or too many folders in each other"},
                )
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
                below, strange = self._files(oid, depth + 1)
                blobs.update((f"{name}/{path}", blob) for path, blob in below.items())
                odd.update((f"{name}/{path}", what) for path, what in strange.items())
            elif kind == 0o10:
                blobs[name] = oid
            else:
                odd[name] = "a symbolic link" if kind == 0o12 else "a submodule"
            if len(blobs) > MAX_FILES:  # a few trees that name each other many times can stand for billions of files
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

    def _at_hand(self) -> dict[str, int]:
        """List every object that is here. Asking for one that is not would make git fetch it alone."""
        text = self._run("cat-file", "--batch-all-objects", "--unordered", "--batch-check=%(objectname) %(objectsize)")
        self._git.git.clear_cache()
        return {oid: int(size) for oid, _, size in (line.partition(" ") for line in text.splitlines())}

    def _bring(self, oids: list[str]) -> None:
        wanted = set(oids)
        while wanted:
            try:
                return self._want(sorted(wanted))
            except _Broken as error:
                lacking = _NOT_THERE.search(error.said)
                if lacking is None or lacking[1] not in wanted:
                    raise
                wanted.remove(lacking[1])
        return None

    def _want(self, oids: list[str]) -> None:
        with tempfile.TemporaryFile() as wanted:
            wanted.write("".join(f"{oid}\n" for oid in oids).encode())
            wanted.seek(0)
            # Saying what commits we have would let a server leave out their files, which we do not have.
            self._fetch(
                "--filter=blob:none",
                "--stdin",
                "origin",
                istream=wanted,
                settings={"fetch.negotiationAlgorithm": "noop"},
            )

    def _fetch(self, *arguments: str, istream: Any = None, settings: Mapping[str, str] | None = None) -> None:
        options = ["--quiet", "--no-tags", "--no-write-fetch-head", "--no-recurse-submodules"]
        environment = git_environment(Path(self._git.git_dir), {**git_remote(self._repo), **(settings or {})})
        self._run("fetch", *options, *arguments, env=environment, istream=istream)

    def _run(self, *arguments: str, env: Mapping[str, str] | None = None, istream: Any = None) -> str:
        from git import GitError

        program = self._git.git.GIT_PYTHON_GIT_EXECUTABLE
        try:
            with timed(f"git {arguments[0]}"):
                return str(self._git.git.execute([program, *arguments], env=env, istream=istream))
        except (GitError, OSError) as error:
            raise _Broken(error) from None


def parse_pointer(data: bytes) -> tuple[str, int] | None:
    """Read a Git-LFS pointer: SHA-256 and size in bytes; None for any other content."""
    found = _POINTER.fullmatch(data) if len(data) <= MAX_POINTER else None
    return (found[1].decode(), int(found[2])) if found else None


def git_environment(folder: Path, remote: Mapping[str, str] | None = None) -> dict[str, str]:
    """Make git blind to the user's and the caller's settings; ours go by environment, which no process list shows."""
    settings = {
        "core.hooksPath": os.devnull,
        "gc.autoDetach": "false",
        "http.lowSpeedLimit": "1000",
        "http.lowSpeedTime": "60",
        "http.postBuffer": str(16 * 1024 * 1024),
        "protocol.allow": "never",
        "protocol.http.allow": "always",
        "protocol.https.allow": "always",
        **(remote or {}),
    }
    counted = {"GIT_CONFIG_COUNT": str(len(settings))}
    for number, (name, value) in enumerate(settings.items()):
        counted |= {f"GIT_CONFIG_KEY_{number}": name, f"GIT_CONFIG_VALUE_{number}": value}
    return _NEUTRAL | {"GIT_DIR": str(folder), "GIT_OBJECT_DIRECTORY": str(folder / "objects")} | counted


def git_remote(repo: HubRepo) -> dict[str, str]:
    """Say where from and as whom: any user name, and the token as the password."""
    remote = {"remote.origin.url": f"{repo.hub.endpoint}/{repo}"}
    if repo.hub.is_loopback:
        remote["remote.origin.proxy"] = ""  # no proxy can reach this machine's own loopback
    _, _, token = repo.hub.session.headers().get("authorization", "").partition(" ")
    if token:
        basic = base64.b64encode(f"hfver:{token}".encode()).decode()
        remote[f"http.{repo.hub.endpoint}/.extraHeader"] = f"Authorization: Basic {basic}"
    return remote


def _reason(said: str) -> str:
    """Say in a line why git failed."""
    lines = [line.strip(" '").removeprefix("stderr: '") for line in said.splitlines() if line.strip(" '")]
    told = [line for line in lines if line.startswith(("fatal:", "error:"))]
    return (told or lines or ["no reason given"])[-1][:300]
