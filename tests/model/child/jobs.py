"""Jobs for a child process that misbehave, each in its own way; run without the package around it."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import time
from typing import Any

SEEN: dict[str, Any] = {}


def prepare(**settings: Any) -> None:
    SEEN.update(settings)


def echo(value: Any) -> Any:
    print("what libraries print must not be taken for an answer")
    sys.stdout.flush()
    return value


def settings(_: Any) -> dict[str, Any]:
    return SEEN


def environment(_: Any) -> dict[str, str]:
    return dict(os.environ)


def sleep(seconds: float) -> None:
    time.sleep(seconds)


def spin(_: Any) -> None:
    while True:
        pass


def use_up(_: Any) -> None:
    held = []
    while True:
        held.append(bytearray(1 << 24))


def use_up_unseen(size: int) -> None:
    """Use memory of a kind that the kernel's limit does not count."""
    held = mmap.mmap(-1, size)
    for at in range(0, size, mmap.PAGESIZE):
        held[at] = 1
    time.sleep(600)


def much(size: int) -> str:
    return "x" * size


def die(number: int) -> None:
    os.kill(os.getpid(), number)


def leave(_: Any) -> None:
    os._exit(0)


def fail(_: Any) -> None:
    raise KeyError("what is missing")


def panic(_: Any) -> None:
    raise BaseException("a panic of a library")


def missing(_: Any) -> None:
    import a_library_that_is_not_there  # type: ignore[import-not-found]  # noqa: F401


def unreadable(_: Any) -> None:
    raise SystemExit


def start_another(_: Any) -> int:
    """Start a process that would outlive this one."""
    return subprocess.Popen(["/bin/sleep", "600"]).pid


def lie(line: str) -> None:
    """Write to every open file what only the program should write."""
    for number in range(3, 16):
        try:
            os.write(number, line.encode())
        except OSError:
            continue
    signal.pause()


JOBS = {name: found for name, found in globals().items() if callable(found)}
