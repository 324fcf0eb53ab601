"""Witnesses of chat templates: a conversation that renders differently."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from hfver.model.compare.probe_texts import CONVERSATIONS
from hfver.model.compare.template_changes import TemplateChange, template_changes
from hfver.model.compare.witness.candidate import Candidate, Subject

__all__ = ["changed_template"]


def changed_template(subject: Subject) -> Iterator[Candidate]:
    """Render the conversations that the comparison found; else show that the template came or went."""
    for change in template_changes(subject.pair):
        if change.where == subject.where:
            yield from _candidates(subject, change)


def _candidates(subject: Subject, change: TemplateChange) -> Iterator[Candidate]:
    common = {"folder": subject.folder, "name": change.name}
    if change.kind in ("added", "removed"):
        question = {**common, "variables": None, "how": "template"}
        yield Candidate("template", question)
    for variables in _conversations(change):
        # As programs do it, if the tokenizer can be loaded; else with the same function of transformers below it.
        for how in ("tokenizer", "template"):
            yield Candidate("template", {**common, "variables": variables, "how": how})


def _conversations(change: TemplateChange) -> Iterator[dict[str, Any]]:
    found = change.comparison.differences if change.comparison else ()
    # A fixed conversation is easier to read than one that was made up.
    for name, _, _ in sorted(found, key=lambda one: (one[0] not in CONVERSATIONS, len(one[0]))):
        if name in CONVERSATIONS:
            yield {key: value for key, value in CONVERSATIONS[name].items() if value is not None}
            yield CONVERSATIONS[name]
        else:
            yield json.loads(name)
