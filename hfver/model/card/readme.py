"""Write the README: the metadata, hfver's parts, and the author's prose between them."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from markupsafe import Markup

from hfver.core.front_matter import join_front_matter, split_front_matter
from hfver.model.card.facts import CardFacts
from hfver.model.card.links import Links
from hfver.model.card.markdown import text
from hfver.model.card.metadata import metadata, pipeline_tag
from hfver.model.card.numbers import amount, size
from hfver.model.card.sections import Prose, mark, read_prose
from hfver.model.card.snippets import plain_code
from hfver.model.card.tables import base_cell, evaluation_rows, facts_rows, lineage_rows, setting_rows, training_rows
from hfver.model.card.templates import fill
from hfver.model.card.trainer_boilerplate import without_boilerplate

__all__ = ["render_card"]

# A heading without text is not a title: trailing blanks are removed, so the next release would not find it again.
_TITLE = re.compile(r"\A(?:#[ \t]+\S[^\n]*|[^\n]+\n=+[ \t]*)(?:\n|\Z)")


def render_card(facts: CardFacts) -> bytes:
    """Write the card of a release: ``README.md``, UTF-8.

    The author's prose comes from the checkpoint's own README. If that is the card of an earlier release, the parts
    between hfver's marks are replaced and everything else is kept.

    Raises:
        BadConfig: The metadata block of the author's README cannot be read.
    """
    author, body = split_front_matter(facts.checkpoint.readme or "", "README.md")
    prose = _author_prose(body)
    links = Links.of(facts.endpoint)
    title = _TITLE.match(prose.above)
    head = fill("head.md.j2", _head_values(facts, author, links, has_title=title is not None))
    release = fill("release.md.j2", _release_values(facts, links))
    parts = (
        title[0] if title else "",
        mark("head", head),
        prose.above[title.end() :] if title else prose.above,
        mark("release", release),
        prose.below,
    )
    whole = "\n\n".join(part.strip("\n") for part in parts if part.strip()) + "\n"
    return join_front_matter(metadata(facts, author, links), whole).encode("utf-8", "replace")


def _author_prose(body: str) -> Prose:
    prose = read_prose(body)
    return prose if prose.generated else read_prose(without_boilerplate(body))


def _head_values(facts: CardFacts, author: Mapping[str, Any], links: Links, *, has_title: bool) -> dict[str, object]:
    return {
        "facts": facts,
        "name": facts.repo.partition("/")[2],
        "has_title": has_title,
        "made_from": _made_from(facts, links),
        "task": (pipeline_tag(facts, author) or "").replace("-", " "),
        "parameters": amount(facts.checkpoint.parameters),
        "plain_code": Markup(plain_code(facts, pipeline_tag(facts, author))),  # noqa: S704 - ids only
        "endpoint": None if links.is_default else links.base,
    }


def _made_from(facts: CardFacts, links: Links) -> Markup | None:
    base = facts.lineage.base_model
    if base is None:
        return None
    verbs = {"adapter": "An adapter for", "merge": "A merge that includes", "quantized": "Quantized from"}
    return text(verbs.get(base.relation or "", "Fine-tuned from")) + " " + base_cell(base, links, revision=False)


def _release_values(facts: CardFacts, links: Links) -> dict[str, object]:
    environment = facts.lineage.environment
    return {
        "facts": facts,
        "rows": list(facts_rows(facts)),
        "lineage_rows": list(lineage_rows(facts, links)),
        "training_rows": list(training_rows(facts)),
        "settings": list(setting_rows(facts.lineage.training.hyperparameters)),
        "evaluation": list(evaluation_rows(facts)),
        "packages": dict(environment.packages) if environment else {},
        "python": environment.python if environment else None,
        "code": facts.lineage.code,
        "smoke": facts.smoke,
        "smoke_figures": list(_smoke_figures(facts)),
    }


def _smoke_figures(facts: CardFacts) -> list[str]:
    smoke = facts.smoke
    if smoke is None:
        return []
    figures = [f"on {smoke.device} in {smoke.dtype}"]
    figures += [f"loaded in {smoke.load_seconds:.1f} s"] if smoke.load_seconds is not None else []
    figures += [f"{smoke.tokens_per_second:.0f} tokens/s"] if smoke.tokens_per_second is not None else []
    figures += [f"peak memory {size(smoke.peak_memory_bytes)}"] if smoke.peak_memory_bytes else []
    return figures
