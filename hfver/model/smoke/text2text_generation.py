"""The smoke task of models that turn one text into another with an encoder and a decoder."""

from __future__ import annotations

from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.smoke.check import CheckFailed, check
from hfver.model.smoke.recipe import Recipe, Run, common_checks, forward_runs
from hfver.model.smoke.tasks import TaskResult

RECIPE = Recipe(outputs=("logits",))
NEW_TOKENS = 16
"""Enough to see that generation runs, few enough for a CPU."""


def run(loaded: LoadedModel) -> TaskResult:
    """Check the decoder's logits for made inputs, and that it generates."""
    made = Run(loaded, RECIPE)
    forward = check("forward", lambda: forward_runs(made))
    if forward.status != "passed":
        return TaskResult([forward])
    return TaskResult([forward, *common_checks(made), check("generates", lambda: generates(made))])


def generates(run: Run) -> str:
    """Check that greedy generation runs, and writes the same twice."""
    inputs = {name: value for name, value in run.samples[0].inputs.items() if name != "decoder_input_ids"}
    settings: dict[str, Any] = {"max_new_tokens": NEW_TOKENS, "do_sample": False, "num_beams": 1}
    first, again = (run.loaded.model.generate(**inputs, **settings)[0].tolist() for _ in range(2))
    if first != again:
        raise CheckFailed("Greedy generation writes something different the second time.")
    return f"It generates {len(first)} tokens, and the same ones again."
