"""The model as its user runs it: under its own generation config, twice, and on different inputs."""

from __future__ import annotations

from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import first_line
from hfver.model.smoke.batches import pad
from hfver.model.smoke.check import CheckFailed, CheckSkipped, CheckWarned
from hfver.model.smoke.token_ids import embedding_rows, stop_ids

NEW_TOKENS = 8
"""Tokens written under the model's own settings: whether they are valid shows with the first."""
SHORT_LENGTH, SHORT_ANSWER, LONG_MINIMUM, STRONG_PENALTY = 64, 16, 16, 2.0
"""A total length and an answer that are too short to be useful, a minimum that forces text where an answer is over, and
a repetition penalty that makes ordinary words impossible. They are set by judgment, far from common settings."""
NO_EFFECT = 1e-5
"""The mean difference of the next token's logits, in standard deviations, that a different text before it must make.
It is set by judgment, just above what rounding alone makes in float32."""
PREFIXES = 3
"""How many texts are compared."""
REMEDY = "Correct generation_config.json, or remove the setting from it."


def own_settings(loaded: LoadedModel, prompt: list[int]) -> str:
    """Generate as ``model.generate(**inputs)`` does, under the model's own generation config.

    Only the number of new tokens is limited here; settings that would end or prolong every answer are read instead.
    """
    settings: Any = loaded.model.generation_config
    try:
        loaded.model.generate(**pad(loaded, [prompt]).inputs, max_new_tokens=NEW_TOKENS, min_new_tokens=None)
    except (TypeError, ValueError) as error:
        raise CheckFailed(f"generate() refuses the model's own settings: {first_line(error)}", REMEDY) from None
    ends, suppressed = stop_ids(loaded), set(_ids(settings, "suppress_tokens"))
    if ends and ends <= suppressed:
        raise CheckFailed("suppress_tokens holds every id that ends generation, so no answer ends.", REMEDY)
    odd = [*_odd_lengths(settings), *_odd_choices(settings, suppressed)]
    if odd:
        raise CheckWarned(f"The model's own settings change every answer: {'; '.join(odd)}.", REMEDY)
    return "It generates under its own generation config."


def repeats_itself(loaded: LoadedModel, prompt: list[int]) -> str:
    """Check that greedy generation gives the same twice."""
    batch = pad(loaded, [prompt]).inputs
    settings = {"max_new_tokens": NEW_TOKENS, "do_sample": False, "num_beams": 1}
    first, second = (loaded.model.generate(**batch, **settings).tolist() for _ in range(2))
    if first == second:
        return "Greedy generation gives the same twice."
    message = "Greedy generation gives different tokens each time."
    # Kernels of GPUs add in any order, so that two nearly equal logits may change places.
    if loaded.device == "cpu":
        raise CheckFailed(message, "Find what is random in the model: dropout that ignores eval(), or unset buffers.")
    raise CheckWarned(message, "Compare with --device cpu, where the same happens every time.")


def depends_on_input(loaded: LoadedModel, texts: list[list[int]]) -> str:
    """Check that the next token depends on more than the last one: on the text before it."""
    last = texts[0][-1]
    # Real texts may be one unknown token again and again, whose number attention cannot see: made-up ids are no such.
    different = [*[text for text in texts if len(text) > 1][:PREFIXES], *_made_up_prefixes(loaded)]
    rows = [_next_logits(loaded, [*text[:-1], last]) for text in different]
    distance = max(_distance(rows[0], row) for row in rows[1:])
    if distance <= NO_EFFECT:
        raise CheckFailed(
            f"After {len(rows)} different texts that end in the same token, the next token's logits are the same: "
            "the text before the last token has no effect.",
            "Compare the weights of attention and of the last norm with those before saving or merging.",
        )
    return f"The text before the last token moves the next token's logits by {distance:.1g} standard deviations."


def _odd_lengths(settings: Any) -> list[str]:
    odd = []
    # max_new_tokens wins over max_length, as in generate().
    length, new = settings.max_length, settings.max_new_tokens
    if new is None and length is not None and length < SHORT_LENGTH:
        odd.append(f"max_length {length} ends prompt and answer together")
    if new is not None and new < SHORT_ANSWER:
        odd.append(f"max_new_tokens {new} cuts the answer")
    for name in ("min_new_tokens", "min_length"):
        value = getattr(settings, name, None) or 0
        if value > LONG_MINIMUM:
            odd.append(f"{name} {value} forces text after the answer's end")
    return odd


def _odd_choices(settings: Any, suppressed: set[int]) -> list[str]:
    odd = [f"suppress_tokens forbids {len(suppressed)} tokens"] if suppressed else []
    first = _ids(settings, "begin_suppress_tokens")
    odd += [f"begin_suppress_tokens forbids {len(first)} tokens at the start"] if first else []
    penalty = getattr(settings, "repetition_penalty", None) or 1.0
    odd += [f"repetition_penalty {penalty} makes used words impossible"] if penalty > STRONG_PENALTY else []
    return odd


def _ids(settings: Any, name: str) -> list[int]:
    return list(getattr(settings, name, None) or ())


def _made_up_prefixes(loaded: LoadedModel) -> list[list[int]]:
    rows = embedding_rows(loaded.model)
    if not rows:
        raise CheckSkipped("The model takes no tokens.")
    return [[number * step % rows for step in range(1, 6)] for number in range(1, PREFIXES + 1)]


def _next_logits(loaded: LoadedModel, ids: list[int]) -> Any:
    return loaded.model(**pad(loaded, [ids]).inputs).logits[0, -1].float()


def _distance(first: Any, second: Any) -> float:
    torch = import_torch()
    if not bool(torch.isfinite(first).all() and torch.isfinite(second).all()):
        raise CheckSkipped("The logits are not finite, which the check of the forward pass reports.")
    return float((first - second).abs().mean()) / (float(first.std()) or 1.0)
