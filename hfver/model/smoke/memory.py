"""Measuring the peak memory of a piece of work."""

from __future__ import annotations

import resource
import sys
import threading
from pathlib import Path
from types import TracebackType
from typing import Any

from hfver.model.runtime.device import import_torch

STATM = Path("/proc/self/statm")
INTERVAL = 0.01
"""Seconds between two readings of the resident memory. A reading is one small file, so this costs well under 1 % of a
core, and a model that takes less than 10 ms to load has no peak worth reporting."""


class PeakMemory:
    """Peak memory of the work inside ``with``: what torch allocated on CUDA, else growth of resident memory."""

    def __init__(self, device: str) -> None:
        self.on_cuda = device.startswith("cuda")
        self._device = device
        self._stop = threading.Event()
        self._start = self._peak = 0

    def __enter__(self) -> PeakMemory:
        if self.on_cuda:
            _cuda().init()  # the statistics exist only after CUDA is initialized
            _cuda().reset_peak_memory_stats(self._device)
        else:
            self._start = self._peak = resident_bytes()
            self._thread = threading.Thread(target=self._watch, daemon=True)
            self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if not self.on_cuda:
            self._stop.set()
            self._thread.join()

    @property
    def bytes(self) -> int:
        """The peak so far, in bytes."""
        if self.on_cuda:
            return int(_cuda().max_memory_allocated(self._device))
        return max(self._peak, resident_bytes()) - self._start

    @property
    def meaning(self) -> str:
        """What the figure measures, in words."""
        return "allocated by torch on the device" if self.on_cuda else "growth of the process's resident memory"

    def _watch(self) -> None:
        while not self._stop.wait(INTERVAL):
            self._peak = max(self._peak, resident_bytes())


def resident_bytes() -> int:
    """Return the process's resident memory in bytes; without ``/proc``, its peak so far."""
    if STATM.exists():
        return int(STATM.read_text().split()[1]) * resource.getpagesize()
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024  # macOS counts bytes, Linux kibibytes


def _cuda() -> Any:
    return import_torch().cuda
