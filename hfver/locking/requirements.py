"""A project's requirements: which versions of which repos it needs, by ``hfver.toml``, the command line and the lock.

``hfver.toml`` always applies, and a reference on the command line chooses within it. A repo that is not in
``hfver.toml`` is required as the command line says, and from then on as the lock records.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from hfver.core.lockfile import LOCK, Lock, Package
from hfver.core.policy import Policy
from hfver.core.ref import Latest, PullRequest, Spec, parse_ref
from hfver.core.version import Range
from hfver.errors import BadRef, UsageError

__all__ = ["COMMAND_LINE", "Constraint", "LockRequest", "Requirement", "collect_requirements"]

COMMAND_LINE = "the command line"
"""How messages name the source of a constraint that was typed."""


@dataclass(frozen=True)
class LockRequest:
    """How a lock is to be changed.

    Attributes:
        refs: The references that the user typed.
        models: The spec of each repo in ``[models]`` of ``hfver.toml``.
        models_from: The name of that file, for messages.
        upgrade: Choose the newest releases that the specs allow; only for ``refs``, if there are any.
        remove: The repos to remove.
        allow_code: Allow the Python code of the commits that are chosen for ``refs``.
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
class Constraint:
    """A spec that a release must satisfy, and where it is written."""

    spec: Spec
    source: str

    def __str__(self) -> str:
        return f"{self.spec} ({self.source})"


@dataclass(frozen=True)
class Requirement:
    """What a project requires of one repo.

    Attributes:
        repo: The repo.
        constraints: The specs; a release must satisfy all of them.
        spec: The one spec that the lock records.
        package: The package that is locked now.
        upgrade: Whether to choose the newest release even if the locked one satisfies the constraints.
        allow_code: Whether to allow the Python code of the commit.
    """

    repo: str
    constraints: tuple[Constraint, ...]
    spec: str
    package: Package | None
    upgrade: bool = False
    allow_code: bool = False

    @property
    def is_satisfied(self) -> bool:
        """Whether the locked package satisfies every constraint."""
        return self.package is not None and all(self.package.satisfies(one.spec) for one in self.constraints)


def collect_requirements(request: LockRequest, lock: Lock, hub: str) -> tuple[Requirement, ...]:
    """Collect the requirements of a project on one Hub, sorted by repo.

    Args:
        request: How the lock is to be changed.
        lock: The lock as it is.
        hub: The identity of the Hub.

    Raises:
        BadRef: A reference has no known form, or names a pull request.
        UsageError: A repo to remove is not in the lock, or ``hfver.toml`` requires it.
    """
    typed = _by_repo(request.refs)
    models = {repo.lower(): (repo, spec) for repo, spec in (request.models or {}).items()}
    locked = {one.repo.lower(): one for one in lock.direct if one.hub == hub}
    removed = _removed(request, set(locked), set(models))
    if request.allow_code and not typed:
        raise UsageError(
            "Code can only be allowed for models that are named.", "Name them: hfver lock --trust-remote-code NS/NAME"
        )
    keys = sorted((typed.keys() | models.keys() | locked.keys()) - removed)
    return tuple(_requirement(key, typed.get(key, ()), models.get(key), locked.get(key), request) for key in keys)


def _by_repo(refs: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Group references by repo."""
    typed: dict[str, tuple[str, ...]] = {}
    for text in refs:
        ref = parse_ref(text)
        if isinstance(ref.spec, PullRequest):
            raise BadRef(
                f"{text} cannot be locked: a pull request can change.",
                f"Lock the release that it becomes: {ref.repo}@<version>",
            )
        typed[ref.repo.lower()] = (*typed.get(ref.repo.lower(), ()), text)
    return typed


def _removed(request: LockRequest, locked: set[str], models: set[str]) -> set[str]:
    names = {name.lower(): name for name in request.remove}
    for key, name in names.items():
        if key not in locked:
            hint = f"Name one of: {', '.join(sorted(locked))}" if locked else "There is nothing to remove."
            raise UsageError(f"{name} is not in {LOCK}.", hint)
        if key in models:
            raise UsageError(f"{request.models_from} requires {name}.", f"Remove it from {request.models_from} first.")
    return set(names)


def _requirement(
    key: str, typed: tuple[str, ...], model: tuple[str, str] | None, package: Package | None, request: LockRequest
) -> Requirement:
    explicit = [Constraint(parse_ref(text).spec, COMMAND_LINE) for text in typed if "@" in text]
    permanent = [Constraint(parse_ref(f"a/b@{model[1]}").spec, request.models_from)] if model else []
    constraints = [*explicit, *permanent]
    if not constraints:
        constraints = [Constraint(package.parsed_spec, LOCK) if package else Constraint(Latest(), COMMAND_LINE)]
    repo = package.repo if package else parse_ref(typed[0]).repo if typed else model[0] if model else key
    return Requirement(
        repo,
        tuple(constraints),
        # What is typed once only chooses a release within hfver.toml, so it is not recorded beside it.
        _combined_spec(permanent or constraints),
        package,
        upgrade=request.upgrade and (bool(typed) or not request.refs),
        allow_code=request.allow_code and bool(typed),
    )


def _combined_spec(constraints: list[Constraint]) -> str:
    """Combine constraints to one spec: an exact one if there is one, otherwise all ranges."""
    specs = list(dict.fromkeys(str(one.spec) for one in constraints))
    exact = [str(one.spec) for one in constraints if not isinstance(one.spec, Range | Latest)]
    ranges = [str(one.spec) for one in constraints if isinstance(one.spec, Range)]
    return exact[0] if exact else ", ".join(dict.fromkeys(ranges)) or specs[0]
