"""Rules on licenses: they are ordered by strictness only where the order is undisputed."""

from __future__ import annotations

import re
from collections.abc import Iterable

from hfver.core.licenses import OTHER, license_names
from hfver.core.manifest import CARD, LINEAGE
from hfver.core.version import Bump
from hfver.model.compare.json_values import brief, printable
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.rule import Rule, RuleMatch

# From permissive to strict, by the ids that the Hub uses. Licenses of one rank ask for much the same. Those that are
# missing (openrail, llama3, gemma, other, ...) have conditions of their own and fit into no order.
_OPEN = (
    r"unlicense|cc0-1\.0|wtfpl|0bsd|pddl|mit-0",
    r"mit|apache-2\.0|bsd(-[23]-clause(-clear)?)?|isc|zlib|bsl-1\.0|ncsa|postgresql|afl-3\.0|ecl-2\.0|ms-pl"
    r"|cc-by-(2\.0|2\.5|3\.0|4\.0)|odc-by|cdla-permissive-[12]\.0|artistic-2\.0|etalab-2\.0|lppl-1\.3c",
    r"mpl-2\.0|lgpl(-lr|-2\.1|-3\.0)?|epl-[12]\.0|eupl-1\.[12]|cc-by-sa-[34]\.0|odbl|cdla-sharing-1\.0|ofl-1\.1",
    r"gpl(-[23]\.0)?|osl-3\.0",
    r"agpl-3\.0",
)
_NON_COMMERCIAL = (r"cc-by-nc-[234]\.0", r"cc-by-nc-sa-[234]\.0", r"cc-by-nc-nd-[34]\.0")
_BY_RANK = (*_OPEN, *_NON_COMMERCIAL)
_PERMISSIVE = 1
"""The highest rank of licenses that ask for nothing but attribution."""


def _names(side: ParsedSide) -> tuple[str, ...]:
    return license_names(side.card if side.card.get("license") else {"license": side.lineage.license})


def _license(side: ParsedSide) -> tuple[str, ...]:
    """Return the licenses, with the link where their names do not say everything."""
    names, link = _names(side), side.card.get("license_link")
    return (*names, str(link)) if link and any(_rank(name) is None for name in names) else names


def _rank(license_id: str) -> int | None:
    return next((rank for rank, pattern in enumerate(_BY_RANK) if re.fullmatch(pattern, license_id)), None)


def _highest_rank(ids: tuple[str, ...]) -> int | None:
    ranks = [_rank(license_id) for license_id in ids]
    known = [rank for rank in ranks if rank is not None]
    return max(known) if known and len(known) == len(ranks) else None


def _is_relaxed(old: tuple[str, ...], new: tuple[str, ...]) -> bool:
    """Return whether the new license certainly asks for no more than the old one."""
    before, after = _highest_rank(old), _highest_rank(new)
    if after is None or (after > 0 and before == 0):
        return False
    # A permissive license asks for less than any unranked one, and allows more than no license at all.
    if after <= _PERMISSIVE:
        return True
    # Copyleft and non-commercial terms cannot be compared with each other.
    return before is not None and after <= before and (after < len(_OPEN)) == (before < len(_OPEN))


def _where(side: ParsedSide) -> str:
    return f"{CARD}:license" if side.card.get("license") else f"{LINEAGE}:license"


def _known(pair: Pair) -> bool:
    """Return whether a license can be missing: where neither side has a card, nobody ever stated one."""
    return any(side.card or side.lineage.license for side in (pair.before, pair.after))


def _changed_licenses(pair: Pair) -> tuple[tuple[str, ...], tuple[str, ...]] | None:
    old, new = _license(pair.before), _license(pair.after)
    return None if old == new or _adds_link(pair) or not _known(pair) else (old, new)


def _adds_link(pair: Pair) -> bool:
    """Return whether a license keeps its name, and only one side says where its text is."""
    old, new = _names(pair.before), _names(pair.after)
    linked = [side for side in (pair.before, pair.after) if side.card.get("license_link")]
    return old == new and OTHER not in old and len(linked) == 1


def _match(pair: Pair, old: tuple[str, ...], new: tuple[str, ...], consequence: str) -> RuleMatch:
    before, after = (printable(", ".join(ids)) or "none" for ids in (old, new))
    message = f"The license changed from {before} to {after}: {consequence}"
    return RuleMatch(_where(pair.after), message, brief(before), brief(after))


def _stricter(pair: Pair) -> Iterable[RuleMatch]:
    both = _changed_licenses(pair)
    if both and not _is_relaxed(*both):
        yield _match(pair, *both, "uses that were allowed may be forbidden now and need a new legal review.")
    gates = [key for key in _gates(pair.after) if key not in _gates(pair.before)]
    if gates and _known(pair):
        message = f"Access is now gated ({', '.join(gates)}): downloads require a token and consent to the conditions."
        yield RuleMatch(f"{CARD}:{gates[0]}", message, None, True)


def _gates(side: ParsedSide) -> list[str]:
    return sorted(key for key in side.card if (key.startswith("extra_gated") or key == "gated") and side.card[key])


license_stricter = Rule(
    "license",
    Bump.MAJOR,
    change="a stricter license, or gated access switched on",
    breaks="legal reviews, CI without a token",
    seen="card",
    example=(
        "`license` changes from apache-2.0 to cc-by-nc-4.0.",
        "A product that ships the model may no longer do so.",
    ),
    detect=_stricter,
)


def _relaxed(pair: Pair) -> Iterable[RuleMatch]:
    both = _changed_licenses(pair)
    if both and _is_relaxed(*both):
        yield _match(pair, *both, "every use that was allowed still is.")


license_relaxed = Rule(
    "license-relaxed",
    Bump.MINOR,
    change="a more permissive license",
    breaks="nobody",
    seen="card",
    example=(
        "`license` changes from cc-by-nc-4.0 to apache-2.0.",
        "Every use that was allowed still is, and others are too.",
    ),
    detect=_relaxed,
)

RULES = (license_stricter, license_relaxed)
