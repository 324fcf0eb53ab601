"""A fork server: it imports everything once, and runs each command in a child that it watches and can kill.

Run as ``python -m tests.crash.fork_server``. It reads one job per line and writes one outcome per line, both JSON.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import socket
import sys
import tempfile
import time
from contextlib import redirect_stderr, redirect_stdout, suppress
from dataclasses import asdict, dataclass, field
from importlib import import_module
from pathlib import Path
from typing import Any

from tests.crash.points import CALLS, OPENING, SOCKET, Point, describe, places
from tests.crash.seccomp import Notice, allow, install, next_notice, wait_for_data

__all__ = ["Job", "Outcome", "Seen"]

SILENCE = 60.0
"""Seconds without a system call after which a child counts as hung."""
MODULES = (
    "hfver.cli.app",
    "hfver.cli.commands.hub",
    "hfver.cli.commands.pull",
    "hfver.cli.commands.release",
    "hfver.cli.commands.yank",
    "hfver.server.app",
    "hfver.server.run.serve",
    "uvicorn.loops.uvloop",
    "uvicorn.protocols.http.httptools_impl",
)
"""Modules that every child would otherwise import again."""


@dataclass(frozen=True)
class Job:
    """A command to run in a child.

    Attributes:
        arguments: The arguments of ``hfver``.
        environment: Variables added to the environment; ``HF_HUB_CACHE`` moves the client's cache.
        kill_at: The step to kill the child at, and the point within the step, both from 0; None lets it run.
        torn: Whether half of the bytes of that write are written first.
        output: A file for its stdout, so that it can be read while the child runs.
        warm: Run the command once in the fork server itself, so that its children start with everything loaded.
    """

    arguments: list[str]
    environment: dict[str, str]
    kill_at: list[int] | None = None
    torn: bool = False
    output: str | None = None
    warm: bool = False


@dataclass(frozen=True)
class Seen:
    """What was observed of a run while it was alive."""

    points: list[Point] = field(default_factory=list)
    sent: int = 0


@dataclass(frozen=True)
class Outcome:
    """How a run ended: an exit code, negative for a signal, and its output."""

    code: int
    points: list[Point]
    sent: int
    stdout: str
    stderr: str


def main() -> None:
    """Run jobs until the end of standard input."""
    for module in MODULES:
        import_module(module)
    sys.stdout.write("ready\n")
    sys.stdout.flush()
    for line in sys.stdin:
        job = Job(**json.loads(line))
        outcome = _warm(job) if job.warm else _run(job)
        sys.stdout.write(json.dumps(asdict(outcome)) + "\n")
        sys.stdout.flush()


def _warm(job: Job) -> Outcome:
    """Run a command in this process, so that its children inherit what it loads. It must leave no thread."""
    from huggingface_hub.utils import close_session, tqdm

    tqdm.monitor_interval = 0
    _apply(job.environment)
    with Path(os.devnull).open("w") as nowhere, redirect_stdout(nowhere), redirect_stderr(nowhere):
        code = _command(job.arguments)
    close_session()
    end = time.monotonic() + 10
    while (alone := len(os.listdir("/proc/self/task")) == 1) is False and time.monotonic() < end:  # noqa: PTH208
        time.sleep(0.01)  # a joined thread may still be leaving the kernel
    assert alone, "a thread does not survive a fork"
    return Outcome(code, [], 0, "", "")


def _apply(environment: dict[str, str]) -> None:
    """Set environment variables, and update the modules that have already read them."""
    import huggingface_hub.constants

    os.environ.update(environment)
    tempfile.tempdir = None
    huggingface_hub.constants.HF_HUB_CACHE = environment.get("HF_HUB_CACHE", huggingface_hub.constants.HF_HUB_CACHE)


def _run(job: Job) -> Outcome:
    ours, theirs = socket.socketpair()
    with tempfile.TemporaryFile() as stderr, _output(job) as stdout:
        child = os.fork()
        if child == 0:
            _be_child(job, theirs, stdout.fileno(), stderr.fileno())
        theirs.close()
        _, (listener, *_), _, _ = socket.recv_fds(ours, 1, 1)
        try:
            seen = _watch(job, child, listener)
        finally:
            os.close(listener)
            ours.close()
            with suppress(ProcessLookupError):
                os.kill(child, signal.SIGKILL)
            code = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
        return Outcome(code, seen.points, seen.sent, _text(stdout), _text(stderr))


def _output(job: Job) -> Any:
    return Path(job.output).open("w+b") if job.output else tempfile.TemporaryFile()


def _text(file: Any) -> str:
    file.seek(0)
    return str(file.read().decode("utf-8", "replace"))


def _be_child(job: Job, channel: socket.socket, stdout: int, stderr: int) -> None:
    """Run the command in the child; never return."""
    code = 70
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(stdout, 1)
        os.dup2(stderr, 2)
        _apply(job.environment)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        listener = install(CALLS, OPENING)
        socket.send_fds(channel, [b"x"], [listener])
        os.close(listener)
        code = _command(job.arguments)
    except BaseException:
        import traceback

        traceback.print_exc()
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _command(arguments: list[str]) -> int:
    from hfver.cli import main as run

    return run(arguments)


def _watch(job: Job, child: int, listener: int) -> Seen:
    """Let the child and its own children run, and kill it where the job asks for it."""
    points: list[Point] = []
    torn = False
    while notice := _next(listener, child):
        point = describe(notice)
        points += [point] if point and not torn else []
        if torn or (point and not job.torn and _place(points) == job.kill_at):
            if point and point.call == "recvfrom":  # the answer has arrived, and is not read
                with suppress(ProcessLookupError):  # it ended while a process that it started went on
                    wait_for_data(child, notice.arguments[0], SILENCE)
            os.kill(child, signal.SIGKILL)
            continue  # without an answer, so that the call never happens
        if point and job.torn and _place(points) == job.kill_at:
            torn = _tear(notice, point)
        allow(listener, notice)
    return Seen(points, sum(point.size for point in points if point.path == SOCKET))


def _place(points: list[Point]) -> list[int]:
    """Return the place of the last point: its step, and its index within the step."""
    return list(places(points)[-1])


def _next(listener: int, child: int) -> Notice | None:
    try:
        return next_notice(listener, child, SILENCE)
    except TimeoutError:
        os.kill(child, signal.SIGKILL)
        raise


def _tear(notice: Notice, point: Point) -> bool:
    """Let the kernel write only half of a write, by a limit on the size of files."""
    limit = point.start + point.size // 2
    resource.prlimit(notice.thread, resource.RLIMIT_FSIZE, (limit, limit))
    return True


if __name__ == "__main__":
    main()
