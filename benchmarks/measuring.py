"""Running a program and seeing what it cost."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

__all__ = ["Cost", "run", "stored"]


@dataclass(frozen=True)
class Cost:
    """Wall time in seconds, peak resident memory in bytes, and by how many bytes the remote grew."""

    seconds: float
    memory: int
    grown: int = 0


def run(command: Sequence[str | Path], *, remote: Path, env: Mapping[str, str], cwd: Path | None = None) -> Cost:
    """Run a program to its end and measure it, its own start included.

    Raises:
        SystemExit: The program failed; its output is printed.
    """
    before = stored(remote)
    log = remote.parent / "log.txt"
    with log.open("wb") as output:
        started = time.perf_counter()
        process = subprocess.Popen(
            list(map(str, command)), env={**os.environ, **env}, cwd=cwd, stdout=output, stderr=subprocess.STDOUT
        )
        _, status, usage = os.wait4(process.pid, 0)
        seconds = time.perf_counter() - started
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode:
        sys.exit(f"{' '.join(map(str, command))} failed:\n{log.read_text(errors='replace')[-3000:]}")
    return Cost(seconds, usage.ru_maxrss * 1024, stored(remote) - before)


def stored(folder: Path) -> int:
    """Add up the sizes of the files below a folder, in bytes."""
    return sum((Path(base) / name).lstat().st_size for base, _, names in os.walk(folder) for name in names)
