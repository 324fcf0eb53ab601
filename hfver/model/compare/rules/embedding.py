"""The rule on embedding models: vectors that people have stored must stay comparable."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.core.version import Bump
from hfver.model.compare.keys import match_setting
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.rules.weights import match_changed_values
from hfver.model.compare.settings import all_settings


def _space(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "embedding-space":
            yield match_setting(setting, "vectors are computed differently and cannot be compared with stored ones.")
    # Any new weight moves every vector a little, and an index mixes vectors of different days.
    if pair.is_embedding:
        yield from match_changed_values(
            pair, "new vectors cannot be compared with stored ones, and indexes must be rebuilt."
        )


embedding_space = Rule(
    "embedding-space",
    Bump.MAJOR,
    change="an embedding model: dimension, pooling, normalization, or any weight",
    breaks="stored vectors",
    seen="modules.json, pooling config, digests",
    example=(
        "A sentence-transformers model was trained for another epoch.",
        "A search index of old vectors returns the wrong documents until it is rebuilt.",
    ),
    declare="A model counts as an embedding model by its modules.json, or by pipeline_tag or library_name in its card.",
    detect=_space,
)

RULES = (embedding_space,)
