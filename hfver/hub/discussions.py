"""Pull requests on a Hub: listing, opening, updating and commenting on them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hfver.errors import HubError
from hfver.hub.client import HubRepo
from hfver.hub.responses import parsing, text
from hfver.hub.session import AlreadyExists

__all__ = [
    "Comment",
    "Pull",
    "Thread",
    "add_comment",
    "change_status",
    "edit_comment",
    "list_pulls",
    "message_of",
    "open_pull",
    "pull_url",
    "read_thread",
    "rename_pull",
]

_EVENT_ID = re.compile(r"[0-9a-f]{1,64}")
MAX_PAGES = 40
"""Maximum number of pages of the list of pull requests. They come newest first, so only old ones are missed."""


@dataclass(frozen=True)
class Pull:
    """A pull request; its status is draft, open, closed or merged."""

    number: int
    title: str
    status: str
    author: str

    @property
    def ref(self) -> str:
        """Its git ref, which is also its SPEC in a reference."""
        return f"refs/pr/{self.number}"


@dataclass(frozen=True)
class Comment:
    """A comment in Markdown. The first comment of a pull request is its description."""

    id: str
    author: str
    text: str


@dataclass(frozen=True)
class Thread:
    """A discussion with its comments.

    Attributes:
        pull: The pull request; None if the discussion is not one.
        comments: The comments, oldest first.
        in_conflict: Whether it cannot be merged, because ``main`` changed the same files.
        base: The ref that it is merged into, such as ``refs/heads/main``; None if the Hub does not say.
    """

    pull: Pull | None
    comments: tuple[Comment, ...]
    in_conflict: bool = False
    base: str | None = None


def pull_url(repo: HubRepo, number: int) -> str:
    """Return the address of a pull request's web page."""
    return f"{repo.url()}/discussions/{number}"


def list_pulls(repo: HubRepo) -> Iterator[Pull]:
    """List the pull requests of all authors and of any status, newest first."""
    seen = 0
    for page in range(MAX_PAGES):
        query = f"?type=pull_request&status=all&p={page}"  # which ones are listed by default is not documented
        what = f"{repo}: pull requests"
        response = repo.request("GET", f"/api/models/{repo}/discussions{query}", what)
        with parsing(what, repo.hub.place):
            found, total = list(response.json()["discussions"]), int(response.json()["count"])
            pulls = [_pull(item) for item in found if item["isPullRequest"]]
        yield from pulls
        seen += len(found)
        if not found or seen >= total:
            return


def read_thread(repo: HubRepo, number: int) -> Thread:
    """Read a discussion.

    Raises:
        HubNotFound: There is no discussion with this number.
    """
    what = f"{repo}: pull request {number}"
    response = repo.request("GET", _path(repo, number), what)
    with parsing(what, repo.hub.place):
        data = response.json()
        comments = tuple(_comment(event) for event in data["events"] if event["type"] == "comment")
        pull = _pull(data) if data["isPullRequest"] else None
        base = (data.get("changes") or {}).get("base")
        return Thread(pull, comments, bool(data.get("filesWithConflicts")), text(base) if base else None)


def open_pull(repo: HubRepo, title: str, description: str) -> int:
    """Open a pull request, which starts at ``main`` as a draft, and return its number.

    A request whose answer was lost is sent again, so there may be two afterwards: callers list them and keep the first.
    """
    body = {"title": title, "description": description, "pullRequest": True}
    what = f"{repo}: pull request"
    response = repo.request("POST", f"/api/models/{repo}/discussions", what, json=body)
    repo.note_write()
    with parsing(what, repo.hub.place):
        return int(response.json()["num"])


def add_comment(repo: HubRepo, number: int, text: str) -> None:
    """Comment on a pull request."""
    _post(repo, number, "comment", {"comment": text})


def edit_comment(repo: HubRepo, number: int, comment: Comment, text: str) -> None:
    """Replace the text of a comment; if two processes do so at the same time, the later one wins."""
    try:
        _post(repo, number, f"comment/{comment.id}/edit", {"content": text})
    except AlreadyExists:  # 409: it was edited while this edit was applied
        _post(repo, number, f"comment/{comment.id}/edit", {"content": text})


def rename_pull(repo: HubRepo, number: int, title: str) -> None:
    """Change the title of a pull request."""
    _post(repo, number, "title", {"title": title})


def change_status(repo: HubRepo, number: int, status: str, comment: str = "") -> None:
    """Open a draft for review, or close a pull request with a comment, unless it has this status already."""
    try:
        _post(repo, number, "status", {"status": status, **({"comment": comment} if comment else {})})
    except HubError:
        # The Hub refuses a change to the current status, which may be the effect of this request after a lost answer.
        pull = read_thread(repo, number).pull
        if pull is None or pull.status != status:
            raise


def message_of(repo: HubRepo, commit: str) -> str:
    """Read a commit's description: its message without the title."""
    path = f"/api/models/{repo}/commits/{commit}?limit=1"
    what = f"{repo}@{commit[:12]}"
    response = repo.request("GET", path, what)
    with parsing(what, repo.hub.place):
        commits = response.json()
        return text(commits[0].get("message") or "") if commits else ""


def _post(repo: HubRepo, number: int, what: str, body: dict[str, str]) -> None:
    repo.request("POST", f"{_path(repo, number)}/{what}", f"{repo}: pull request {number}", json=body)


def _path(repo: HubRepo, number: int) -> str:
    return f"/api/models/{repo}/discussions/{number}"


def _pull(item: Any) -> Pull:
    return Pull(int(item["num"]), text(item["title"]), text(item["status"]), _author(item))


def _comment(event: Any) -> Comment:
    if not _EVENT_ID.fullmatch(event["id"]):
        raise ValueError(f"{str(event['id'])[:60]!r} is not an event id")
    return Comment(event["id"], _author(event), text(event["data"]["latest"]["raw"]))


def _author(item: Any) -> str:
    return text((item.get("author") or {}).get("name") or "deleted")
