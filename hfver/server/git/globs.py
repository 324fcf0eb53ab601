"""Git's wildcard patterns, matched in bounded time whatever the pattern."""

from __future__ import annotations

import functools
import re
from typing import Protocol


class Matcher(Protocol):
    """Tests whole paths against a pattern."""

    def __call__(self, path: str) -> bool:
        """Return whether the pattern matches."""

    def cost(self, path: str) -> int:
        """Return about how many steps it takes to test a path; 0 where that is not worth counting."""


_PIECE = re.compile(r"\*\*+/|/\*\*+$|\*+|\?|\[[!^]?\]?(?:\[:\w+:\]|[^\]])*\]|\\.|.", re.DOTALL)
# A regular expression is much faster, and backtracks little, as long as the pattern has only so many wildcards.
_MAX_WILDCARDS = 2
_NOTHING = re.compile(r"(?!)")


@functools.lru_cache(maxsize=4096)
def compile_glob(pattern: str, *, folders: bool) -> Matcher:
    """Compile a pattern to a function that tests whole paths.

    Args:
        pattern: As in .gitattributes or .gitignore, without a leading ``!``.
        folders: Whether the paths may be folders, which end with a slash.
    """
    only_folders = pattern.endswith("/")
    pattern = pattern.rstrip("/")
    pieces: list[str] = [] if "/" in pattern else ["**/"]
    pieces += _PIECE.findall(pattern.removeprefix("/"))
    if folders:
        pieces.append("/" if only_folders else "/?")
    try:
        if sum(map(_is_wildcard, pieces)) <= _MAX_WILDCARDS + 1:
            expression = re.compile("".join(map(_translate, pieces)), re.DOTALL)
            return _Expression(expression)
        return _Automaton(pieces)
    except re.error:
        return _Expression(_NOTHING)  # as in git, a malformed bracket matches nothing


def _translate(piece: str) -> str:
    if piece == "/?":
        return piece
    if piece[0] == "*":
        return "(?:.*/)?" if piece[-1] == "/" else "[^/]*"
    if piece.startswith("/*"):
        return "/.+"
    return _single(piece)


def _single(piece: str) -> str:
    """Translate a piece that matches one character."""
    if piece == "?":
        return "[^/]"
    return _bracket(piece) if piece[0] == "[" and len(piece) > 1 else re.escape(piece[-1])


def _bracket(piece: str) -> str:
    inner = piece[1:-1].replace("\\", "\\\\").replace("[:space:]", r"\s").replace("[:digit:]", r"\d")
    inner = inner.replace("[:alpha:]", "A-Za-z").replace("[:alnum:]", "A-Za-z0-9").replace("[", r"\[")
    return f"[^{inner[1:]}]" if inner.startswith(("!", "^")) else f"[{inner}]"


def _is_wildcard(piece: str) -> bool:
    return piece[0] == "*" or piece.startswith("/*")


def _compile_single(piece: str) -> re.Pattern[str]:
    return re.compile("/" if piece == "/?" else _single(piece), re.DOTALL)


class _Expression:
    """Matches by a regular expression with few wildcards."""

    def __init__(self, expression: re.Pattern[str]) -> None:
        self._expression = expression

    def __call__(self, path: str) -> bool:
        return self._expression.fullmatch(path) is not None

    def cost(self, _: str) -> int:
        return 0


class _Automaton:
    """Follows all ways to match at once, in at most pieces times characters steps.

    A state is twice the number of the next piece, plus one while within the folders of ``**/`` or the rest after
    ``/**``.
    """

    def __init__(self, pieces: list[str]) -> None:
        self._pieces = pieces
        self._singles = [None if _is_wildcard(piece) else _compile_single(piece) for piece in pieces]

    def cost(self, path: str) -> int:
        return len(self._pieces) * len(path)

    def __call__(self, path: str) -> bool:
        states = self._closure({0})
        for letter in path:
            states = self._closure({after for state in states for after in self._step(state, letter)})
            if not states:
                return False
        return 2 * len(self._pieces) in states

    def _closure(self, states: set[int]) -> set[int]:
        """Add the states that are reached without a character: stars and the optional slash may match nothing."""
        for state in sorted(states):
            while state % 2 == 0 and state < 2 * len(self._pieces) and self._may_be_empty(state // 2):
                state += 2
                states.add(state)
        return states

    def _may_be_empty(self, number: int) -> bool:
        piece = self._pieces[number]
        return piece[0] == "*" or piece == "/?"

    def _step(self, state: int, letter: str) -> tuple[int, ...]:
        number, inside = divmod(state, 2)
        if number == len(self._pieces):
            return ()
        single = self._singles[number]
        if single is not None:
            return (state + 2,) if single.fullmatch(letter) else ()
        return self._step_wildcard(self._pieces[number], state - inside, inside, letter)

    @staticmethod
    def _step_wildcard(piece: str, state: int, inside: int, letter: str) -> tuple[int, ...]:
        if piece.startswith("/*"):
            if inside:
                return (state + 1, state + 2)
            return (state + 1,) if letter == "/" else ()
        if piece.endswith("/"):
            return (state + 1, state + 2) if letter == "/" else (state + 1,)
        return (state,) if letter != "/" else ()
