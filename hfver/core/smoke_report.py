"""Smoke reports: the results of a smoke eval, and the part of them that the ledger keeps."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Sequence
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, BeforeValidator, ConfigDict, computed_field

from hfver.core.digests import Digest
from hfver.core.plural import counted

__all__ = [
    "CheckStatus",
    "GoldenComparison",
    "LedgerStatus",
    "SmokeCheck",
    "SmokeReport",
    "SmokeSummary",
    "Verdict",
    "verdict_of",
]

Verdict = Literal["passed", "warned", "failed", "not_judged"]
"""The result of a whole report. ``not_judged`` says that nothing speaks for the model and nothing against it."""

CheckStatus = Literal["passed", "warned", "failed", "skipped", "not_judged"]
"""The result of one check. ``skipped``: it does not apply to the model. ``not_judged``: it does, and could not be made,
for a reason that is not the model's, such as a missing library or too little memory."""

LedgerStatus = Literal["passed", "failed", "skipped"]
"""The result that a ledger stores as ``status``. hfver 0.1 refuses a ledger with any other word."""

_LEDGER_STATUS: dict[Verdict, LedgerStatus] = {
    "passed": "passed",
    "warned": "passed",
    "failed": "failed",
    "not_judged": "skipped",
}
_WORDS: dict[str, str] = {"not_judged": "not judged"}


class SmokeCheck(BaseModel):
    """One check of a smoke eval: its name, its result, the evidence in a sentence or two, and the remedy."""

    model_config = ConfigDict(frozen=True)

    name: str
    status: CheckStatus
    detail: str = ""
    hint: str = ""
    """What to do about it, as an instruction; empty if there is nothing to do."""


class GoldenComparison(BaseModel):
    """How a model's behavior compares with the one that was recorded in a golden."""

    model_config = ConfigDict(frozen=True)

    source: str
    """Whether the golden was captured from the model in ``memory``, or from its ``folder``."""
    words: CheckStatus = "skipped"
    """Whether the tokenizer gives the same ids and text."""
    forms: CheckStatus = "skipped"
    """Whether templates, processors and settings give the same."""
    numbers: CheckStatus = "skipped"
    """Whether the model gives the same numbers for stored inputs."""
    kl: float | None = None
    """The mean Kullback-Leibler divergence in nats per position; None if it was not measured."""
    limit: float | None = None
    """The largest divergence that counts as the same model; None if it was not measured."""
    blame: str | None = None
    """What differs, in words; None if nothing does."""


class SmokeReport(BaseModel):
    """The results of a smoke eval, as `verdict_of` sums them up."""

    model_config = ConfigDict(frozen=True)

    status: Verdict
    device: str
    """The device that the model ran on: ``cpu``, or ``cuda (NVIDIA H100 80GB HBM3)``."""
    dtype: str
    checks: tuple[SmokeCheck, ...]
    golden: GoldenComparison | None = None
    """How the model compares with a golden; None if there was none to compare with."""
    forward_passes: int | None = None
    """How often the model ran to the end during the checks; None if that was not counted."""
    load_seconds: float | None = None
    tokens_per_second: float | None = None
    peak_memory_bytes: int | None = None
    """Peak memory that torch allocated on CUDA; growth of the process's resident memory on other devices."""
    content_digest: Digest | None = None
    """The content digest of what was loaded; None if the caller did not say."""

    @property
    def failures(self) -> tuple[SmokeCheck, ...]:
        """The checks that failed."""
        return self.checks_with("failed")

    def checks_with(self, status: CheckStatus) -> tuple[SmokeCheck, ...]:
        """Return the checks with one result."""
        return tuple(check for check in self.checks if check.status == status)

    @computed_field  # type: ignore[prop-decorator]
    @property
    def skipped(self) -> int:
        """The number of checks that did not apply."""
        return len(self.checks_with("skipped"))

    @property
    def in_words(self) -> str:
        """The status in words, with the numbers of checks that did not pass: ``passed, 1 of 11 checks skipped``."""
        return _in_words(self.status, Counter(check.status for check in self.checks), len(self.checks))

    @property
    def reason(self) -> str:
        """Why the model was not judged; empty if it was."""
        if self.status != "not_judged":
            return ""
        found = [*self.checks_with("not_judged"), *(one for one in self.checks_with("skipped") if one.name == "task")]
        return found[0].detail if found else "The model was loaded but not run."

    def allowing(self, names: Collection[str], because: str) -> SmokeReport:
        """Return the report with the failures of some checks reduced to warnings, each with the reason.

        Args:
            names: The checks whose failures are allowed.
            because: Why they are.
        """
        if not any(check.name in names for check in self.failures):
            return self
        checks = tuple(_allowed(check, because) if check.name in names else check for check in self.checks)
        # Allowing what stopped the model from running does not make it run: such a model is not judged.
        status = verdict_of(checks, was_run=bool(self.forward_passes))
        return self.model_copy(update={"checks": checks, "status": status})

    def summary(self) -> SmokeSummary:
        """Reduce the report to what a ledger line keeps."""
        return SmokeSummary(
            status=_LEDGER_STATUS[self.status],
            verdict=self.status,
            device=self.device,
            dtype=self.dtype,
            checks=len(self.checks),
            skipped=self.skipped,
        )


def _allowed(check: SmokeCheck, because: str) -> SmokeCheck:
    if check.status != "failed":
        return check
    detail = f"It failed, which is allowed, because: {because.rstrip('.')}. {check.detail}"
    return check.model_copy(update={"status": "warned", "detail": detail})


def _known_verdict(value: Any) -> Any:
    """Read a word of a later hfver as none: ``status`` beside it says enough."""
    return value if value in get_args(Verdict) else None


class SmokeSummary(BaseModel):
    """The part of a smoke report that the ledger keeps."""

    model_config = ConfigDict(frozen=True)

    status: LedgerStatus
    """The verdict in the words of hfver 0.1: warned is passed, and not judged is skipped."""
    verdict: Annotated[Verdict | None, BeforeValidator(_known_verdict)] = None
    """The verdict; None in ledgers of hfver 0.1, which ignores this key."""
    device: str
    dtype: str
    checks: int
    skipped: int | None = None
    """The number of checks that were skipped; None in ledgers of hfver 0.1, which ignores this key."""

    @property
    def in_words(self) -> str:
        """The verdict in words, with the number of skipped checks if there are any."""
        if self.verdict is None and self.status == "skipped":
            return "not judged"
        return _in_words(self.verdict or self.status, {"skipped": self.skipped or 0}, self.checks)


def _in_words(status: str, counts: Any, checks: int) -> str:
    parts = [_WORDS.get(status, status)]
    for word in ("failed", "warned", "not_judged", "skipped"):
        if word != status and counts.get(word):
            number = f"{counts[word]} of {counted(checks, 'check')}" if len(parts) == 1 else str(counts[word])
            parts.append(f"{number} {_WORDS.get(word, word)}")
    return ", ".join(parts)


def verdict_of(checks: Sequence[SmokeCheck], *, was_run: bool) -> Verdict:
    """Sum up the results of checks.

    Args:
        checks: All of them.
        was_run: Whether the model ran to the end at least once.

    Returns:
        ``failed`` if any check failed, whatever else; ``not_judged`` if the model did not run, or a check could not be
        made; ``warned`` if any check warned; else ``passed``.
    """
    found = {check.status for check in checks}
    if "failed" in found:
        return "failed"
    if not was_run or "not_judged" in found:
        return "not_judged"
    return "warned" if "warned" in found else "passed"
