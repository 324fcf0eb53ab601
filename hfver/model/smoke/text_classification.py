"""The smoke task of models that assign texts to classes."""

from __future__ import annotations

from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.batches import check_finite, check_padding, encode_sentences, pad, timed
from hfver.model.smoke.check import CheckFailed, check
from hfver.model.smoke.tasks import TaskResult

MAX_LABELS_SHOWN = 8
NO_EFFECT = 1e-6
"""The largest difference of logits that changes no probability in float32."""


def run(loaded: LoadedModel) -> TaskResult:
    """Check labels and logits of a sequence classifier."""
    speed: list[float] = []
    checks = [check("labels", lambda: _labels(loaded)), check("forward", lambda: _forward(loaded, speed))]
    return TaskResult(checks, speed[0] if speed else None)


def _labels(loaded: LoadedModel) -> str:
    """Check that each output has a name and that no two share one."""
    names, count = loaded.model.config.id2label, loaded.model.config.num_labels
    if sorted(int(number) for number in names) != list(range(count)):
        raise CheckFailed(f"id2label has the keys {sorted(names)}, but there are {count} labels.")
    if len(set(names.values())) != len(names):
        raise CheckFailed(f"Two labels have the same name: {', '.join(map(str, names.values()))}.")
    return f"{len(names)} labels: {', '.join(str(names[number]) for number in sorted(names)[:MAX_LABELS_SHOWN])}."


def _forward(loaded: LoadedModel, speed: list[float]) -> str:
    texts = encode_sentences(loaded)
    alone = [_logits(loaded, [text]) for text in texts]
    count = loaded.model.config.num_labels
    if tuple(alone[0].shape) != (1, count):
        raise CheckFailed(f"The logits have the shape {tuple(alone[0].shape)} for one text and {count} labels.")
    for logits in alone:
        check_finite(logits, "logits")
    # An untrained classifier of two classes may well give very similar logits for all texts.
    if all(float((logits - alone[0]).abs().max()) <= NO_EFFECT for logits in alone):
        raise CheckFailed(
            f"All {len(texts)} texts have the same logits: the input has no effect.",
            "Compare the weights of the head and of the last layer with those before saving or merging.",
        )
    padding = _compare_padded(loaded, texts, alone, speed)
    return f"Logits of {len(texts)} texts over {count} labels are finite; {padding}."


def _compare_padded(loaded: LoadedModel, texts: list[list[int]], alone: list[Any], speed: list[float]) -> str:
    """Compare with a padded batch; a classifier that reads the last token cannot pad without a pad token."""
    torch = import_torch()
    # Some configs, such as Perceiver's, do not have the setting at all.
    if getattr(loaded.model.config.get_text_config(), "pad_token_id", None) is None:
        return "there is no pad token, so it can classify only one text at a time"
    together, seconds = timed(loaded, lambda: _logits(loaded, texts))
    speed.append(sum(len(text) for text in texts) / seconds)
    return check_padding(loaded, torch.cat(alone), together)


def _logits(loaded: LoadedModel, texts: list[list[int]]) -> Any:
    return loaded.model(**pad(loaded, texts).inputs).logits
