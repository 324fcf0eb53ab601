"""The evaluation results in a card's metadata, in the form that the Hub's widget shows.

It is the form of huggingface_hub's ``eval_results_to_model_index``; a test compares the two.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from hfver.model.card.facts import CardFacts
from hfver.model.card.links import Links
from hfver.model.card.markdown import plain

__all__ = ["SOURCE", "author_results", "model_index"]

SOURCE = "hfver"
"""The ``source.name`` of the results that hfver writes and replaces."""

_UNNAMED = {"name": "evaluation data", "type": "unknown"}
"""The Hub requires the name of a dataset. A metrics file has none, and the training data would be a guess."""

# Names such as mmlu_accuracy or gsm8k/exact_match; any other benchmark is listed as a score of its own.
_BENCHMARK = re.compile(
    r"(?P<dataset>.+?)[_/](?P<metric>accuracy|acc|acc_norm|f1|exact_match|em|bleu|chrf|rouge\w*|wer|cer|pass@\d+)"
)


def model_index(facts: CardFacts, author: Mapping[str, Any], links: Links) -> list[dict[str, Any]]:
    """List the author's results and hfver's; empty if nothing was measured."""
    theirs = author_results(author)
    # A result that the author lists must not appear twice.
    said = [(metric.get("name"), metric["value"]) for result in theirs for metric in result["metrics"]]
    results = [*theirs, *_results(facts, author, links, said)]
    return [{"name": facts.repo.partition("/")[2], "results": results}] if results else []


def author_results(author: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the complete results in a card's metadata, without those that hfver wrote."""
    index = author.get("model-index")
    models = [model for model in index if isinstance(model, dict)] if isinstance(index, list) else []
    results = (result for model in models for result in _listed(model.get("results")))
    return [result for result in results if _complete(result) and not _is_ours(result)]


def _listed(value: Any) -> list[dict[str, Any]]:
    return [item for item in value if isinstance(item, dict)] if isinstance(value, list) else []


def _complete(result: Mapping[str, Any]) -> bool:
    # huggingface_hub refuses the whole card for one incomplete result.
    task, dataset = result.get("task"), result.get("dataset")
    metrics = _listed(result.get("metrics"))
    return (
        isinstance(task, dict)
        and "type" in task
        and isinstance(dataset, dict)
        and {"type", "name"} <= dataset.keys()
        and bool(metrics)
        and len(metrics) == len(result["metrics"])
        and all({"type", "value"} <= metric.keys() for metric in metrics)
        and all(isinstance(metric["value"], int | float | str | dict) for metric in metrics)
    )


def _is_ours(result: Mapping[str, Any]) -> bool:
    source = result.get("source")
    return isinstance(source, dict) and source.get("name") == SOURCE


def _results(
    facts: CardFacts, author: Mapping[str, Any], links: Links, said: list[tuple[Any, Any]]
) -> Iterator[dict[str, Any]]:
    evaluation = facts.lineage.evaluation
    metrics = [item for item in evaluation.metrics.items() if item not in said]
    if metrics:
        written = [_metric(name.removeprefix("eval_"), name, value) for name, value in metrics]
        yield _result(facts, author, links, dict(_UNNAMED), written)
    for name, value in evaluation.benchmarks.items():
        if (name, value) not in said:
            match = _BENCHMARK.fullmatch(name)
            dataset, kind = (match["dataset"], match["metric"]) if match else (name, "score")
            yield _result(
                facts,
                author,
                links,
                {"name": plain(dataset), "type": plain(dataset)},
                [_metric(kind, name, value)],
            )


def _result(
    facts: CardFacts,
    author: Mapping[str, Any],
    links: Links,
    dataset: dict[str, str],
    metrics: list[dict[str, Any]],
) -> dict[str, Any]:
    tag = author.get("pipeline_tag")
    task = tag if isinstance(tag, str) else facts.checkpoint.pipeline_tag or "other"
    url = links.file(facts.repo, f"v{facts.version}", "lineage.yaml")
    return {
        "task": {"type": task, "name": task.replace("-", " ").capitalize()},
        "dataset": dataset,
        "metrics": metrics,
        "source": {"url": url, "name": SOURCE},
    }


def _metric(kind: str, name: str, value: int | float) -> dict[str, Any]:
    return {"type": plain(kind) or "score", "value": value, "name": plain(name)}
