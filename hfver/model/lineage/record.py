"""The lineage record: what a release was made from, and how, each part pinned to an exact revision or hash.

The format is ``lineage.yaml``. Keys nobody here knows are kept, so that teams can add their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from math import isfinite
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, ValidationError

from hfver.core.ledger import Sha1
from hfver.core.yaml import dump_yaml, load_yaml
from hfver.errors import BadConfig

__all__ = ["BaseModelLink", "Code", "Dataset", "Environment", "Evaluation", "Lineage", "Run", "Training"]


Number = Annotated[int | float, BeforeValidator(lambda value: _number(value))]
"""A finite number; neither a truth value nor NaN, which compares with nothing."""


class _Record(BaseModel):
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class BaseModelLink(_Record):
    """The model that this one was made from."""

    name: str
    source: str | None = None
    """Repo id on the Hub."""
    version: str | None = None
    revision: Sha1 | None = None
    """The exact commit."""
    relation: str | None = None
    """How: ``finetune``, ``adapter``, ``merge`` or ``quantized``, the Hub's own words."""
    digest: str | None = None
    """Digest of the release, where the base is one."""


class Dataset(_Record):
    """A dataset that was trained or evaluated on."""

    name: str
    version: str | None = None
    size: int | None = None
    """Number of examples."""
    hash: str | None = None
    """SHA-256 of the local file, or the fingerprint of a processed dataset, with its kind before a colon."""
    source: str | None = None
    revision: str | None = None


class Training(_Record):
    """How the weights came about."""

    dataset: Dataset | None = None
    datasets: tuple[Dataset, ...] = ()
    hyperparameters: Mapping[str, Any] = Field(default_factory=dict)
    infrastructure: Mapping[str, Any] = Field(default_factory=dict)
    duration_hours: float | None = None
    total_tokens_trained: int | None = None
    steps: int | None = None
    epochs: float | None = None

    @property
    def all_datasets(self) -> tuple[Dataset, ...]:
        """The datasets, whether one or a list was written."""
        return ((self.dataset,) if self.dataset else ()) + self.datasets


class Code(_Record):
    """The code that trained it."""

    repository: str | None = None
    commit: Sha1 | None = None
    dirty: bool | None = None
    entrypoint: str | None = None


class Environment(_Record):
    """What the code ran on."""

    python: str | None = None
    packages: Mapping[str, str] = Field(default_factory=dict)


class Run(_Record):
    """The experiment tracker's name for the training run."""

    tracker: str | None = None
    id: str | None = None
    url: str | None = None


class Evaluation(_Record):
    """How well it does: metric name to value."""

    metrics: Mapping[str, Number] = Field(default_factory=dict)
    benchmarks: Mapping[str, Number] = Field(default_factory=dict)


class Lineage(_Record):
    """The whole record of one release."""

    model_version: str | None = None
    model_name: str | None = None
    created_at: datetime | None = None
    created_by: str | None = None
    base_model: BaseModelLink | None = None
    training: Training = Field(default_factory=Training)
    code: Code | None = None
    environment: Environment | None = None
    run: Run | None = None
    evaluation: Evaluation = Field(default_factory=Evaluation)
    artifacts: Mapping[str, Any] = Field(default_factory=dict)
    license: str | None = None
    """The licence's id as the Hub writes it, such as ``apache-2.0``."""

    def encode(self) -> bytes:
        """Write the record as YAML, leaving out what is not known."""
        data = _without_empty(self.model_dump(mode="json", exclude_none=True))
        return dump_yaml(data)

    @classmethod
    def decode(cls, data: bytes, where: str) -> Lineage:
        """Read the record from YAML; ``where`` names it in errors.

        Raises:
            BadConfig: The bytes are too many, no YAML, use aliases, or hold values of a wrong type.
        """
        try:
            raw = load_yaml(data)
            return cls.model_validate({} if raw is None else raw)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"])) or "the whole"
            raise BadConfig(f"{where}: {key}: {first['msg'].removeprefix('Value error, ')}.") from None
        except ValueError as error:
            raise BadConfig(f"{where} cannot be read: {error}.") from None

    def merged(self, stronger: Lineage) -> Lineage:
        """Return this record with everything that the stronger one knows laid over it.

        Records of one thing are laid over each other key by key. A record of another thing (another base
        model, another commit, another environment) replaces the weaker one whole, and so does a list of
        datasets.
        """
        ours, theirs = (
            _without_empty(record.model_dump(mode="json", exclude_none=True)) for record in (self, stronger)
        )
        for key, identity in _IDENTITY.items():
            if _differ(ours.get(key), theirs.get(key), identity):
                del ours[key]
        if _other_place(ours.get("environment"), theirs.get("environment")):
            del ours["environment"]
            ours.get("training", {}).pop("infrastructure", None)
        if theirs.get("training", {}).keys() & _DATASETS:
            ours["training"] = {key: item for key, item in ours.get("training", {}).items() if key not in _DATASETS}
        return Lineage.model_validate(_overlay(ours, theirs))


def read_lineage(path: Path) -> Lineage:
    """Read a ``lineage.yaml`` given by the user.

    Raises:
        BadConfig: The file is missing or is no lineage record.
    """
    try:
        return Lineage.decode(path.read_bytes(), str(path))
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", "Give the path of a lineage.yaml.") from None


def _number(value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError(f"{str(value)[:80]!r} is not a number")
    if not isfinite(value):
        raise ValueError(f"{value} is not a finite number")
    return value


_DATASETS = {"dataset", "datasets"}

_IDENTITY = {
    "base_model": ("source", "name"),
    "code": ("repository", "commit"),
    "run": ("tracker", "id"),
}
"""The keys by which two records of a kind are about the same thing."""


def _other_place(ours: Any, theirs: Any) -> bool:
    """Tell whether two environments contradict each other: what one ran on says nothing of the other."""
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return False
    mine, yours = (place.get("packages", {}) for place in (ours, theirs))
    return _differ(ours, theirs, ("python",)) or _differ(mine, yours, tuple(mine))


def _differ(ours: Any, theirs: Any, identity: tuple[str, ...]) -> bool:
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return False
    return any(ours[key] != theirs[key] for key in identity if key in ours and key in theirs)


def _overlay(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    result = dict(ours)
    for key, value in theirs.items():
        mine = result.get(key)
        result[key] = _overlay(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return result


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in ({}, [], None)}


def metrics_of(evaluation: Evaluation) -> dict[str, float]:
    """Lay a lineage's metrics and benchmarks side by side, by name."""
    return {**evaluation.metrics, **evaluation.benchmarks}
