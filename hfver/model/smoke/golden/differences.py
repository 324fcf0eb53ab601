"""Comparing the first two layers of a golden: words, and forms."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from hfver.core.shorten import shortened
from hfver.model.smoke.golden.record import Encoded, Forms, Words
from hfver.model.smoke.golden.tokenizers import Processing, observe_forms, observe_words

__all__ = ["Layer", "compare_forms", "compare_words"]

Word = Literal["passed", "failed", "not_judged", "skipped"]
"""``skipped``: the golden has nothing of it. ``not_judged``: it has, and the comparison could not be made."""

SAME_GRID = 0.05
"""The share of the spread by which a processor's results may differ: libraries interpolate pictures differently."""
MAX_SHOWN = 3


@dataclass(frozen=True)
class Layer:
    """The verdict over one layer."""

    status: Word
    detail: str
    blame: str | None = None


def compare_words(before: Words | None, processing: Processing) -> Layer:
    """Compare what a tokenizer does with what a golden recorded."""
    if before is None:
        return Layer("skipped", "The golden was captured without a tokenizer.")
    after = observe_words(processing, [one.text for one in before.texts])
    if after is None:
        return Layer("failed", "The golden has a tokenizer, and this model has none.", "the tokenizer")
    differences = list(_word_differences(before, after))
    if differences:
        return Layer("failed", _listed(differences), "the tokenizer")
    return Layer("passed", f"{len(before.texts)} texts are encoded and decoded as in the golden.")


def _word_differences(before: Words, after: Words) -> Iterator[str]:
    for one, two in zip(before.texts, after.texts, strict=True):
        shown = repr(shortened(one.text, 40))
        if one.plain != two.plain:
            yield f"{shown} has different ids: {_first_difference(one.plain, two.plain)}"
        elif one.full != two.full:
            yield f"{shown} has different special tokens: {_first_difference(one.full, two.full)}"
        elif one.decoded != two.decoded:
            yield f"{shown} is decoded differently: {shortened(two.decoded, 40)!r}"
        elif one.gives != two.gives:
            yield f"it returns {', '.join(two.gives)} instead of {', '.join(one.gives)}"
    for name in sorted(before.special.keys() | after.special.keys()):
        if before.special.get(name) != after.special.get(name):
            yield f"the {name} token is {after.special.get(name)} instead of {before.special.get(name)}"
    for what, old, new in (
        ("the special ids differ", before.all_special, after.all_special),
        ("the added tokens differ", before.added, after.added),
        ("the number of tokens differs", before.length, after.length),
        ("the maximum length differs", before.max_length, after.max_length),
        ("the padding side differs", before.padding_side, after.padding_side),
    ):
        if old != new:
            yield f"{what}: {_briefly(new)} instead of {_briefly(old)}"


def _briefly(value: Any) -> str:
    if isinstance(value, tuple):
        return f"{len(value)} of them"
    return str(value)


def _first_difference(before: Encoded, after: Encoded) -> str:
    for place, (one, two) in enumerate(zip(before.ids, after.ids, strict=False)):
        if one != two:
            return f"{two} instead of {one} at position {place}"
    return f"{after.count or len(after.ids)} tokens instead of {before.count or len(before.ids)}"


def compare_forms(before: Forms, processing: Processing, model: Any) -> Layer:
    """Compare template, processor, labels and generation config with what a golden recorded."""
    after = observe_forms(processing, model, before.conversations, before.made)
    found = list(_form_differences(before, after))
    if found:
        blames = dict.fromkeys(blame for blame, _ in found)
        return Layer("failed", _listed([text for _, text in found]), ", ".join(blames))
    parts = [f"{len(before.rendered)} conversations"] if before.rendered else []
    parts += ["processor"] if before.processed else []
    parts += ["labels"] if before.labels else []
    parts += ["generation config"] if before.generation is not None else []
    if not parts:
        return Layer("skipped", "There is no template, processor, label or generation config to compare.")
    return Layer("passed", f"As in the golden: {', '.join(parts)}.")


def _form_differences(before: Forms, after: Forms) -> Iterator[tuple[str, str]]:
    template = "the chat template"
    if before.rendered and not after.rendered:
        yield template, "the chat template is missing"
    for name in before.rendered if after.rendered else ():
        one, two = before.rendered[name], after.rendered.get(name)
        if two is None or one == two:
            continue
        if (one.text, one.refused, one.broken) == (two.text, two.refused, two.broken):
            yield "the tokenizer", f"the conversation {name!r} has different ids: {_first_difference(one, two)}"
        else:
            yield template, f"the conversation {name!r} {_rendering(one, two)}"
    yield from _processor_differences(before, after)
    if before.labels is not None and before.labels != after.labels:
        yield "the labels", f"the labels are {_few(after.labels)} instead of {_few(before.labels)}"
    old, new = before.generation, after.generation
    if old is not None and old != new:
        new = new or {}
        keys = [name for name in sorted(old.keys() | new.keys()) if old.get(name) != new.get(name)]
        said = ", ".join(f"{name} is {new.get(name)!r} instead of {old.get(name)!r}" for name in keys[:MAX_SHOWN])
        yield "the generation config", f"in the generation config {said[:400]}"


def _rendering(one: Any, two: Any) -> str:
    if two.refused or two.broken:
        return "is refused" if two.refused else f"cannot be rendered ({two.broken})"
    if one.text is None or two.text is None:
        return "is no longer refused"
    place = next(
        (number for number, (a, b) in enumerate(zip(one.text, two.text, strict=False)) if a != b),
        min(len(one.text), len(two.text)),
    )
    around = slice(max(0, place - 10), place + 30)
    return f"is rendered differently: {two.text[around]!r} instead of {one.text[around]!r}"


def _few(labels: Any) -> str:
    return "missing" if not labels else shortened(", ".join(f"{key}: {value}" for key, value in labels.items()), 80)


def _processor_differences(before: Forms, after: Forms) -> Iterator[tuple[str, str]]:
    for kind in before.processed:
        old, new = before.processed[kind], after.processed.get(kind)
        if new is None:
            yield "the processor", f"the {kind} is no longer processed"
            continue
        for name in sorted(old.keys() | new.keys()):
            if not _same_array(old.get(name), new.get(name)):
                yield "the processor", f"the made {kind} gives a different {name}"


def _same_array(one: Any, two: Any) -> bool:
    """Return whether two summaries of arrays agree, up to how libraries interpolate."""
    if not (isinstance(one, dict) and isinstance(two, dict)) or "grid" not in one or "grid" not in two:
        return bool(one == two)
    left, right = one["grid"], two["grid"]
    if one.get("shape") != two.get("shape") or not isinstance(left, list) or len(left) != len(right):
        return False
    try:
        allowed = SAME_GRID * max(abs(float(one.get("spread", 0))), 1e-3)
        return all(abs((a or 0) - (b or 0)) <= allowed for a, b in zip(left, right, strict=True))
    except TypeError:
        return False


def _listed(differences: Sequence[str]) -> str:
    rest = len(differences) - MAX_SHOWN
    more = f"; and {rest} more differences" if rest > 0 else ""
    text = "; ".join(differences[:MAX_SHOWN]) + more + "."
    return text[:1].upper() + text[1:]
