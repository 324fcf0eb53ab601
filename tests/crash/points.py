"""The points at which a process can be killed: system calls that change a file, send a request or read an answer."""

from __future__ import annotations

import os
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from tests.crash.seccomp import Notice

__all__ = ["CALLS", "OPENING", "SOCKET", "Place", "Point", "describe", "places"]

SOCKET = "socket"
Place = tuple[int, int]

_WRITING = {"write": (1, 0, 2), "pwrite64": (18, 0, 2), "copy_file_range": (326, 2, 4), "sendfile": (40, 0, 3)}
_ON_HANDLES = {"writev": 20, "pwritev": 296, "ftruncate": 77, "fsync": 74, "fdatasync": 75, "fchmod": 91}
_ON_SOCKETS = {"sendto": 44, "recvfrom": 45}
_ON_PATHS = {"rename": (82, 0, 1), "mkdir": (83, 0), "rmdir": (84, 0), "unlink": (87, 0), "link": (86, 0, 1),
             "symlink": (88, 1), "chmod": (90, 0), "truncate": (76, 0), "creat": (85, 0),
             "renameat": (264, 1, 3), "renameat2": (316, 1, 3), "mkdirat": (258, 1), "unlinkat": (263, 1),
             "linkat": (265, 1, 3), "symlinkat": (266, 2), "fchmodat": (268, 1), "utimensat": (280, 1)}  # fmt: skip
_OPENS = {"open": (2, 0), "openat": (257, 1)}

OPENING = {number: path + 1 for number, path in _OPENS.values()}
CALLS = [
    *(number for number, *_ in (*_WRITING.values(), *_ON_PATHS.values())),
    *_ON_HANDLES.values(),
    *_ON_SOCKETS.values(),
]
_NAMES = {
    **{number: name for name, (number, *_) in (*_WRITING.items(), *_ON_PATHS.items(), *_OPENS.items())},
    **{number: name for name, number in (*_ON_HANDLES.items(), *_ON_SOCKETS.items())},
}


@dataclass(frozen=True)
class Point:
    """A system call that is about to happen.

    Attributes:
        call: The name of the system call.
        path: The file that it changes; ``socket`` for a request or an answer.
        size: The number of bytes that it writes or sends; 0 for other calls.
        start: The offset in the file at which it writes.
    """

    call: str
    path: str
    size: int = 0
    start: int = 0

    @property
    def is_write(self) -> bool:
        """Whether the call writes to a file and can be cut in half."""
        return self.call in _WRITING and self.size > 1 and self.path != SOCKET


def places(points: Sequence[Point]) -> list[Place]:
    """Number points by step and index within the step.

    A step is a series of similar points: the parts of a request, of an answer, of a path that is created. The number
    of parts differs from run to run; the steps are the same.
    """
    found: list[Place] = []
    for before, point in zip([None, *points], points, strict=False):
        step, place = found[-1] if found else (-1, 0)
        found.append((step, place + 1) if _are_similar(before, point) else (step + 1, 0))
    return found


def _are_similar(before: Point | None, point: Point) -> bool:
    if before is None:
        return False
    return before.call == point.call and (before.path == SOCKET) == (point.path == SOCKET)


def describe(notice: Notice) -> Point | None:
    """Return the point of a notice; None for calls without a trace on disk or network, such as a write to a pipe."""
    try:
        return _describe(notice)
    except OSError:  # it was killed in the meantime
        return None


def _describe(notice: Notice) -> Point | None:
    name, arguments = _NAMES[notice.call], notice.arguments
    if name in _ON_SOCKETS:
        return Point(name, SOCKET, arguments[2] if name == "sendto" else 0)
    if name in _WRITING or name in _ON_HANDLES:
        return _on_handle(notice, name)
    places = (_ON_PATHS.get(name) or _OPENS[name])[1:]
    path = " -> ".join(_text(notice.thread, arguments[place]) for place in places)
    return None if path.startswith("/dev/") and not path.startswith("/dev/shm/") else Point(name, path)  # noqa: S108


def _on_handle(notice: Notice, name: str) -> Point | None:
    _, handle, size = _WRITING.get(name, (0, 0, -1))
    number = notice.arguments[handle]
    path = str(Path(f"/proc/{notice.thread}/fd/{number}").readlink())
    if number <= 2 or not path.startswith("/") or (path.startswith("/dev/") and not path.startswith("/dev/shm/")):  # noqa: S108
        return None
    start = notice.arguments[3] if name == "pwrite64" else _position(notice.thread, number)
    return Point(name, path, notice.arguments[size] if size > 0 else 0, start)


def _position(thread: int, handle: int) -> int:
    return int(Path(f"/proc/{thread}/fdinfo/{handle}").read_text().split()[1])


def _text(thread: int, address: int) -> str:
    """Read a path from the memory of a process."""
    with Path(f"/proc/{thread}/mem").open("rb", buffering=0) as memory:
        memory.seek(address)
        found = b""
        while b"\0" not in found and len(found) < 8192:
            found += memory.read(min(256, 4096 - (address + len(found)) % 4096))
    return os.fsdecode(found.partition(b"\0")[0])
