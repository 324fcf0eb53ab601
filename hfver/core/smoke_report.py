"""Smoke reports: the results of a smoke eval, and the part of them that the ledger keeps."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

from pydantic import BaseModel, ConfigDict, computed_field

from hfver.core.digests import Digest
from hfver.core.plural import counted

__all__ = ["SmokeCheck", "SmokeReport", "SmokeSummary", "Status", "worst"]

Status = Literal["passed", "failed", "skipped"]
"""The result of a check or of a whole report. Ledgers store it, and hfver 0.1 refuses a ledger with any other word."""


class SmokeCheck(BaseModel):
    """One check of a smoke eval: its name, its result, and the evidence in a sentence or two."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: Status
    detail: str = ""


class SmokeReport(BaseModel):
    """The results of a smoke eval. ``failed`` if any check failed, ``skipped`` if none applied, else ``passed``."""

    model_config = ConfigDict(frozen=True)

    status: Status
    device: str
    """The device that the model ran on: ``cpu``, or ``cuda (NVIDIA H100 80GB HBM3)``."""
    dtype: str
    checks: tuple[SmokeCheck, ...]
    load_seconds: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    """Peak memory that torch allocated on CUDA; growth of the process's resident memory on other devices."""
    content_digest: Digest | None = None
    """The content digest of what was loaded; None if the caller did not say."""

    @property
    def failures(self) -> tuple[SmokeCheck, ...]:
        """The checks that failed."""
        return tuple(check for check in self.checks if check.status == "failed")

    @computed_field  # type: ignore[prop-decorator]
    @property
    def skipped(self) -> int:
        """The number of checks that did not apply, or could not be made."""
        return sum(check.status == "skipped" for check in self.checks)

    @property
    def verdict(self) -> str:
        """The status, with the number of skipped checks if there are any."""
        return _verdict(self.status, self.skipped, len(self.checks))

    def summary(self) -> SmokeSummary:
        """Reduce the report to what a ledger line keeps."""
        return SmokeSummary(
            status=self.status, device=self.device, dtype=self.dtype, checks=len(self.checks), skipped=self.skipped
        )


class SmokeSummary(BaseModel):
    """The part of a smoke report that the ledger keeps."""

    model_config = ConfigDict(frozen=True)

    status: Status
    device: str
    dtype: str
    checks: int
    skipped: int | None = None
    """The number of checks that were skipped; None in ledgers of hfver 0.1, which ignores this key."""

    @property
    def verdict(self) -> str:
        """The status, with the number of skipped checks if there are any."""
        return _verdict(self.status, self.skipped or 0, self.checks)


def _verdict(status: Status, skipped: int, checks: int) -> str:
    return f"{status}, {skipped} of {counted(checks, 'check')} skipped" if skipped else status


def worst(statuses: Sequence[Status]) -> Status:
    """Reduce the results of checks to one: failed outranks passed, and passed outranks skipped."""
    if "failed" in statuses:
        return "failed"
    return "passed" if "passed" in statuses else "skipped"
