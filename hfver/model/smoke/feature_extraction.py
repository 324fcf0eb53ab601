"""The smoke task of models that turn texts into vectors; also serves ``sentence-similarity``."""

from __future__ import annotations

from typing import Any

from hfver.model.runtime import OpenModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.batches import check_finite, check_padding, pad, texts_as_ids, timed
from hfver.model.smoke.check import Broken, NotApplicable, check
from hfver.model.smoke.fixed_texts import SENTENCES
from hfver.model.smoke.tasks import TaskResult
from hfver.model.smoke.token_ids import embedding_rows

SAME = 1 - 1e-6
"""Cosine similarity from which vectors of different sentences are the same up to float32's rounding."""


def run(opened: OpenModel) -> TaskResult:
    """Check the vectors of an encoder."""
    speed: list[float] = []
    return TaskResult([check("forward", lambda: _forward(opened, speed))], speed[0] if speed else None)


def _forward(opened: OpenModel, speed: list[float]) -> str:
    torch = import_torch()
    if embedding_rows(opened.model) is None and not _is_pipeline(opened.model):
        raise NotApplicable("The model takes no text.")
    alone = torch.stack([_vectors(opened, [index])[0] for index in range(len(SENTENCES))])
    check_finite(alone, "numbers in the vectors")
    _check_different(alone)
    everything = list(range(len(SENTENCES)))
    together, seconds = timed(opened, lambda: _vectors(opened, everything))
    speed.append(sum(len(text) for text in texts_as_ids(opened)) / seconds)
    told = check_padding(opened, alone, together)
    return f"Vectors of {len(alone)} texts with {alone.shape[-1]} dimensions are finite and differ; {told}."


def _vectors(opened: OpenModel, which: list[int]) -> Any:
    """Embed some of the fixed texts: the pipeline's own vectors, else the mean of the last hidden state."""
    torch = import_torch()
    if _is_pipeline(opened.model):
        texts = [SENTENCES[index] for index in which]
        return torch.as_tensor(opened.model.encode(texts, show_progress_bar=False)).float()
    batch = pad(opened, [texts_as_ids(opened)[index] for index in which])
    hidden = opened.model(**batch.inputs).last_hidden_state.float()
    weights = batch.mask.unsqueeze(-1)
    return (hidden * weights).nan_to_num(nan=torch.nan).sum(dim=1) / weights.sum(dim=1)


def _check_different(vectors: Any) -> None:
    torch = import_torch()
    if bool((vectors.norm(dim=-1) == 0).any()):
        raise Broken("A text has a vector of zeros.")
    closeness = torch.nn.functional.cosine_similarity(vectors[:1], vectors[1:], dim=-1)
    if bool((closeness > SAME).all()):
        raise Broken(f"All {len(vectors)} texts get the same vector: the input has no effect.")


def _is_pipeline(model: Any) -> bool:
    """Tell a sentence-transformers pipeline from a model of transformers."""
    return type(model).__module__.startswith("sentence_transformers")
