"""Checks that token ids fit the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hfver.model.runtime import ChildTokenizer, LoadedModel
from hfver.model.smoke.check import CheckFailed, CheckSkipped, shorten

NO_TOKEN = -1
"""The pad token id in old LLaMA configs, which means that there is no pad token."""


def ids_fit(loaded: LoadedModel) -> str:
    """Check that the embedding has a row for every id of the tokenizer, the config and the generation config."""
    if not hasattr(loaded.model, "modules"):
        raise CheckSkipped("A pipeline has several networks, and takes its tokens itself.")
    rows = embedding_rows(loaded.model)
    if rows is None:
        raise CheckSkipped("The model has no token embedding.")
    tokenizer = loaded.tokenizer
    wrong = [
        f"{name} is {number}, but the embedding has {rows} rows"
        for name, number in special_ids(loaded)
        if not 0 <= number < rows
    ]
    if tokenizer is not None:
        wrong += _tokens_beyond(tokenizer, rows) + _ids_without_token(loaded, tokenizer, rows)
    if wrong:
        raise CheckFailed("; ".join(wrong) + ".")
    tokens = f"the tokenizer's {len(tokenizer)} tokens and " if tokenizer is not None else ""
    return f"The embedding's {rows} rows cover {tokens}every special id{_pad_note(loaded)}."


def embedding_rows(model: Any) -> int | None:
    """Return the number of rows of the input embedding; None if the model takes no tokens."""
    embedding = _input_embedding(model)
    weight = getattr(embedding, "weight", None)
    return int(weight.shape[0]) if weight is not None and weight.ndim == 2 and _is_lookup(embedding) else None


def eos_ids(loaded: LoadedModel) -> set[int]:
    """Return the ids that end generation."""
    return {number for name, number in special_ids(loaded) if name.endswith("eos_token_id")}


def stop_ids(loaded: LoadedModel) -> set[int]:
    """Return the ids at which ``generate()`` stops: those of the generation config alone, whatever config.json says."""
    return set(_as_ids(getattr(getattr(loaded.model, "generation_config", None), "eos_token_id", None)))


def special_ids(loaded: LoadedModel) -> Iterator[tuple[str, int]]:
    """Yield the special ids that loading or generating uses, each with the setting that names it."""
    model = loaded.model
    # A model that does not generate uses no other id than that of padding, and often keeps defaults for the rest.
    generates = bool(getattr(model, "can_generate", lambda: False)())
    names = ("bos", "eos", "pad", "decoder_start") if generates else ("pad",)
    places = {"config": getattr(model, "config", None)}
    places |= {"generation_config": model.generation_config} if generates else {}
    for place, settings in places.items():
        for name in names:
            for number in _as_ids(getattr(settings, f"{name}_token_id", None)):
                if not (name == "pad" and number == NO_TOKEN):
                    yield f"{place}.{name}_token_id", number


def _as_ids(value: Any) -> list[int]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [int(number) for number in values if number is not None]


def _tokens_beyond(tokenizer: ChildTokenizer, rows: int) -> list[str]:
    """Report tokens whose id is not a row of the embedding."""
    count, last, number = tokenizer.tokens_beyond(rows)
    if not count:
        return []
    return [
        f"the embedding has {rows} rows, too few for {count} tokens of the tokenizer, up to {last!r} with id {number}"
    ]


def _ids_without_token(loaded: LoadedModel, tokenizer: ChildTokenizer, rows: int) -> list[str]:
    """Report ids that start or end generation and are rows of the embedding, but not tokens of the tokenizer."""
    used = [
        (name, number)
        for name, number in special_ids(loaded)
        if name.endswith(("eos_token_id", "start_token_id")) and 0 <= number < rows
    ]
    unknown = tokenizer.ids_without_token(number for _, number in used)
    lost = {f"{name} ({number})" for name, number in used if number in unknown}
    return [f"no token of the tokenizer has the id of {shorten(sorted(lost))}"] if lost else []


def _pad_note(loaded: LoadedModel) -> str:
    """Mention padding with an id that ends generation: usual for GPT-2, a trap in training (transformers#48016)."""
    pads = {number for name, number in special_ids(loaded) if name.endswith("pad_token_id")}
    return "; the pad token also ends generation" if pads & eos_ids(loaded) else ""


def _input_embedding(model: Any) -> Any:
    """Return the input embedding, also from inside a sentence-transformers pipeline; None if there is none."""
    holder = next((module for module in model.modules() if hasattr(module, "get_input_embeddings")), model)
    try:
        return holder.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None


def _is_lookup(module: Any) -> bool:
    """Return whether a module looks up tokens; vision and audio models return a convolution here."""
    return hasattr(module, "num_embeddings") or "Embedding" in type(module).__name__
