"""Reading the NDJSON body of a commit line by line, so that no more than one line is ever in memory."""

from __future__ import annotations

import base64
import binascii
from collections.abc import AsyncIterator
from typing import Any

import pygit2

from hfver.server.git.commit import NewCommit
from hfver.server.git.pack import StagedObjects
from hfver.server.git.refs import resolve_revision
from hfver.server.git.tree_edits import DeletePath, TreeEdit, WriteFile
from hfver.server.git.trees import find_entry
from hfver.server.http.repo_context import RepoContext
from hfver.server.http.requests import parse_object, text_field
from hfver.server.names import is_path, is_sha256
from hfver.server.problems import Problem, bad_request, unprocessable
from hfver.server.storage.card_rules import judge_card
from hfver.server.storage.pointers import Pointer, parse_pointer

MAX_FILE = 10 * 1024 * 1024
_MAX_LINE = MAX_FILE * 4 // 3 + 64 * 1024
_MAX_EDITS = 100_000
_MAX_MESSAGE = 64 * 1024
_CARD = "README.md"


async def lines_of(stream: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """Split a stream into lines, without their line ends.

    Raises:
        Problem: 413 if a line is larger than one with a regular file may be.
    """
    pending: list[bytes] = []
    size = 0
    async for block in stream:
        *whole, rest = block.split(b"\n")
        for line in whole:
            yield b"".join([*pending, line])
            pending, size = [], 0
        pending.append(rest)
        size += len(rest)
        if size > _MAX_LINE:  # base64 makes four bytes of three, and JSON adds the path
            raise Problem(413, "Files larger than 10 MiB must be sent as LFS files")
    yield b"".join(pending)


class CommitBody:
    """Builds a commit from the lines of its body. Contents are staged as they arrive.

    Args:
        context: The repo that the commit goes to.
        staged: Where its objects are staged.
        revision: The revision that files are copied from, unless a line says otherwise.
    """

    def __init__(self, context: RepoContext, staged: StagedObjects, revision: str) -> None:
        self._context, self._git, self._revision = context, staged.git, revision
        self._header: dict[str, Any] | None = None
        self._edits: list[TreeEdit] = []
        self._lfs_paths: list[str] = []

    def add_line(self, line: bytes) -> None:
        """Process a line.

        Raises:
            Problem: 400 or 422.
        """
        if not line.strip():
            return
        item = parse_object(line)
        value = item.get("value")
        if not isinstance(value, dict):
            raise bad_request('Each line must be {"key": …, "value": {…}}')
        self._add(text_field(item, "key"), value)

    def _add(self, key: str, value: dict[str, Any]) -> None:
        if key == "header":
            self._add_header(value)
        elif self._header is None:
            raise bad_request("The first line must be the header")
        elif len(self._edits) >= _MAX_EDITS:
            raise Problem(413, f"A commit may have at most {_MAX_EDITS} changes")
        else:
            self._edits.append(self._edit(key, value))

    def _add_header(self, value: dict[str, Any]) -> None:
        if self._header is not None:
            raise bad_request("There must be only one header")
        message = text_field(value, "summary") + text_field(value, "description", "")
        if not message.strip() or "\x00" in message or len(message) > _MAX_MESSAGE:
            raise bad_request(f"The message must have 1 to {_MAX_MESSAGE} characters, none of them NUL")
        self._header = value

    def _edit(self, key: str, value: dict[str, Any]) -> TreeEdit:
        path = text_field(value, "path")
        if key == "deletedFolder":
            path = path.rstrip("/")
        if not is_path(path):
            raise unprocessable(f"Invalid path: {ascii(path)[:200]}")
        if key in ("deletedFile", "deletedFolder"):
            return DeletePath(path, key == "deletedFolder")
        if key == "file":
            return WriteFile(path, self._git.create_blob(self._content(path, value)))
        if key == "lfsFile":
            return self._lfs_file(path, self._pointer(value))
        if key == "copyFile":
            return self._copy(path, text_field(value, "srcPath"), text_field(value, "srcRevision", self._revision))
        raise bad_request(f"Unknown operation {ascii(key)[:40]}")

    def _copy(self, path: str, source: str, revision: str) -> WriteFile:
        """Copy a file within the repo. Only its blob id is needed, for an LFS file that of the pointer."""
        entry = find_entry(self._git, resolve_revision(self._git, revision), source) if is_path(source) else None
        if entry is None or entry.is_folder:
            raise unprocessable(f"There is no file {ascii(source)[:200]} at {ascii(revision)[:80]} to copy")
        if entry.pointer is not None:
            self._lfs_paths.append(path)
        return WriteFile(path, pygit2.Oid(hex=entry.oid))

    def _content(self, path: str, value: dict[str, Any]) -> bytes:
        text, encoding = text_field(value, "content"), text_field(value, "encoding", "utf-8")
        try:
            data = base64.b64decode(text, validate=True) if encoding == "base64" else text.encode(encoding)
        except (binascii.Error, ValueError, LookupError) as error:
            raise bad_request(f"The content of {ascii(path)[:200]} is not {ascii(encoding)[:20]}") from error
        if len(data) > MAX_FILE:
            raise Problem(413, "Files larger than 10 MiB must be sent as LFS files")
        if path == _CARD:
            self._check_card(data)
        # A pointer that is sent as a regular file refers to its object all the same.
        pointer = parse_pointer(data)
        if pointer is not None:
            self._lfs_file(path, pointer)
        return data

    def _check_card(self, data: bytes) -> None:
        errors = judge_card(data.decode("utf-8", "replace"), self._context.row.repo.kind)
        if errors:
            listed = [{"message": error} for error in errors]
            raise Problem(400, "Invalid metadata in README.md", body={"errors": listed})

    def _pointer(self, value: dict[str, Any]) -> Pointer:
        oid, size = value.get("oid"), value.get("size")
        if text_field(value, "algo", "sha256") != "sha256" or not is_sha256(oid):
            raise bad_request("An lfsFile needs the SHA-256 of its content as oid")
        if size is not None and (type(size) is not int or size < 0):
            raise bad_request("The size of an lfsFile must be a number")
        # Clients copy a file within a repo by its hash alone.
        stored = self._context.server.lfs.size(str(oid))
        return Pointer(str(oid), size if size is not None else stored or 0)

    def _lfs_file(self, path: str, pointer: Pointer) -> WriteFile:
        """Refer to an LFS object, if the repo may. The response must not reveal whether another repo has it."""
        context = self._context
        if not context.server.link_objects(context.git, context.caller, [pointer]):
            raise unprocessable(f"LFS object {pointer.oid} has not been uploaded to {context.row.repo.id}")
        self._lfs_paths.append(path)
        return WriteFile(path, self._git.create_blob(pointer.encode()))

    def finish(self) -> NewCommit:
        """Return the commit, by the caller.

        Raises:
            Problem: 400 if there was no header, or its text is not valid.
        """
        if self._header is None:
            raise bad_request("The header is missing")
        title, more = str(self._header["summary"]), str(self._header.get("description") or "")
        parent = text_field(self._header, "parentCommit", "") or None
        message = f"{title}\n\n{more}" if more else title
        try:
            message.encode("utf-8")
        except UnicodeEncodeError as error:
            raise bad_request("The summary is not valid text") from error
        return NewCommit(message, self._context.user, parent, self._edits, self._lfs_paths)
