"""Choosing the inputs that a golden stores: fixed texts, conversations, the team's prompts, the whole vocabulary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any, Literal

from hfver.model.runtime.classes import pipeline_tag
from hfver.model.smoke.batches import context_length
from hfver.model.smoke.golden.forward import is_pipeline
from hfver.model.smoke.golden.record import Forms, Input, Words
from hfver.model.smoke.golden.tokenizers import architecture_of
from hfver.model.smoke.token_ids import embedding_rows

__all__ = ["choose_inputs", "kind_of", "rows_of", "task_of"]

Kind = Literal["causal", "seq2seq", "masked", "tokens", "vectors"]

Prompt = tuple[tuple[int, ...], str]

HALF = 1000
"""Positions of the fixed texts; as many again for what a template, the team and the vocabulary give."""
LONGEST = 128
"""Tokens of one input: keeps the logits of a vocabulary of 256,000 below 140 MB in float32."""
SHORTEST = 2
SWEEP, SWEEPS = 64, 2
"""Ids from the whole vocabulary, per input, and the number of such inputs."""
MASKED_EVERY = 7
"""About 15 % of the tokens, as in training."""
STRIDE = 7919
SIGNALS = 4
"""Made pictures or sounds."""

TOKEN_TASKS = ("token-classification",)
VECTOR_TASKS = ("text-classification", "question-answering", "feature-extraction", "sentence-similarity")


def task_of(model: Any) -> str | None:
    """Return the task that the model's class is made for."""
    return "sentence-similarity" if is_pipeline(model) else pipeline_tag(architecture_of(model))


def kind_of(model: Any, task: str | None) -> Kind:
    """Return which kind of numbers a model gives."""
    config = getattr(model, "config", None)
    if is_pipeline(model) or task in VECTOR_TASKS:
        return "vectors"
    if task in TOKEN_TASKS:
        return "tokens"
    if task == "fill-mask":
        return "masked"
    name = architecture_of(model)
    if "ForCTC" in name:
        return "tokens"
    if getattr(config, "is_encoder_decoder", False) and ("Generation" in name or "Seq2Seq" in name):
        return "seq2seq"
    if task in ("text-generation", "image-text-to-text") or "CausalLM" in name or "LMHead" in name:
        return "causal"
    return "vectors"


def rows_of(model: Any) -> int | None:
    """Return the number of token ids that the model can be given; None if it takes no tokens."""
    text = getattr(getattr(model, "config", None), "text_config", None)
    return embedding_rows(model) or (getattr(text, "vocab_size", None) if takes_both(model) else None)


def takes_both(model: Any) -> bool:
    """Return whether the model compares pictures with texts, as CLIP does."""
    config = getattr(model, "config", None)
    name = architecture_of(model)
    both = hasattr(config, "vision_config") and hasattr(config, "text_config")
    return both and not ("Generation" in name or "CausalLM" in name)


def choose_inputs(
    model: Any, kind: Kind, words: Words | None, forms: Forms, prompts: Sequence[Prompt] = (), *, keep: str
) -> tuple[Input, ...]:
    """Choose what the model is run on, and what is stored: about 2,000 positions.

    Args:
        model: The model.
        kind: The kind of its numbers.
        words: What its tokenizer does with the fixed texts; their ids are used.
        forms: What its template makes of the fixed conversations; their ids are used.
        prompts: The ids of the team's own prompts, and their texts.
        keep: ``none``, ``ids`` or ``text``: what may be stored of them.
    """
    signals = made_signals(model)
    rows = rows_of(model)
    if rows is None:
        return tuple(signals)
    limit = max(SHORTEST, min(LONGEST, context_length(model) // 2))
    if signals:
        ids = tuple(step * STRIDE % rows for step in range(1, 17))
        return tuple(_with_ids(model, one, ids) for one in signals)
    fixed = list(_fit(_fixed(words), limit, HALF, rows))
    own = [("prompts", ids, text if keep == "text" else None) for ids, text in prompts] if keep != "none" else []
    template = [("template", one.ids, None) for one in forms.rendered.values() if one.ids]
    rest = list(_fit([*own, *_sweeps(words, rows), *template], limit, HALF, rows))
    if not fixed:
        rest += list(_fit(_made_up(rows), limit, HALF, rows))
    return tuple(_input(model, kind, words, origin, ids, text, rows) for origin, ids, text in [*fixed, *rest])


Candidate = tuple[str, tuple[int, ...], str | None]


def _fixed(words: Words | None) -> Iterator[Candidate]:
    for one in words.texts if words else ():
        yield "fixed", one.full.ids, one.text


def _sweeps(words: Words | None, rows: int) -> Iterator[Candidate]:
    """Yield ids from the whole vocabulary, and those of added tokens, which the texts may not contain."""
    added = tuple(number for number, _ in words.added if number < rows) if words else ()
    if added:
        yield "sweep", added[:SWEEP], None
    for number in range(SWEEPS):
        count = min(SWEEP, rows)
        yield "sweep", tuple((step * rows // count + number * STRIDE) % rows for step in range(count)), None


def _made_up(rows: int) -> Iterator[Candidate]:
    for number in range(8):
        yield "sweep", tuple((number + 1) * step * STRIDE % rows for step in range(1, 33)), None


def _fit(candidates: Iterable[Candidate], limit: int, budget: int, rows: int) -> Iterator[Candidate]:
    """Yield candidates, cut to the limit, until the budget of positions is spent."""
    seen: set[tuple[int, ...]] = set()
    for origin, ids, text in candidates:
        short = ids[:limit]
        if len(short) < SHORTEST or short in seen or max(short) >= rows or budget < len(short):
            continue
        seen.add(short)
        budget -= len(short)
        # A fixed text is stored only with all its ids: from outside, nobody can ask for a part of it.
        yield origin, short, text if len(short) == len(ids) or origin == "prompts" else None


def _input(
    model: Any, kind: Kind, words: Words | None, origin: Any, ids: tuple[int, ...], text: str | None, rows: int
) -> Input:
    if kind == "masked":
        return Input(origin=origin, ids=_masked(words, ids, rows), text=text)
    if kind == "seq2seq":
        return Input(origin=origin, ids=ids, decoder=_decoder(model, ids), text=text)
    if getattr(getattr(model, "config", None), "is_encoder_decoder", False):
        # Bare encoder-decoders and classifiers such as BART's make their decoder's input themselves, or need one.
        needs = architecture_of(model).endswith("Model") and "Encoder" not in architecture_of(model)
        return Input(origin=origin, ids=ids, decoder=_decoder(model, ids) if needs else (), text=text)
    return Input(origin=origin, ids=ids, text=text)


def _masked(words: Words | None, ids: tuple[int, ...], rows: int) -> tuple[int, ...]:
    mask = words.special.get("mask") if words else None
    if mask is None or not 0 <= mask < rows:
        return ids
    special = set(words.all_special) if words else set()
    return tuple(
        mask if place % MASKED_EVERY == MASKED_EVERY // 2 and number not in special else number
        for place, number in enumerate(ids)
    )


def _decoder(model: Any, ids: tuple[int, ...]) -> tuple[int, ...]:
    config = model.config
    start = getattr(config, "decoder_start_token_id", None)
    start = start if start is not None else getattr(config, "pad_token_id", None)
    rows = rows_of(model) or 1
    return (int(start or 0) % rows, *ids[: LONGEST - 1])


def _with_ids(model: Any, one: Input, ids: tuple[int, ...]) -> Input:
    """Give a signal what the model needs beside it: a decoder's input, or the text of a model of both."""
    config = getattr(model, "config", None)
    if getattr(config, "is_encoder_decoder", False):
        return one.model_copy(update={"decoder": _decoder(model, ids)})
    return one.model_copy(update={"ids": ids})


def made_signals(model: Any) -> list[Input]:
    """Return made pictures or sounds for a model that takes them; none for a model that runs on text alone."""
    main = str(getattr(_inner(model), "main_input_name", "input_ids"))
    config = getattr(model, "config", None)
    both = takes_both(model)
    if hasattr(config, "vision_config") and not both:
        return []  # these take text alone; where pictures go, only their processor knows
    shapes = list(_shapes(config, main, both))
    return [
        Input(origin="made", made={argument: shape}, start=start)
        for argument, shape in shapes
        for start in range(SIGNALS)
    ]


def _shapes(config: Any, main: str, both: bool) -> Iterator[tuple[str, tuple[int, ...]]]:
    if main == "pixel_values" or (both and main == "input_ids"):
        vision = getattr(config, "vision_config", config)
        size = getattr(vision, "image_size", None) or 224
        height, width = (size, size) if isinstance(size, int) else tuple(size)[:2]
        yield "pixel_values", (1, int(getattr(vision, "num_channels", 3) or 3), int(height), int(width))
    elif main == "input_features":
        bins = getattr(config, "num_mel_bins", None) or getattr(config, "feature_size", None) or 80
        positions = getattr(config, "max_source_positions", None)
        frames = 2 * int(positions) if positions else 200
        order = (1, int(bins), frames) if positions else (1, frames, int(bins))
        yield "input_features", order
    elif main == "input_values":
        patched = getattr(config, "max_length", None) if hasattr(config, "frequency_stride") else None
        if patched:  # audio spectrogram transformers take frames of mel bins
            yield "input_values", (1, int(patched), int(getattr(config, "num_mel_bins", 128)))
        else:
            yield "input_values", (1, 8000)


def _inner(model: Any) -> Any:
    return model.get_base_model() if hasattr(model, "get_base_model") else model
