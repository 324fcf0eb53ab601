"""Smoke reports: what a smoke eval found, and the part of it that the ledger keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict

from hfver.core.digests import Digest

__all__ = ["SmokeCheck", "SmokeReport", "SmokeSummary", "Status", "worst"]


Status = Literal["passed", "failed", "skipped"]


class SmokeCheck(BaseModel):
    """One check of a smoke eval: what was looked at, how it came out, and the evidence in a sentence."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
    detail: str = ""


class SmokeReport(BaseModel):
    """What a smoke eval found. ``failed`` if any check failed, ``skipped`` if none could run."""

    model_config = ConfigDict(frozen=True)

    status: Status
    device: str
    """Where it ran: ``cpu``, or ``cuda (NVIDIA H100 80GB HBM3)``."""
    dtype: str
    checks: tuple[SmokeCheck, ...]
    load_seconds: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    """Peak device memory on CUDA; growth of the process's resident memory on CPU."""
    content_digest: Digest | None = None
    """The content that was loaded."""

    @property
    def failures(self) -> tuple[SmokeCheck, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "failed")

    def summary(self) -> SmokeSummary:
        """Shorten to what a ledger line keeps."""
        return SmokeSummary(status=self.status, device=self.device, dtype=self.dtype, checks=len(self.checks))


class SmokeSummary(BaseModel):
    """The part of a smoke report that the ledger remembers."""

    model_config = ConfigDict(frozen=True)

    status: Status
    device: str
    dtype: str
    checks: int


def worst(statuses: Sequence[Status]) -> Status:
    """Reduce the statuses of checks to one: failed beats passed beats skipped."""
    if "failed" in statuses:
        return "failed"
    return "passed" if "passed" in statuses else "skipped"
