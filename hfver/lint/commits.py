"""The commits that ``--fix`` writes: those of the nearest ``hfver.lock``, otherwise those that the Hub names."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from hfver.errors import HubError, HubUnreachable
from hfver.lint.locks import Locks
from hfver.lint.names import is_commit
from hfver.lint.report import Diagnostic, RepoKind

__all__ = ["CommitFinder", "HubLookup"]

HubLookup = Callable[[str, str, RepoKind], str]
"""Returns the commit of a repo's revision, by name, revision and kind; raises HubError."""


class CommitFinder:
    """Finds the commit for each diagnostic; the Hub is asked once for each repo and revision."""

    def __init__(self, ask_hub: HubLookup, locks: Locks) -> None:
        self._ask_hub = ask_hub
        self._locks = locks
        self._answers: dict[tuple[str, str, RepoKind], str | HubError] = {}
        self._unreachable: HubUnreachable | None = None

    def with_commit(self, diagnostic: Diagnostic, folder: Path) -> Diagnostic:
        """Return a diagnostic with the commit to write, or with a note why there is none.

        Args:
            diagnostic: The diagnostic; one that cannot be fixed is returned as it is.
            folder: The folder of its file, from which the nearest lock is looked up.
        """
        if not (diagnostic.fixable and diagnostic.name and diagnostic.kind):
            return diagnostic
        if locked := self._locks.commit_for(folder, diagnostic):
            return replace(diagnostic, commit=locked)
        answer = self._answer(diagnostic.name, diagnostic.revision or "main", diagnostic.kind)
        if isinstance(answer, HubError):
            return replace(diagnostic, note=answer.message)
        return replace(diagnostic, commit=answer)

    def _answer(self, name: str, revision: str, kind: RepoKind) -> str | HubError:
        key = name, revision, kind
        if key not in self._answers:
            self._answers[key] = self._unreachable or self._ask(*key)
        return self._answers[key]

    def _ask(self, name: str, revision: str, kind: RepoKind) -> str | HubError:
        try:
            commit = self._ask_hub(name, revision, kind)
        except HubUnreachable as error:
            self._unreachable = error  # not asked again: each further repo would wait for the same timeout
            return error
        except HubError as error:
            return error
        return commit if is_commit(commit) else HubError(f"{name}: the Hub returned no commit.")
