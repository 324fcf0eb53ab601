"""A child process that answers questions about untrusted files, and is killed when it exceeds a limit.

Config classes, tokenizers and chat templates can be made to loop forever, to use up all memory or to crash. The child
gets plain values and no access token, its libraries stay offline, and it answers with plain values of limited size.

Which limits exist where:

- Processor time, per job and in total: the kernel's ``RLIMIT_CPU``, on Linux and macOS.
- Memory: the kernel's ``RLIMIT_DATA`` on Linux. macOS does not enforce such a limit, so there the parent reads the
  child's resident memory ten times a second, and what the child allocates between two readings goes unnoticed.
- Elapsed time and size of the answer: this process, everywhere.
"""

from __future__ import annotations

import contextlib
import json
import os
import resource
import selectors
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import TracebackType
from typing import Any, Self

MAX_ANSWER = 64 * 1024 * 1024
"""Bytes of one answer."""
TICK = 0.1
"""Seconds between two looks at the clock and at the child's memory, while it has nothing to say."""
CHUNK = 1 << 16

_PROGRAM = Path(__file__).with_name("_program.py")
_PASSED_ON = ("PATH", "HOME", "LANG", "LD_LIBRARY_PATH", "DYLD_LIBRARY_PATH", "TMPDIR", "TEMP", "TMP")
_OFFLINE = {
    "HF_HUB_OFFLINE": "1",
    "HF_HUB_DISABLE_IMPLICIT_TOKEN": "1",
    "TOKENIZERS_PARALLELISM": "false",
    "OMP_NUM_THREADS": "1",
}


@dataclass(frozen=True)
class Limits:
    """How long one job may take."""

    cpu: int
    """Seconds of processor time. They pass only while the job runs, so a busy machine does not shorten them."""
    wall: float
    """Seconds until the answer: many more than ``cpu``, because other processes may keep the processors busy."""


class ChildStopped(Exception):
    """The child had to be killed, or died; the message completes a sentence that begins with what it was doing."""


class JobRaised(Exception):
    """A job raised an exception; the message is that exception's own, shortened."""

    def __init__(self, kind: str, message: str, *, library_missing: bool = False) -> None:
        super().__init__(message)
        self.kind = kind
        """The name of the exception's class."""
        self.library_missing = library_missing
        """Whether it was an ImportError."""


class Child:
    """A child process that runs the functions of one file of jobs, one at a time, until it is closed.

    It must be used by one thread, and within ``with``, which kills it and everything that it started.
    """

    def __init__(
        self,
        jobs: Path,
        *,
        memory: int,
        cpu: int,
        passed_on: Sequence[str] = (),
        settings: Mapping[str, Any] | None = None,
    ) -> None:
        """Start the process.

        Args:
            jobs: A file of functions that take and return what JSON can hold. It is run as it is, without the package
                around it, so it can import nothing of hfver.
            memory: Bytes that the process may allocate.
            cpu: Seconds of processor time for all jobs together.
            passed_on: Environment variables to pass on besides those that every program needs.
            settings: Arguments of the file's function ``prepare``, which runs before the first job.

        Raises:
            OSError: The process cannot be started.
        """
        self._memory = memory
        self._is_alive = True
        limits = {"memory": memory, "cpu": cpu, "parent": os.getpid(), "path": _import_path()}
        # -I ignores PYTHON* variables and the working folder: nothing in it can shadow a library.
        command = [sys.executable, "-I", "-W", "ignore", str(_PROGRAM), str(jobs), json.dumps(limits)]
        self._process = subprocess.Popen(
            [*command, json.dumps(settings)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            env=_environment(passed_on),
            # A group of its own can be killed as a whole, and Ctrl-C reaches this process alone, which ends it.
            start_new_session=True,
        )
        pipes: Any = (self._process.stdin, self._process.stdout)
        self._input, self._output = (pipe.fileno() for pipe in pipes)
        os.set_blocking(self._input, False)
        os.set_blocking(self._output, False)
        self._selector = selectors.DefaultSelector()
        self._selector.register(self._output, selectors.EVENT_READ)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @property
    def pid(self) -> int:
        """The number of the process, and of its process group."""
        return self._process.pid

    @property
    def is_alive(self) -> bool:
        """Whether the process can still be asked."""
        return self._is_alive

    def ask(self, job: str, question: str, limits: Limits) -> Any:
        """Run a job and return its answer.

        Args:
            job: The name of a function in the file of jobs.
            question: Its argument as JSON.
            limits: How long it may take.

        Raises:
            JobRaised: The job raised an exception. The child is ready for the next question.
            ChildStopped: The child exceeded a limit or died. It answers no more questions.
        """
        if not self._is_alive:
            raise ChildStopped("was not tried, because its process had ended")
        data = question.encode(errors="surrogatepass")
        reply = self._exchange(f"{job}\0{limits.cpu}\0{len(data)}\n".encode() + data, limits)
        try:
            answer = json.loads(reply)
            if "answer" in answer:
                return answer["answer"]
            kind, message, library_missing = answer["raised"]
        except (ValueError, KeyError, TypeError, RecursionError):
            self.close()
            raise ChildStopped("gave no answer that can be read") from None
        if kind == "MemoryError":
            self.close()
            raise ChildStopped(self._used_up_memory)
        raise JobRaised(str(kind), str(message), library_missing=bool(library_missing))

    def close(self) -> None:
        """Kill the process and everything in its group, and wait until it is gone."""
        if not self._is_alive:
            return
        self._is_alive = False
        # Before waiting: until then nobody else can get the number of the group.
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait()
        self._selector.close()
        for stream in (self._process.stdin, self._process.stdout):
            if stream:
                with contextlib.suppress(OSError):
                    stream.close()

    def _exchange(self, data: bytes, limits: Limits) -> bytes:
        """Send a question and read the line that answers it."""
        deadline = time.monotonic() + limits.wall
        unsent, received = memoryview(data), bytearray()
        self._selector.register(self._input, selectors.EVENT_WRITE)
        while not received.endswith(b"\n"):
            ready = {key.fd for key, _ in self._selector.select(TICK)}
            if self._input in ready:
                unsent = self._send(unsent)
            if self._output in ready:
                part = os.read(self._output, CHUNK)
                if not part:
                    raise self._died(limits)
                received += part
            self._check(received, deadline, limits, is_idle=not ready)
        if unsent:
            # An answer to half a question: the program is not the one that was started.
            self.close()
            raise ChildStopped("gave no answer that can be read")
        return bytes(received)

    def _send(self, unsent: memoryview) -> memoryview:
        try:
            unsent = unsent[os.write(self._input, unsent[:CHUNK]) :]
        except BlockingIOError:
            return unsent
        except BrokenPipeError:
            unsent = unsent[:0]  # the child has ended, and the end of its output says so
        if not unsent:
            self._selector.unregister(self._input)
        return unsent

    def _check(self, received: bytearray, deadline: float, limits: Limits, *, is_idle: bool) -> None:
        problem = None
        if len(received) > MAX_ANSWER:
            problem = f"gave an answer of more than {MAX_ANSWER >> 20} MiB"
        elif time.monotonic() > deadline:
            problem = f"did not finish within {limits.wall:g} s"
        elif is_idle and _resident_bytes(self._process.pid) > self._memory:
            problem = self._used_up_memory
        if problem:
            self.close()
            raise ChildStopped(problem)

    def _died(self, limits: Limits) -> ChildStopped:
        self.close()
        code = self._process.returncode
        if code == -signal.SIGXCPU:
            return ChildStopped(f"did not finish within {limits.cpu} s")
        if code == -signal.SIGABRT:  # how libraries written in Rust end where they get no memory
            return ChildStopped(self._used_up_memory)
        if code == -signal.SIGKILL:
            return ChildStopped("was killed, probably because the machine ran out of memory")
        return ChildStopped(f"crashed ({signal.Signals(-code).name if code < 0 else f'exit code {code}'})")

    @property
    def _used_up_memory(self) -> str:
        return f"needed more than {self._memory / 1024**3:g} GiB of memory"


def _environment(passed_on: Sequence[str]) -> dict[str, str]:
    # An allow list: a template or tokenizer that breaks out must not find a token in the environment.
    names = (*_PASSED_ON, *passed_on)
    return {name: os.environ[name] for name in names if name in os.environ} | _OFFLINE


def _import_path() -> list[str]:
    """Return where this process finds its libraries, so that the child finds the same ones; never the working folder.

    Libraries may be in a folder that only PYTHONPATH or the user's own site-packages name.
    """
    try:
        here = Path.cwd()
    except FileNotFoundError:  # it was removed
        here = Path()
    return [entry for entry in sys.path if Path(entry).is_absolute() and Path(entry).resolve() != here]


def _resident_bytes(pid: int) -> int:
    """Return the resident memory of a process in bytes; 0 if it is gone."""
    try:
        return _read_proc(pid) if sys.platform == "linux" else _ask_ps(pid)
    except (OSError, ValueError, IndexError, subprocess.TimeoutExpired):
        return 0


def _read_proc(pid: int) -> int:
    return int(Path(f"/proc/{pid}/statm").read_text().split()[1]) * resource.getpagesize()


def _ask_ps(pid: int) -> int:
    shown = subprocess.run(["/bin/ps", "-o", "rss=", "-p", str(pid)], capture_output=True, check=False, timeout=5)
    return int(shown.stdout or 0) * 1024
