"""Reading a Hub's responses: values that become paths or requests on this machine are checked before they are used."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import urlsplit, urlunsplit

from hfver.errors import HubError

__all__ = ["commit_id", "next_page", "object_id", "parsing", "read_response", "relative_path", "size_of", "text"]

_COMMIT = re.compile(r"[0-9a-f]{40}(?:[0-9a-f]{24})?")
_SHA256 = re.compile(r"[0-9a-f]{64}")
_CONTROL = re.compile(r"[\x00-\x1f\x7f\\]")
_OF_BODY = {b"content-encoding", b"content-length", b"transfer-encoding"}
_LARGEST = 2**63 - 1


def read_response(response: Any, what: str, limit: int) -> Any:
    """Read a streamed response to its end, and return it with its decoded content.

    Args:
        response: The open response.
        what: Names the object of the request in error messages.
        limit: The maximum number of bytes.

    Raises:
        HubError: The response has more bytes.
    """
    blocks, size = [], 0
    for block in response.iter_bytes():
        blocks.append(block)
        size += len(block)
        if size > limit:
            raise HubError(
                f"{what}: the response has more than {limit} bytes, which is too many for this request.",
                "Check the address of the Hub (--hub, HF_ENDPOINT).",
            )
    headers = [(name, value) for name, value in response.headers.raw if name.lower() not in _OF_BODY]
    return type(response)(response.status_code, headers=headers, content=b"".join(blocks), request=response.request)


@contextmanager
def parsing(what: str, place: str) -> Iterator[None]:
    """Turn errors in parsing a response into an error that names the Hub.

    Args:
        what: Names the object of the request in error messages.
        place: How messages call the Hub.

    Raises:
        HubError: The response is not what the request asked for.
    """
    try:
        yield
    except (AttributeError, IndexError, KeyError, RecursionError, TypeError, ValueError) as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0][:120]
        raise HubError(
            f"{what}: the response of {place} is not one of a Hub ({reason}).",
            "Check the address (--hub, HF_ENDPOINT): a proxy or a login page may have answered instead.",
        ) from None


def text(value: Any) -> str:
    """Check a string.

    Raises:
        ValueError: It is not a string, or has lone surrogates, which cannot be written to files or terminals.
    """
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} is not a string")
    value.encode()
    return value


def commit_id(value: Any) -> str:
    """Check the id of a git object, which becomes part of paths and addresses.

    Raises:
        ValueError: It is not one.
    """
    if not isinstance(value, str) or not _COMMIT.fullmatch(value):
        raise ValueError(f"{str(value)[:60]!r} is not a commit")
    return value


def object_id(value: Any) -> str:
    """Check a SHA-256.

    Raises:
        ValueError: It is not one.
    """
    if not isinstance(value, str) or not _SHA256.fullmatch(value):
        raise ValueError(f"{str(value)[:60]!r} is not a SHA-256")
    return value


def size_of(value: Any) -> int:
    """Check a size in bytes.

    Raises:
        ValueError: It is not one.
    """
    if type(value) is not int or not 0 <= value <= _LARGEST:
        raise ValueError(f"{str(value)[:60]!r} is not a size")
    return value


def relative_path(value: Any) -> str:
    """Check a file's path, which must stay inside the folder that it is written to.

    Raises:
        ValueError: It is absolute, leads out of the folder, or contains characters that paths must not have.
    """
    path = text(value)
    parts = path.split("/")
    if not path or len(path) > 4096 or _CONTROL.search(path) or any(part in ("", ".", "..", ".git") for part in parts):
        raise ValueError(f"unsafe path {path[:120]!r}")
    return path


def next_page(endpoint: str, link: str) -> str:
    """Return the address of the next page on our own endpoint: a link to another host must not get the token."""
    ours, theirs = urlsplit(endpoint), urlsplit(link)
    return urlunsplit((ours.scheme, ours.netloc, theirs.path, theirs.query, ""))
