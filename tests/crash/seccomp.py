"""Seccomp user notifications: the kernel stops a process before each system call of a list, and asks us.

This covers every thread and child process, and C libraries (libgit2, SQLite) as well as Python. A process that is
killed while it waits for the answer dies exactly before the call. Linux on x86-64 only.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import select
import struct
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass

__all__ = ["Notice", "allow", "install", "is_supported", "next_notice", "wait_for_data"]

_ARCH = 0xC000003E  # AUDIT_ARCH_X86_64
_SECCOMP, _GET_HANDLE, _NO_NEW_PRIVS = 317, 438, 38
_SET_FILTER, _NEW_LISTENER = 1, 1 << 3
_ALLOW, _NOTIFY = 0x7FFF0000, 0x7FC00000
_RECEIVE, _SEND = 0xC0502100, 0xC0182101
_LOAD, _EQUAL, _ANY, _RETURN = 0x20, 0x15, 0x45, 0x06
_LOOK_MS = 500  # older kernels do not report the end of the last process before it is reaped
_WRITES = 0o1 | 0o2 | 0o100 | 0o1000  # O_WRONLY, O_RDWR, O_CREAT, O_TRUNC
_NOTICE = struct.Struct("=QIIiIQ6Q")


@dataclass(frozen=True)
class Notice:
    """A thread that is stopped before a system call."""

    ticket: int
    thread: int
    call: int
    arguments: tuple[int, ...]


def is_supported() -> bool:
    """Return whether this machine supports it."""
    return sys.platform == "linux" and platform.machine() == "x86_64"


def install(calls: Sequence[int], opening: dict[int, int]) -> int:
    """Filter this process and everything that it starts; return the file descriptor that receives the notices.

    Args:
        calls: System calls to stop at.
        opening: Calls that open files, with the index of their flags; they stop only if the flags allow writing.
    """
    libc = ctypes.CDLL(None, use_errno=True)
    program = _program(calls, opening)
    buffer = ctypes.create_string_buffer(program, len(program))
    head = ctypes.create_string_buffer(struct.pack("=H6xQ", len(program) // 8, ctypes.addressof(buffer)))
    if libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0):
        raise OSError(ctypes.get_errno(), "no_new_privs")
    listener = int(libc.syscall(_SECCOMP, _SET_FILTER, _NEW_LISTENER, head))
    if listener < 0:
        raise OSError(ctypes.get_errno(), "seccomp")
    return listener


def _program(calls: Sequence[int], opening: dict[int, int]) -> bytes:
    """Assemble the filter: notify at `calls`, and at `opening` if the flags allow writing; allow the rest."""
    end = 3 + len(calls) + 3 * len(opening)  # end of the checks; then: allow, notify
    code = [(_LOAD, 0, 0, 4), (_EQUAL, 0, end - 2, _ARCH), (_LOAD, 0, 0, 0)]
    for call in calls:
        code.append((_EQUAL, end - len(code), 0, call))
    for call, place in opening.items():
        code.append((_EQUAL, 0, 2, call))
        code.append((_LOAD, 0, 0, 16 + 8 * place))
        code.append((_ANY, end - len(code), end - len(code) - 1, _WRITES))
    code += [(_RETURN, 0, 0, _ALLOW), (_RETURN, 0, 0, _NOTIFY)]
    return b"".join(struct.pack("=HBBI", *line) for line in code)


def next_notice(listener: int, process: int, seconds: float) -> Notice | None:
    """Wait for the next notice; return None when the process has ended.

    Raises:
        TimeoutError: There was none for ``seconds``.
    """
    end = time.monotonic() + seconds
    poll = select.poll()
    poll.register(listener, select.POLLIN)
    while True:
        events = poll.poll(_LOOK_MS)
        if not events and time.monotonic() > end:
            raise TimeoutError(f"no system call for {seconds} s")
        if not events and os.waitid(os.P_PID, process, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None:
            continue
        if not events:
            return None
        if not events[0][1] & select.POLLIN:
            return None
        buffer = bytearray(_NOTICE.size)
        try:
            fcntl.ioctl(listener, _RECEIVE, buffer)
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.EINTR):  # killed between poll and here
                continue
            raise
        ticket, thread, _, call, _, _, *arguments = _NOTICE.unpack(buffer)
        return Notice(ticket, thread, call, tuple(arguments))


def wait_for_data(process: int, handle: int, seconds: float) -> None:
    """Wait until a socket of another process has data to read."""
    own = os.pidfd_open(process)
    copy = int(ctypes.CDLL(None, use_errno=True).syscall(_GET_HANDLE, own, handle, 0))
    try:
        if copy < 0:
            raise OSError(ctypes.get_errno(), "pidfd_getfd")
        poll = select.poll()
        poll.register(copy, select.POLLIN)
        poll.poll(seconds * 1000)
    finally:
        os.close(own)
        if copy >= 0:
            os.close(copy)


def allow(listener: int, notice: Notice) -> None:
    """Let a stopped system call proceed."""
    try:
        fcntl.ioctl(listener, _SEND, bytearray(struct.pack("=QqiI", notice.ticket, 0, 0, 1)))
    except OSError as error:
        if error.errno != errno.ENOENT:
            raise
