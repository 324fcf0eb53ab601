"""The smoke eval from start to end: load, check weights, tokenizer and template, run the task, report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hfver.core.smoke_report import SmokeCheck, SmokeReport, worst
from hfver.errors import BadCheckpoint
from hfver.model.runtime import LoadedModel, describe_device, load_model, pick_device
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import quiet
from hfver.model.smoke import chat, token_ids, weights
from hfver.model.smoke import tokenizer as tokenizer_checks
from hfver.model.smoke.check import check
from hfver.model.smoke.memory import PeakMemory
from hfver.model.smoke.tasks import TaskResult, find_task, task_names

SEED = 20240115
"""The seed of everything that is drawn during a smoke eval. Any number would do, as long as it stays the same."""


def run_smoke(
    directory: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    base_directory: Path | None = None,
    pipeline_tag: str | None = None,
    trust_remote_code: bool = False,
    content_digest: str | None = None,
) -> SmokeReport:
    """Load a folder and examine the model in it.

    Args:
        directory: A checkpoint folder.
        device: ``auto``, ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.
        dtype: ``auto`` keeps the stored dtype; else a torch dtype's name.
        base_directory: The base model's folder; required for an adapter.
        pipeline_tag: The task to run; None takes the one that the architecture is made for.
        trust_remote_code: Whether code that the folder contains or names may run.
        content_digest: The content digest to write into the report.

    Returns:
        The report. A model that cannot be loaded or is broken gives a report with status ``failed``.

    Raises:
        PolicyViolation: The folder asks for code to be run, and ``trust_remote_code`` is False.
        UsageError: torch, the device, enough memory or the adapter's base model is missing.
        PluginError: The smoke task of the pipeline tag cannot be loaded.
    """
    place = pick_device(device)
    with PeakMemory(place) as memory:
        try:
            loaded = load_model(
                directory,
                device=place,
                dtype=dtype,
                base_directory=base_directory,
                trust_remote_code=trust_remote_code,
            )
        except BadCheckpoint as error:
            return _report_not_loaded(error, place, dtype, content_digest)
        return _examine(loaded, memory, pipeline_tag, content_digest)


def examine(loaded: LoadedModel, *, pipeline_tag: str | None = None, content_digest: str | None = None) -> SmokeReport:
    """Examine a model that is already in memory, and leave its modes and torch's random state as they were.

    Args:
        loaded: The model, as `load_model` returns it.
        pipeline_tag: The task to run; None takes the one that the architecture is made for.
        content_digest: The content digest to write into the report.

    Raises:
        PluginError: The smoke task of the pipeline tag cannot be loaded.
    """
    with PeakMemory(loaded.device) as memory:
        return _examine(loaded, memory, pipeline_tag, content_digest)


def _examine(loaded: LoadedModel, memory: PeakMemory, tag: str | None, digest: str | None) -> SmokeReport:
    with quiet(), _inference(loaded):
        checks = list(_common_checks(loaded))
        result = _run_task(loaded, tag or loaded.pipeline_tag)
    checks += result.checks
    checks.append(_resources(loaded, memory, result))
    return SmokeReport(
        status=worst([result.status for result in checks]),
        device=describe_device(loaded.device),
        dtype=loaded.dtype,
        checks=tuple(checks),
        load_seconds=loaded.load_seconds,
        tokens_per_second=result.tokens_per_second,
        peak_memory_bytes=memory.bytes,
        content_digest=digest,
    )


def _common_checks(loaded: LoadedModel) -> Iterator[SmokeCheck]:
    """Run the checks that apply to every task."""
    yield check("loads", lambda: _describe_model(loaded))
    yield check("keys", lambda: weights.keys(loaded))
    yield check("weights-finite", lambda: weights.weights_finite(loaded))
    yield check("ids-fit", lambda: token_ids.ids_fit(loaded))
    yield check("tokenizer-round-trip", lambda: tokenizer_checks.round_trip(loaded))
    yield check("chat-template", lambda: chat.template_renders(loaded))


def _describe_model(loaded: LoadedModel) -> str:
    count = sum(tensor.numel() for tensor in loaded.model.parameters())
    model = f"{type(loaded.model).__name__} with {count:,} parameters in {loaded.dtype}"
    notes = "".join(f"; {note}" for note in loaded.notes)
    return f"{model}, loaded in {loaded.load_seconds:.2f} s{notes}."


def _run_task(loaded: LoadedModel, tag: str | None) -> TaskResult:
    task = find_task(tag)
    if task is not None:
        return task.run(loaded)
    reason = f"There is no smoke task for {tag}" if tag else "The architecture's task is unknown"
    detail = f"{reason}, so the model was loaded but not run. Tasks exist for {', '.join(task_names())}."
    return TaskResult([SmokeCheck(name="task", status="skipped", detail=detail)])


def _resources(loaded: LoadedModel, memory: PeakMemory, result: TaskResult) -> SmokeCheck:
    speed = result.tokens_per_second
    parts = [f"Loaded in {loaded.load_seconds:.2f} s"]
    parts += [f"{speed:.1f} tokens per second"] if speed is not None else []
    parts.append(f"peak memory {memory.bytes / 1e6:,.0f} MB ({memory.meaning})")
    return SmokeCheck(name="resources", status="passed", detail=", ".join(parts) + ".")


def _report_not_loaded(error: BadCheckpoint, place: str, dtype: str, digest: str | None) -> SmokeReport:
    failure = SmokeCheck(name="loads", status="failed", detail=error.message)
    return SmokeReport(
        status="failed", device=describe_device(place), dtype=dtype, checks=(failure,), content_digest=digest
    )


@contextmanager
def _inference(loaded: LoadedModel) -> Iterator[None]:
    """Run in eval mode, without gradients and with a fixed seed; restore modes and random state afterwards."""
    torch = import_torch()
    modes = [(module, module.training) for module in loaded.model.modules()]
    gpus = [torch.device(loaded.device)] if loaded.device.startswith("cuda") else []
    try:
        with torch.random.fork_rng(devices=gpus), torch.inference_mode():
            torch.manual_seed(SEED)
            loaded.model.eval()
            yield
    finally:
        _restore(modes)


def _restore(modes: list[tuple[Any, bool]]) -> None:
    # Module by module: model.train() would set modules to training mode that the caller keeps in eval mode.
    for module, training in modes:
        module.training = training
