"""The family of smoke tasks: one per pipeline tag, found through entry points."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import Protocol, runtime_checkable

from hfver.core.plugins import check_protocol
from hfver.core.smoke_report import SmokeCheck
from hfver.errors import PluginError
from hfver.model.runtime import OpenModel
from hfver.model.runtime.silence import first_line

GROUP = "hfver.smoke_tasks"

PROTOCOL_VERSION = 1
"""The version of ``SmokeTask``. A task may declare the one that it was written for, as ``PROTOCOL_VERSION = 1``."""


@dataclass(frozen=True)
class TaskResult:
    """What a task found, and how fast the model was."""

    checks: Sequence[SmokeCheck]
    tokens_per_second: float | None = None


@runtime_checkable
class SmokeTask(Protocol):
    """The checks that make sense for one pipeline tag.

    A module or object with this function is registered under its pipeline tag as an entry point of the group
    ``hfver.smoke_tasks``. It runs under ``torch.inference_mode``, in eval mode, with a fixed seed.
    """

    def run(self, opened: OpenModel) -> TaskResult:
        """Run the model and tell what was found; wrap every look at it in `hfver.model.smoke.check.check`."""


def find_task(pipeline_tag: str | None) -> SmokeTask | None:
    """Find the task registered for a pipeline tag; None if there is none.

    Raises:
        PluginError: The plug-in cannot be imported, or is no smoke task.
    """
    for point in entry_points(group=GROUP, name=pipeline_tag or ""):
        return _load(point)
    return None


def task_names() -> list[str]:
    """List the pipeline tags that have a task."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def _load(point: EntryPoint) -> SmokeTask:
    """Load one plug-in: anybody's code, so anything may be raised."""
    try:
        task = point.load()
    except Exception as error:
        raise PluginError(
            f"The smoke task {point.name!r} ({point.value}) cannot be loaded: {first_line(error)}",
            f"Reinstall or remove the package {point.dist.name if point.dist else 'that brings it'}.",
        ) from error
    check_protocol(task, point, PROTOCOL_VERSION)
    if not isinstance(task, SmokeTask):
        raise PluginError(f"The smoke task {point.name!r} ({point.value}) has no function run(opened).")
    return task
