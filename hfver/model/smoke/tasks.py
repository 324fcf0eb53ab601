"""Smoke tasks: one per pipeline tag, found through entry points."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib import import_module
from importlib.metadata import EntryPoint, entry_points
from typing import Any, Protocol, runtime_checkable

from hfver.core.plugins import check_protocol
from hfver.core.smoke_report import SmokeCheck
from hfver.errors import PluginError
from hfver.model.runtime import LoadedModel
from hfver.model.runtime.library_output import first_line

GROUP = "hfver.smoke_tasks"

PROTOCOL_VERSION = 1
"""The version of ``SmokeTask``. A task may declare the one that it was written for, as ``PROTOCOL_VERSION = 1``."""

OWN: Mapping[str, str] = {
    "audio-classification": "audio_classification",
    "automatic-speech-recognition": "automatic_speech_recognition",
    "feature-extraction": "feature_extraction",
    "fill-mask": "fill_mask",
    "image-classification": "image_classification",
    "image-text-to-text": "image_text_to_text",
    "question-answering": "question_answering",
    "sentence-similarity": "feature_extraction",
    "text-classification": "text_classification",
    "text-generation": "text_generation",
    "text-ranking": "text_ranking",
    "text-to-image": "diffusion",
    "text2text-generation": "text2text_generation",
    "token-classification": "token_classification",
    "unconditional-image-generation": "diffusion",
    "zero-shot-image-classification": "zero_shot_image_classification",
}
"""hfver's own tasks: the module in this package for each pipeline tag. They are entry points too, like anyone's; the
table finds them where the installed metadata is older than the code, as in a checkout."""


@dataclass(frozen=True)
class TaskResult:
    """The results of a task's checks, and the model's speed where the task measured it."""

    checks: Sequence[SmokeCheck]
    tokens_per_second: float | None = None
    was_run: bool | None = None
    """Whether the model ran. None leaves it to hfver, which counts the forward passes of torch modules."""


@runtime_checkable
class SmokeTask(Protocol):
    """The checks that make sense for one pipeline tag.

    A module or object with this function is registered under its pipeline tag as an entry point of the group
    ``hfver.smoke_tasks``. It runs under ``torch.inference_mode``, in eval mode, with a fixed seed.

    A task of another package gets tokenizer and processor as transformers loads them; it does not run if they exceeded
    a limit in the child process before. hfver's own tasks get a `ChildTokenizer`.
    """

    def run(self, loaded: LoadedModel) -> TaskResult:
        """Run the model and return the results. Wrap each check in `hfver.model.smoke.check.check`."""


def find_task(pipeline_tag: str | None) -> SmokeTask | None:
    """Return the task registered for a pipeline tag; None if there is none.

    Raises:
        PluginError: The plug-in cannot be imported, or is not a smoke task.
    """
    for point in entry_points(group=GROUP, name=pipeline_tag or ""):
        return _load(point)
    return _own(OWN[pipeline_tag]) if pipeline_tag and pipeline_tag in OWN else None


def _own(module: str) -> SmokeTask:
    task: Any = import_module(f"{__package__}.{module}")
    return task  # type: ignore[no-any-return]


def task_names() -> list[str]:
    """List the pipeline tags that have a task."""
    return sorted({*OWN, *(point.name for point in entry_points(group=GROUP))})


def _load(point: EntryPoint) -> SmokeTask:
    try:
        task = point.load()
    except Exception as error:  # importing a plug-in runs third-party code, which may raise anything
        raise PluginError(
            f"The smoke task {point.name!r} ({point.value}) cannot be loaded: {first_line(error)}",
            f"Reinstall or remove the package {point.dist.name if point.dist else 'that provides it'}.",
        ) from error
    check_protocol(task, point, PROTOCOL_VERSION)
    if not isinstance(task, SmokeTask):
        raise PluginError(f"The smoke task {point.name!r} ({point.value}) has no function run(loaded).")
    return task
