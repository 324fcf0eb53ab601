"""Compare two chat templates by their trees, and by what they render until every changed branch was reached."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from typing import Any

from .conversations import Conversations
from .instrument import Instrument, spread_names
from .trees import Plan, canonical_body, diff_bodies

__all__ = ["compare_templates"]

SECONDS = 8.0
"""How long conversations are made up, in seconds; a branch that was not reached until then counts as unreachable."""
_MOST_MADE = 8000
"""How many conversations are made up at most."""
_ENOUGH = 1500
"""How many of chance are tried though everything was reached: a branch may render alike for most conversations."""
_MOST_RENDERED = 2 * 1024 * 1024
_SHOWN = 160
_REFUSED = object()


class _Side:
    """One side's template: its tree, and what of it was reached."""

    def __init__(self, environment: Any, source: str, tokens: dict[str, Any]) -> None:
        self.source = source
        self.tokens = tokens
        self.environment = environment
        self.reached: dict[int, set[bool]] = {}
        self.units: dict[int, tuple[set[bool], str]] = {}
        try:
            self.tree: Any = environment.parse(source)
            # A filter or test that does not exist shows only here, and makes the whole template an error, too.
            environment.compile(source)
        except MemoryError:
            raise
        except Exception:
            self.tree = None
        self.compiled: Any = None
        self.plain: Any = None

    def compile(self, plan: Plan) -> None:
        """Put a probe on everything that changed, and compile the template."""
        try:
            self.plain = self.environment.from_string(self.source)
        except Exception:
            return
        # From here on an exception is no refusal: it ends the job, and the template counts as rendering differently.
        spread_names(self.tree, plan)
        Instrument(self.unit, plan).body(self.tree.body)
        self.tree.set_environment(self.environment)
        self.compiled = self.environment.from_string(self.tree, globals={"__seen": self._seen})

    def unit(self, wanted: set[bool], shown: str) -> int:
        """Register something that is to be reached."""
        self.units[len(self.units)] = (wanted, shown)
        return len(self.units) - 1

    def _seen(self, number: int, value: Any) -> Any:
        self.reached.setdefault(number, set()).add(bool(value))
        return value

    @property
    def missing(self) -> list[str]:
        """What was not reached, as far as it can be shown."""
        return [shown for number, (wanted, shown) in self.units.items() if wanted - self.reached.get(number, set())]

    def check(self, variables: dict[str, Any]) -> None:
        """Make sure that the probes change nothing."""
        if self.compiled is not None and self.render(variables) != self._rendered(self.plain, variables):
            raise RuntimeError("the probes change what is rendered")

    def render(self, variables: dict[str, Any]) -> Any:
        """Render one conversation; ``_REFUSED`` where the template raises, as templates do to reject one."""
        return _REFUSED if self.compiled is None else self._rendered(self.compiled, variables)

    def _rendered(self, compiled: Any, variables: dict[str, Any]) -> Any:
        parts, size = [], 0
        try:
            # A copy, because templates can change lists in place.
            for part in compiled.generate(**self.tokens, **json.loads(json.dumps(variables))):
                parts.append(part)
                size += len(part)
                if size > _MOST_RENDERED:
                    return "<too long>"
        except MemoryError:
            raise
        except Exception:
            return _REFUSED
        return "".join(parts)


def compare_templates(
    environment: Callable[[], Any], sides: list[dict[str, Any]], fixed: dict[str, dict[str, Any]]
) -> dict[str, Any]:
    """Compare two templates.

    Args:
        environment: Makes what templates are compiled in.
        sides: Source and special tokens of each.
        fixed: Conversations that are tried first, by name.

    Returns:
        ``same``: whether the trees mean the same; ``differences``: name, before and after of conversations that render
        differently; ``unreached``: what changed and was not reached.
    """
    old, new = (_Side(environment(), side["source"], side["tokens"]) for side in sides)
    if old.tree is not None and new.tree is not None:
        if canonical_body(old.tree.body) == canonical_body(new.tree.body):
            return {"same": True, "differences": [], "unreached": []}
        plans = Plan(), Plan()
        diff_bodies(old.tree.body, new.tree.body, *plans)
        made = Conversations((old.tree, new.tree), plans)
        old.compile(plans[0])
        new.compile(plans[1])
    else:
        made = None
        for side in (old, new):
            side.compile(Plan())
    found = _differences(old, new, fixed, made)
    # A template that was refused as a whole was of use to nobody.
    unreached = [] if old.compiled is None else [*old.missing, *new.missing]
    return {"same": False, "differences": found, "unreached": sorted(set(unreached))[:8]}


def _differences(
    old: _Side, new: _Side, fixed: dict[str, dict[str, Any]], made: Conversations | None
) -> list[list[str]]:
    found = []
    for name, variables in fixed.items():
        old.check(variables)
        new.check(variables)
        if difference := _difference(old, new, variables):
            found.append([name, *difference])
    end = time.monotonic() + SECONDS
    for count, (chance, variables) in enumerate(made.all() if made is not None else ()):
        if len(found) >= 3 or count >= _MOST_MADE or time.monotonic() > end:
            break
        if chance > _ENOUGH and not old.missing and not new.missing:
            break
        if difference := _difference(old, new, variables):
            found.append([_shown(variables), *difference])
    return found


def _difference(old: _Side, new: _Side, variables: dict[str, Any]) -> list[str]:
    before, after = old.render(variables), new.render(variables)
    # What was refused before was of use to nobody: accepting it is an addition.
    if before is _REFUSED or before == after:
        return []
    after = "<refused>" if after is _REFUSED else after
    at = max(0, _common(before, after) - 20)
    return [before[at : at + _SHOWN], after[at : at + _SHOWN]]


def _common(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


def _shown(variables: dict[str, Any]) -> str:
    given = {key: value for key, value in variables.items() if value is not None}
    return json.dumps(given, ensure_ascii=False)
