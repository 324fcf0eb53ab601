"""The licenses that the Hub knows, and how a card names any other.

The Hub refuses a card whose ``license`` is not on its list, when the card is committed. A license that is not on the
list is written as ``license: other`` with its name in ``license_name``, and where its text is in ``license_link``.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any
from urllib.parse import urlsplit

__all__ = ["HUB_LICENSES", "OTHER", "license_fields", "license_names"]

OTHER = "other"

MAX_NAME = 200
"""Maximum length in characters of a name that is made here."""

# As https://huggingface.co/docs/hub/repositories-licenses lists them, and as the Hub itself lists them where it refuses
# a license (huggingface_hub#4218). The embedded Hub has a copy, which a test compares with this one.
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
HUB_LICENSES = frozenset(_NAMES.split())
"""The identifiers that the Hub accepts."""

_LICENSE_FILE = re.compile(r"LICEN[CS]E(\.(md|txt))?")


def license_fields(value: Any, card: Mapping[str, Any], files: Sequence[str] = ()) -> dict[str, Any]:
    """Return a card's ``license``, ``license_name`` and ``license_link`` in the form that the Hub accepts.

    Args:
        value: What the author or the lineage gives as the license: one or several, as identifiers, names or addresses.
        card: The author's metadata: its own ``license_name`` and ``license_link`` win over those that are made here.
        files: The paths of the release: a license's text among them is linked.
    """
    given = _listed(value)
    known = [found for item in given if (found := _known(item))]
    unknown = [item for item in given if not _known(item)]
    ids: list[str] = list(dict.fromkeys([*known, *([OTHER] if unknown else [])]))
    fields: dict[str, Any] = {"license": ids[0] if len(ids) == 1 and not isinstance(value, list) else ids or None}
    if unknown:
        address = next((item for item in unknown if _is_address(item)), None)
        text = next(filter(_LICENSE_FILE.fullmatch, sorted(files)), None)
        fields["license_name"] = card.get("license_name") or "-and-".join(map(_name, unknown))[:MAX_NAME]
        fields["license_link"] = card.get("license_link") or address or text
    return fields


def license_names(card: Mapping[str, Any]) -> tuple[str, ...]:
    """Return which licenses a card names, in one spelling: with ``license: other``, the name that it gives.

    So a card that was written before the Hub's list was known names the same license as one that was written after.
    """
    given = [_known(item) or _name(item) for item in _listed(card.get("license"))]
    other = card.get("license_name")
    named = [_name(other)] if OTHER in given and isinstance(other, str) and other.strip() else []
    return tuple(sorted({*(item for item in given if item != OTHER or not named), *named}))


def _listed(value: Any) -> list[str]:
    items = value if isinstance(value, list) else [value]
    return [item.strip() for item in items if isinstance(item, str) and item.strip()]


def _known(text: str) -> str | None:
    """Return the Hub's identifier for a license; None if it has none. ``Apache-2.0`` and ``CC BY 4.0`` have one."""
    spelled = re.sub(r"\s+", "-", text.strip().lower())
    return spelled if spelled in HUB_LICENSES else None


def _name(text: str) -> str:
    """Make an identifier of a license's name, in the form of those on the list."""
    if _is_address(text):
        place = urlsplit(text)
        text = place.path.rstrip("/").rpartition("/")[2] or place.netloc
    return re.sub(r"[^a-z0-9.+]+", "-", text.lower()).strip("-.") or "custom"


def _is_address(text: str) -> bool:
    return text.startswith(("https://", "http://"))
