"""The smoke task of models that compare pictures with texts."""

from __future__ import annotations

from hfver.model.runtime import LoadedModel
from hfver.model.smoke.recipe import Recipe, run_recipe
from hfver.model.smoke.tasks import TaskResult

RECIPE = Recipe(outputs=("logits_per_image", "image_embeds", "text_embeds"), across=("logits_per_image",))


def run(loaded: LoadedModel) -> TaskResult:
    """Run made inputs, and check what comes out."""
    return run_recipe(loaded, RECIPE)
