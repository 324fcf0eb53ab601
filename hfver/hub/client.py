"""What hfver asks of a Hub, and nothing more."""

from __future__ import annotations

import base64
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hfver.errors import HubDenied, HubError, HubNotFound
from hfver.hub.commits import Operation, encode_commit
from hfver.hub.loopback import is_loopback
from hfver.hub.responses import commit_id, inside, next_page, object_id, size_of, text, understood
from hfver.hub.session import Session

__all__ = ["Hub", "Refs", "TreeFile"]

MAX_FILES = 250_000
"""Most files in one commit: more than twice what huggingface.co recommends, and it ends a listing that has no end."""
MAX_PAGES = 1_000


@dataclass(frozen=True)
class Refs:
    """The refs of a repo: name to commit."""

    branches: Mapping[str, str]
    tags: Mapping[str, str]
    pull_requests: Mapping[int, str]

    @property
    def main(self) -> str:
        """The head of ``main``.

        Raises:
            HubNotFound: The repo has no branch ``main``.
        """
        if "main" not in self.branches:
            raise HubNotFound("The repo has no branch main.", "Create it on the Hub, then run the command again.")
        return self.branches["main"]


@dataclass(frozen=True)
class TreeFile:
    """A file in a commit: size in bytes, git blob id, and SHA-256 if it is an LFS object."""

    path: str
    size: int
    blob: str
    sha256: str | None
    xet: bool = False
    """Whether it comes faster, and above 50 GB only, by Xet."""


@dataclass(frozen=True)
class Upload:
    """A file about to be committed, as the Hub needs to know it."""

    path: str
    size: int
    sample: bytes
    """The first 512 bytes."""


class Hub:
    """One Hub as one user. Stateless but for its session; safe to use from several threads.

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

    @property
    def is_loopback(self) -> bool:
        """Whether the Hub is on this very machine."""
        return is_loopback(self.endpoint)

    def url(self, repo: str, commit: str | None = None) -> str:
        """Name the web page of a repo, or of a commit's tree in it."""
        return f"{self.endpoint}/{repo}" + (f"/tree/{commit}" if commit else "")

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

    def refs(self, repo: str, kind: str = "models") -> Refs:
        """List branches, tags and pull requests in one request."""
        path = f"/api/{kind}/{repo}/refs?include_prs=1"
        response = self.session.request("GET", path, repo)
        with understood(repo, self.place):
            data = response.json()
            pulls = {_number(item["ref"]): commit_id(item["targetCommit"]) for item in data.get("pullRequests") or []}
            return Refs(_targets(data, "branches"), _targets(data, "tags"), pulls)

    def find_refs(self, repo: str) -> Refs | None:
        """List the refs, or return None if there is no such repo."""
        try:
            return self.refs(repo)
        except HubNotFound:
            return None

    def find_name(self, repo: str) -> str | None:
        """Ask what a repo is called now: another name if it was moved; None if there is no such repo."""
        try:
            response = self.session.request("GET", f"/api/models/{repo}?expand=sha", repo)
        except HubNotFound:
            return None
        with understood(repo, self.place):
            return text(response.json()["id"])

    def commit_of(self, repo: str, revision: str, kind: str = "models") -> str:
        """Resolve a branch, tag or short commit to the commit it points to now."""
        path = f"/api/{kind}/{repo}/revision/{quote(revision, safe='')}?expand=sha"
        response = self.session.request("GET", path, f"{repo}@{revision}")
        with understood(f"{repo}@{revision}", self.place):
            return commit_id(response.json()["sha"])

    def read(self, repo: str, commit: str, path: str) -> bytes:
        """Read a small file at a commit.

        Raises:
            HubNotFound: The commit has no such file.
        """
        url = f"/{repo}/resolve/{commit}/{quote(path)}"
        content: bytes = self.session.request("GET", url, f"{repo}@{commit[:12]}: {path}").content
        return content

    def read_range(self, repo: str, commit: str, path: str, start: int, size: int) -> bytes:
        """Read ``size`` bytes of a file at a commit, from byte ``start`` on; fewer where the file ends.

        Raises:
            HubNotFound: The commit has no such file.
            HubError: The Hub sent something else.
        """
        what = f"{repo}@{commit[:12]}: {path}"
        headers = {"range": f"bytes={start}-{start + size - 1}"}
        url = f"/{repo}/resolve/{commit}/{quote(path)}"
        response = self.session.request("GET", url, what, headers=headers)
        content: bytes = response.content
        if response.status_code != 206 and start:
            raise HubError(f"{what}: the Hub does not send parts of files.")
        return content[:size]

    def find(self, repo: str, commit: str, path: str) -> bytes | None:
        """Read a small file at a commit, or return None if it is not there."""
        try:
            return self.read(repo, commit, path)
        except HubNotFound:
            return None

    def tree(self, repo: str, commit: str) -> dict[str, TreeFile]:
        """List every file of a commit, by path.

        Raises:
            HubError: The listing has no end, or names files that lead out of any folder.
        """
        what, url = f"{repo}@{commit[:12]}", f"/api/models/{repo}/tree/{commit}?recursive=true"
        files: dict[str, TreeFile] = {}
        for _ in range(MAX_PAGES):
            response = self.session.request("GET", url, what)
            with understood(what, self.place):
                files.update((file.path, file) for file in map(_tree_file, filter(_is_file, response.json())))
                link = response.links.get("next", {}).get("url")
            if not link:
                return files
            url = next_page(self.endpoint, link)
            if len(files) > MAX_FILES:
                break
        raise HubError(f"{what}: {self.place} lists files without end; {len(files)} were read.")

    def create_repo(self, repo: str, *, private: bool) -> None:
        """Create a model repo; one that appeared meanwhile is fine."""
        from huggingface_hub import HfApi

        api = HfApi(self.endpoint, token=self.session.token)
        self.session.lend(repo, lambda: api.create_repo(repo, private=private, exist_ok=True))

    def create_branch(self, repo: str, branch: str, start: str) -> None:
        """Create a branch at a commit.

        Raises:
            Taken: The branch exists.
        """
        self.session.request(
            "POST",
            f"/api/models/{repo}/branch/{quote(branch, safe='')}",
            f"{repo}: branch {branch}",
            json={"startingPoint": start},
        )

    def delete_branch(self, repo: str, branch: str) -> None:
        """Delete a branch; one that is gone already is fine."""
        try:
            path = f"/api/models/{repo}/branch/{quote(branch, safe='')}"
            self.session.request("DELETE", path, f"{repo}: branch {branch}")
        except HubNotFound:
            return

    def create_tag(self, repo: str, tag: str, commit: str, message: str) -> None:
        """Create an annotated tag on a commit, never moving one that exists.

        Raises:
            Taken: The tag exists; the caller looks at which commit.
        """
        self.session.request(
            "POST",
            f"/api/models/{repo}/tag/{commit}",
            f"{repo}: tag {tag}",
            json={"tag": tag, "message": message},
        )

    def upload_modes(self, repo: str, branch: str, uploads: Sequence[Upload]) -> dict[str, str]:
        """Ask which files the Hub wants as LFS objects: path to ``lfs`` or ``regular``."""
        modes: dict[str, str] = {}
        for start in range(0, len(uploads), 256):
            files = [
                {"path": one.path, "size": one.size, "sample": base64.b64encode(one.sample).decode()}
                for one in uploads[start : start + 256]
            ]
            url = f"/api/models/{repo}/preupload/{quote(branch, safe='')}"
            response = self.session.request("POST", url, repo, json={"files": files})
            with understood(repo, self.place):
                modes.update((text(file["path"]), text(file["uploadMode"])) for file in response.json()["files"])
        return modes

    def commit(
        self,
        repo: str,
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
        response = self.session.request(
            "POST",
            f"/api/models/{repo}/commit/{quote(branch, safe='')}",
            f"{repo}: commit to {branch}",
            content=encode_commit(operations, summary, description, parent),
            headers={"content-type": "application/x-ndjson"},
        )
        with understood(f"{repo}: commit to {branch}", self.place):
            return commit_id(response.json()["commitOid"])


def _number(ref: str) -> int:
    return int(ref.rpartition("/")[2])


def _targets(data: Any, kind: str) -> dict[str, str]:
    return {text(item["name"]): commit_id(item["targetCommit"]) for item in data.get(kind) or []}


def _is_file(item: Any) -> bool:
    return bool(item["type"] == "file")


def _tree_file(item: Any) -> TreeFile:
    lfs = item.get("lfs") or {}
    sha256 = lfs.get("oid") or lfs.get("sha256")
    return TreeFile(
        path=inside(item["path"]),
        size=size_of(lfs.get("size", item["size"])),
        blob=commit_id(item["oid"]),
        sha256=object_id(sha256) if sha256 else None,
        xet=bool(item.get("xetHash")),
    )
