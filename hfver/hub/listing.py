"""The listings of a Hub: the refs of a repo, and the files of a commit."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hfver.errors import HubNotFound
from hfver.hub.responses import commit_id, object_id, relative_path, size_of, text

__all__ = ["Refs", "TreeFile", "Upload", "is_file", "pull_number", "targets", "tree_file"]


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
            raise HubNotFound(
                "The repo has no branch main.", "Create the branch on the Hub, then run the command again."
            )
        return self.branches["main"]


@dataclass(frozen=True)
class TreeFile:
    """A file in a commit: size in bytes, git blob id, and SHA-256 if it is an LFS object."""

    path: str
    size: int
    blob: str
    sha256: str | None
    xet: bool = False
    """Whether the Hub keeps it in Xet, which is faster, and the only way to download more than 50 GB."""


@dataclass(frozen=True)
class Upload:
    """A file that is to be committed, as the Hub asks for it to choose between git and Git-LFS."""

    path: str
    size: int
    sample: bytes
    """The first 512 bytes."""


def pull_number(ref: str) -> int:
    """Return the number of a pull request from its ref, ``refs/pr/N``."""
    return int(ref.rpartition("/")[2])


def targets(data: Any, kind: str) -> dict[str, str]:
    """Read a list of refs: the commits by name."""
    return {text(item["name"]): commit_id(item["targetCommit"]) for item in data.get(kind) or []}


def is_file(item: Any) -> bool:
    """Return whether an item of a listing is a file."""
    return bool(item["type"] == "file")


def tree_file(item: Any) -> TreeFile:
    """Read a file from an item of a listing."""
    lfs = item.get("lfs") or {}
    sha256 = lfs.get("oid") or lfs.get("sha256")
    return TreeFile(
        path=relative_path(item["path"]),
        size=size_of(lfs.get("size", item["size"])),
        blob=commit_id(item["oid"]),
        sha256=object_id(sha256) if sha256 else None,
        xet=bool(item.get("xetHash")),
    )
