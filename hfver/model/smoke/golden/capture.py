"""Capturing a golden from a model in memory."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import PackageNotFoundError, version
from typing import Any, Literal

from hfver.errors import BadCheckpoint
from hfver.model.runtime import LoadedModel, describe_device
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import first_line, quiet
from hfver.model.smoke.golden.distances import measure
from hfver.model.smoke.golden.forward import STEP, Outcome, run_input
from hfver.model.smoke.golden.inputs import choose_inputs, kind_of, rows_of, task_of
from hfver.model.smoke.golden.noise import measure_noise
from hfver.model.smoke.golden.packing import pack_outcomes
from hfver.model.smoke.golden.record import (
    Continuation,
    Encoded,
    FirstOutput,
    Forms,
    Golden,
    GoldenFiles,
    Input,
    NextToken,
    Numbers,
    Words,
)
from hfver.model.smoke.golden.tokenizers import (
    Processing,
    architecture_of,
    observe_forms,
    observe_words,
    processing_from,
    processing_of,
)

__all__ = ["Keep", "capture_loaded", "capture_model", "undisturbed", "write_outputs"]

Keep = Literal["none", "ids", "text"]
"""What a golden stores of the team's own prompts."""

EXPECTED, NEXT = 16, 20
"""Prompts whose continuation is stored as text, and the tokens for each: as many as completion APIs report."""
OUTPUTS, WRITTEN = 4, 24
"""Prompts that the model continues, and the tokens that it writes, for people to read."""
SEED = 20240115


def capture_model(
    model: Any, processing: Any = None, *, prompts: Sequence[str] = (), keep: Keep = "none", source: Any = "memory"
) -> GoldenFiles:
    """Capture the golden of a model in memory. The model, its modes and torch's random state are left as they were.

    Args:
        model: A model of transformers, PEFT or sentence-transformers.
        processing: Its tokenizer or processor, in memory; None for a model without.
        prompts: The team's own prompts.
        keep: What may be stored of them; with ``none`` they are not used.
        source: ``memory``, or ``folder`` for a model that was just loaded from one.

    Raises:
        BadCheckpoint: The model returns NaN or infinity: its behavior is not one to hold later releases to.
    """
    model = getattr(model, "module", model) if type(model).__name__.endswith("Parallel") else model
    parts = processing_from(processing)
    if parts.tokenizer is None and hasattr(model, "tokenizer") and type(model).__module__.startswith("sentence_"):
        parts = Processing(model.tokenizer)
    with quiet(), undisturbed(model):
        return _capture(model, parts, source, prompts if keep != "none" else (), keep)


def capture_loaded(loaded: LoadedModel, *, prompts: Sequence[str] = (), keep: Keep = "none") -> GoldenFiles:
    """Capture the golden of a folder's model, which is in memory, with its tokenizer where that is.

    Raises:
        BadCheckpoint: The model returns NaN or infinity.
    """
    return capture_model(loaded.model, processing_of(loaded), prompts=prompts, keep=keep, source="folder")


def _capture(model: Any, parts: Processing, source: Any, prompts: Sequence[str], keep: Keep) -> GoldenFiles:
    task = task_of(model)
    kind = kind_of(model, task)
    device, dtype = _place(model)
    words, forms = observe_words(parts), observe_forms(parts, model)
    numbers, data, why = None, b"", None
    inputs = choose_inputs(model, kind, words, forms, _prompt_ids(parts, forms, prompts), keep=keep)
    if inputs:
        try:
            outcomes = [run_input(model, kind, one, device) for one in inputs]
        except Exception as error:
            why = f"The model raised {type(error).__name__}: {first_line(error)}"
        else:
            _check_finite(outcomes)
            numbers, data = _numbers(model, kind, inputs, outcomes, device, dtype)
    else:
        why = "There is no made input for a model of this kind."
    golden = Golden(
        source=source,
        architecture=architecture_of(model),
        task=task,
        dtype=dtype,
        device=describe_device(device),
        libraries=dict(_libraries()),
        prompts=keep,
        words=words,
        forms=forms,
        numbers=numbers,
        why_no_numbers=why,
        expected=tuple(_expected(parts, kind, words, inputs, outcomes)) if numbers else (),
        outputs=tuple(write_outputs(model, parts, kind, inputs, device)) if numbers else (),
        bin_size=len(data),
        bin_sha256=hashlib.sha256(data).hexdigest(),
    )
    return GoldenFiles(golden, data)


def _prompt_ids(parts: Processing, forms: Forms, prompts: Sequence[str]) -> list[tuple[tuple[int, ...], str]]:
    """Return the ids of the team's prompts, in the real template where there is one, with the prompts."""
    if parts.tokenizer is None or not prompts:
        return []
    if forms.rendered:
        turns = [
            {"name": str(number), "turns": [{"role": "user", "content": prompt}], "prompt": True}
            for number, prompt in enumerate(prompts)
        ]
        rendered = parts.ask("forms", conversations=turns).values()
        return [(Encoded.model_validate(one).ids, text) for one, text in zip(rendered, prompts, strict=True)]
    found = observe_words(parts, prompts)
    return [(one.full.ids, one.text) for one in found.texts] if found else []


def _place(model: Any) -> tuple[str, str]:
    tensors = [one for one in model.parameters() if one.is_floating_point()]
    if not tensors:
        return "cpu", "float32"
    return str(tensors[0].device), str(tensors[0].dtype).removeprefix("torch.")


def _check_finite(outcomes: Sequence[Outcome]) -> None:
    broken = [one for one in outcomes if not one.is_finite]
    if broken:
        where = f" from the {broken[0].first_broken} on" if broken[0].first_broken else ""
        raise BadCheckpoint(
            f"The model returns NaN or infinity{where}, so no golden was captured.", "Fix the model before its release."
        )


def _numbers(
    model: Any, kind: Any, inputs: tuple[Input, ...], outcomes: list[Outcome], device: str, dtype: str
) -> tuple[Numbers, bytes]:
    rows = rows_of(model)
    places, data = pack_outcomes(outcomes)
    numbers = Numbers(
        kind=kind,
        inputs=inputs,
        positions=tuple(one.positions for one in outcomes),
        vectors=tuple(tuple(len(vector) for vector in one.vectors) for one in outcomes),
        depths=outcomes[0].depths,
        rows=rows,
        arrays=places,
        noise=measure_noise(model, kind, inputs, outcomes, device, dtype),
        mixture=_is_mixture(model),
        loss=measure(outcomes, outcomes).loss_before,
    )
    return numbers, data


def _is_mixture(model: Any) -> bool:
    return any("expert" in name.lower() for name, _ in model.named_modules())


def _expected(
    parts: Processing, kind: str, words: Words | None, inputs: Sequence[Input], outcomes: Sequence[Outcome]
) -> Iterator[Continuation]:
    """Yield fixed prompts with what the model expects after them, for endpoints that can be asked by text alone."""
    if kind != "causal" or words is None:
        return
    chosen = [
        (one, found)
        for one, found in zip(inputs, outcomes, strict=True)
        if one.origin == "fixed" and one.text and found.ids is not None
    ][:EXPECTED]
    for one, found in chosen:
        ids = [int(number) for number in found.ids[-1][:NEXT]]
        texts = parts.ask("tokens", ids=ids)
        logs = [-STEP * int(step) for step in found.steps[-1][:NEXT]]
        yield Continuation(
            prompt=one.text or "",
            next=tuple(
                NextToken(id=number, token=text[:200], logprob=round(log, 5))
                for number, text, log in zip(ids, texts, logs, strict=True)
            ),
        )


def write_outputs(
    model: Any, parts: Processing, kind: str, inputs: Sequence[Input], device: str
) -> Iterator[FirstOutput]:
    """Yield what the model writes after some of the fixed prompts, greedily; nothing where it cannot."""
    torch = import_torch()
    if kind not in ("causal", "seq2seq") or parts.tokenizer is None:
        return
    prompts = [one for one in inputs if one.origin == "fixed" and one.text and one.ids and not one.made][:OUTPUTS]
    rows = []
    try:
        for one in prompts:
            ids = torch.tensor([list(one.ids)], device=device)
            made = model.generate(
                input_ids=ids, attention_mask=torch.ones_like(ids), do_sample=False, num_beams=1, max_new_tokens=WRITTEN
            )[0].tolist()
            rows.append(made[len(one.ids) :] if kind == "causal" else made)
        texts = parts.ask("decoded", rows=rows)
    except Exception:  # generating is for show, and has checks of its own
        return
    for one, text in zip(prompts, texts, strict=True):
        yield FirstOutput(prompt=one.text or "", text=text)


def _libraries() -> Iterator[tuple[str, str]]:
    for name in ("torch", "transformers", "tokenizers", "peft", "sentence-transformers"):
        try:
            yield name, version(name)
        except PackageNotFoundError:
            continue


@contextmanager
def undisturbed(model: Any) -> Iterator[None]:
    """Run in eval mode, without gradients and with a fixed seed, and leave modes and random state as they were."""
    torch = import_torch()
    modes: Mapping[Any, bool] = {module: module.training for module in model.modules()}
    gpus = sorted({one.device.index or 0 for one in model.parameters() if one.device.type == "cuda"})
    try:
        with torch.random.fork_rng(devices=gpus), torch.inference_mode():
            torch.manual_seed(SEED)
            model.eval()
            yield
    finally:
        for module, training in modes.items():
            module.training = training
