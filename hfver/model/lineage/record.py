"""The lineage record: what a release was made from, and how, each part pinned to an exact revision or hash.

It is stored as ``lineage.yaml``. Unknown keys are kept, so that teams can add their own.
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
"""A finite number; neither a Boolean nor NaN, which is equal to nothing."""


class _LineagePart(BaseModel):
    # Fields such as model_version lie in a namespace that pydantic reserves by default.
    model_config = ConfigDict(frozen=True, extra="allow", protected_namespaces=())


class BaseModelLink(_LineagePart):
    """The model that this one was made from."""

    name: str
    source: str | None = None
    """The repo id on the Hub."""
    version: str | None = None
    revision: Sha1 | None = None
    """The exact commit."""
    relation: str | None = None
    """How it was used: ``finetune``, ``adapter``, ``merge`` or ``quantized``, as the Hub names it."""
    digest: str | None = None
    """The digest of the release, if the base is one."""


class Dataset(_LineagePart):
    """A dataset for training or evaluation."""

    name: str
    version: str | None = None
    size: int | None = None
    """The number of examples."""
    hash: str | None = None
    """The SHA-256 of a local file, or the fingerprint of a processed dataset, after the kind of hash and a colon."""
    source: str | None = None
    revision: str | None = None


class Training(_LineagePart):
    """How the weights were trained."""

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
        """The datasets, whether the record has one or a list."""
        return ((self.dataset,) if self.dataset else ()) + self.datasets


class Code(_LineagePart):
    """The code that trained it."""

    repository: str | None = None
    commit: Sha1 | None = None
    dirty: bool | None = None
    entrypoint: str | None = None


class Environment(_LineagePart):
    """The Python and the packages that the code ran with."""

    python: str | None = None
    packages: Mapping[str, str] = Field(default_factory=dict)


class Run(_LineagePart):
    """The training run, as the experiment tracker names it."""

    tracker: str | None = None
    id: str | None = None
    url: str | None = None


class Evaluation(_LineagePart):
    """What was measured: values by the name of the metric."""

    metrics: Mapping[str, Number] = Field(default_factory=dict)
    benchmarks: Mapping[str, Number] = Field(default_factory=dict)


class Lineage(_LineagePart):
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
    """The id of the license as the Hub writes it, such as ``apache-2.0``, or the name of one that has no id."""

    def encode(self) -> bytes:
        """Return the record as YAML, without what is not known."""
        data = _without_empty(self.model_dump(mode="json", exclude_none=True))
        return dump_yaml(data)

    @classmethod
    def decode(cls, data: bytes, where: str) -> Lineage:
        """Parse a record from YAML; ``where`` names it in errors.

        Raises:
            BadConfig: The bytes are too many, are not YAML, use aliases, or hold a value of the wrong type.
        """
        try:
            raw = load_yaml(data)
            return cls.model_validate({} if raw is None else raw)
        except ValidationError as error:
            first = error.errors(include_url=False)[0]
            key = ".".join(map(str, first["loc"])) or "the whole record"
            raise BadConfig(f"{where}: {key}: {first['msg'].removeprefix('Value error, ')}.") from None
        except ValueError as error:
            raise BadConfig(f"{where} cannot be read: {error}.") from None

    def merged(self, stronger: Lineage) -> Lineage:
        """Return this record, overridden by everything that the stronger one knows.

        Parts about the same thing are merged key by key. A part about a different thing (another base model, another
        commit, another environment) replaces the weaker one as a whole, and so does a list of datasets.
        """
        # As plain data, because unknown keys are merged as well.
        ours, theirs = (
            _without_empty(record.model_dump(mode="json", exclude_none=True)) for record in (self, stronger)
        )
        for key, identity in _IDENTITY.items():
            if _differ(ours.get(key), theirs.get(key), identity):
                del ours[key]
        if _contradict(ours.get("environment"), theirs.get("environment")):
            del ours["environment"]
            ours.get("training", {}).pop("infrastructure", None)  # it describes the same machine
        if theirs.get("training", {}).keys() & _DATASETS:
            ours["training"] = {key: item for key, item in ours.get("training", {}).items() if key not in _DATASETS}
        return Lineage.model_validate(_overlay(ours, theirs))


def read_lineage(path: Path) -> Lineage:
    """Read a ``lineage.yaml`` that the user names.

    Raises:
        BadConfig: The file is missing or is not a lineage record.
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
"""The keys that decide whether two parts of a kind are about the same thing."""


def _contradict(ours: Any, theirs: Any) -> bool:
    """Return whether two environments contradict each other: one then says nothing about the other."""
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return False
    mine, yours = (place.get("packages", {}) for place in (ours, theirs))
    return _differ(ours, theirs, ("python",)) or _differ(mine, yours, tuple(mine))


def _differ(ours: Any, theirs: Any, identity: tuple[str, ...]) -> bool:
    if not (isinstance(ours, dict) and isinstance(theirs, dict)):
        return False
    # A key that only one of them has decides nothing: it completes the other.
    return any(ours[key] != theirs[key] for key in identity if key in ours and key in theirs)


def _overlay(ours: dict[str, Any], theirs: dict[str, Any]) -> dict[str, Any]:
    result = dict(ours)
    for key, value in theirs.items():
        mine = result.get(key)
        # A list replaces a list: if the two were merged, nobody could remove an entry.
        result[key] = _overlay(mine, value) if isinstance(mine, dict) and isinstance(value, dict) else value
    return result


def _without_empty(value: Any) -> Any:
    if not isinstance(value, dict):
        return value
    kept = {key: _without_empty(item) for key, item in value.items()}
    return {key: item for key, item in kept.items() if item not in ({}, [], None)}


def metrics_of(evaluation: Evaluation) -> dict[str, float]:
    """Return the metrics and benchmarks of a record together, by name."""
    return {**evaluation.metrics, **evaluation.benchmarks}
