"""Checks that token ids fit the model."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.smoke.check import Broken, NotApplicable, some

NO_TOKEN = -1
"""What old LLaMA configs write for a pad token that does not exist."""


def ids_fit(opened: OpenModel) -> str:
    """Check that every id of tokenizer, config and generation config is one of the embedding's rows."""
    rows = embedding_rows(opened.model)
    if rows is None:
        raise NotApplicable("The model has no token embedding.")
    words = opened.tokenizer
    wrong = [
        f"{name} is {number}, but the embedding has {rows} rows"
        for name, number in special_ids(opened)
        if not 0 <= number < rows
    ]
    if words is not None:
        wrong += _tokenizer_misfits(words, rows) + _unnamed(opened, words, rows)
    if wrong:
        raise Broken("; ".join(wrong) + ".")
    size = f"the tokenizer's {len(words)} tokens and " if words is not None else ""
    return f"The embedding's {rows} rows hold {size}every special id{_pad_note(opened)}."


def embedding_rows(model: Any) -> int | None:
    """Return the number of rows of the input embedding; None if the model has none for tokens."""
    torch_module = _embedding(model)
    weight = getattr(torch_module, "weight", None)
    return int(weight.shape[0]) if weight is not None and weight.ndim == 2 and _is_lookup(torch_module) else None


def eos_ids(opened: OpenModel) -> set[int]:
    """Return the ids that end generation."""
    return {number for name, number in special_ids(opened) if name.endswith("eos_token_id")}


def special_ids(opened: OpenModel) -> Iterator[tuple[str, int]]:
    """Yield the special ids that loading or generating uses, each with the name of the place that sets it."""
    model = opened.model
    generates = bool(getattr(model, "can_generate", lambda: False)())
    names = ("bos", "eos", "pad", "decoder_start") if generates else ("pad",)
    places = {"config": getattr(model, "config", None)}
    places |= {"generation_config": model.generation_config} if generates else {}
    for place, settings in places.items():
        for name in names:
            for number in _numbers(getattr(settings, f"{name}_token_id", None)):
                if not (name == "pad" and number == NO_TOKEN):
                    yield f"{place}.{name}_token_id", number


def _numbers(value: Any) -> list[int]:
    values = value if isinstance(value, (list, tuple)) else [value]
    return [int(number) for number in values if number is not None]


def _tokenizer_misfits(words: Any, rows: int) -> list[str]:
    beyond = {number: token for token, number in words.get_vocab().items() if number >= rows}
    if not beyond:
        return []
    last = max(beyond)
    return [f"{len(beyond)} tokens of the tokenizer, up to {beyond[last]!r} with id {last}, lie beyond row {rows}"]


def _unnamed(opened: OpenModel, words: Any, rows: int) -> list[str]:
    """Find ids that end or begin generation, lie in the embedding, and are no token of the tokenizer."""
    known = set(words.get_vocab().values())
    lost = {
        f"{name} ({number})"
        for name, number in special_ids(opened)
        if name.endswith(("eos_token_id", "start_token_id")) and 0 <= number < rows and number not in known
    }
    return [f"no token of the tokenizer has the id of {some(sorted(lost))}"] if lost else []


def _pad_note(opened: OpenModel) -> str:
    """Mention padding with an id that ends generation: usual for GPT-2, a trap in training (#48016)."""
    pads = {number for name, number in special_ids(opened) if name.endswith("pad_token_id")}
    return "; padding uses an id that also ends generation" if pads & eos_ids(opened) else ""


def _embedding(model: Any) -> Any:
    """Find the input embedding, inside a pipeline of sentence-transformers too."""
    holder = next((module for module in model.modules() if hasattr(module, "get_input_embeddings")), model)
    try:
        return holder.get_input_embeddings()
    except (AttributeError, NotImplementedError):
        return None


def _is_lookup(module: Any) -> bool:
    """Tell a table of tokens from the convolution that models for pictures and sound return."""
    return hasattr(module, "num_embeddings") or "Embedding" in type(module).__name__
