"""Make the lineage record of a checkpoint from everything that is known about it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cache, reduce
from pathlib import Path

from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.datasets import describe_dataset
from hfver.model.lineage.importer import import_all
from hfver.model.lineage.metrics import read_metrics
from hfver.model.lineage.previous_record import earlier_record
from hfver.model.lineage.record import BaseModelLink, Lineage, Training, read_lineage
from hfver.model.lineage.scrub import scrub

__all__ = ["LineageOptions", "capture"]

Resolver = Callable[[str, str | None], str | None]
"""Returns the commit of a dataset's id and revision; None if the Hub does not know it."""


@dataclass(frozen=True)
class LineageOptions:
    """What the user says about the lineage on the command line.

    Attributes:
        datasets: ``--dataset``: ``ID``, ``ID@REV`` or the path of a file or folder.
        metrics: ``--metrics``: a JSON or YAML file of names and numbers.
        lineage: ``--lineage``: a lineage record.
    """

    datasets: tuple[str, ...] = ()
    metrics: Path | None = None
    lineage: Path | None = None


def capture(
    checkpoint: Checkpoint,
    options: LineageOptions,
    *,
    base: BaseModelLink | None,
    resolve_dataset: Resolver,
    now: datetime,
    author: str | None,
) -> Lineage:
    """Make the lineage record of a checkpoint.

    Later sources win: importers (one of which reads the README), the folder's own ``lineage.yaml``, ``--metrics``,
    ``--lineage``, other options. Secrets and paths of the author's disk are removed.

    Args:
        checkpoint: The folder, read once.
        options: What the user says.
        base: The base model, resolved to a commit.
        resolve_dataset: Asks the Hub for a dataset's commit; called once for each id and revision.
        now: When the record is made.
        author: Who makes it.

    Raises:
        BadConfig: A file that the user named, or one that an importer reads, is broken.
        PluginError: An importer cannot be loaded, failed, or returned something else than a record.
    """
    resolve = cache(resolve_dataset)  # several sources may name the same dataset
    records = [
        Lineage(created_at=now, created_by=author, artifacts=_artifacts(checkpoint)),
        import_all(checkpoint),
        earlier_record(checkpoint),
        Lineage(evaluation=read_metrics(options.metrics)) if options.metrics else Lineage(),
        read_lineage(options.lineage) if options.lineage else Lineage(),
        Lineage(base_model=base, training=_training(options.datasets, resolve)),
    ]
    merged = reduce(Lineage.merged, records)
    # Scrubbed last, so that it covers every source.
    return scrub(_with_commits(merged, resolve))


def _training(datasets: tuple[str, ...], resolve: Resolver) -> Training:
    described = tuple(describe_dataset(dataset, resolve) for dataset in datasets)
    return Training(dataset=described[0]) if len(described) == 1 else Training(datasets=described)


def _with_commits(lineage: Lineage, resolve: Resolver) -> Lineage:
    """Resolve the datasets that a README or a file names without a commit."""
    training = lineage.training
    found = [
        dataset.model_copy(update={"revision": resolve(dataset.source, dataset.version)})
        if dataset.source and not dataset.revision and not dataset.hash
        else dataset
        for dataset in training.all_datasets
    ]
    one = len(found) == 1
    # The record has a key for one dataset and another for several.
    update = {"dataset": found[0] if one else None, "datasets": () if one else tuple(found)}
    return lineage.model_copy(update={"training": training.model_copy(update=update)})


def _artifacts(checkpoint: Checkpoint) -> dict[str, str | list[str]]:
    weights = sorted(path for path in checkpoint.files if path.endswith(".safetensors"))
    found: dict[str, str | list[str]] = {}
    if weights:
        found["model_weights"] = weights[0] if len(weights) == 1 else weights
    for key, names in _ARTIFACTS.items():
        path = next((name for name in names if name in checkpoint.files), None)
        if path:
            found[key] = path
    return found


_ARTIFACTS = {
    "tokenizer": ("tokenizer.json", "tokenizer.model", "vocab.json", "vocab.txt", "spiece.model"),
    "config": ("config.json", "adapter_config.json"),
}
