"""The smoke eval from start to end: open, look at the tensors, at the words, run the task, report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from hfver.core.smoke_report import SmokeCheck, SmokeReport, worst
from hfver.errors import BadCheckpoint
from hfver.model.runtime import OpenModel, describe_device, open_model, pick_device
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.silence import quiet
from hfver.model.smoke import chat, tokenizer, weights
from hfver.model.smoke import token_ids as ids
from hfver.model.smoke.check import check
from hfver.model.smoke.memory import PeakMemory
from hfver.model.smoke.tasks import TaskResult, find_task, task_names

SEED = 20240115


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
    """Open a folder and examine the model in it; the arguments are those of `open_model` and `examine`.

    A model that cannot be opened or is broken gives a report that says so.

    Raises:
        PolicyViolation: The folder asks for code to be run, and that is not allowed.
        UsageError: torch, the device, the memory or the adapter's base is missing.
        PluginError: The smoke task of the pipeline tag cannot be loaded.
    """
    place = pick_device(device)
    with PeakMemory(place) as memory:
        try:
            opened = open_model(
                directory,
                device=place,
                dtype=dtype,
                base_directory=base_directory,
                trust_remote_code=trust_remote_code,
            )
        except BadCheckpoint as error:
            return _unopened(error, place, dtype, content_digest)
        return _examine(opened, memory, pipeline_tag, content_digest)


def examine(opened: OpenModel, *, pipeline_tag: str | None = None, content_digest: str | None = None) -> SmokeReport:
    """Examine a model that is already open.

    Args:
        opened: The model, as `open_model` returns it.
        pipeline_tag: The task to run; the one that the architecture is made for if None.
        content_digest: The content that was loaded, for the report to name.

    Raises:
        PluginError: The smoke task of the pipeline tag cannot be loaded.
    """
    with PeakMemory(opened.device) as memory:
        return _examine(opened, memory, pipeline_tag, content_digest)


def _examine(opened: OpenModel, memory: PeakMemory, tag: str | None, digest: str | None) -> SmokeReport:
    with quiet(), _undisturbed(opened):
        checks = list(_common(opened))
        result = _run_task(opened, tag or opened.pipeline_tag)
    checks += result.checks
    checks.append(_resources(opened, memory, result))
    return SmokeReport(
        status=worst([found.status for found in checks]),
        device=describe_device(opened.device),
        dtype=opened.dtype,
        checks=tuple(checks),
        load_seconds=opened.load_seconds,
        tokens_per_second=result.tokens_per_second,
        peak_memory_bytes=memory.bytes,
        content_digest=digest,
    )


def _common(opened: OpenModel) -> Iterator[SmokeCheck]:
    """Run the checks that do not depend on the task."""
    yield check("loads", lambda: _loaded(opened))
    yield check("keys", lambda: weights.keys(opened))
    yield check("weights-finite", lambda: weights.weights_finite(opened))
    yield check("ids-fit", lambda: ids.ids_fit(opened))
    yield check("tokenizer-round-trip", lambda: tokenizer.round_trip(opened))
    yield check("chat-template", lambda: chat.template_renders(opened))


def _loaded(opened: OpenModel) -> str:
    count = sum(tensor.numel() for tensor in opened.model.parameters())
    what = f"{type(opened.model).__name__} with {count:,} parameters in {opened.dtype}"
    notes = "".join(f"; {note}" for note in opened.notes)
    return f"{what}, loaded in {opened.load_seconds:.2f} s{notes}."


def _run_task(opened: OpenModel, tag: str | None) -> TaskResult:
    task = find_task(tag)
    if task is not None:
        return task.run(opened)
    what = f"There is no smoke task for {tag}" if tag else "The architecture's task is not known"
    detail = f"{what}: the model was not run. There are tasks for {', '.join(task_names())}."
    return TaskResult([SmokeCheck(name="task", status="skipped", detail=detail)])


def _resources(opened: OpenModel, memory: PeakMemory, result: TaskResult) -> SmokeCheck:
    speed = result.tokens_per_second
    parts = [f"Loaded in {opened.load_seconds:.2f} s"]
    parts += [f"{speed:.1f} tokens per second"] if speed is not None else []
    parts.append(f"peak memory {memory.bytes / 2**20:,.0f} MiB ({memory.meaning})")
    return SmokeCheck(name="resources", status="passed", detail=", ".join(parts) + ".")


def _unopened(error: BadCheckpoint, place: str, dtype: str, digest: str | None) -> SmokeReport:
    found = SmokeCheck(name="loads", status="failed", detail=error.message)
    return SmokeReport(
        status="failed", device=describe_device(place), dtype=dtype, checks=(found,), content_digest=digest
    )


@contextmanager
def _undisturbed(opened: OpenModel) -> Iterator[None]:
    """Run in eval mode without gradients and with a fixed seed; leave modes and random state as they were."""
    torch = import_torch()
    modes = [(module, module.training) for module in opened.model.modules()]
    cards = [torch.device(opened.device)] if opened.device.startswith("cuda") else []
    try:
        with torch.random.fork_rng(devices=cards), torch.inference_mode():
            torch.manual_seed(SEED)
            opened.model.eval()
            yield
    finally:
        _restore(modes)


def _restore(modes: list[tuple[Any, bool]]) -> None:
    for module, training in modes:
        module.training = training
