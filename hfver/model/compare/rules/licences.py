"""Rules on licences: an order of strictness only where there is a well-known one."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from hfver.core.manifest import CARD, LINEAGE
from hfver.core.version import Bump
from hfver.model.compare.json_values import brief, shown
from hfver.model.compare.pair import Pair, View
from hfver.model.compare.rule import Finding, rule

# From free to strict, by the ids that the Hub uses. Within a step licences ask for much the same. What is not here
# (openrail, llama3, gemma, other, ...) has conditions of its own that no order can hold.
_STEPS = (
    r"unlicense|cc0-1\.0|wtfpl|0bsd|pddl|mit-0",
    r"mit|apache-2\.0|bsd(-[23]-clause(-clear)?)?|isc|zlib|bsl-1\.0|ncsa|postgresql|afl-3\.0|ecl-2\.0|ms-pl"
    r"|cc-by-(2\.0|2\.5|3\.0|4\.0)|odc-by|cdla-permissive-[12]\.0|artistic-2\.0|etalab-2\.0|lppl-1\.3c",
    r"mpl-2\.0|lgpl(-lr|-2\.1|-3\.0)?|epl-[12]\.0|eupl-1\.[12]|cc-by-sa-[34]\.0|odbl|cdla-sharing-1\.0|ofl-1\.1",
    r"gpl(-[23]\.0)?|osl-3\.0",
    r"agpl-3\.0",
)
_NON_COMMERCIAL = (r"cc-by-nc-[234]\.0", r"cc-by-nc-sa-[234]\.0", r"cc-by-nc-nd-[34]\.0")
_LADDER = (*_STEPS, *_NON_COMMERCIAL)


def _licence(view: View) -> tuple[str, ...]:
    """Name the licences, with name and link where the id says only ``other``."""
    card = view.side.card
    value: Any = card.get("license") or view.side.lineage.license or ()
    ids = sorted(str(item).strip().lower() for item in (value if isinstance(value, list) else [value] if value else []))
    if any(_step(item) is None for item in ids):
        ids += [str(card[key]) for key in ("license_name", "license_link") if card.get(key)]
    return tuple(ids)


def _step(licence: str) -> int | None:
    return next((step for step, pattern in enumerate(_LADDER) if re.fullmatch(pattern, licence)), None)


def _steps(licences: tuple[str, ...]) -> int | None:
    steps = [_step(licence) for licence in licences]
    known = [step for step in steps if step is not None]
    return max(known) if known and len(known) == len(steps) else None


def _is_relaxed(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    """Tell whether the new licence surely asks for no more than the old one."""
    before, after = _steps(old), _steps(new)
    if after is None or (after > 0 and before == 0):
        return False
    if after <= 1:  # permissive ones ask for less than any other licence, and than none
        return True
    return before is not None and after <= before and (after < len(_STEPS)) == (before < len(_STEPS))


def _where(view: View) -> str:
    return f"{CARD}:license" if view.side.card.get("license") else f"{LINEAGE}:license"


def _known(pair: Pair) -> bool:
    return all(view.side.card or view.side.lineage.license for view in (pair.before, pair.after))


def _licences(pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    old, new = _licence(pair.before), _licence(pair.after)
    return None if old == new or not _known(pair) else (old, new)


def _finding(pair: Pair, old: tuple[str, ...], new: tuple[str, ...], consequence: str) -> Finding:
    before, after = (shown(", ".join(licences)) or "none" for licences in (old, new))
    message = f"The licence went from {before} to {after}: {consequence}"
    return Finding(_where(pair.after), message, brief(before), brief(after))


def _stricter(pair: Pair) -> Iterable[Finding]:
    both = _licences(pair)
    if both and not _is_relaxed(*both):
        yield _finding(pair, *both, "what was allowed may not be, and lawyers have to look again.")
    gates = [key for key in _gates(pair.after) if key not in _gates(pair.before)]
    if gates and _known(pair):
        message = f"Access is gated now ({', '.join(gates)}): a download needs a token and consent."
        yield Finding(f"{CARD}:{gates[0]}", message, None, True)


def _gates(view: View) -> list[str]:
    card = view.side.card
    return sorted(key for key in card if (key.startswith("extra_gated") or key == "gated") and card[key])


license_stricter = rule(
    "license",
    Bump.MAJOR,
    change="a stricter licence, or gating switched on",
    breaks="legal, CI tokens",
    seen="card",
    example=(
        "`license` goes from apache-2.0 to cc-by-nc-4.0.",
        "A product that ships the model may no longer do so.",
    ),
)(_stricter)


def _relaxed(pair: Pair) -> Iterable[Finding]:
    both = _licences(pair)
    if both and _is_relaxed(*both):
        yield _finding(pair, *both, "what was allowed still is.")


license_relaxed = rule(
    "license-relaxed",
    Bump.MINOR,
    change="a more permissive licence",
    breaks="nobody",
    seen="card",
    example=(
        "`license` goes from cc-by-nc-4.0 to apache-2.0.",
        "What was allowed still is, and more.",
    ),
)(_relaxed)

RULES = (license_stricter, license_relaxed)
