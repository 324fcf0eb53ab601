"""The smoke task of models that assign pictures to classes."""

from __future__ import annotations

from hfver.model.runtime import LoadedModel
from hfver.model.smoke.recipe import Recipe, run_recipe
from hfver.model.smoke.tasks import TaskResult

RECIPE = Recipe(outputs=("logits",), labels=True, unique_labels=False)


def run(loaded: LoadedModel) -> TaskResult:
    """Run made inputs, and check what comes out."""
    return run_recipe(loaded, RECIPE)
