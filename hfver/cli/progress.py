"""Progress bars on stderr, and nothing where stderr is not a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock
from typing import Any

from hfver.core.progress import Progress, silent

__all__ = ["bars"]


@contextmanager
def bars() -> Iterator[Progress]:
    """Show a bar for each kind of work that is reported."""
    if not sys.stderr.isatty():
        yield silent
        return
    from rich.console import Console
    from rich.progress import BarColumn, DownloadColumn, TextColumn, TransferSpeedColumn
    from rich.progress import Progress as Bars

    columns = (TextColumn("{task.description}"), BarColumn(), DownloadColumn(), TransferSpeedColumn())
    with Bars(*columns, console=Console(stderr=True), transient=True) as shown:
        yield _Listener(shown)


class _Listener:
    def __init__(self, shown: Any) -> None:
        self.shown, self.tasks, self.lock = shown, dict[str, Any](), Lock()

    def __call__(self, label: str, done: int, total: int) -> None:
        with self.lock:
            if label not in self.tasks:
                self.tasks[label] = self.shown.add_task(label, total=total)
            self.shown.update(self.tasks[label], completed=done, total=total)
