"""The smoke task of models that sort texts into classes."""

from __future__ import annotations

from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.batches import check_finite, check_padding, pad, texts_as_ids, timed
from hfver.model.smoke.check import Broken, check
from hfver.model.smoke.tasks import TaskResult


def run(opened: OpenModel) -> TaskResult:
    """Check labels and logits of a sequence classifier."""
    speed: list[float] = []
    checks = [check("labels", lambda: _labels(opened)), check("forward", lambda: _forward(opened, speed))]
    return TaskResult(checks, speed[0] if speed else None)


def _labels(opened: OpenModel) -> str:
    """Check that each output has a name, and each name an output."""
    names = opened.model.config.id2label
    if sorted(int(number) for number in names) != list(range(opened.model.config.num_labels)):
        raise Broken(f"id2label has the keys {sorted(names)} for {opened.model.config.num_labels} labels.")
    if len(set(names.values())) != len(names):
        raise Broken(f"Two labels have the same name: {', '.join(map(str, names.values()))}.")
    return f"{len(names)} labels: {', '.join(str(names[number]) for number in sorted(names)[:8])}."


def _forward(opened: OpenModel, speed: list[float]) -> str:
    texts = texts_as_ids(opened)
    alone = [_logits(opened, [text]) for text in texts]
    count = opened.model.config.num_labels
    if tuple(alone[0].shape) != (1, count):
        raise Broken(f"The logits have the shape {tuple(alone[0].shape)} for one text and {count} labels.")
    for each in alone:
        check_finite(each, "logits")
    if all(bool((each == alone[0]).all()) for each in alone):
        raise Broken(f"All {len(texts)} texts get exactly the same logits: the input has no effect.")
    told = _in_a_batch(opened, texts, alone, speed)
    return f"Logits of {len(texts)} texts over {count} labels are finite; {told}."


def _in_a_batch(opened: OpenModel, texts: list[list[int]], alone: list[Any], speed: list[float]) -> str:
    """Compare with a padded batch; classifiers that read the last token cannot pad without a pad token."""
    torch = import_torch()
    if opened.model.config.get_text_config().pad_token_id is None:
        return "no pad token is set, so only one text at a time can be classified"
    together, seconds = timed(opened, lambda: _logits(opened, texts))
    speed.append(sum(len(text) for text in texts) / seconds)
    return check_padding(opened, torch.cat(alone), together)


def _logits(opened: OpenModel, texts: list[list[int]]) -> Any:
    return opened.model(**pad(opened, texts).inputs).logits
