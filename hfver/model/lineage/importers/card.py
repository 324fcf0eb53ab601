"""What the author says in the folder's README: base model, datasets, license and results."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from hfver.core.front_matter import split_front_matter
from hfver.core.licenses import OTHER
from hfver.core.manifest import CARD
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.hub_ids import base_link, hub_id, last_part
from hfver.model.lineage.record import BaseModelLink, Dataset, Evaluation, Lineage, Training
from hfver.model.lineage.run_files import is_number, read_text

__all__ = ["ModelCard"]

_GENERATED = "generated_from_trainer"  # the tag of every card that the Trainer writes


class ModelCard:
    """Reads the metadata block of README.md."""

    strength = 100

    def read_checkpoint(self, checkpoint: Checkpoint) -> Lineage:
        """Read the card of a checkpoint; see ``Importer``."""
        data, _ = split_front_matter(read_text(checkpoint, CARD) or "", str(checkpoint.directory / CARD))
        names = [name for name in _listed(data.get("datasets")) if hub_id(name)]
        datasets = tuple(Dataset(name=last_part(name), source=name) for name in names)
        one = len(datasets) == 1
        return Lineage(
            base_model=_base(data),
            license=_license(data),
            training=Training(dataset=datasets[0] if one else None, datasets=() if one else datasets),
            evaluation=Evaluation(metrics=dict(_results(data))),
        )


def _base(data: Mapping[str, Any]) -> BaseModelLink | None:
    names, relation = _listed(data.get("base_model")), data.get("base_model_relation")
    if not isinstance(relation, str):
        relation = "merge" if len(names) > 1 else "adapter" if data.get("library_name") == "peft" else "finetune"
    return base_link(names[0], relation) if names else None


def _license(data: Mapping[str, Any]) -> str | None:
    words = _listed(data.get("license"))
    # A license that the Hub does not list is ``other`` in the card, whose name says what it is.
    if words == [OTHER]:
        words = _listed(data.get("license_name")) or words
    return words[0] if words and words[0].lower() not in ("unknown", "none", "license") else None


def _results(data: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
    """Yield the author's results by name.

    Results that the Trainer copied into the card are read from its own files, which hold the exact values, and those
    that an earlier release of hfver wrote say nothing about these weights.
    """
    if _GENERATED in _listed(data.get("tags")):
        return
    for model in _objects(data.get("model-index")):
        for result in _objects(model.get("results")):
            if not _is_ours(result):
                yield from _metrics(result)


def _metrics(result: Mapping[str, Any]) -> Iterator[tuple[str, int | float]]:
    for metric in _objects(result.get("metrics")):
        name = metric.get("name") or metric.get("type")
        if isinstance(name, str) and is_number(metric.get("value")):
            yield name, metric["value"]


def _is_ours(result: Mapping[str, Any]) -> bool:
    source = result.get("source")
    return isinstance(source, dict) and source.get("name") == "hfver"


def _objects(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _listed(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item for item in items if isinstance(item, str) and item]
