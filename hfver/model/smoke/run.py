"""The smoke eval from start to end: load, check weights, tokenizer and template, run the task, report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any

from hfver.core.smoke_report import SmokeCheck, SmokeReport, verdict_of
from hfver.errors import BadCheckpoint
from hfver.model.runtime import LoadedModel, TokenizerChild, describe_device, load_model, pick_device
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import errors_translated, quiet
from hfver.model.runtime.loaded import LoadRequest
from hfver.model.runtime.processors import has_processor, with_tokenizer
from hfver.model.smoke import chat, special_tokens, stored, tensor_parts, token_ids, weights
from hfver.model.smoke import tokenizer as tokenizer_checks
from hfver.model.smoke.check import check
from hfver.model.smoke.forward_passes import counting_forward_passes
from hfver.model.smoke.memory import PeakMemory
from hfver.model.smoke.tasks import SmokeTask, TaskResult, find_task, task_names

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
    try:
        _, report = load_and_examine(
            directory,
            device=device,
            dtype=dtype,
            base_directory=base_directory,
            pipeline_tag=pipeline_tag,
            trust_remote_code=trust_remote_code,
            content_digest=content_digest,
        )
    except BadCheckpoint as error:
        return _report_not_loaded(error, pick_device(device), dtype, content_digest)
    return report


def load_and_examine(
    directory: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    base_directory: Path | None = None,
    pipeline_tag: str | None = None,
    trust_remote_code: bool = False,
    content_digest: str | None = None,
) -> tuple[LoadedModel, SmokeReport]:
    """Load a folder and examine the model in it, as `run_smoke` does; also return the model.

    Tokenizers and templates work in a child process. `use_here` loads the tokenizer into this one.

    Raises:
        BadCheckpoint: The folder cannot be loaded.
        PolicyViolation: The folder asks for code to be run, and ``trust_remote_code`` is False.
        UsageError: torch, the device, enough memory or the adapter's base model is missing.
        PluginError: The smoke task of the pipeline tag cannot be loaded.
    """
    # The child is started before torch is imported here: that takes longer than all that the child imports.
    with _child(directory, base_directory, trust=trust_remote_code) as child:
        place = pick_device(device)
        with PeakMemory(place) as memory:
            loaded = load_model(
                directory,
                device=place,
                dtype=dtype,
                base_directory=base_directory,
                trust_remote_code=trust_remote_code,
                child=child,
            )
            return loaded, _examine(loaded, memory, pipeline_tag, content_digest)


def use_here(loaded: LoadedModel) -> LoadedModel:
    """Load the tokenizer and the processor of a model into this process, which the child process did before."""
    sources = _sources(loaded)
    if not sources:
        return loaded
    with quiet(), errors_translated(sources[0].directory, sources[0].device):
        return with_tokenizer(loaded, None)


def examine(loaded: LoadedModel, *, pipeline_tag: str | None = None, content_digest: str | None = None) -> SmokeReport:
    """Examine a model that is already in memory, and leave its modes and torch's random state as they were.

    Its tokenizer is loaded once more, in a child process.

    Args:
        loaded: The model, as `load_model` returns it.
        pipeline_tag: The task to run; None takes the one that the architecture is made for.
        content_digest: The content digest to write into the report.

    Raises:
        BadCheckpoint: The tokenizer cannot be loaded in the child process.
        PluginError: The smoke task of the pipeline tag cannot be loaded.
    """
    sources = _sources(loaded)
    trust = any(source.trust_remote_code for source in sources)
    with _child(*(source.directory for source in sources), trust=trust) as child, PeakMemory(loaded.device) as memory:
        if sources:
            with quiet(), errors_translated(sources[0].directory, loaded.device):
                loaded = with_tokenizer(loaded, child)
        return _examine(loaded, memory, pipeline_tag, content_digest)


def _sources(loaded: LoadedModel) -> list[LoadRequest]:
    return [source for source in (loaded.tokenizer_from, loaded.processor_from) if source is not None]


def _child(*directories: Path | None, trust: bool) -> TokenizerChild:
    needs_torch = any(has_processor(directory) for directory in directories if directory is not None)
    return TokenizerChild(trust_remote_code=trust, needs_torch=needs_torch)


def _examine(loaded: LoadedModel, memory: PeakMemory, tag: str | None, digest: str | None) -> SmokeReport:
    with quiet(), _inference(loaded), counting_forward_passes(loaded.model) as passes:
        checks = list(_common_checks(loaded))
        # On CUDA, one id beyond the embedding stops the device for good, and with it every check that follows.
        safe = all(each.status != "failed" for each in checks if each.name == "ids-fit") or loaded.device == "cpu"
        result = _run_task(loaded, tag or loaded.pipeline_tag) if safe else _ids_do_not_fit()
    checks += result.checks
    was_run = passes.count > 0 if result.was_run is None else result.was_run
    checks.append(_resources(loaded, memory, result))
    return SmokeReport(
        status=verdict_of(checks, was_run=was_run),
        device=describe_device(loaded.device),
        dtype=loaded.dtype,
        checks=tuple(checks),
        forward_passes=passes.count,
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
    yield check("weights-whole", lambda: tensor_parts.parts_whole(loaded))
    yield check("norms", lambda: tensor_parts.norms_work(loaded))
    yield check("adapter", lambda: tensor_parts.adapter_works(loaded))
    yield check("dtype", lambda: stored.dtype_as_declared(loaded))
    yield check("tied", lambda: stored.tie_holds(loaded))
    yield check("ids-fit", lambda: token_ids.ids_fit(loaded))
    yield check("tokenizer-round-trip", lambda: tokenizer_checks.round_trip(loaded))
    yield check("special-tokens", lambda: special_tokens.special_tokens_whole(loaded))
    yield check("chat-template", lambda: chat.template_renders(loaded))


def _describe_model(loaded: LoadedModel) -> str:
    count = sum(tensor.numel() for tensor in loaded.model.parameters())
    model = f"{type(loaded.model).__name__} with {count:,} parameters in {loaded.dtype}"
    notes = "".join(f"; {note}" for note in loaded.notes)
    return f"{model}, loaded in {loaded.load_seconds:.2f} s{notes}."


def _run_task(loaded: LoadedModel, tag: str | None) -> TaskResult:
    task = find_task(tag)
    if task is not None:
        return task.run(loaded) if _is_own(task) else _run_plugin(task, loaded)
    reason = f"There is no smoke task for {tag}" if tag else "The architecture's task is unknown"
    detail = f"{reason}, so the model was loaded but not run. Tasks exist for {', '.join(task_names())}."
    return TaskResult([SmokeCheck(name="task", status="skipped", detail=detail)])


def _ids_do_not_fit() -> TaskResult:
    detail = "Not run, because the tokenizer has ids that the embedding lacks, which would stop the device."
    return TaskResult([SmokeCheck(name="task", status="skipped", detail=detail)])


def _is_own(task: SmokeTask) -> bool:
    return isinstance(task, ModuleType) and task.__name__.startswith(f"{__package__}.")


def _run_plugin(task: SmokeTask, loaded: LoadedModel) -> TaskResult:
    """Run another package's task, with the tokenizer and processor themselves, for which it was written."""
    if any(source.child is not None and not source.child.is_alive for source in _sources(loaded)):
        detail = "Not run, because the tokenizer's process had to be ended before."
        return TaskResult([SmokeCheck(name="task", status="skipped", detail=detail)])
    return task.run(use_here(loaded))


def _resources(loaded: LoadedModel, memory: PeakMemory, result: TaskResult) -> SmokeCheck:
    speed = result.tokens_per_second
    parts = [f"Loaded in {loaded.load_seconds:.2f} s"]
    parts += [f"{speed:.1f} tokens per second"] if speed is not None else []
    parts.append(f"peak memory {memory.bytes / 1e6:,.0f} MB ({memory.meaning})")
    return SmokeCheck(name="resources", status="passed", detail=", ".join(parts) + ".")


def _report_not_loaded(error: BadCheckpoint, place: str, dtype: str, digest: str | None) -> SmokeReport:
    detail = f"{error.message.rstrip('.')}. {error.hint}".rstrip()
    failure = SmokeCheck(name="loads", status="failed", detail=detail)
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
