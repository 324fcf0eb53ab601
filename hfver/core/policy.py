"""Policy: the rules a repo's releases must meet, from ``hfver.toml`` or ``[tool.hfver]`` in ``pyproject.toml``.

::

    [metrics.mmlu_accuracy]
    higher_is_better = true
    max_drop = 0.01
    min = 0.6

    [rules]
    sampling = "patch"

    [secrets]
    allow = ["tokenizer.json:0123456789abcdef"]

    [signature]
    require = true
    public_key = "release.pub"
    repos = ["acme/*"]

    [models]
    "acme/support-bot" = "^1.2"
"""

from __future__ import annotations

import tomllib
from collections.abc import Iterator, Mapping
from difflib import get_close_matches
from fnmatch import fnmatchcase
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, PrivateAttr, ValidationError, model_validator

from hfver.core.lockfile.lock import ModelId, SpecText
from hfver.core.version import Bump
from hfver.errors import BadConfig

if TYPE_CHECKING:
    from pydantic_core import ErrorDetails

__all__ = [
    "Breach",
    "Budget",
    "Policy",
    "SignatureRule",
    "find_policy",
    "locate_policy",
    "metric_breaches",
    "read_policy",
]


class Budget(BaseModel):
    """What one metric may do from a release to the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    higher_is_better: bool = True
    max_drop: Annotated[float, Field(ge=0)] | None = None
    """By how much it may get worse than in the release before, in the metric's own unit."""
    min: float | None = None
    max: float | None = None


class Breach(BaseModel):
    """A metric beyond its budget."""

    model_config = ConfigDict(frozen=True)

    metric: str
    before: float | None
    after: float | None
    message: str
    """The metric, its values and its budget, in a sentence."""


class Secrets(BaseModel):
    """What the scan for secrets may pass over."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    allow: tuple[str, ...] = ()
    """``path:fingerprint`` of findings that are no secrets, as the refusal names them."""


class SignatureRule(BaseModel):
    """Who must have signed releases. Naming somebody asks for signatures, unless ``require`` says otherwise."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    require: bool | None = None
    public_key: Path | None = None
    """Relative to the file that the policy is read from."""
    identity: str | None = None
    issuer: str | None = None
    repos: tuple[str, ...] = ("*",)
    """Shell patterns of repos that the rule is for."""

    @model_validator(mode="after")
    def _name_one(self) -> SignatureRule:
        if self.public_key is not None and (self.identity or self.issuer):
            raise ValueError("name public_key, or identity and issuer, not both")
        if bool(self.identity) != bool(self.issuer):
            raise ValueError("identity and issuer go together")
        return self


class Policy(BaseModel):
    """All rules of a repo. An empty policy refuses nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: Mapping[str, Budget] = Field(default_factory=dict)
    rules: Mapping[str, Bump] = Field(default_factory=dict)
    """Levels that differ from the table's, by rule id."""
    secrets: Secrets = Secrets()
    require_signature: bool = False
    signature: SignatureRule = SignatureRule()
    models: Mapping[ModelId, SpecText] = Field(default_factory=dict)
    """Which models the project uses: repo to spec, for ``hfver lock``."""
    _file: Path | None = PrivateAttr(default=None)
    _outer: tuple[Policy, ...] = PrivateAttr(default=())

    @property
    def file(self) -> Path | None:
        """The file that the policy was read from; None for one that was made in Python, or if there is no file."""
        return self._file

    def with_outer(self, outer: tuple[Policy, ...]) -> Policy:
        """Return the same policy, with others whose demands for signatures come before its own."""
        copy = self.model_copy()
        copy._outer = outer
        return copy

    def signature_for(self, *repos: str) -> SignatureRule | None:
        """Return the rule by which releases of any of these repos must be signed; None if they need not be."""
        asking = (one for one in (*self._outer, self) if any(map(one.wants_signature, repos)))
        return next((one.signature for one in asking), None)

    def wants_signature(self, repo: str) -> bool:
        """Return whether this policy, without outer ones, requires releases of a repo to be signed."""
        rule = self.signature
        named = rule.public_key is not None or rule.identity is not None
        required = self.require_signature or (named if rule.require is None else rule.require)
        return required and any(fnmatchcase(repo.lower(), pattern.lower()) for pattern in rule.repos)


_TABLES: Mapping[str, type[BaseModel]] = {"metrics": Budget, "secrets": Secrets, "signature": SignatureRule}


def find_policy(start: Path) -> Policy:
    """Read the nearest ``hfver.toml``, or ``pyproject.toml`` with a ``[tool.hfver]``, from a folder upward.

    Raises:
        BadConfig: The file is no TOML, or holds a key or value that is not known.
    """
    path, table = _find(start)
    return _validate(table, path) if path else Policy()


def read_policy(path: Path) -> Policy:
    """Read the policy in a file: ``hfver.toml`` by any name, or the ``[tool.hfver]`` of a ``pyproject.toml``.

    Raises:
        BadConfig: The file cannot be read, is not TOML, or holds an unknown key or a wrong value.
    """
    table: Any = _read(path)
    if path.name == "pyproject.toml":
        table = table.get("tool", {}).get("hfver")
        if table is None:
            raise BadConfig(f"{path} holds no policy: it has no [tool.hfver].", "Name a file that has one.")
    return _validate(table, path)


def locate_policy(start: Path) -> Path | None:
    """Find the file that :func:`find_policy` reads, or None.

    Raises:
        BadConfig: A file on the way is no TOML.
    """
    return _find(start)[0]


def metric_breaches(policy: Policy, before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Breach, ...]:
    """Compare a release's metrics with their budgets; a gated metric that was not measured is a breach."""
    found = (_breach(name, budget, before.get(name), after.get(name)) for name, budget in policy.metrics.items())
    return tuple(breach for breach in found if breach)


def _breach(name: str, budget: Budget, before: float | None, after: float | None) -> Breach | None:
    reasons = "; ".join(_reasons(name, budget, before, after))
    return Breach(metric=name, before=before, after=after, message=reasons) if reasons else None


def _reasons(name: str, budget: Budget, before: float | None, after: float | None) -> Iterator[str]:
    if after is None:
        yield f"{name} has a budget and was not measured (name it with --metrics)"
        return
    if budget.min is not None and after < budget.min:
        yield f"{name} is {after:g}, below its minimum {budget.min:g}"
    if budget.max is not None and after > budget.max:
        yield f"{name} is {after:g}, above its maximum {budget.max:g}"
    if budget.max_drop is None or before is None:
        return
    worse = before - after if budget.higher_is_better else after - before
    # A difference of two decimals is no exact decimal: 0.62 - 0.61 is 0.010000000000000009.
    if worse > budget.max_drop + 1e-9 * max(1.0, abs(before)):
        yield f"{name} went from {before:g} to {after:g}, {worse:g} worse; its budget is {budget.max_drop:g}"


def _find(start: Path) -> tuple[Path | None, Any]:
    for folder in (start, *start.parents):
        own = folder / "hfver.toml"
        if own.is_file():
            return own, _read(own)
        project = folder / "pyproject.toml"
        table = _read(project).get("tool", {}).get("hfver") if project.is_file() else None
        if table is not None:
            return project, table
    return None, None


def _read(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text())
    except (OSError, UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
        raise BadConfig(f"{path} cannot be read: {error}.", "It must be TOML.") from None


def _validate(table: Any, path: Path) -> Policy:
    try:
        policy = _anchored(Policy.model_validate(table), path.parent)
        policy._file = path
        return policy
    except ValidationError as error:
        first = error.errors(include_url=False)[0]
        where = ".".join(map(str, first["loc"]))
        page = "signing" if "signature" in where.partition(".")[0] else "versioning"
        raise BadConfig(f"{path}: {where}: {_said(first)}", f"See docs/{page}.md for what it may hold.") from None


def _said(error: ErrorDetails) -> str:
    """Put pydantic's words for a key that is not known into ours."""
    if error["type"] != "extra_forbidden":
        return error["msg"].removeprefix("Value error, ").rstrip(".") + "."
    *place, key = map(str, error["loc"])
    near = get_close_matches(key, _TABLES.get(place[0] if place else "", Policy).model_fields, n=1)
    return "no such setting" + (f"; did you mean {near[0]}?" if near else ".")


def _anchored(policy: Policy, folder: Path) -> Policy:
    """Make the paths in a policy those that they are from its own folder."""
    rule = policy.signature
    if rule.public_key is None:
        return policy
    key = folder / rule.public_key.expanduser()
    return policy.model_copy(update={"signature": rule.model_copy(update={"public_key": key})})
