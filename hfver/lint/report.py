"""What the check of a code base finds, as frozen values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["RULES", "Finding", "RepoKind", "Report", "Rule", "Unread"]

RepoKind = Literal["models", "datasets", "spaces"]

Rule = Literal["unpinned", "moving-revision", "undecidable-revision", "undecidable-name", "undecidable-arguments"]

RULES: dict[Rule, str] = {
    "unpinned": "Nothing says which commit is meant, so what is loaded changes with the repo's main branch.",
    "moving-revision": "The revision is a branch, a tag or a range, which can come to mean another commit.",
    "undecidable-revision": "The revision is worked out when the program runs, so it cannot be checked here.",
    "undecidable-name": "The name is not a literal and no commit is given, so it cannot be checked here.",
    "undecidable-arguments": "The call is given a dictionary or list that may or may not name a commit.",
}
"""Every rule, and what is wrong where it applies."""


@dataclass(frozen=True)
class Finding:
    """One place that loads from a Hub without naming a commit.

    Lines and columns count from 1; columns count characters, and the end is the first column behind it.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    rule: Rule
    call: str
    """What is called, as it is written: ``AutoModel.from_pretrained``, ``vllm serve``, ``hf://``."""

    message: str
    name: str | None = None
    """The repo, if it is known."""

    kind: RepoKind | None = "models"
    """What kind of repo it is; None if that is worked out when the program runs."""

    revision: str | None = None
    """The revision that is given, if it is known."""

    cell: int | None = None
    """Which cell of a notebook, counted from 1; lines then count within the cell."""

    fixable: bool = False
    """Whether ``--fix`` knows where to write a commit."""

    position: int | None = None
    """Where a revision can stand among the call's positional arguments, from 0."""

    commit: str | None = None
    """The commit that ``--fix`` has written."""

    note: str = ""
    """Why ``--fix`` has not."""

    @property
    def place(self) -> str:
        """Where it is, in the form that editors and terminals link: ``path:line:column``."""
        cell = f":cell {self.cell}" if self.cell else ""
        return f"{self.path}{cell}:{self.line}:{self.column}"

    def to_json(self) -> dict[str, Any]:
        """Give the finding as plain data."""
        return {
            "path": self.path,
            "line": self.line,
            "column": self.column,
            "end_line": self.end_line,
            "end_column": self.end_column,
            "cell": self.cell,
            "rule": self.rule,
            "call": self.call,
            "name": self.name,
            "kind": self.kind,
            "revision": self.revision,
            "message": self.message,
            "commit": self.commit,
            "note": self.note,
        }


@dataclass(frozen=True)
class Unread:
    """A file, or a cell of a notebook, that could not be read, and why."""

    path: str
    reason: str
    cell: int | None = None

    @property
    def place(self) -> str:
        """The file, and the cell in it."""
        return f"{self.path}:cell {self.cell}" if self.cell else self.path


@dataclass(frozen=True)
class Report:
    """What the check found.

    Attributes:
        findings: What is not pinned, in the order of files and lines.
        fixed: What was pinned by this run.
        unread: Files that could not be read; the others were.
        files: How many files were read.
    """

    findings: tuple[Finding, ...]
    fixed: tuple[Finding, ...]
    unread: tuple[Unread, ...]
    files: int

    def to_json(self) -> dict[str, Any]:
        """Give the report as plain data."""
        return {
            "pinned": not self.findings,
            "files": self.files,
            "findings": [finding.to_json() for finding in self.findings],
            "fixed": [finding.to_json() for finding in self.fixed],
            "unread": [{"path": unread.path, "cell": unread.cell, "reason": unread.reason} for unread in self.unread],
            "rules": dict(Counter(finding.rule for finding in self.findings)),
        }
