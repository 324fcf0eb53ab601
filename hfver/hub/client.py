"""A Hub as one user, and the handle of a repo on it: everything that hfver asks of a Hub, and nothing more."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path
from threading import Lock
from urllib.parse import quote

from hfver.errors import HubDenied, HubError, HubNotFound
from hfver.hub.commits import Operation, encode_commit
from hfver.hub.listing import Refs, TreeFile, Upload, is_file, pull_number, targets, tree_file
from hfver.hub.loopback import is_loopback
from hfver.hub.memory import Memory
from hfver.hub.responses import commit_id, next_page, text, understood
from hfver.hub.session import Session

__all__ = ["Hub", "HubRepo"]

MAX_FILES = 250_000
"""Most files in one commit: more than twice what huggingface.co recommends, and it ends a listing that has no end."""
MAX_PAGES = 1_000
KEPT = 4 * 1024 * 1024
"""Size in bytes up to which a file of a commit stays in memory, to be read once."""


class Hub:
    """One Hub as one user; safe to use from several threads.

    Args:
        endpoint: URL; None for huggingface_hub's own default (``HF_ENDPOINT`` or huggingface.co).
        token: Access token; None for the user's own.
        identity: What hfver remembers of this Hub is filed under this name; None for its endpoint.
        place: What people call it; None for its endpoint.
        store: The folder of an embedded Hub that runs in this very process: large files are copied to and from it.
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
        self.session = Session(endpoint, token, place)
        self.endpoint = self.session.endpoint
        self.identity = identity or self.endpoint
        self.place = self.session.place
        self._repos: dict[tuple[str, str], HubRepo] = {}
        self._lock = Lock()

    @property
    def is_loopback(self) -> bool:
        """Whether the Hub is on this very machine."""
        return is_loopback(self.endpoint)

    def repo(self, name: str, kind: str = "models") -> HubRepo:
        """Return the handle of a repo, the same one each time: what it has read is not asked for again.

        Args:
            name: ``namespace/name``; it need not exist.
            kind: ``models`` or ``datasets``.
        """
        with self._lock:
            return self._repos.setdefault((kind, name), HubRepo(self, name, kind))

    @cached_property
    def user(self) -> str:
        """The name of the caller on this Hub.

        Raises:
            HubDenied: There is no token, or the Hub does not know it.
        """
        if not self.session.headers().get("authorization"):
            raise HubDenied(f"{self.endpoint} needs a token to be written to.", "Set HF_TOKEN, or run: hf auth login")
        response = self.session.request("GET", "/api/whoami-v2", "your user")
        with understood("your user", self.place):
            return text(response.json().get("name") or "unknown")


class HubRepo:
    """The handle of one repo on one Hub: it knows the Hub, the name, and what was read of commits so far.

    A commit never changes, so its list of files and its small files are read once; refs are asked for each time. The
    repo need not exist. Get one by ``Hub.repo``.

    Attributes:
        hub: The Hub that it is on.
        name: ``namespace/name``, as the caller spelled it.
        kind: ``models`` or ``datasets``.
    """

    def __init__(self, hub: Hub, name: str, kind: str = "models") -> None:
        self.hub, self.name, self.kind = hub, name, kind
        self._trees: dict[str, dict[str, TreeFile]] = {}
        self._files: dict[tuple[str, str], bytes] = {}

    def __str__(self) -> str:
        return self.name

    @cached_property
    def memory(self) -> Memory:
        """What this machine remembers of the repo from earlier runs."""
        return Memory(self.hub.identity, self.name)

    def url(self, commit: str | None = None) -> str:
        """Return the web page of the repo, or of a commit's tree in it."""
        return f"{self.hub.endpoint}/{self.name}" + (f"/tree/{commit}" if commit else "")

    def refs(self) -> Refs:
        """List branches, tags and pull requests in one request."""
        path = f"/api/{self.kind}/{self.name}/refs?include_prs=1"
        response = self.hub.session.request("GET", path, self.name)
        with understood(self.name, self.hub.place):
            data = response.json()
            pulls = {
                pull_number(item["ref"]): commit_id(item["targetCommit"]) for item in data.get("pullRequests") or []
            }
            return Refs(targets(data, "branches"), targets(data, "tags"), pulls)

    def find_refs(self) -> Refs | None:
        """List the refs, or return None if there is no such repo."""
        try:
            return self.refs()
        except HubNotFound:
            return None

    def find_name(self) -> str | None:
        """Ask what a repo is called now: another name if it was moved; None if there is no such repo."""
        try:
            response = self.hub.session.request("GET", f"/api/{self.kind}/{self.name}?expand=sha", self.name)
        except HubNotFound:
            return None
        with understood(self.name, self.hub.place):
            return text(response.json()["id"])

    def commit_of(self, revision: str) -> str:
        """Resolve a branch, tag or short commit to the commit it points to now."""
        path = f"/api/{self.kind}/{self.name}/revision/{quote(revision, safe='')}?expand=sha"
        response = self.hub.session.request("GET", path, f"{self.name}@{revision}")
        with understood(f"{self.name}@{revision}", self.hub.place):
            return commit_id(response.json()["sha"])

    def read(self, commit: str, path: str) -> bytes:
        """Read a small file at a commit, which is given as 40 hex digits.

        Raises:
            HubNotFound: The commit has no such file.
        """
        known = self._files.get((commit, path))
        if known is not None:
            return known
        url = f"/{self.name}/resolve/{commit}/{quote(path)}"
        content: bytes = self.hub.session.request("GET", url, f"{self.name}@{commit[:12]}: {path}").content
        if len(content) <= KEPT:
            self._files[commit, path] = content
        return content

    def read_range(self, commit: str, path: str, start: int, size: int) -> bytes:
        """Read ``size`` bytes of a file at a commit, from byte ``start`` on; fewer where the file ends.

        Raises:
            HubNotFound: The commit has no such file.
            HubError: The Hub sent something else.
        """
        what = f"{self.name}@{commit[:12]}: {path}"
        headers = {"range": f"bytes={start}-{start + size - 1}"}
        url = f"/{self.name}/resolve/{commit}/{quote(path)}"
        response = self.hub.session.request("GET", url, what, headers=headers)
        content: bytes = response.content
        if response.status_code != 206 and start:
            raise HubError(f"{what}: the Hub does not send parts of files.")
        return content[:size]

    def find(self, commit: str, path: str) -> bytes | None:
        """Read a small file at a commit, or return None if it is not there."""
        try:
            return self.read(commit, path)
        except HubNotFound:
            return None

    def tree(self, commit: str) -> dict[str, TreeFile]:
        """List every file of a commit, by path.

        Raises:
            HubError: The listing has no end, or names files that lead out of any folder.
        """
        if commit not in self._trees:
            self._trees[commit] = self._list(commit)
        return self._trees[commit]

    def _list(self, commit: str) -> dict[str, TreeFile]:
        what, url = f"{self.name}@{commit[:12]}", f"/api/{self.kind}/{self.name}/tree/{commit}?recursive=true"
        files: dict[str, TreeFile] = {}
        for _ in range(MAX_PAGES):
            response = self.hub.session.request("GET", url, what)
            with understood(what, self.hub.place):
                files.update((file.path, file) for file in map(tree_file, filter(is_file, response.json())))
                link = response.links.get("next", {}).get("url")
            if not link:
                return files
            url = next_page(self.hub.endpoint, link)
            if len(files) > MAX_FILES:
                break
        raise HubError(f"{what}: {self.hub.place} lists files without end; {len(files)} were read.")

    def create(self, *, private: bool) -> None:
        """Create the repo; one that exists by now is kept."""
        from huggingface_hub import HfApi

        api = HfApi(self.hub.endpoint, token=self.hub.session.token)
        self.hub.session.lend(self.name, lambda: api.create_repo(self.name, private=private, exist_ok=True))

    def create_branch(self, branch: str, start: str) -> None:
        """Create a branch at a commit.

        Raises:
            Taken: The branch exists.
        """
        self.hub.session.request(
            "POST",
            f"/api/{self.kind}/{self.name}/branch/{quote(branch, safe='')}",
            f"{self.name}: branch {branch}",
            json={"startingPoint": start},
        )

    def delete_branch(self, branch: str) -> None:
        """Delete a branch; one that is gone already is fine."""
        try:
            path = f"/api/{self.kind}/{self.name}/branch/{quote(branch, safe='')}"
            self.hub.session.request("DELETE", path, f"{self.name}: branch {branch}")
        except HubNotFound:
            return

    def create_tag(self, tag: str, commit: str, message: str) -> None:
        """Create an annotated tag on a commit, never moving one that exists.

        Raises:
            Taken: The tag exists; the caller looks at which commit.
        """
        self.hub.session.request(
            "POST",
            f"/api/{self.kind}/{self.name}/tag/{commit}",
            f"{self.name}: tag {tag}",
            json={"tag": tag, "message": message},
        )

    def upload_modes(self, branch: str, uploads: Sequence[Upload]) -> dict[str, str]:
        """Ask which files the Hub wants as LFS objects: path to ``lfs`` or ``regular``."""
        modes: dict[str, str] = {}
        for start in range(0, len(uploads), 256):
            files = [
                {"path": one.path, "size": one.size, "sample": base64.b64encode(one.sample).decode()}
                for one in uploads[start : start + 256]
            ]
            url = f"/api/{self.kind}/{self.name}/preupload/{quote(branch, safe='')}"
            response = self.hub.session.request("POST", url, self.name, json={"files": files})
            with understood(self.name, self.hub.place):
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
        """Commit onto a branch whose head must be ``parent``; returns the new commit.

        Raises:
            Stale: The branch's head is another commit.
        """
        response = self.hub.session.request(
            "POST",
            f"/api/{self.kind}/{self.name}/commit/{quote(branch, safe='')}",
            f"{self.name}: commit to {branch}",
            content=encode_commit(operations, summary, description, parent),
            headers={"content-type": "application/x-ndjson"},
        )
        with understood(f"{self.name}: commit to {branch}", self.hub.place):
            return commit_id(response.json()["commitOid"])
