"""Deprecation: what still works for one minor version, and says what to use instead."""

from __future__ import annotations

import warnings

__all__ = ["HfverDeprecationWarning", "warn_deprecated"]


class HfverDeprecationWarning(DeprecationWarning):
    """Something of hfver that still works and will not in the version that the warning names.

    A class of its own, so that the command line can show these warnings to everybody (Python hides a
    DeprecationWarning outside ``__main__``), and so that a test suite can turn exactly these into errors.
    """


def warn_deprecated(old: str, new: str, *, removed_in: str, stacklevel: int = 2) -> None:
    """Warn that something is deprecated, what replaces it, and when it goes.

    Args:
        old: What is deprecated, as the user wrote it: ``"hfver release --old"``.
        new: What to use instead.
        removed_in: The first version that may lack it: at least one minor version after the one that first warns.
        stacklevel: As for ``warnings.warn``, seen from the caller: 1 is the calling function, 2 is who called that.
    """
    message = f"{old} is deprecated and will be removed in hfver {removed_in}; use {new} instead."
    warnings.warn(message, HfverDeprecationWarning, stacklevel=stacklevel + 1)
