"""Wish: which versions of which repos a project wants, from the command line, ``hfver.toml`` and the lock itself.

``hfver.toml`` is the standing wish, and a reference on the command line chooses within it. A repo that it does not
name is wanted as the command line says, and from then on as the lock remembers.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hfver.core.lockfile import LOCK, Lock, Package
from hfver.core.policy import Policy
from hfver.core.ref import Latest, PullRequest, Spec, parse_ref
from hfver.core.version import Range
from hfver.errors import BadRef, UsageError

__all__ = ["COMMAND_LINE", "Asked", "Demand", "Wish", "gather"]

COMMAND_LINE = "the command line"


@dataclass(frozen=True)
class Asked:
    """What a lock is asked to become.

    Attributes:
        refs: References as typed.
        models: Repo to spec, from ``hfver.toml``.
        models_from: What to call that file.
        upgrade: Take the newest that the specs allow; of ``refs`` only, if there are any.
        remove: Repos to take out.
        allow_code: Allow the own Python code of the commits that ``refs`` come to.
        policy: Decides which releases must be signed; None for the nearest file.
    """

    refs: tuple[str, ...] = ()
    models: Mapping[str, str] | None = None
    models_from: str = "hfver.toml"
    upgrade: bool = False
    remove: tuple[str, ...] = ()
    allow_code: bool = False
    policy: Policy | None = None


@dataclass(frozen=True)
class Demand:
    """One spec, and who demands it."""

    spec: Spec
    source: str

    def __str__(self) -> str:
        return f"{self.spec} ({self.source})"


@dataclass(frozen=True)
class Wish:
    """What is wanted of one repo: every demand must be met."""

    repo: str
    demands: tuple[Demand, ...]
    text: str
    """What the lock keeps as ``spec``."""
    package: Package | None
    """What is locked now."""
    renew: bool = False
    """Take the newest, whatever is locked."""
    allow_code: bool = False

    @property
    def is_met(self) -> bool:
        """Whether what is locked meets every demand."""
        return self.package is not None and all(self.package.satisfies(one.spec) for one in self.demands)


def gather(asked: Asked, lock: Lock, hub: str) -> tuple[Wish, ...]:
    """List what is wanted on a Hub, by repo.

    Raises:
        BadRef: A reference has no known form, or names a pull request.
        UsageError: A repo to remove is not in the lock, or ``hfver.toml`` wants it.
    """
    typed = _typed(asked.refs)
    models = {repo.lower(): (repo, spec) for repo, spec in (asked.models or {}).items()}
    locked = {one.repo.lower(): one for one in lock.direct if one.hub == hub}
    removed = _removed(asked, set(locked), set(models))
    if asked.allow_code and not typed:
        raise UsageError("Code is allowed for what is named.", "Name it: hfver lock --trust-remote-code NS/NAME")
    keys = sorted((typed.keys() | models.keys() | locked.keys()) - removed)
    return tuple(_wish(key, typed.get(key, ()), models.get(key), locked.get(key), asked) for key in keys)


def _typed(refs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Sort references by repo."""
    typed: dict[str, tuple[str, ...]] = {}
    for text in refs:
        ref = parse_ref(text)
        if isinstance(ref.spec, PullRequest):
            raise BadRef(f"{text}: a pull request moves.", f"Lock what it became: {ref.repo}@<version>.")
        typed[ref.repo.lower()] = (*typed.get(ref.repo.lower(), ()), text)
    return typed


def _removed(asked: Asked, locked: set[str], models: set[str]) -> set[str]:
    names = {name.lower(): name for name in asked.remove}
    for key, name in names.items():
        if key not in locked:
            raise UsageError(f"{name} is not in {LOCK}.", f"It has: {', '.join(sorted(locked)) or 'nothing'}")
        if key in models:
            raise UsageError(f"{asked.models_from} wants {name}.", "Take it out there first.")
    return set(names)


def _wish(
    key: str, typed: tuple[str, ...], model: tuple[str, str] | None, package: Package | None, asked: Asked
) -> Wish:
    explicit = [Demand(parse_ref(text).spec, COMMAND_LINE) for text in typed if "@" in text]
    standing = [Demand(parse_ref(f"a/b@{model[1]}").spec, asked.models_from)] if model else []
    demands = [*explicit, *standing]
    if not demands:
        demands = [Demand(package.wanted, LOCK) if package else Demand(Latest(), COMMAND_LINE)]
    repo = package.repo if package else parse_ref(typed[0]).repo if typed else model[0] if model else key
    return Wish(
        repo,
        tuple(demands),
        _text(standing or demands),
        package,
        renew=asked.upgrade and (bool(typed) or not asked.refs),
        allow_code=asked.allow_code and bool(typed),
    )


def _text(demands: list[Demand]) -> str:
    """Write demands as one spec: the exact one if there is one, else all ranges together."""
    specs = list(dict.fromkeys(str(one.spec) for one in demands))
    exact = [str(one.spec) for one in demands if not isinstance(one.spec, Range | Latest)]
    ranges = [str(one.spec) for one in demands if isinstance(one.spec, Range)]
    return exact[0] if exact else ", ".join(dict.fromkeys(ranges)) or specs[0]
