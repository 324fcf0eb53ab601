"""The metadata block of a card, in the Hub's vocabulary; the author's own keys are kept, and most of them win."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from hfver.core.licenses import license_fields
from hfver.model.card.facts import CardFacts
from hfver.model.card.links import Links, is_hub_id
from hfver.model.card.model_index import model_index

__all__ = ["metadata", "pipeline_tag"]

RELATIONS = frozenset({"finetune", "adapter", "merge", "quantized"})

_ORDER: tuple[str, ...] = (
    *("language", "license", "license_name", "license_link", "library_name", "pipeline_tag"),
    *("base_model", "base_model_relation", "datasets", "metrics", "tags", "model-index"),
)
_UNKNOWN = ("", "unknown", "none", "license")


def metadata(facts: CardFacts, author: Mapping[str, Any], links: Links) -> dict[str, Any]:
    """Build the block: what the author's block says, completed and corrected by what hfver knows."""
    base = _base(facts, author)
    ours = {
        "language": _texts(author.get("language")),
        **_license_fields(facts, author),
        "library_name": _text(author.get("library_name")) or facts.checkpoint.library_name,
        "pipeline_tag": pipeline_tag(facts, author),
        **base,
        "datasets": _datasets(facts, author),
        "tags": _unique([*_tags(author, _texts(base["base_model"])), "hfver"]),
        "model-index": model_index(facts, author, links),
    }
    # TRL writes "licence: license", which is a placeholder.
    rest = {key: value for key, value in author.items() if key not in ours and key != "licence"}
    known = {key: value for key, value in (ours | rest).items() if value not in (None, "", [], {})}
    first = [key for key in _ORDER if key in known]
    return {key: known[key] for key in (*first, *(key for key in known if key not in _ORDER))}


def pipeline_tag(facts: CardFacts, author: Mapping[str, Any]) -> str | None:
    """Return the task: as the author says, or as the checkpoint shows."""
    return _text(author.get("pipeline_tag")) or facts.checkpoint.pipeline_tag


def _base(facts: CardFacts, author: Mapping[str, Any]) -> dict[str, Any]:
    base = facts.lineage.base_model
    if base is None:
        names = [name for name in _texts(author.get("base_model")) if is_hub_id(name)]
        relation = author.get("base_model_relation")
        return {
            "base_model": names[0] if len(names) == 1 else names,
            "base_model_relation": relation if relation in RELATIONS and names else None,
        }
    if not is_hub_id(base.source):  # the Hub rejects metadata with a base that is not an id
        return {"base_model": None, "base_model_relation": None}
    # The lineage pins one base; of a merge, the author's list names the others.
    merged = [name for name in _texts(author.get("base_model")) if is_hub_id(name)]
    names = merged if base.relation == "merge" and base.source in merged else [str(base.source)]
    return {
        "base_model": names[0] if len(names) == 1 else names,
        "base_model_relation": base.relation if base.relation in RELATIONS else None,
    }


def _tags(author: Mapping[str, Any], bases: list[str]) -> list[str]:
    """Drop the tags of other bases than the card names: PEFT makes one of the folder that it loaded the base from."""
    tags = _texts(author.get("tags"))
    return [tag for tag in tags if not tag.startswith("base_model:") or tag.rpartition(":")[2] in bases]


def _datasets(facts: CardFacts, author: Mapping[str, Any]) -> list[str]:
    ours = (dataset.source for dataset in facts.lineage.training.all_datasets)
    return _unique([name for name in [*_texts(author.get("datasets")), *ours] if is_hub_id(name)])


def _license_fields(facts: CardFacts, author: Mapping[str, Any]) -> dict[str, Any]:
    """Write the license as the Hub accepts it: one that the Hub does not list by its name."""
    given = _license(author.get("license")) or _license(facts.lineage.license)
    return license_fields(given, author, tuple(facts.files))


def _license(value: Any) -> Any:
    if isinstance(value, list):
        return [name for name in _texts(value) if _license(name)]
    name = _text(value)
    return name if name and name.lower() not in _UNKNOWN else None


def _texts(value: Any) -> list[str]:
    """Read one text or a list of them; YAML reads a bare ``no``, Norwegian, as a Boolean."""
    items = value if isinstance(value, list) else [value]
    texts = ("no" if item is False else item for item in items)
    return [text.strip() for text in texts if isinstance(text, str) and text.strip()]


def _text(value: Any) -> str | None:
    return value.strip() or None if isinstance(value, str) else None


def _unique(values: list[Any]) -> list[str]:
    return list(dict.fromkeys(values))
