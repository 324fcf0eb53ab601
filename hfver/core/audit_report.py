"""The result of an audit: a verdict for each version, with what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Audit", "Finding", "Verdict"]


@dataclass(frozen=True)
class Finding:
    """One thing that an audit found.

    Attributes:
        error: The name of the error that a reader would get, such as ``TagMoved``; None for a remark.
        message: What was expected, and what was found.
        hint: What to do about it.
    """

    error: str | None
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of one finding."""
        return {"error": self.error, "message": self.message, "hint": self.hint}


@dataclass(frozen=True)
class Verdict:
    """The verdict on one version.

    Attributes:
        version: The version.
        commit: The commit that its ledger line names; the one that its tag points to if it is pending.
        digest: Its digest; None if it is pending.
        status: ``pending`` is a tag without a ledger line; ``tampered`` takes precedence over ``yanked``.
        reason: Why it was yanked; None if it was not.
        adopted: Whether it was made without hfver, and adopted later.
        findings: The signs of tampering.
        remarks: What the owner should know, although it is not tampering.
    """

    version: str
    commit: str
    digest: str | None
    status: Literal["ok", "yanked", "pending", "tampered"]
    reason: str | None = None
    adopted: bool = False
    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of one verdict."""
        return {
            "version": self.version,
            "commit": self.commit,
            "digest": self.digest,
            "status": self.status,
            "reason": self.reason,
            "adopted": self.adopted,
            "findings": [finding.to_json() for finding in self.findings],
            "remarks": [remark.to_json() for remark in self.remarks],
        }


@dataclass(frozen=True)
class Audit:
    """The result of an audit of a repo.

    Attributes:
        repo: The repo.
        verdicts: A verdict for each version, newest first.
        findings: The signs of tampering with the repo as a whole: its ledger, or the history of ``main``.
        remarks: What the owner should know about the repo as a whole, although it is not tampering.
        checked: How many items were checked, by the name of the check.
    """

    repo: str
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    checked: Mapping[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether no sign of tampering was found."""
        return not self.findings and not self.tampered

    @property
    def tampered(self) -> tuple[Verdict, ...]:
        """The verdicts on versions that were tampered with."""
        return tuple(verdict for verdict in self.verdicts if verdict.status == "tampered")

    def to_json(self) -> dict[str, Any]:
        """Return the JSON of ``hfver audit``."""
        return {
            "repo": self.repo,
            "clean": self.clean,
            "releases": [verdict.to_json() for verdict in self.verdicts],
            "findings": [finding.to_json() for finding in self.findings],
            "remarks": [remark.to_json() for remark in self.remarks],
            "checked": dict(self.checked),
        }
