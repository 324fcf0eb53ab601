"""Policy: the rules that a repo's releases must meet, and the models that a project uses.

It is the part of the settings (:mod:`hfver.core.settings`) that decides whether something is refused::

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

    [golden]
    on_far = "refuse"

    [models]
    "acme/support-bot" = "^1.2"
    router = { repo = "acme/intent-router", spec = "~2.1" }
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Discriminator, Field, PrivateAttr, Tag, model_validator

from hfver.core.checked_text import ModelId, SpecText
from hfver.core.ref import check_model_id
from hfver.core.version import Bump
from hfver.errors import BadRef

__all__ = ["Alias", "Breach", "Budget", "GoldenRule", "Policy", "Secrets", "SignatureRule", "metric_breaches"]

_ALIAS = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,62}")


class Budget(BaseModel):
    """How far one metric may move from one release to the next."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    higher_is_better: bool = True
    """Whether a larger value is an improvement."""
    max_drop: Annotated[float, Field(ge=0)] | None = None
    """By how much the metric may get worse than in the previous release, in its own unit."""
    min: float | None = None
    """The smallest value that may be released."""
    max: float | None = None
    """The largest value that may be released."""


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
    """Findings that are not secrets, as ``path:fingerprint``: the refusal prints them in this form."""


class SignatureRule(BaseModel):
    """Who must have signed releases. Naming somebody requires signatures, unless ``require`` is false."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    require: bool | None = None
    """Whether releases must be signed; by default they must be if a key or an identity is named."""
    public_key: Path | None = None
    """The key that must verify signatures, in PEM form; relative to the file that names it."""
    identity: str | None = None
    """The identity that sigstore must have certified, such as ``me@example.com``."""
    issuer: str | None = None
    """The OpenID Connect issuer of the identity, such as ``https://accounts.google.com``."""
    repos: tuple[str, ...] = ("*",)
    """Shell patterns of the repos that the rule is for."""

    @model_validator(mode="after")
    def _name_one(self) -> SignatureRule:
        if self.public_key is not None and (self.identity or self.issuer):
            raise ValueError("name public_key, or identity and issuer, not both")
        if bool(self.identity) != bool(self.issuer):
            raise ValueError("identity and issuer go together")
        return self


class GoldenRule(BaseModel):
    """What goldens hold of the team's own prompts, and how differently a release may behave from the one before."""

    model_config = ConfigDict(frozen=True, extra="forbid", allow_inf_nan=False)

    prompts: Literal["none", "ids", "text"] = "none"
    """What a golden holds of the team's own prompts: nothing, their token ids, or their text too. It is published."""
    file: Path | None = None
    """The team's prompts, one per line, or JSON strings in a .jsonl file; below the folder of the settings file."""
    far: Annotated[float, Field(gt=0)] = 0.5
    """The mean KL divergence, in nats per position, from which a MINOR release is far from the one before it."""
    on_far: Literal["warn", "refuse", "ignore"] = "warn"
    """What happens to a MINOR release that is far from the one before it."""


class Alias(BaseModel):
    """A short name for a model that the project uses."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    repo: ModelId
    """The repo, ``namespace/name``."""
    spec: SpecText = "latest"
    """Which of its releases: a version, a range, a commit or ``latest``."""


def _form(value: Any) -> str:
    return "spec" if isinstance(value, str) else "alias"


# Discriminated by form, so that an error is about the form that was written and not about both.
Wanted = Annotated[Annotated[SpecText, Tag("spec")] | Annotated[Alias, Tag("alias")], Discriminator(_form)]


class Policy(BaseModel):
    """All rules of a repo. An empty policy refuses nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    metrics: Mapping[str, Budget] = Field(default_factory=dict)
    """Budgets by the name of the metric, as ``--metrics`` reports it."""
    rules: Mapping[str, Bump] = Field(default_factory=dict)
    """Levels that differ from those of docs/versioning.md, by rule id."""
    secrets: Secrets = Secrets()
    unmeasured: Literal["allow", "refuse"] = "allow"
    """Whether a MINOR release is refused that no smoke eval and no metric with a budget backs."""
    require_signature: bool = False
    """Whether releases must be signed: a short form of ``signature.require``."""
    signature: SignatureRule = SignatureRule()
    golden: GoldenRule = GoldenRule()
    models: Mapping[str, Wanted] = Field(default_factory=dict)
    """The models that the project uses, for ``hfver lock``: ``"ns/name" = "SPEC"``, or ``alias = {repo, spec}``."""

    _files: tuple[Path, ...] = PrivateAttr(default=())
    _file: Path | None = PrivateAttr(default=None)
    _deciders: tuple[Policy, ...] | None = PrivateAttr(default=None)
    _required: Mapping[str, str | Alias] | None = PrivateAttr(default=None)

    @model_validator(mode="after")
    def _check_models(self) -> Policy:
        specs: dict[str, str] = {}
        for name, wanted in self.models.items():
            repo, spec = _repo_and_spec(name, wanted)
            if specs.setdefault(repo.lower(), spec) != spec:
                raise ValueError(f"models.{name}: {repo} is named twice, as {specs[repo.lower()]} and as {spec}")
        return self

    @property
    def file(self) -> Path | None:
        """The project's settings file, or the one that was asked for; None without a file."""
        return self._file

    @property
    def files(self) -> tuple[Path, ...]:
        """Every file that the policy is made from, the one with precedence first."""
        return self._files

    @property
    def aliases(self) -> dict[str, Alias]:
        """The short names of models."""
        return {name: wanted for name, wanted in self.models.items() if isinstance(wanted, Alias)}

    @property
    def requirements(self) -> dict[str, str]:
        """What the project requires: repo to spec. Aliases of the user's configuration are not part of it."""
        models = self.models if self._required is None else self._required
        return dict(_repo_and_spec(name, wanted) for name, wanted in models.items())

    def signature_for(self, *repos: str) -> SignatureRule | None:
        """Return the rule by which releases of any of these repos must be signed; None if they need not be."""
        deciders = (self,) if self._deciders is None else self._deciders
        return next((one.signature for one in deciders if any(map(one.wants_signature, repos))), None)

    def wants_signature(self, repo: str) -> bool:
        """Return whether these rules alone require releases of a repo to be signed."""
        rule = self.signature
        named = rule.public_key is not None or rule.identity is not None
        required = self.require_signature or (named if rule.require is None else rule.require)
        return required and any(fnmatchcase(repo.lower(), pattern.lower()) for pattern in rule.repos)

    def read_from(self, files: tuple[Path, ...], file: Path | None) -> Policy:
        """Return the same policy with the files that it is made from, and the project's file."""
        copy = self.model_copy()
        copy._files, copy._file = files, file
        return copy

    def deciding(self, deciders: tuple[Policy, ...], required: Mapping[str, str | Alias]) -> Policy:
        """Return the same policy with what other files demand, and what the project itself requires.

        Args:
            deciders: The policies that decide about signatures, in order.
            required: The ``[models]`` of the project itself.
        """
        copy = self.model_copy()
        copy._deciders, copy._required = deciders, required
        return copy


def _repo_and_spec(name: str, wanted: str | Alias) -> tuple[str, str]:
    """Return the repo and the spec of an entry of ``[models]``.

    Raises:
        ValueError: The name does not fit the form of the value.
    """
    if isinstance(wanted, Alias):
        if not _ALIAS.fullmatch(name):
            raise ValueError(f"models.{name[:80]}: not an alias: use letters, digits, '.', '_' and '-'")
        return wanted.repo, wanted.spec
    try:
        return check_model_id(name), wanted
    except BadRef as error:
        raise ValueError(f"models.{name[:80]}: {error.message}") from None


def metric_breaches(policy: Policy, before: Mapping[str, float], after: Mapping[str, float]) -> tuple[Breach, ...]:
    """Compare a release's metrics with their budgets; a metric that has a budget and was not measured is a breach."""
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
    # The difference of two decimals is not exact in binary: 0.62 - 0.61 is 0.010000000000000009.
    if worse > budget.max_drop + 1e-9 * max(1.0, abs(before)):
        yield f"{name} went from {before:g} to {after:g}, {worse:g} worse; its budget is {budget.max_drop:g}"
