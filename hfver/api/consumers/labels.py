"""A label map: does the model still mean the same by its class numbers?"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hfver.api.consumers.judgement import Answer, Compared, Judge, breaks, safe, unknown
from hfver.model.compare import Change
from hfver.model.compare.json_values import printable

__all__ = ["judge_labels", "labels_of"]


def labels_of(value: Any) -> dict[int, str] | None:
    """Read ``{"0": "spam"}``, ``{"spam": 0}``, ``["spam", "ham"]``, or a config with one of these; None for others."""
    if isinstance(value, dict):
        for key in ("id2label", "label2id", "labels"):
            if isinstance(value.get(key), dict | list):
                return labels_of(value[key])
        if value and all(isinstance(one, str) and str(number).isdecimal() for number, one in value.items()):
            return {int(number): name for number, name in value.items() if len(str(number)) < 10}
        if value and all(type(number) is int for number in value.values()):
            return {number: str(name) for name, number in value.items()}
    if isinstance(value, list) and value and all(isinstance(name, str) for name in value):
        return dict(enumerate(value))
    return None


def judge_labels(labels: Mapping[int, str], compared: Compared) -> Judge:
    """Compare the map with the labels of both sides."""
    held = [labels_of(config) or {} for config in compared.config()]
    wrong = [n for n, name in labels.items() if held[1].get(n, name if not held[1] else None) != name]

    def judge(change: Change) -> Answer:
        if change.rule == "labels":
            if not held[1]:
                return unknown("The newer side names no labels.")
            if wrong:
                number = wrong[0]
                now = printable(str(held[1].get(number, "no class")), 60)
                return breaks(f"Class {number} is {now}, and the map says {printable(labels[number], 60)}.")
            return safe(f"All {len(labels)} entries of the map are those of the newer side.")
        if change.rule == "task":
            return unknown("Classes keep their numbers, but scores are computed or routed differently.")
        if change.rule == "architecture":
            return unknown("Whether the other network still classifies is not known.")
        return safe("The numbers of the classes do not depend on it.")

    return judge
