"""The program that ``process.py`` starts: it answers questions with the functions of one file, until its input ends.

It is started with ``-I`` and imports nothing from hfver. A question is a line with the job's name, its seconds of
processor time and the size of its argument, then the argument as JSON. An answer is one line of JSON:
``{"answer": value}`` or ``{"raised": [class, message, is an ImportError]}``.
"""

from __future__ import annotations

import contextlib
import importlib.util
import json
import math
import os
import signal
import sys
import time
from collections.abc import Callable
from types import ModuleType
from typing import Any

MAX_MESSAGE = 2000
"""Characters of an exception's message that are passed on."""


def main() -> None:
    """Answer questions until there are no more."""
    limits = json.loads(sys.argv[2])
    sys.path[:] = limits["path"]
    # Libraries print what they like: only answers may reach standard output.
    answers = os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)
    _end_with_parent(limits["parent"])
    most_cpu = _limit(limits["memory"], limits["cpu"])
    jobs = _load(sys.argv[1])
    settings = json.loads(sys.argv[3])
    problem = _run(jobs.prepare, settings) if settings is not None else {}
    for header in iter(sys.stdin.buffer.readline, b""):
        name, seconds, size = header.split(b"\0")
        question = sys.stdin.buffer.read(int(size))
        _limit_cpu(int(seconds), most_cpu)
        # Where preparing failed, no job can work.
        answer = problem if "raised" in problem else _run(_asked(jobs, name.decode(), question))
        answers.write(_encoded(answer) + b"\n")
        answers.flush()


def _load(path: str) -> ModuleType:
    spec = importlib.util.spec_from_file_location("jobs", path)
    if spec is None or spec.loader is None:
        raise SystemExit(f"{path} is not a Python file")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def _asked(jobs: ModuleType, name: str, question: bytes) -> Callable[[], Any]:
    return lambda: jobs.JOBS[name](json.loads(question))


def _run(work: Callable[..., Any], settings: dict[str, Any] | None = None) -> dict[str, Any]:
    try:
        return {"answer": work(**(settings or {}))}
    # A panic in a library written in Rust is no Exception.
    except BaseException as error:
        return {"raised": _described(error)}


def _encoded(answer: dict[str, Any]) -> bytes:
    try:
        return json.dumps(answer, default=str).encode()
    except Exception as error:
        return json.dumps({"raised": _described(error)}).encode()


def _described(error: BaseException) -> list[Any]:
    kind = "MemoryError" if isinstance(error, MemoryError) else type(error).__name__
    try:
        message = str(error)[:MAX_MESSAGE]
    except Exception:
        message = ""
    return [kind, message, isinstance(error, ImportError)]


def _limit(memory: int, cpu: int) -> int:
    """Set the limits of the whole process, and return the seconds of processor time that are left at most."""
    import resource

    for kind, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_DATA, memory), (resource.RLIMIT_CPU, cpu)):
        hard = resource.getrlimit(kind)[1]
        most = most if hard == resource.RLIM_INFINITY else min(most, hard)
        # The soft limit on processor time ends the process with a signal of its own, just before the hard one.
        with contextlib.suppress(ValueError, OSError):
            resource.setrlimit(kind, (most, most + 1 if kind == resource.RLIMIT_CPU and most == cpu else most))
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123 - Linux alone
        # If the machine runs out of memory, the kernel kills this process before hfver and everything else.
        file.write("1000")
    return resource.getrlimit(resource.RLIMIT_CPU)[0]


def _limit_cpu(seconds: int, most: int) -> None:
    """Limit the processor time of the next job; the kernel counts all that the process has used."""
    import resource

    soft, hard = math.ceil(time.process_time()) + seconds, resource.getrlimit(resource.RLIMIT_CPU)[1]
    with contextlib.suppress(ValueError, OSError):
        resource.setrlimit(resource.RLIMIT_CPU, (soft if most < 0 else min(soft, most), hard))


def _end_with_parent(parent: int) -> None:
    """Have the kernel kill this process when its parent dies, however it does.

    macOS has no such thing. There the process ends when it reads its next question, or at its limit of processor time.
    """
    if sys.platform == "linux":
        import ctypes

        set_death_signal = 1
        ctypes.CDLL(None, use_errno=True).prctl(set_death_signal, signal.SIGKILL)
    if os.getppid() != parent:  # it died before
        os._exit(1)


if __name__ == "__main__":
    main()
