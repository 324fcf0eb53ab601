"""Running a model on one stored input: distributions or vectors, and a sketch of the hidden state at each depth."""

from __future__ import annotations

import inspect
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from hfver.model.runtime.device import import_torch
from hfver.model.smoke.golden.record import Input

TOP = 32
"""Most likely tokens that are stored for each position; the rest is one bucket."""
STEP = 32 / 65535
"""Nats between two stored log-probabilities, which are whole numbers of 16 bits from 0 down to -32. Rounding to them
changes the distance by at most 3e-8, and the same model gives exactly the same numbers again."""
SKETCH = 4
"""Numbers that describe a hidden state: its RMS, and its mean over all tokens in three fixed directions."""
MAX_DEPTHS = 65
MAX_VECTOR = 4096
"""Numbers of one stored vector; longer ones are averaged down to this."""
MAX_PARTS = 4


@dataclass(frozen=True)
class Outcome:
    """What one input gave. Arrays are numpy's."""

    ids: Any = None
    """uint32 [positions, top]: the most likely tokens, or the stored ones that were asked for."""
    steps: Any = None
    """uint16 [positions, top]: their log-probabilities in steps of `STEP` below 0."""
    rest: Any = None
    """float32 [positions]: the probability of all other tokens."""
    best: Any = None
    """uint32 [positions]: the most likely token."""
    vectors: tuple[Any, ...] = ()
    """float32 [length] each."""
    sketch: Any = None
    """float32 [depths, SKETCH]"""
    depths: tuple[str, ...] = ()
    losses: Any = None
    """float32 [predicted tokens]: nats per token of the stored continuation; None where there is none."""
    is_finite: bool = True
    first_broken: str = ""
    """The first depth that is NaN or infinite."""

    @property
    def shape(self) -> tuple[Any, ...]:
        """What must be the same for two outcomes to be compared."""
        return (self.ids is None, self.positions, tuple(len(vector) for vector in self.vectors))

    @property
    def positions(self) -> int:
        """The number of distributions."""
        return 0 if self.ids is None else len(self.ids)


def run_input(model: Any, kind: str, one: Input, device: str, *, copies: int = 1, asked: Any = None) -> Outcome:
    """Run a model on a stored input.

    Args:
        model: The model, in eval mode.
        kind: The kind of the golden's numbers.
        one: The input.
        device: Where the model is.
        copies: How many copies of the input to put into one batch: other kernels work on a larger one.
        asked: uint32 [positions, top]: the tokens whose probability is wanted; None for the most likely ones.
    """
    output = _call(model, one, device, copies)
    sketch, depths, broken = _sketch(output)
    logits = _get(output, "logits")
    if kind != "vectors" and logits is not None and logits.ndim == 3:
        return _distributions(logits[0], one, kind, asked, sketch, depths, broken)
    torch = import_torch()
    vectors = tuple(_short_vector(tensor) for tensor in _tensors(output, one))
    finite = all(bool(torch.isfinite(vector).all()) for vector in vectors)
    numbers = tuple(vector.numpy() for vector in vectors)
    return Outcome(vectors=numbers, sketch=sketch, depths=depths, is_finite=finite, first_broken=broken)


def _call(model: Any, one: Input, device: str, copies: int) -> Any:
    torch = import_torch()
    arguments: dict[str, Any] = {}
    if one.ids:
        arguments["input_ids"] = torch.tensor([list(one.ids)] * copies, device=device)
        arguments["attention_mask"] = torch.ones_like(arguments["input_ids"])
    for name, shape in one.made.items():
        arguments[name] = made_signal(tuple(shape), device, _dtype(model), one.start).repeat(
            copies, *[1] * (len(shape) - 1)
        )
    if one.decoder:
        arguments["decoder_input_ids"] = torch.tensor([list(one.decoder)] * copies, device=device)
    if is_pipeline(model):
        return _call_pipeline(model, arguments)
    allowed, has_rest = _parameters(_inner(model).__class__)
    if not has_rest and "attention_mask" not in allowed:
        arguments.pop("attention_mask", None)
    wanted = {"output_hidden_states": True, "return_dict": True, "use_cache": False}
    return model(**arguments, **{name: value for name, value in wanted.items() if has_rest or name in allowed})


def _call_pipeline(model: Any, arguments: dict[str, Any]) -> dict[str, Any]:
    # The transformer inside runs once more by itself, because a pipeline does not pass hidden states on.
    inner = getattr(model[0], "auto_model", None)
    states = inner(**arguments, output_hidden_states=True).get("hidden_states") if inner is not None else None
    return {**model(dict(arguments)), "hidden_states": states}


def is_pipeline(model: Any) -> bool:
    """Return whether the model is a sentence-transformers pipeline."""
    return type(model).__module__.startswith("sentence_transformers")


def made_signal(shape: tuple[int, ...], device: str, dtype: Any, start: int = 0) -> Any:
    """Make a signal of a shape from whole numbers alone, so that it is the same everywhere: values from -1 to 1."""
    torch = import_torch()
    index = torch.arange(math.prod(shape), dtype=torch.int64)
    values = (
        (index * (7919 + start) + (index // 97) * 131) % 509 if start % 2 == 0 else (index * 3 // (start + 4)) % 509
    )
    return (values.to(torch.float32) / 254 - 1).reshape(shape).to(device=device, dtype=dtype)


def _dtype(model: Any) -> Any:
    torch = import_torch()
    found = (one.dtype for one in model.parameters() if one.is_floating_point())
    return next(found, torch.float32)


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model


@lru_cache(maxsize=64)
def _parameters(kind: Any) -> tuple[frozenset[str], bool]:
    parameters = inspect.signature(kind.forward).parameters
    rest = any(one.kind is inspect.Parameter.VAR_KEYWORD for one in parameters.values())
    return frozenset(parameters), rest


def _distributions(
    logits: Any, one: Input, kind: str, asked: Any, sketch: Any, depths: tuple[str, ...], broken: str
) -> Outcome:
    torch = import_torch()
    scores = logits.float()
    total = torch.logsumexp(scores, dim=-1)
    finite = bool(torch.isfinite(total).all())
    count = min(TOP, scores.shape[-1])
    top = scores.topk(count, dim=-1).indices
    best = top[:, 0]
    if asked is not None:
        top = torch.from_numpy(asked[: len(scores)].astype("int64")).to(scores.device)
        top = top.clamp(max=scores.shape[-1] - 1)
    logs = (scores.gather(-1, top) - total[:, None]).double().cpu() if finite else None
    if logs is None:
        return Outcome(sketch=sketch, depths=depths, is_finite=False, first_broken=broken)
    rest = (1 - logs.exp().sum(-1)).clamp(min=0)
    if count == scores.shape[-1]:
        rest = torch.zeros_like(rest)
    steps = (logs.clamp(min=-32, max=0) / -STEP).round().to(torch.int32).numpy().astype("uint16")
    targets = _targets(one, kind)
    losses = None
    if targets is not None and len(scores) == len(targets):
        row = torch.tensor(targets[1:] if kind == "causal" else targets, device=scores.device)
        spoken = scores[:-1] if kind == "causal" else scores
        losses = torch.nn.functional.cross_entropy(spoken, row, reduction="none").cpu().numpy()
    return Outcome(
        ids=top.cpu().numpy().astype("uint32"),
        steps=steps,
        rest=rest.float().numpy(),
        best=best.cpu().numpy().astype("uint32"),
        sketch=sketch,
        depths=depths,
        losses=losses,
        first_broken=broken,
    )


def _targets(one: Input, kind: str) -> list[int] | None:
    """Return the ids that the logits of each position are a guess at; None where the input has none."""
    if kind == "causal" and one.ids:
        return list(one.ids)
    if kind == "seq2seq" and len(one.decoder) > 1:
        return [*one.decoder[1:], one.decoder[0]]
    return None


def _tensors(output: Any, one: Input) -> Iterator[Any]:
    """Yield the tensors that an output is judged by, each reduced to one dimension."""
    torch = import_torch()
    items = output.items() if hasattr(output, "items") else enumerate(output)
    skipped = ("hidden_states", "attentions", "past_key_values", "loss", "token_embeddings", "attention_mask")
    found = 0
    for name, value in items:
        if str(name).endswith(skipped) or str(name) in ("input_ids", "encoder_last_hidden_state"):
            continue
        if not (torch.is_tensor(value) and value.is_floating_point() and value.numel()) or found == MAX_PARTS:
            continue
        # CLIP compares all pictures of a batch with all texts: only the first with the first is the same in any batch.
        tensor = (value[:1, :1] if str(name).startswith("logits_per") else value)[0].float()
        found += 1
        if tensor.ndim == 2 and len(one.ids) == len(tensor) and tensor.shape[-1] > 1:
            # A state per token: what poolers use is the first token, or the mean.
            yield torch.cat([tensor.mean(dim=0), tensor[0]])
        elif tensor.ndim >= 2:
            yield tensor.flatten()
        else:
            yield tensor.reshape(-1)


def _short_vector(tensor: Any) -> Any:
    torch = import_torch()
    if tensor.numel() > MAX_VECTOR:
        tensor = torch.nn.functional.adaptive_avg_pool1d(tensor[None, None], MAX_VECTOR)[0, 0]
    return tensor.cpu()


def _sketch(output: Any) -> tuple[Any, tuple[str, ...], str]:
    """Return the sketch [depths, SKETCH] of the hidden states, the depths' names, and the first that is not finite."""
    torch = import_torch()
    named = list(_hidden_states(output))
    if not named:
        return None, (), ""
    if len(named) > MAX_DEPTHS:
        chosen = sorted({round(step * (len(named) - 1) / (MAX_DEPTHS - 1)) for step in range(MAX_DEPTHS)})
        named = [named[number] for number in chosen]
    rows = torch.stack([_sketch_state(state[0].float().reshape(-1, state.shape[-1])) for _, state in named]).cpu()
    finite = torch.isfinite(rows).all(dim=-1)
    broken = next((name for (name, _), good in zip(named, finite.tolist(), strict=True) if not good), "")
    return rows.numpy(), tuple(name for name, _ in named), broken


def _hidden_states(output: Any) -> Iterator[tuple[str, Any]]:
    """Yield the hidden states with their names: a model's own, its encoder's and decoder's, its towers'."""
    holders = [("", output, "hidden_states")]
    holders += [(f"{side} ", output, f"{side}_hidden_states") for side in ("encoder", "decoder")]
    holders += [(f"{side} ", _get(output, f"{side}_model_output"), "hidden_states") for side in ("vision", "text")]
    for prefix, holder, name in holders:
        for number, state in enumerate(_get(holder, name) or ()):
            if state.ndim >= 3:
                yield f"{prefix}{'embedding' if number == 0 else f'layer {number - 1}'}", state


def _get(output: Any, name: str) -> Any:
    return output.get(name) if hasattr(output, "get") else getattr(output, name, None)


def _sketch_state(state: Any) -> Any:
    """Return the mean RMS of the tokens' states, and the mean state in three fixed directions, per square root."""
    torch = import_torch()
    width = state.shape[-1]
    mean = state.mean(dim=0)
    index = torch.arange(width, device=state.device)
    signs = [(((index * 2654435761 + row * 40503) >> 13) % 2 * 2 - 1).float() for row in range(1, SKETCH)]
    parts = [state.pow(2).mean(dim=-1).sqrt().mean(), *((mean * sign).sum() / width**0.5 for sign in signs)]
    return torch.stack(parts)
