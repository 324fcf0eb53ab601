"""Judges the metadata of a card as the Hub does: a closed list of licenses, and the types of fields.

Only what is known of the Hub is judged, with its messages: from reports of refused cards (huggingface_hub#4218,
datasets#6112, autotrain-advanced#648, MDEL#34, espnet_model_zoo#102) and from its documentation.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any

from hfver.server.storage.card_metadata import CardError, read_metadata

__all__ = ["LICENSES", "judge_card"]

# In the order in which the Hub lists them where it refuses a license. The client has a copy, which a test compares.
_NAMES = """
apache-2.0 mit openrail bigscience-openrail-m creativeml-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m
afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 cc-by-2.0 cc-by-2.5
cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 cc-by-nc-nd-3.0
cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0
cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 eupl-1.2 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0
lgpl lgpl-2.1 lgpl-3.0 isc h-research intel-research lppl-1.3c ms-pl apple-ascl apple-amlr mpl-2.0 odc-by odbl
openmdw-1.0 openmdw-1.1 openrail++ osl-3.0 postgresql ofl-1.1 ncsa unlicense zlib pddl lgpl-lr deepfloyd-if-license
fair-noncommercial-research-license llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 grok2-community gemma unknown
other
"""
LICENSES = tuple(_NAMES.split())

# Repo ids, and names without a namespace such as ``glue``; neither local paths nor prose.
_REPO_ID = re.compile(r"[A-Za-z0-9][\w.-]*(/[A-Za-z0-9][\w.-]*)?", re.ASCII)
_LANGUAGE = re.compile(r"[a-z]{2,3}|code|multilingual")
_MAX_SHOWN = 200

_NO_LANGUAGE = (
    'It must be an ISO 639-1, 639-2 or 639-3 code (two/three letters), or a special value like "code", "multilingual". '
    "If you want to use BCP-47 identifiers, you can specify them in language_bcp47."
)


def judge_card(text: str, kind: str) -> list[str]:
    """Return what is wrong with the metadata of a README, a message each; empty if it may be committed.

    Args:
        text: The README.
        kind: ``models``, ``datasets`` or ``spaces``.
    """
    try:
        card = read_metadata(text)
    except CardError as error:
        return [f"Invalid YAML in README.md: {error}"]
    found = [*_licenses(card), *_values(card, "language", _is_language, _NO_LANGUAGE), *_texts(card)]
    if kind == "models":
        found += _values(card, "base_model", _is_repo_id, "Use a model id from https://hf.co/models.")
        found += _values(card, "datasets", _is_repo_id, "If possible, use a dataset id from https://hf.co/datasets.")
        found += _model_index(card)
    return found


def _licenses(card: dict[str, Any]) -> Iterator[str]:
    value = card.get("license")
    # A key without a value is as good as none: clients drop it before they send a card.
    for name, item in _items("license", value) if value is not None else ():
        if item not in LICENSES:
            yield f'"{name}" must be one of [{", ".join(LICENSES)}, array]'


def _values(card: dict[str, Any], key: str, is_valid: Callable[[Any], bool], advice: str) -> Iterator[str]:
    value = card.get(key)
    for name, item in _items(key, value) if value is not None else ():
        if not isinstance(item, str | bool):
            yield f'"{name}" must be a string'
        elif not is_valid(item):
            yield f'"{name}" with value "{str(item)[:_MAX_SHOWN]}" is not valid. {advice}'


def _items(key: str, value: Any) -> Iterator[tuple[str, Any]]:
    if not isinstance(value, list):
        yield key, value
        return
    yield from ((f"{key}[{number}]", item) for number, item in enumerate(value))


def _is_language(value: Any) -> bool:
    # YAML 1.1 reads a bare ``no``, Norwegian, as a Boolean; the Hub does not.
    return value is False or bool(isinstance(value, str) and _LANGUAGE.fullmatch(value))


def _is_repo_id(value: Any) -> bool:
    return bool(isinstance(value, str) and _REPO_ID.fullmatch(value))


def _texts(card: dict[str, Any]) -> Iterator[str]:
    for key in ("pipeline_tag", "library_name", "license_name", "license_link"):
        if not isinstance(card.get(key), str | None):
            yield f'"{key}" must be a string'
    for key in ("tags", "metrics"):
        if not isinstance(card.get(key), list | str | None):
            yield f'"{key}" must be one of [string, array]'


def _model_index(card: dict[str, Any]) -> Iterator[str]:
    index = card.get("model-index")
    if index is None:
        return
    if not isinstance(index, list):
        yield '"model-index" must be an array'
        return
    for number, model in enumerate(index):
        where = f"model-index[{number}]"
        if not isinstance(model, dict):
            yield f'"{where}" must be of type object'
            continue
        yield from _required(model, where, "name")
        yield from _array(model, f"{where}.results")
        for place, result in _objects(model.get("results"), f"{where}.results"):
            yield from _result(result, place)


def _result(result: dict[str, Any], where: str) -> Iterator[str]:
    for key, needed in (("task", ("type",)), ("dataset", ("type", "name"))):
        part = result.get(key)
        if not isinstance(part, dict):
            yield f'"{where}.{key}" is required'
            continue
        yield from _required(part, f"{where}.{key}", *needed)
        yield from _text(part, f"{where}.{key}", "config")
    yield from _array(result, f"{where}.metrics")
    for place, metric in _objects(result.get("metrics"), f"{where}.metrics"):
        yield from _required(metric, place, "type", "value")
        yield from _text(metric, place, "config")


def _array(holder: dict[str, Any], where: str) -> Iterator[str]:
    value = holder.get(where.rpartition(".")[2])
    if not isinstance(value, list):
        yield f'"{where}" {"is required" if value is None else "must be an array"}'


def _required(holder: dict[str, Any], where: str, *keys: str) -> Iterator[str]:
    yield from (f'"{where}.{key}" is required' for key in keys if key not in holder)


def _text(holder: dict[str, Any], where: str, key: str) -> Iterator[str]:
    if not isinstance(holder.get(key), str | None):
        yield f'"{where}.{key}" must be a string'


def _objects(value: Any, where: str) -> Iterator[tuple[str, dict[str, Any]]]:
    items = value if isinstance(value, list) else []
    yield from ((f"{where}[{at}]", item) for at, item in enumerate(items) if isinstance(item, dict))
