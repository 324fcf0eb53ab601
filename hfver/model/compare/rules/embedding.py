"""The rule on embedding models: vectors that are stored must stay comparable."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.core.version import Bump
from hfver.model.compare.keys import finding
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.rules.weights import moved
from hfver.model.compare.settings import all_settings


def _space(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "embedding-space":
            yield finding(setting, "vectors are made otherwise and cannot be compared with stored ones.")
    if pair.is_embedding:
        yield from moved(pair, "new vectors cannot be compared with stored ones; indexes must be built anew.")


embedding_space = rule(
    "embedding-space",
    Bump.MAJOR,
    change="an embedding model: dimension, pooling, normalization, or any weight",
    breaks="stored vectors",
    seen="modules.json, pooling config, digests",
    example=(
        "A sentence-transformers model was trained for another epoch.",
        "A search index of old vectors finds the wrong documents until it is built anew.",
    ),
    declare="A model counts as one for embeddings by modules.json, or by pipeline_tag or library_name in its card.",
)(_space)

RULES = (embedding_space,)
