"""Counting how often a model really ran, which no check can claim by itself."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any


class ForwardPasses:
    """How often the model, or a complete model inside it, ran to the end."""

    def __init__(self) -> None:
        self.count = 0

    def _add(self, *_: Any) -> None:
        self.count += 1


@contextmanager
def counting_forward_passes(*models: Any) -> Iterator[ForwardPasses]:
    """Count the forward passes that come to their end within the block.

    A model inside the model counts too: some tasks use only a part, such as the text encoder of CLIP, and a pipeline
    of sentence-transformers or diffusers contains models.
    """
    from transformers import PreTrainedModel

    passes = ForwardPasses()
    whole = [*models, *(part for model in models for part in model.modules() if isinstance(part, PreTrainedModel))]
    # The hook runs after forward() returned: a model that raises has not run.
    hooks = [module.register_forward_hook(passes._add) for module in dict.fromkeys(whole)]
    try:
        yield passes
    finally:
        for hook in hooks:
            hook.remove()
