"""Running one check: a function that returns its evidence, or says that it failed or does not apply."""

from __future__ import annotations

from collections.abc import Callable, Iterable

from hfver.core.smoke_report import SmokeCheck
from hfver.model.runtime.device import import_torch
from hfver.model.runtime.silence import first_line

MAX_NAMED = 4


class Broken(Exception):
    """The check found something wrong; the message is the evidence."""


class NotApplicable(Exception):
    """The check cannot be made on this model; the message says why."""


def check(name: str, look: Callable[[], str]) -> SmokeCheck:
    """Run one check.

    The model and its tokenizer are somebody else's code: whatever they raise is a finding, no error of ours.
    """
    torch = import_torch()
    try:
        return SmokeCheck(name=name, status="passed", detail=look())
    except Broken as found:
        return SmokeCheck(name=name, status="failed", detail=str(found))
    except NotApplicable as reason:
        return SmokeCheck(name=name, status="skipped", detail=str(reason))
    except (torch.cuda.OutOfMemoryError, MemoryError):
        return SmokeCheck(name=name, status="failed", detail="The device ran out of memory.")
    except Exception as error:
        return SmokeCheck(name=name, status="failed", detail=f"It raised {type(error).__name__}: {first_line(error)}")


def some(names: Iterable[object]) -> str:
    """List a few names in a sentence: ``a, b, c, d and 7 more``."""
    found = [str(name) for name in names]
    rest = len(found) - MAX_NAMED
    return ", ".join(found[:MAX_NAMED]) + (f" and {rest} more" if rest > 0 else "")
