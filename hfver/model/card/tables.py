"""The rows of a card's tables: what is known about a release, as pairs of a label and escaped Markdown."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from markupsafe import Markup

from hfver.core.plural import counted
from hfver.model.card.facts import CardFacts
from hfver.model.card.links import Links, is_hub_id
from hfver.model.card.markdown import code, link, plain, text
from hfver.model.card.numbers import amount, count, figure, size
from hfver.model.lineage.record import BaseModelLink, Code, Dataset

__all__ = [
    "Row",
    "base_cell",
    "evaluation_rows",
    "facts_rows",
    "lineage_rows",
    "setting_rows",
    "training_rows",
]

Row = tuple[str, Markup]

_KINDS = {"model": "full model", "adapter": "adapter", "sentence-transformers": "sentence-transformers model"} | {
    "pipeline": "diffusers pipeline",
    "component": "diffusers model",
    "lora": "LoRA for a diffusers pipeline",
}


def facts_rows(facts: CardFacts) -> Iterator[Row]:
    """List the facts about the release itself."""
    checkpoint = facts.checkpoint
    yield "Version", text(f"{facts.version} ({facts.date:%Y-%m-%d})")
    yield "Kind", text(_kind(facts))
    if checkpoint.architectures:
        yield "Architecture", code(", ".join(checkpoint.architectures))
    yield "Parameters", text(f"{amount(checkpoint.parameters)} ({count(checkpoint.parameters)})")
    yield "Precision", code(", ".join(checkpoint.dtypes))
    if facts.requires:
        versions = ", ".join(f"{name} {version}" for name, version in facts.requires.items())
        yield "Requires", code(versions)
    if facts.lineage.license:
        yield "License", code(facts.lineage.license)
    total = sum(entry.size for entry in facts.files.values())
    yield "Size", text(f"{size(total)} in {counted(len(facts.files), 'file')}")
    yield "Content digest", code(facts.content_digest)


def _kind(facts: CardFacts) -> str:
    method = facts.checkpoint.adapter_config.get("peft_type")
    kind = _KINDS[facts.checkpoint.kind]
    return f"{method} {kind}" if facts.checkpoint.kind == "adapter" and isinstance(method, str) else kind


def lineage_rows(facts: CardFacts, links: Links) -> Iterator[Row]:
    """List what the release was made from, by whom, and with what."""
    lineage = facts.lineage
    if lineage.base_model:
        yield "Base model", base_cell(lineage.base_model, links, revision=True)
    for dataset in lineage.training.all_datasets:
        yield "Dataset", _dataset_cell(dataset, links)
    if lineage.code and (lineage.code.commit or lineage.code.repository):
        yield "Code", _code_cell(lineage.code)
    yield from _place_rows(facts)
    if lineage.run and (lineage.run.id or lineage.run.url):
        label = text(" ".join(filter(None, (lineage.run.tracker, lineage.run.id))) or "run")
        yield "Run", link(label, lineage.run.url)
    if lineage.created_by:
        yield "Created by", text(lineage.created_by)


def _place_rows(facts: CardFacts) -> Iterator[Row]:
    infrastructure = facts.lineage.training.infrastructure
    framework = infrastructure.get("training_framework")
    packages = facts.lineage.environment.packages if facts.lineage.environment else {}
    # PyTorch is part of the framework's name, and the rest of the packages is in a table of its own.
    names = [name for name in ("transformers", "diffusers", "peft", "sentence-transformers") if name in packages]
    known = ([str(framework)] if framework else []) + [f"{name}-{packages[name]}" for name in names]
    if known:
        yield "Framework", text(", ".join(known))
    if gpu := infrastructure.get("gpu_type"):
        number = infrastructure.get("num_gpus")
        yield "Hardware", text(f"{number} x {gpu}" if number else gpu)
    if strategy := infrastructure.get("distributed_strategy"):
        yield "Distributed strategy", text(strategy)


def base_cell(base: BaseModelLink, links: Links, *, revision: bool) -> Markup:
    """Name a base model with a link to its exact commit; ``revision`` shows the commit as well."""
    name = base.source or base.name
    cell = link(code(name), links.model(name, base.revision or base.version))
    version = Markup(" ") + text(base.version) if base.version else Markup("")
    commit = Markup(" at ") + code(base.revision[:12]) if base.revision and revision else Markup("")
    return cell + version + commit


def _dataset_cell(dataset: Dataset, links: Links) -> Markup:
    source = dataset.source if is_hub_id(dataset.source) else None
    name = link(code(source or dataset.name), links.dataset(source, dataset.revision) if source else None)
    if dataset.version:
        name += Markup(" ") + text(dataset.version)
    if dataset.revision:
        name += Markup(" at ") + code(dataset.revision[:12])
    facts: list[Markup] = []
    if dataset.size is not None:
        facts.append(text(f"{count(dataset.size)} examples"))
    if dataset.hash:
        facts.append(code(_short_hash(dataset.hash)))
    return Markup(", ").join([name, *facts])


def _short_hash(value: str) -> str:
    kind, colon, digest = plain(value).rpartition(":")
    # Long enough to compare by eye; the full hash is in lineage.yaml.
    return f"{kind}{colon}{digest[:12]}…" if len(digest) > 16 else plain(value)


def _code_cell(origin: Code) -> Markup:
    label = code(origin.repository) if origin.repository else Markup("commit")
    address = (origin.repository or "").removesuffix(".git")
    # GitHub, GitLab and the Hub all show a commit at this address; an ssh address is not one for browsers.
    url = f"{address}/tree/{origin.commit}" if address.startswith("https://") and origin.commit else None
    parts = [link(label, url)]
    if origin.commit:
        parts.append(code(origin.commit[:12]))
    if origin.entrypoint:
        parts.append(code(origin.entrypoint))
    return Markup(", ").join(parts) + (" with uncommitted changes" if origin.dirty else "")


def training_rows(facts: CardFacts) -> Iterator[Row]:
    """List the numbers of the training run."""
    training = facts.lineage.training
    if training.steps is not None:
        yield "Steps", text(count(training.steps))
    if training.epochs is not None:
        yield "Epochs", text(figure(training.epochs))
    if training.total_tokens_trained:
        tokens = training.total_tokens_trained
        yield "Tokens", text(f"{amount(tokens)} ({count(tokens)})" if tokens >= 1000 else tokens)
    if training.duration_hours is not None:
        yield "Duration", text(_duration(training.duration_hours))
    for label, key in (("Training loss", "train_loss"), ("Best metric", "best_metric")):
        value = (training.model_extra or {}).get(key)
        if isinstance(value, int | float):
            yield label, text(figure(value))


def _duration(hours: float) -> str:
    seconds = hours * 3600
    if seconds < 90:
        return f"{seconds:.1f} seconds"
    return f"{seconds / 60:.0f} minutes" if seconds < 5400 else f"{figure(round(hours, 1))} hours"


def setting_rows(settings: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[Markup, Markup]]:
    """List hyperparameters, nested ones under their path."""
    for key, value in settings.items():
        if isinstance(value, Mapping) and value:
            yield from setting_rows(value, f"{prefix}{key}.")
        else:
            shown = ", ".join(map(str, value)) if isinstance(value, list | tuple) else value
            yield code(f"{prefix}{key}"), text(shown)


def evaluation_rows(facts: CardFacts) -> Iterator[tuple[Markup, Markup]]:
    """List metrics, then benchmarks."""
    evaluation = facts.lineage.evaluation
    for values in (evaluation.metrics, evaluation.benchmarks):
        yield from ((code(name), text(figure(value))) for name, value in values.items())
