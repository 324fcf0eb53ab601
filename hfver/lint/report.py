"""What a check reports: diagnostics, sources that could not be read, and totals, as frozen values."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Literal

__all__ = ["RULES", "Diagnostic", "RepoKind", "Report", "RuleName", "UnreadSource"]

RepoKind = Literal["models", "datasets", "spaces"]

RuleName = Literal["unpinned", "moving-revision", "undecidable-revision", "undecidable-name", "undecidable-arguments"]

RULES: dict[RuleName, str] = {
    "unpinned": "No revision is given, so what is loaded changes whenever the repo's main branch does.",
    "moving-revision": "The revision is a branch, a tag or a version range; the commit that it stands for can change.",
    "undecidable-revision": "The revision is only known at run time, so it cannot be checked here.",
    "undecidable-name": "The repo is only known at run time and no commit is given, so it cannot be checked here.",
    "undecidable-arguments": "The call unpacks a dictionary or list that may or may not contain a commit.",
}
"""Every rule, and what is wrong where it is reported."""


@dataclass(frozen=True)
class Diagnostic:
    """One place that loads from a Hub without naming a commit.

    Lines and columns count from 1. Columns count characters; ``end_column`` is the first column after the place.
    """

    path: str
    line: int
    column: int
    end_line: int
    end_column: int
    rule: RuleName
    call: str
    """What is called, as written in the source: ``AutoModel.from_pretrained``, ``vllm serve``, ``hf://``."""

    message: str
    name: str | None = None
    """The repo; None if it is only known at run time."""

    kind: RepoKind | None = "models"
    """The kind of repo; None if it is only known at run time."""

    revision: str | None = None
    """The revision that is given; None if there is none or it is only known at run time."""

    cell: int | None = None
    """The number of the notebook cell, from 1; lines then count within the cell."""

    fixable: bool = False
    """Whether ``--fix`` can write a commit here."""

    position: int | None = None
    """Index of the revision among the positional arguments of the call; None if it can only be a keyword."""

    commit: str | None = None
    """The commit that ``--fix`` has written."""

    note: str = ""
    """Why ``--fix`` has not written one."""

    @property
    def place(self) -> str:
        """The place in the form that editors and terminals turn into a link: ``path:line:column``."""
        cell = f":cell {self.cell}" if self.cell else ""
        return f"{self.path}{cell}:{self.line}:{self.column}"

    def to_json(self) -> dict[str, Any]:
        """Return the diagnostic as plain data."""
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
class UnreadSource:
    """A file, or a cell of a notebook, that could not be read, and the reason."""

    path: str
    reason: str
    cell: int | None = None

    @property
    def place(self) -> str:
        """The file, with the cell if it is one."""
        return f"{self.path}:cell {self.cell}" if self.cell else self.path


@dataclass(frozen=True)
class Report:
    """The result of a check.

    Attributes:
        findings: A diagnostic for each place that is not pinned, in the order of files and lines.
        fixed: The diagnostics of places that this run has pinned, each with the commit written.
        unread: Sources that could not be read; all others were checked.
        files: The number of files read.
    """

    findings: tuple[Diagnostic, ...]
    fixed: tuple[Diagnostic, ...]
    unread: tuple[UnreadSource, ...]
    files: int

    def to_json(self) -> dict[str, Any]:
        """Return the report as plain data."""
        return {
            "pinned": not self.findings,
            "files": self.files,
            "findings": [diagnostic.to_json() for diagnostic in self.findings],
            "fixed": [diagnostic.to_json() for diagnostic in self.fixed],
            "unread": [{"path": source.path, "cell": source.cell, "reason": source.reason} for source in self.unread],
            "rules": dict(Counter(diagnostic.rule for diagnostic in self.findings)),
        }
