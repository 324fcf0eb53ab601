"""Opening files of a folder that nobody vouches for: only regular ones, and only while they hold still."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from io import FileIO
from pathlib import Path
from typing import Any, NamedTuple

from hfver.core.manifest import load_json
from hfver.errors import BadCheckpoint

MAX_JSON = 16 * 1024 * 1024
"""Largest configuration file that is parsed, in bytes."""


class Stat(NamedTuple):
    """What tells that a file is still the same one: any write changes at least the last two."""

    device: int
    inode: int
    size: int
    mtime_ns: int
    ctime_ns: int

    @classmethod
    def of(cls, result: os.stat_result) -> Stat:
        """Take the five numbers from the system's answer."""
        return cls(result.st_dev, result.st_ino, result.st_size, result.st_mtime_ns, result.st_ctime_ns)


def shown(path: Path | str) -> str:
    """Spell a path for a message: no control characters, no half surrogates."""
    return repr(os.fspath(path))[1:-1]


def stat_regular(path: Path) -> Stat:
    """Look at a file, through links.

    Raises:
        BadCheckpoint: It is not there, cannot be read, or is no regular file.
    """
    try:
        result = path.stat()
    except OSError as error:
        raise unreadable(path, error) from None
    if not stat.S_ISREG(result.st_mode):
        raise BadCheckpoint(f"{shown(path)} is not a regular file.", "Remove it from the folder.")
    return Stat.of(result)


@contextmanager
def held_still(path: Path, expected: Stat) -> Iterator[FileIO]:
    """Open a file for one unbuffered read, and make sure that it is the expected one before and after.

    Raises:
        BadCheckpoint: It cannot be read, or it changed while it was.
    """
    try:
        with FileIO(path, "rb", opener=_open) as stream:
            _check_still(path, stream, expected)
            yield stream
            _check_still(path, stream, expected)
    except OSError as error:
        raise unreadable(path, error) from None


def read_small(path: Path, expected: Stat, limit: int) -> bytes:
    """Read a whole file of at most ``limit`` bytes.

    Raises:
        BadCheckpoint: It is larger, cannot be read, or changed while it was.
    """
    if expected.size > limit:
        raise BadCheckpoint(f"{shown(path)} has {expected.size} bytes; {limit} are the most that are read.")
    with held_still(path, expected) as stream:
        return stream.readall()


def read_object(path: Path, expected: Stat, limit: int = MAX_JSON) -> dict[str, Any]:
    """Read a file that holds one JSON object.

    Raises:
        BadCheckpoint: It cannot be read, or is no JSON object.
    """
    value = read_json(path, expected, limit)
    if not isinstance(value, dict):
        raise BadCheckpoint(f"{shown(path)} is broken: it does not hold a JSON object.")
    return value


def read_json(path: Path, expected: Stat, limit: int = MAX_JSON) -> Any:
    """Read a JSON file strictly: UTF-8, no duplicate keys, no NaN.

    Raises:
        BadCheckpoint: It cannot be read, or breaks one of these rules.
    """
    data = read_small(path, expected, limit)
    try:
        if b"\0" in data or data.startswith(b"\xef\xbb\xbf"):
            # Python would guess UTF-16 or skip the mark; other readers of the file would not.
            raise ValueError("it is not plain UTF-8")
        data.decode()
        return load_json(data, limit=limit)
    except ValueError as error:
        reason = str(error).splitlines()[0][:200]
        raise BadCheckpoint(f"{shown(path)} is broken: {reason}.", _json_hint(reason)) from None


def _json_hint(reason: str) -> str:
    if reason.endswith("is not JSON"):
        return "Save it again with transformers 5, which can write such numbers: config.save_pretrained(DIR)"
    return "Save the model again (model.save_pretrained(DIR)), or mend the file."


def _open(path: str, flags: int) -> int:
    # A named pipe put in the file's place would block a plain open for ever.
    return os.open(path, flags | os.O_NONBLOCK | os.O_NOCTTY)


def _check_still(path: Path, stream: FileIO, expected: Stat) -> None:
    result = os.fstat(stream.fileno())
    if not stat.S_ISREG(result.st_mode) or Stat.of(result) != expected:
        raise changed(path)


def changed(path: Path) -> BadCheckpoint:
    """Say that a file did not hold still."""
    return BadCheckpoint(
        f"{shown(path)} changed while it was read.", "Wait until the training has written it, then try again."
    )


def unreadable(path: Path, error: OSError) -> BadCheckpoint:
    """Say that the system does not let us read a file."""
    return BadCheckpoint(f"{shown(path)} cannot be read: {error.strerror or error}.")
