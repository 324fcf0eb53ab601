"""Read files of a folder that nobody vouches for: only regular files, and only while they do not change."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any

from hfver.core.file_stamp import FileStamp
from hfver.core.manifest import load_json
from hfver.errors import BadCheckpoint

MAX_JSON = 16 * 1024 * 1024
"""Largest configuration file that is parsed, in bytes."""


def shown(path: Path | str) -> str:
    """Write a path for a message, with control characters and unpaired surrogates escaped."""
    return repr(os.fspath(path))[1:-1]


def stat_regular(path: Path) -> FileStamp:
    """Look at a file, following links.

    Raises:
        BadCheckpoint: It is missing, cannot be read, or is not a regular file.
    """
    try:
        result = path.stat()
    except OSError as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(result.st_mode):
        raise BadCheckpoint(f"{shown(path)} is not a regular file.", "Remove it from the folder.")
    return FileStamp.of(result)


@contextmanager
def held_still(path: Path, expected: FileStamp) -> Iterator[FileIO]:
    """Open a file for one unbuffered read, and check before and after that it is the expected one.

    Raises:
        BadCheckpoint: It cannot be read, or it changed while it was read.
    """
    try:
        with FileIO(path, "rb", opener=_open) as stream:
            _check_still(path, stream, expected)
            yield stream
            _check_still(path, stream, expected)
    except OSError as error:
        raise unreadable(path, error) from None


def read_small(path: Path, expected: FileStamp, limit: int) -> bytes:
    """Read a whole file of at most ``limit`` bytes.

    Raises:
        BadCheckpoint: It is larger, cannot be read, or changed while it was read.
    """
    check_size(path, expected.size, limit)
    with held_still(path, expected) as stream:
        return stream.readall()


def check_size(path: Path, size: int, limit: int) -> None:
    """Check that a file which is to be read whole is small enough.

    Raises:
        BadCheckpoint: It has more than ``limit`` bytes.
    """
    if size > limit:
        raise BadCheckpoint(f"{shown(path)} has {size} bytes; hfver reads at most {limit} of such a file.")


def read_object(path: Path, expected: FileStamp, limit: int = MAX_JSON) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        BadCheckpoint: It cannot be read, is too large, or is not a JSON object.
    """
    return parse_object(path, read_small(path, expected, limit))


def parse_object(path: Path, data: bytes) -> dict[str, Any]:
    """Parse the content of a file that holds one JSON object; ``path`` names the file in errors.

    Raises:
        BadCheckpoint: It is not a JSON object.
    """
    value = parse_json(path, data)
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{shown(path)} is broken: it does not hold a JSON object.")
    return value


def parse_json(path: Path, data: bytes) -> Any:
    """Parse the content of a JSON file strictly: UTF-8, no duplicate keys, no NaN. ``path`` names the file in errors.

    Raises:
        BadCheckpoint: It breaks one of these rules.
    """
    try:
        if b"\0" in data or data.startswith(b"\xef\xbb\xbf"):
            # Python would guess UTF-16 or skip the byte order mark, and other readers of the file would not.
            raise ValueError("it is not plain UTF-8")
        data.decode()
        return load_json(data, limit=len(data))
    except ValueError as error:
        reason = str(error).splitlines()[0][:200]
        raise BadCheckpoint(f"{shown(path)} is broken: {reason}.", _json_hint(reason)) from None


def _json_hint(reason: str) -> str:
    if reason.endswith("is not JSON"):
        return "Save it again with transformers 5, which can write such numbers: config.save_pretrained(DIR)"
    return "Save the model again (model.save_pretrained(DIR)), or repair the file."


def _open(path: str, flags: int) -> int:
    # If a named pipe took the file's place, a plain open would block forever.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _check_still(path: Path, stream: FileIO, expected: FileStamp) -> None:
    result = os.fstat(stream.fileno())  # of the open file, which a rename of the path cannot exchange
    if not stat.S_ISREG(result.st_mode) or FileStamp.of(result) != expected:
        raise changed(path)


def changed(path: Path) -> BadCheckpoint:
    """Make the error for a file that changed while it was read."""
    return BadCheckpoint(
        f"{shown(path)} changed while it was read.", "Wait until the training has written it, then try again."
    )


def unreadable(path: Path, error: OSError) -> BadCheckpoint:
    """Make the error for a file that the operating system does not let hfver read."""
    return BadCheckpoint(f"{shown(path)} cannot be read: {error.strerror or error}.")
