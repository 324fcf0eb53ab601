"""What ``hfver doctor`` returns: one reading per thing that it looked at."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["Diagnosis", "Reading"]

Condition = Literal["ok", "warning", "broken"]


@dataclass(frozen=True)
class Reading:
    """One thing that was looked at.

    Attributes:
        name: What it is, such as ``token``.
        status: ``warning`` where something works only in part, ``broken`` where hfver cannot work.
        detail: What was found.
        hint: What to do about it; empty where there is nothing to do.
    """

    name: str
    status: Condition
    detail: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of one reading."""
        return {"name": self.name, "status": self.status, "detail": self.detail, "hint": self.hint}


@dataclass(frozen=True)
class Diagnosis:
    """Everything that was looked at."""

    readings: tuple[Reading, ...]
    repo: str | None = None

    @property
    def healthy(self) -> bool:
        """Whether nothing is broken."""
        return all(reading.status != "broken" for reading in self.readings)

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver doctor``."""
        checks = [reading.to_json() for reading in self.readings]
        return {"healthy": self.healthy, "repo": self.repo, "checks": checks}
