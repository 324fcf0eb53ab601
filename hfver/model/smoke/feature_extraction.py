"""The smoke task of models that turn text into vectors; also serves ``sentence-similarity``."""

from __future__ import annotations

from typing import Any

from hfver.model.runtime import LoadedModel
from hfver.model.runtime.device import import_torch
from hfver.model.smoke.batches import check_finite, check_padding, encode_sentences, pad, timed
from hfver.model.smoke.check import CheckFailed, CheckSkipped, check
from hfver.model.smoke.fixed_texts import SENTENCES
from hfver.model.smoke.tasks import TaskResult
from hfver.model.smoke.token_ids import embedding_rows

SAME = 1 - 1e-6
"""The cosine similarity above which vectors of different sentences are equal up to float32's rounding."""


def run(loaded: LoadedModel) -> TaskResult:
    """Check the vectors of an encoder."""
    speed: list[float] = []
    return TaskResult([check("forward", lambda: _forward(loaded, speed))], speed[0] if speed else None)


def _forward(loaded: LoadedModel, speed: list[float]) -> str:
    torch = import_torch()
    if embedding_rows(loaded.model) is None and not _is_pipeline(loaded.model):
        raise CheckSkipped("The model does not take text.")
    if _is_pipeline(loaded.model) and type(loaded.model[0]).__name__ != "Transformer":
        kind = type(loaded.model[0]).__name__
        raise CheckSkipped(f"The pipeline begins with a {kind}, which takes no tokens from elsewhere.")
    alone = torch.stack([_vectors(loaded, [index])[0] for index in range(len(SENTENCES))])
    check_finite(alone, "numbers in the vectors")
    _check_different(alone)
    everything = list(range(len(SENTENCES)))
    together, seconds = timed(loaded, lambda: _vectors(loaded, everything))
    speed.append(sum(len(text) for text in encode_sentences(loaded)) / seconds)
    padding = check_padding(loaded, alone, together)
    return f"Vectors of {len(alone)} texts with {alone.shape[-1]} dimensions are finite and differ; {padding}."


def _vectors(loaded: LoadedModel, indices: list[int]) -> Any:
    """Embed some of the fixed sentences: the pipeline's own vectors, else the mean of the last hidden state."""
    encoded = encode_sentences(loaded)
    batch = pad(loaded, [encoded[index] for index in indices])
    if _is_pipeline(loaded.model):
        # Not its encode(), which would let the folder's tokenizer work in this process.
        return loaded.model(dict(batch.inputs))["sentence_embedding"].float()
    hidden = loaded.model(**batch.inputs).last_hidden_state.float()
    mask = batch.mask.unsqueeze(-1)
    # Fill, not multiply: what stands at padded positions may be infinite, and infinity times zero is NaN.
    return hidden.masked_fill(mask == 0, 0).sum(dim=1) / mask.sum(dim=1)


def _check_different(vectors: Any) -> None:
    torch = import_torch()
    if bool((vectors.norm(dim=-1) == 0).any()):
        raise CheckFailed("A text has a vector of zeros.")
    similarity = torch.nn.functional.cosine_similarity(vectors[:1], vectors[1:], dim=-1)
    if bool((similarity > SAME).all()):
        raise CheckFailed(f"All {len(vectors)} texts have the same vector: the input has no effect.")


def _is_pipeline(model: Any) -> bool:
    """Return whether the model is a sentence-transformers pipeline, not a model of transformers."""
    return type(model).__module__.startswith("sentence_transformers")
