"""The smoke eval from start to end: load, check weights, tokenizer and template, run the task, report."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

from hfver.core.smoke_report import SmokeCheck, SmokeReport, verdict_of
from hfver.errors import BadCheckpoint, HfverError
from hfver.model.runtime import LoadedModel, TokenizerChild, describe_device, load_model, pick_device
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import OutOfMemory, errors_translated, quiet
from hfver.model.runtime.loaded import LoadRequest
from hfver.model.runtime.missing_library import LibraryMissing, how_to_install
from hfver.model.runtime.processors import has_processor, with_tokenizer
from hfver.model.smoke import (
    any_model,
    chat,
    feature_extraction,
    special_tokens,
    stored,
    tensor_parts,
    token_ids,
    weights,
)
from hfver.model.smoke import tokenizer as tokenizer_checks
from hfver.model.smoke.check import NotJudged, check
from hfver.model.smoke.forward_passes import counting_forward_passes
from hfver.model.smoke.golden.plan import GoldenPlan, GoldenResult, follow
from hfver.model.smoke.golden.report import with_comparison
from hfver.model.smoke.made_inputs import parameters_of
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
        The report. A model that cannot be loaded or is broken gives a report with status ``failed``; one that
        requires a library that is not installed, or more memory than there is, ``not_judged``.

    Raises:
        PolicyViolation: The folder asks for code to be run, and ``trust_remote_code`` is False.
        UsageError: torch, the device or the adapter's base model is missing.
        PluginError: The smoke task of the pipeline tag cannot be loaded.
    """
    report, _ = run_with_goldens(
        directory,
        None,
        device=device,
        dtype=dtype,
        base_directory=base_directory,
        pipeline_tag=pipeline_tag,
        trust_remote_code=trust_remote_code,
        content_digest=content_digest,
    )
    return report


def run_with_goldens(
    directory: Path,
    plan: GoldenPlan | None,
    *,
    device: str = "auto",
    dtype: str = "auto",
    content_digest: str | None = None,
    **options: Any,
) -> tuple[SmokeReport, GoldenResult | None]:
    """Load a folder and examine the model in it, as `run_smoke` does; also compare it with goldens, or capture one.

    Args:
        directory: A checkpoint folder.
        plan: What to do with goldens; None for nothing.
        device: As for `run_smoke`.
        dtype: As for `run_smoke`.
        content_digest: As for `run_smoke`.
        options: The other arguments of `run_smoke`.

    Returns:
        The report, which includes the comparison with the model's own golden, and what came of the plan.
    """
    results: list[GoldenResult] = []
    try:
        _, report = load_and_examine(
            directory,
            device=device,
            dtype=dtype,
            content_digest=content_digest,
            golden=plan,
            golden_results=results,
            **options,
        )
    except BadCheckpoint as error:
        return _report_not_loaded(error, "failed", pick_device(device), dtype, content_digest), None
    except (LibraryMissing, OutOfMemory) as error:
        return _report_not_loaded(error, "not_judged", pick_device(device), dtype, content_digest), None
    return report, results[0] if results else None


def load_and_examine(
    directory: Path,
    *,
    device: str = "auto",
    dtype: str = "auto",
    base_directory: Path | None = None,
    pipeline_tag: str | None = None,
    trust_remote_code: bool = False,
    content_digest: str | None = None,
    golden: GoldenPlan | None = None,
    golden_results: list[GoldenResult] | None = None,
) -> tuple[LoadedModel, SmokeReport]:
    """Load a folder and examine the model in it, as `run_smoke` does; also return the model.

    With a plan for goldens, what came of it is appended to ``golden_results``. Tokenizers and templates work in a child
    process. `use_here` loads the tokenizer into this one.

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
            report = _examine(loaded, memory, pipeline_tag, content_digest)
            if golden is None:
                return loaded, report
            result = _with_goldens(loaded, golden, report)
            if golden_results is not None:
                golden_results.append(result)
            return loaded, with_comparison(report, golden, result)


def _with_goldens(loaded: LoadedModel, plan: GoldenPlan, report: SmokeReport) -> GoldenResult:
    """Follow the plan. A model that failed its checks is compared, to say what is to blame, but not captured."""
    failed = report.status == "failed"
    with quiet(), _inference(loaded):
        return follow(replace(plan, capture=plan.capture and not failed), loaded)


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
    with quiet(), _inference(loaded), counting_forward_passes(*_models(loaded)) as passes:
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


def _models(loaded: LoadedModel) -> list[Any]:
    """Return the model; the networks of a pipeline, which is no module itself."""
    return [loaded.model] if loaded.network is loaded.model else list(loaded.network.children())


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
    if loaded.processor_from is not None:
        yield check("processor", lambda: _processor_loads(loaded))
    yield check("tokenizer-round-trip", lambda: tokenizer_checks.round_trip(loaded))
    yield check("chat-template", lambda: chat.template_renders(loaded))
    yield check("special-tokens", lambda: special_tokens.special_tokens_whole(loaded))


def _describe_model(loaded: LoadedModel) -> str:
    count = sum(tensor.numel() for tensor in loaded.network.parameters())
    model = f"{type(loaded.model).__name__} with {count:,} parameters in {loaded.dtype}"
    notes = "".join(f"; {note}" for note in loaded.notes)
    return f"{model}, loaded in {loaded.load_seconds:.2f} s{notes}."


def _processor_loads(loaded: LoadedModel) -> str:
    if loaded.processor_missing:
        message = loaded.processor_missing
        reason = f"Loading the processor requires a library that is not installed: {message}"
        raise NotJudged(reason, how_to_install(message))
    return "It loads."


def _run_task(loaded: LoadedModel, tag: str | None) -> TaskResult:
    task = find_task(tag)
    if task is None:
        reason = f"There is no smoke task for {tag}" if tag else "The architecture's task is unknown"
        detail = f"{reason}, so the model is only run. Tasks exist for {', '.join(task_names())}."
        result = any_model.run(loaded)
        return replace(result, checks=[SmokeCheck(name="task", status="skipped", detail=detail), *result.checks])
    if task is feature_extraction and _gives_no_plain_vectors(loaded):
        return any_model.run(loaded)
    return task.run(loaded) if _is_own(task) else _run_plugin(task, loaded)


def _gives_no_plain_vectors(loaded: LoadedModel) -> bool:
    """Return whether a bare model of transformers is no encoder of text: it sees, hears, or has a decoder."""
    if type(loaded.model).__module__.startswith("sentence_transformers"):
        return False
    is_pair = bool(getattr(loaded.model.config, "is_encoder_decoder", False))
    return is_pair or token_ids.embedding_rows(loaded.model) is None or "pixel_values" in parameters_of(loaded)


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
    return _counted(task.run(use_here(loaded)))


def _counted(result: TaskResult) -> TaskResult:
    """Take a plug-in's word that it ran the model: it may run something that is no torch module, which nobody counts.

    Tasks written for hfver 0.1 cannot say so; one that passed or failed a check has run the model.
    """
    if result.was_run is not None or not any(check.status in ("passed", "failed") for check in result.checks):
        return result
    return replace(result, was_run=True)


def _resources(loaded: LoadedModel, memory: PeakMemory, result: TaskResult) -> SmokeCheck:
    speed = result.tokens_per_second
    parts = [f"Loaded in {loaded.load_seconds:.2f} s"]
    parts += [f"{speed:.1f} tokens per second"] if speed is not None else []
    parts.append(f"peak memory {memory.bytes / 1e6:,.0f} MB ({memory.meaning})")
    return SmokeCheck(name="resources", status="passed", detail=", ".join(parts) + ".")


def _report_not_loaded(
    error: HfverError, status: Literal["failed", "not_judged"], place: str, dtype: str, digest: str | None
) -> SmokeReport:
    loads = SmokeCheck(name="loads", status=status, detail=f"{error.message.rstrip('.')}.", hint=error.hint)
    return SmokeReport(
        status=status,
        device=describe_device(place),
        dtype=dtype,
        checks=(loads,),
        forward_passes=0,
        content_digest=digest,
    )


@contextmanager
def _inference(loaded: LoadedModel) -> Iterator[None]:
    """Run in eval mode, without gradients and with a fixed seed; restore modes and random state afterwards."""
    torch = import_torch()
    modes = [(module, module.training) for module in loaded.network.modules()]
    gpus = [torch.device(loaded.device)] if loaded.device.startswith("cuda") else []
    try:
        with torch.random.fork_rng(devices=gpus), torch.inference_mode():
            torch.manual_seed(SEED)
            loaded.network.eval()
            yield
    finally:
        _restore(modes)


def _restore(modes: list[tuple[Any, bool]]) -> None:
    # Module by module: model.train() would set modules to training mode that the caller keeps in eval mode.
    for module, training in modes:
        module.training = training
