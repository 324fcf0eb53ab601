"""A Hub, used as one user, and the handle of a repo on it: everything that hfver asks of a Hub, and nothing more."""

from __future__ import annotations

import base64
import os
import re
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from typing import Any, TypeVar
from urllib.parse import quote

from hfver.core.log import logger
from hfver.errors import EntryNotFound, HubDenied, HubError, HubNotFound, HubUnreachable
from hfver.hub.cards import CardVerdict, judge_card
from hfver.hub.commits import Operation, encode_commit
from hfver.hub.listing import Refs, TreeFile, Upload, is_file, pull_number, targets, tree_file
from hfver.hub.loopback import is_loopback
from hfver.hub.memory import Memory
from hfver.hub.own_writes import OwnWrites
from hfver.hub.responses import commit_id, next_page, parsing, text
from hfver.hub.session import HubSession, Method

__all__ = ["Hub", "HubRepo"]

T = TypeVar("T")

MAX_FILES = 250_000
"""Maximum number of files in a commit: more than twice what huggingface.co recommends, and a bound for listings."""

MAX_PAGES = 1_000
"""Maximum number of pages of a listing: a Hub must not be able to keep a client busy for ever."""

UNKNOWN_USER = "unknown"
"""The author of a release where the Hub does not tell who the caller is."""

KEPT_BYTES = 4 * 1024 * 1024
"""Maximum size of a file of a commit that is kept in memory, so that it is not requested again."""


class Hub:
    """A Hub, used as one user. Safe to use from several threads.

    Args:
        endpoint: Its URL; None for huggingface_hub's default (``HF_ENDPOINT`` or huggingface.co).
        token: An access token; None for the user's own.
        identity: The name under which the local memory and locks know this Hub; None for its endpoint.
        place: How messages call it; None for its endpoint.
        store: The folder of an embedded Hub that runs in this process: large files are copied to and from it.
    """

    def __init__(
        self,
        endpoint: str | None = None,
        token: str | None = None,
        identity: str | None = None,
        place: str | None = None,
        store: Path | None = None,
    ) -> None:
        self.store = store
        self.session = HubSession(endpoint, token, place)
        self.endpoint = self.session.endpoint
        self.identity = identity or self.endpoint
        self.place = self.session.place
        self._repos: dict[tuple[str, str], HubRepo] = {}
        self._lock = Lock()

    @property
    def is_loopback(self) -> bool:
        """Whether the Hub runs on this machine."""
        return is_loopback(self.endpoint)

    def repo(self, name: str, kind: str = "models") -> HubRepo:
        """Return the handle of a repo: the same one for the same name, so that nothing is requested twice.

        Args:
            name: ``namespace/name``; the repo does not have to exist.
            kind: ``models`` or ``datasets``.
        """
        with self._lock:
            return self._repos.setdefault((kind, name), HubRepo(self, name, kind))

    @cached_property
    def user(self) -> str:
        """The name of the caller on this Hub, which releases record as their author.

        The Hub does not tell the name behind a trusted publisher's token, and limits such requests strictly. Then it is
        the repo that the CI job belongs to, or ``unknown``: the token may still write.

        Raises:
            HubDenied: There is no token.
        """
        if not self.session.headers().get("authorization"):
            raise HubDenied(f"Writing to {self.endpoint} requires a token.", "Set HF_TOKEN, or run: hf auth login")
        try:
            response = self.session.request("GET", "/api/whoami-v2", "your user")
        except HubUnreachable:
            raise
        except HubError:
            return _ci_identity() or UNKNOWN_USER
        with parsing("your user", self.place):
            return text(response.json().get("name") or UNKNOWN_USER)

    def anonymous(self) -> Hub:
        """Return the same Hub, used without a token: a token for one repo is refused even by public ones."""
        hub = Hub(self.endpoint, None, self.identity, self.place, self.store)
        hub.session.token = False
        return hub


def _ci_identity() -> str | None:
    """Return the repo that the running CI job belongs to, from the variables of GitHub Actions and GitLab."""
    variables = {"github": "GITHUB_REPOSITORY", "gitlab": "CI_PROJECT_PATH"}
    found = ((ci, os.environ.get(name, "")) for ci, name in variables.items())
    return next((f"{ci}:{path[:200]}" for ci, path in found if path and path.isprintable()), None)


_REPO_NAME = re.compile(r"[A-Za-z0-9][-.\w]*/[A-Za-z0-9][-.\w]*", re.ASCII)


class HubRepo:
    """The handle of one repo on one Hub, with what was read of its commits so far.

    A commit never changes, so its list of files and its small files are requested once. Refs are requested each time.
    The repo does not have to exist. ``Hub.repo`` returns a handle.

    Attributes:
        hub: The Hub that it is on.
        name: ``namespace/name``, as the caller spelled it.
        kind: ``models`` or ``datasets``.
    """

    def __init__(self, hub: Hub, name: str, kind: str = "models") -> None:
        self.hub, self.name, self.kind = hub, name, kind
        self._trees: dict[str, dict[str, TreeFile]] = {}
        self._files: dict[tuple[str, str], bytes] = {}
        self._git_name: str | None = None
        self._peeled: dict[tuple[str, str | None], str] = {}
        self._writes = OwnWrites()
        self._created = False
        self._verdicts: dict[bytes, CardVerdict] = {}

    def __str__(self) -> str:
        return self.name

    @cached_property
    def memory(self) -> Memory:
        """What this machine remembers about the repo from earlier runs."""
        return Memory(self.hub.identity, self.name)

    def url(self, commit: str | None = None) -> str:
        """Return the address of the repo's web page, or of a commit in it."""
        return f"{self.hub.endpoint}/{self.name}" + (f"/tree/{commit}" if commit else "")

    def request(self, method: Method, path: str, what: str, **options: Any) -> Any:
        """Send a request about this repo as `HubSession.request` does.

        Right after this process wrote to the repo, the Hub may not know yet what it made. Then a repo, commit or
        branch that is not found is asked for again, with growing pauses.

        Args:
            method: The HTTP method.
            path: A path on the endpoint, or a whole address.
            what: Names the object of the request in error messages.
            options: What `HubSession.request` takes.

        Raises:
            HubError: The Hub cannot be reached, or refuses the request.
        """
        return self.patiently(lambda: self.hub.session.request(method, path, what, **options))

    def patiently(self, read: Callable[[], T]) -> T:
        """Read something about this repo, again with growing pauses while the Hub may not know it yet.

        Args:
            read: Reads it; called several times only right after a write of this process.

        Raises:
            HubError: The Hub cannot be reached, or refuses the request.
        """
        for pause in self.lag_pauses():
            try:
                return read()
            except EntryNotFound:
                raise  # the Hub knows the commit, whose files never change
            except HubNotFound as error:
                logger.info("Asking again in %.2f s, because this may have just been written: %s", pause, error.message)
                time.sleep(pause)
        return read()

    def lag_pauses(self, *, written: bool = False) -> Iterator[float]:
        """Yield the seconds to wait between reads until the Hub shows a write.

        Args:
            written: Whether something is known to have been written, by whomever; otherwise there are only pauses
                right after a write of this process.
        """
        # An embedded Hub in this process has no cache in front of it.
        if self.hub.store is None and (written or self._writes.are_recent):
            yield from self.hub.session.retry_policy.pauses()

    def note_write(self) -> None:
        """Note that something was written to the repo, which the Hub may not know at once."""
        self._writes.note()

    def refs(self) -> Refs:
        """List branches, tags and pull requests in one request.

        What this process wrote in the last minute is in them, even if the Hub still answers from a cache.
        """
        path = f"/api/{self.kind}/{self.name}/refs?include_prs=1"
        response = self.request("GET", path, self.name, coded=True)
        with parsing(self.name, self.hub.place):
            data = response.json()
            pulls = {
                pull_number(item["ref"]): commit_id(item["targetCommit"]) for item in data.get("pullRequests") or []
            }
            refs = Refs(targets(data, "branches"), targets(data, "tags"), pulls)
        return self._writes.applied_to(refs)

    def find_refs(self) -> Refs | None:
        """List the refs; return None if there is no such repo."""
        try:
            return self.refs()
        except HubNotFound:
            return None

    def find_name(self) -> str | None:
        """Return the current name of the repo, which differs if it was moved; None if there is no such repo."""
        try:
            path = f"/api/{self.kind}/{self.name}?expand=sha"
            response = self.hub.session.request("GET", path, self.name, coded=True)
        except HubNotFound:
            return None
        with parsing(self.name, self.hub.place):
            return text(response.json()["id"])

    @property
    def git_url(self) -> str:
        """The repo's address for git, under the name that `find_git_name` found, or its own."""
        return f"{self.hub.endpoint}/{self._git_name or self.name}"

    def find_git_name(self) -> bool:
        """Find the current name of a repo that git was redirected from; return whether there is another one.

        git follows no redirect, because it would send the token along.

        Raises:
            HubError: The Hub gives something that is not a repo name.
        """
        if self._git_name is not None:  # once is enough: a Hub could give other names for ever
            return False
        name = self.find_name() or self.name
        if not _REPO_NAME.fullmatch(name):
            raise HubError(f"{self.name}: {self.hub.place} gives {name[:80]!r} as its name, which is not one.")
        self._git_name = name
        return name != self.name

    def commit_of(self, revision: str) -> str:
        """Resolve a branch, tag or short commit to the commit that it points to now."""
        path = f"/api/{self.kind}/{self.name}/revision/{quote(revision, safe='')}?expand=sha"
        response = self.hub.session.request("GET", path, f"{self.name}@{revision}", coded=True)
        with parsing(f"{self.name}@{revision}", self.hub.place):
            return commit_id(response.json()["sha"])

    def commit_of_tag(self, tag: str, target: str | None) -> str | None:
        """Resolve a tag to its commit: refs may name an annotated tag's object instead, which nothing documents.

        Args:
            tag: The tag. No branch may have its name, because the Hub might resolve that instead.
            target: What refs say that it points to, None if they lack it; returned if the Hub does not know the tag.
        """
        if (tag, target) not in self._peeled:
            try:
                self._peeled[tag, target] = self.commit_of(tag)
            except HubNotFound:
                return target
        return self._peeled[tag, target]

    def read(self, commit: str, path: str) -> bytes:
        """Read a small file of a commit, which is given as 40 hex digits.

        Raises:
            EntryNotFound: The commit has no such file.
            HubNotFound: There is no such repo or commit.
            HubError: The Hub answered 404 without saying what is missing.
        """
        known = self._files.get((commit, path))
        if known is not None:
            return known
        url = f"/{self.name}/resolve/{commit}/{quote(path)}"
        what = f"{self.name}@{commit[:12]}: {path}"
        content: bytes = self.request("GET", url, what, coded=True).content
        if len(content) <= KEPT_BYTES:
            self._files[commit, path] = content
        return content

    def read_range(self, commit: str, path: str, start: int, size: int) -> bytes:
        """Read ``size`` bytes of a file of a commit, from byte ``start`` on; fewer at the end of the file.

        Raises:
            EntryNotFound: The commit has no such file.
            HubError: The Hub ignored the requested range.
        """
        what = f"{self.name}@{commit[:12]}: {path}"
        headers = {"range": f"bytes={start}-{start + size - 1}"}
        url = f"/{self.name}/resolve/{commit}/{quote(path)}"
        response = self.request("GET", url, what, coded=True, headers=headers)
        content: bytes = response.content
        # A Hub that ignores the range sends the file from its beginning, which is right if that was asked for.
        if response.status_code != 206 and start:
            raise HubError(
                f"{what}: {self.hub.place} does not support range requests.",
                "Run the command with a Hub that does, such as huggingface.co or an embedded Hub.",
            )
        return content[:size]

    def find(self, commit: str, path: str) -> bytes | None:
        """Read a small file of a commit; return None if the Hub says that the commit does not have it.

        Raises:
            HubError: Any other answer, such as a 404 that does not say what is missing.
        """
        try:
            return self.read(commit, path)
        except EntryNotFound:
            return None

    def tree(self, commit: str) -> dict[str, TreeFile]:
        """List every file of a commit, by path.

        Raises:
            HubError: The listing is too long, or has a path that leads out of its folder.
        """
        if commit not in self._trees:
            self._trees[commit] = self._list(commit)
        return self._trees[commit]

    def _list(self, commit: str) -> dict[str, TreeFile]:
        what, url = f"{self.name}@{commit[:12]}", f"/api/{self.kind}/{self.name}/tree/{commit}?recursive=true"
        files: dict[str, TreeFile] = {}
        for _ in range(MAX_PAGES):
            response = self.request("GET", url, what, coded=True)
            with parsing(what, self.hub.place):
                files.update((file.path, file) for file in map(tree_file, filter(is_file, response.json())))
                link = response.links.get("next", {}).get("url")
            if not link:
                return files
            url = next_page(self.hub.endpoint, link)
            # More files than a release can have: a hostile Hub must not fill the memory.
            if len(files) > MAX_FILES:
                break
        raise HubError(
            f"{what}: {self.hub.place} lists more than {len(files)} files.",
            "hfver does not support commits with that many files.",
        )

    def create(self, *, private: bool) -> None:
        """Create the repo, unless it exists."""
        from huggingface_hub import HfApi

        api = HfApi(self.hub.endpoint, token=self.hub.session.token)
        self.hub.session.call_client(self.name, lambda: api.create_repo(self.name, private=private, exist_ok=True))
        self._created = True
        self._writes.note()

    def create_branch(self, branch: str, start: str) -> None:
        """Create a branch at a commit.

        Raises:
            AlreadyExists: The branch exists.
        """
        self.request(
            "POST",
            f"/api/{self.kind}/{self.name}/branch/{quote(branch, safe='')}",
            f"{self.name}: branch {branch}",
            json={"startingPoint": start},
        )
        self._writes.note_branch(branch, start)

    def delete_branch(self, branch: str) -> None:
        """Delete a branch, if it exists."""
        try:
            path = f"/api/{self.kind}/{self.name}/branch/{quote(branch, safe='')}"
            self.hub.session.request("DELETE", path, f"{self.name}: branch {branch}")
        except HubNotFound:
            return
        self._writes.note_branch(branch, None)

    def create_tag(self, tag: str, commit: str, message: str) -> None:
        """Create an annotated tag on a commit. A tag that exists is never moved.

        Raises:
            AlreadyExists: The tag exists. The caller must check on which commit: it may be its own, after a retry.
        """
        self.request(
            "POST",
            f"/api/{self.kind}/{self.name}/tag/{commit}",
            f"{self.name}: tag {tag}",
            json={"tag": tag, "message": message},
        )
        self._writes.note_tag(tag, commit)

    def judge_card(self, card: bytes) -> CardVerdict:
        """Ask the Hub whether it would accept a card, once for each card; nothing is written."""
        if card not in self._verdicts:
            self._verdicts[card] = judge_card(self.hub.session, card, self.name)
        return self._verdicts[card]

    def upload_modes(self, branch: str, uploads: Sequence[Upload], attributes: bytes | None = None) -> dict[str, str]:
        """Ask the Hub which files have to be LFS objects: ``lfs`` or ``regular``, by path.

        Args:
            branch: The branch to commit to.
            uploads: The files.
            attributes: The ``.gitattributes`` of the commit; None for the one that the branch has.
        """
        modes: dict[str, str] = {}
        rules = {} if attributes is None else {"gitAttributes": attributes.decode()}
        for start in range(0, len(uploads), 256):
            files = [
                {"path": one.path, "size": one.size, "sample": base64.b64encode(one.sample).decode()}
                for one in uploads[start : start + 256]
            ]
            url = f"/api/{self.kind}/{self.name}/preupload/{quote(branch, safe='')}"
            response = self.request("POST", url, self.name, json={"files": files, **rules})
            with parsing(self.name, self.hub.place):
                modes.update((text(file["path"]), text(file["uploadMode"])) for file in response.json()["files"])
        return modes

    def commit(
        self,
        branch: str,
        operations: Iterable[Operation],
        *,
        summary: str,
        description: str,
        parent: str,
    ) -> str:
        """Commit to a branch whose head must be ``parent``, and return the new commit.

        Raises:
            ParentMoved: The head of the branch is a different commit. The caller must check whose it is: it may be its
                own, after a retry.
        """
        # A branch that is not found was deleted by another process: only a new repo may be unknown for a while.
        request = self.request if self._created else self.hub.session.request
        response = request(
            "POST",
            f"/api/{self.kind}/{self.name}/commit/{quote(branch, safe='')}",
            f"{self.name}: commit to {branch}",
            content=encode_commit(operations, summary, description, parent),
            headers={"content-type": "application/x-ndjson"},
        )
        with parsing(f"{self.name}: commit to {branch}", self.hub.place):
            head = commit_id(response.json()["commitOid"])
        self._writes.note_branch(branch, head, parent)
        return head
