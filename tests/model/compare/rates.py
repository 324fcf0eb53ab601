"""How often a level is wrong: every pair made by real libraries, by family, printed by ``python -m``.

A missed MAJOR breaks whoever pinned a range; a false one wastes a MAJOR.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass

from hfver.core.version import Bump
from hfver.model.compare import Side, compare
from tests.model.compare import tokenizer_pairs
from tests.model.compare.pairs import PAIRS
from tests.model.compare.test_tokenizer_pairs import expected, side

__all__ = ["KNOWN", "JudgedPair", "RatedPair", "judge", "made_pairs", "main", "table", "tokenizer_pairs_rated"]

_DETR = "the table of settings without effect does not cover DETR, whose backbone needs timm to be built"
KNOWN: Mapping[str, str] = {
    "vision: weights of the losses": _DETR,
    "vision: a loss for each layer": _DETR,
}
"""Pairs whose level is known to differ, by name: the reason. They are counted as wrong all the same."""

_COLUMNS = ("pairs", "right", "missed MAJOR", "false MAJOR", "other wrong")


@dataclass(frozen=True)
class RatedPair:
    """A pair and the level that the contract gives, whatever made it.

    Attributes:
        name: What changed.
        family: What kind of model or file it is.
        level: The level that the contract gives.
        sides: Makes both sides.
    """

    name: str
    family: str
    level: Bump
    sides: Callable[[], tuple[Side, Side]]


@dataclass(frozen=True)
class JudgedPair:
    """A pair and the level that was found; None for no difference."""

    pair: RatedPair
    found: Bump | None

    @property
    def is_right(self) -> bool:
        """Whether the level is that of the contract."""
        return self.found == self.pair.level

    @property
    def is_missed(self) -> bool:
        """Whether it is MAJOR and was found to be less."""
        return self.pair.level is Bump.MAJOR and not self.is_right

    @property
    def is_false(self) -> bool:
        """Whether it is less than MAJOR and was found to be MAJOR."""
        return self.found is Bump.MAJOR and not self.is_right

    def __str__(self) -> str:
        known = f" (known: {KNOWN[self.pair.name]})" if self.pair.name in KNOWN else ""
        found = self.found.value if self.found else "no difference"
        return f"{self.pair.family} | {self.pair.name}: {found}, must be {self.pair.level.value}{known}"


def made_pairs() -> Iterator[RatedPair]:
    """Yield the pairs of checkpoints."""
    return (RatedPair(pair.name, pair.family, pair.level, pair.sides) for pair in PAIRS)


def tokenizer_pairs_rated() -> Iterator[RatedPair]:
    """Yield the pairs of tokenizers, with the level that the installed libraries require."""
    for pair in tokenizer_pairs.PAIRS:

        def sides(pair: tokenizer_pairs.TokenizerPair = pair) -> tuple[Side, Side]:
            before = pair.first(pair.of())
            return side(before), side(pair.edit(before))

        yield RatedPair(pair.name, "tokenizer", expected(pair), sides)


def judge(pairs: Iterable[RatedPair]) -> list[JudgedPair]:
    """Compare the sides of every pair."""
    return [JudgedPair(pair, compare(*pair.sides()).level) for pair in pairs]


def table(judged: Iterable[JudgedPair]) -> str:
    """Return the counts by family and in total, and every wrong pair, as Markdown."""
    families: dict[str, list[JudgedPair]] = {}
    for one in judged:
        families.setdefault(one.pair.family, []).append(one)
    everything = [one for family in families.values() for one in family]
    rows = [(family, *_counts(families[family])) for family in sorted(families)]
    lines = [
        _row("family", *_COLUMNS),
        _row(*("---" for _ in range(len(_COLUMNS) + 1))),
        *(_row(*row) for row in rows),
        _row("total", *_counts(everything)),
    ]
    return "\n".join((*lines, "", *(f"wrong: {one}" for one in everything if not one.is_right)))


def _counts(judged: list[JudgedPair]) -> tuple[str, ...]:
    majors = sum(one.pair.level is Bump.MAJOR for one in judged)
    right = sum(one.is_right for one in judged)
    missed = sum(one.is_missed for one in judged)
    false = sum(one.is_false for one in judged)
    return (
        str(len(judged)),
        str(right),
        f"{missed} of {majors}",
        f"{false} of {len(judged) - majors}",
        str(len(judged) - right - missed - false),
    )


def _row(*cells: str) -> str:
    return f"| {' | '.join(cells)} |"


def main(families: Iterable[str]) -> int:
    """Print the table of the given families, or of all, and fail if a wrong pair is not known."""
    chosen = set(families)
    pairs = [pair for pair in (*made_pairs(), *tokenizer_pairs_rated()) if not chosen or pair.family in chosen]
    judged = judge(pairs)
    print(table(judged))
    return int(any(not one.is_right and one.pair.name not in KNOWN for one in judged))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
