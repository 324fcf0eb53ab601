"""Reading what a Hub answers: names that become paths and requests here are checked before anything uses them."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hfver.errors import HubError

__all__ = ["commit_id", "inside", "next_page", "object_id", "size_of", "text", "understood", "whole"]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_OF_BODY = {b"content-encoding", b"content-length", b"transfer-encoding"}
_LARGEST = 2**63 - 1


def whole(response: Any, what: str, limit: int) -> Any:
    """Read an open answer to its end, unpacked, and return it as one whose content is there.

    Raises:
        HubError: It has more than ``limit`` bytes.
    """
    blocks, size = [], 0
    for block in response.iter_bytes():
        blocks.append(block)
        size += len(block)
        if size > limit:
            raise HubError(f"{what}: the answer has more than {limit} bytes, too many for what it should hold.")
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_BODY]
    return type(response)(response.status_code, headers=headers, content=b"".join(blocks), request=response.request)


@contextmanager
def understood(what: str, place: str) -> Iterator[None]:
    """Turn any surprise in an answer into an error that says who sent it.

    Raises:
        HubError: The block met something that no Hub says.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        said = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise HubError(
            f"{what}: {place} answered with something that no Hub says ({said}).",
            "Check the address (--hub, HF_ENDPOINT); a proxy or a login page may have answered in its place.",
        ) from None


def text(value: Any) -> str:
    """Read a string.

    Raises:
        ValueError: It is none, or one that no file and no terminal can hold.
    """
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} is no text")
    value.encode()
    return value


def commit_id(value: Any) -> str:
    """Read a git object's name: it becomes part of paths and addresses.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str) or not _COMMIT.fullmatch(value):
        raise ValueError(f"{str(value)[:60]!r} is no commit")
    return value


def object_id(value: Any) -> str:
    """Read a SHA-256.

    Raises:
        ValueError: It is none.
    """
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"{str(value)[:60]!r} is no SHA-256")
    return value


def size_of(value: Any) -> int:
    """Read a number of bytes.

    Raises:
        ValueError: It is none.
    """
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise ValueError(f"{str(value)[:60]!r} is no size")
    return value


def inside(value: Any) -> str:
    """Read a file's path: one that stays inside any folder it is written to.

    Raises:
        ValueError: It is absolute, climbs, or holds what no path should.
    """
    path = text(value)
    parts = path.split("/")
    if not path or len(path) > 4096 or _CONTROL.search(path) or any(part in ("", ".", "..", ".git") for part in parts):
        raise ValueError(f"unsafe path {path[:120]!r}")
    return path


def next_page(endpoint: str, link: str) -> str:
    """Name the next page on our own endpoint, whatever host the link names: the token goes nowhere else."""
    ours, theirs = urlsplit(endpoint), urlsplit(link)
    return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))
