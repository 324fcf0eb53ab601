"""Running one check: a function that returns its evidence, or raises what speaks against the model or the check."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hfver.core.smoke_report import CheckStatus, SmokeCheck
from hfver.model.child import JobRaised
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import first_line
from hfver.model.runtime.tokenizer_child import TokenizerFailed

MAX_LISTED = 4
OUT_OF_MEMORY = "The device ran out of memory during this check."
MORE_MEMORY = "Free some memory, or run it where there is more: --device cpu, or a smaller --dtype."


class _Outcome(Exception):
    """What a check raises instead of returning evidence: a sentence, and what to do about it."""

    def __init__(self, message: str, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class CheckFailed(_Outcome):
    """The model is broken; the message is the evidence, and the hint the remedy."""


class CheckWarned(_Outcome):
    """Something is suspicious, but may be on purpose; the message is the evidence, and the hint the remedy."""


class CheckSkipped(_Outcome):
    """The check does not apply to this model; the message says why."""


class NotJudged(_Outcome):
    """The check applies, and cannot be made here, which is not the model's fault; the message says why."""


_STATUS: dict[type[_Outcome], CheckStatus] = {
    CheckFailed: "failed",
    CheckWarned: "warned",
    CheckSkipped: "skipped",
    NotJudged: "not_judged",
}


def check(name: str, body: Callable[[], str]) -> SmokeCheck:
    """Run one check and return its result.

    Args:
        name: The check's name in reports.
        body: Returns the evidence that the model is in order, as a sentence. If it is not, raises `CheckFailed`,
            `CheckWarned`, `CheckSkipped` or `NotJudged`. Out of memory is not judged. Any other exception counts as a
            failure, because the model and its tokenizer are third-party code: what they raise says something about the
            release.
    """
    torch = import_torch()
    try:
        return SmokeCheck(name=name, status="passed", detail=body())
    except _Outcome as outcome:
        return SmokeCheck(name=name, status=_STATUS[type(outcome)], detail=str(outcome), hint=outcome.hint)
    except (torch.OutOfMemoryError, MemoryError):
        return SmokeCheck(name=name, status="not_judged", detail=OUT_OF_MEMORY, hint=MORE_MEMORY)
    except TokenizerFailed as failure:
        status: CheckStatus = "skipped" if failure.earlier else "failed"
        return SmokeCheck(name=name, status=status, detail=f"{failure} {failure.remedy}".rstrip())
    except JobRaised as error:
        return SmokeCheck(name=name, status="failed", detail=f"The tokenizer raised {error.kind}: {first_line(error)}")
    except Exception as error:
        if _is_out_of_memory(error):
            return SmokeCheck(name=name, status="not_judged", detail=OUT_OF_MEMORY, hint=MORE_MEMORY)
        detail = f"The model raised {type(error).__name__}: {first_line(error)}"
        return SmokeCheck(name=name, status="failed", detail=detail)


def _is_out_of_memory(error: Exception) -> bool:
    """Return whether torch says with a plain RuntimeError that an allocation failed, as it does on the CPU and mps."""
    said = str(error)
    return isinstance(error, RuntimeError) and ("can't allocate memory" in said or "out of memory" in said)


def shorten(names: Iterable[object]) -> str:
    """List the first few names in a sentence: ``a, b, c, d and 7 more``."""
    found = [str(name) for name in names]
    rest = len(found) - MAX_LISTED
    return ", ".join(found[:MAX_LISTED]) + (f" and {rest} more" if rest > 0 else "")
