"""Running one check: a function that returns its evidence, or raises when the model fails it or it does not apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hfver.core.smoke_report import SmokeCheck, Status
from hfver.model.child import JobRaised
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.library_output import first_line
from hfver.model.runtime.tokenizer_child import TokenizerFailed

MAX_LISTED = 4


class CheckFailed(Exception):
    """The model is broken; the message is the evidence."""


class CheckSkipped(Exception):
    """The check does not apply to this model; the message says why."""


def check(name: str, body: Callable[[], str]) -> SmokeCheck:
    """Run one check and return its result.

    Args:
        name: The check's name in reports.
        body: Returns the evidence that the model is in order, as a sentence. If it is not, raises `CheckFailed` or
            `CheckSkipped`. Any other exception counts as a failure, because the model and its tokenizer are third-party
            code: what they raise says something about the release.
    """
    torch = import_torch()
    try:
        return SmokeCheck(name=name, status="passed", detail=body())
    except CheckFailed as failure:
        return SmokeCheck(name=name, status="failed", detail=str(failure))
    except CheckSkipped as reason:
        return SmokeCheck(name=name, status="skipped", detail=str(reason))
    # A failure for now: until a report can say that a model was not judged, "skipped" would let it be released.
    except (torch.cuda.OutOfMemoryError, MemoryError):
        return SmokeCheck(name=name, status="failed", detail="The device ran out of memory during this check.")
    except TokenizerFailed as failure:
        status: Status = "skipped" if failure.earlier else "failed"
        return SmokeCheck(name=name, status=status, detail=f"{failure} {failure.remedy}".rstrip())
    except JobRaised as error:
        return SmokeCheck(name=name, status="failed", detail=f"The tokenizer raised {error.kind}: {first_line(error)}")
    except Exception as error:
        detail = f"The model raised {type(error).__name__}: {first_line(error)}"
        return SmokeCheck(name=name, status="failed", detail=detail)


def shorten(names: Iterable[object]) -> str:
    """List the first few names in a sentence: ``a, b, c, d and 7 more``."""
    found = [str(name) for name in names]
    rest = len(found) - MAX_LISTED
    return ", ".join(found[:MAX_LISTED]) + (f" and {rest} more" if rest > 0 else "")
