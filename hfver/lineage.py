"""The lineage record: what a release was made from, and how, each part pinned to an exact revision or hash.

The format is ``lineage.yaml``. Keys nobody here knows are kept, so that teams can add their own.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from pathlib import Path
from typing import Annotated, Any

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError

from hfver.errors import BadConfig
from hfver.records import Sha1

__all__ = ["BaseModelLink", "Code", "Dataset", "Environment", "Evaluation", "Lineage", "Run", "Training"]

MAX_BYTES = 1024 * 1024

Number = int | float


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
    artifacts: Annotated[Mapping[str, Any], Field(default_factory=dict)]

    def encode(self) -> bytes:
        """Write the record as YAML, leaving out what is not known."""
        data = _without_empty(self.model_dump(mode="json", exclude_none=True))
        return yaml.safe_dump(data, sort_keys=False, allow_unicode=True, width=110).encode()

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
            raise BadConfig(f"{where}: {'.'.join(map(str, first['loc']))}: {first['msg']}.") from None
        except ValueError as error:
            raise BadConfig(f"{where} cannot be read: {error}.") from None

    def merged(self, stronger: Lineage) -> Lineage:
        """Return this record with everything that the stronger one knows laid over it."""
        ours, theirs = (record.model_dump(mode="json", exclude_none=True) for record in (self, stronger))
        merged = _overlay(ours, _without_empty(theirs))
        if _without_empty(theirs).get("training", {}).keys() & {"dataset", "datasets"}:
            for key in {"dataset", "datasets"} - _without_empty(theirs)["training"].keys():
                merged["training"].pop(key, None)
        return Lineage.model_validate(merged)


def read_lineage(path: Path) -> Lineage:
    """Read a ``lineage.yaml`` given by the user.

    Raises:
        BadConfig: The file is missing or is no lineage record.
    """
    try:
        return Lineage.decode(path.read_bytes(), str(path))
    except OSError as error:
        raise BadConfig(
            f"{path} cannot be read: {error.strerror}.", "Give the path of a lineage.yaml."
        ) from None


def load_yaml(data: bytes, *, limit: int = MAX_BYTES) -> Any:
    """Parse YAML safely: bounded size and no aliases, since 249 bytes of them can expand to 28 MB.

    Raises:
        ValueError: The bytes break one of these rules or are no YAML.
    """
    if len(data) > limit:
        raise ValueError(f"{len(data)} bytes are more than the {limit} allowed")
    try:
        if any(isinstance(event, yaml.AliasEvent) for event in yaml.parse(data, Loader=yaml.SafeLoader)):
            raise ValueError("YAML aliases are not allowed")
        return yaml.safe_load(data)
    except (yaml.YAMLError, RecursionError) as error:
        raise ValueError(f"no valid YAML ({' '.join(str(error).split())[:160]})") from None


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
