"""What an audit returns: a verdict per release, with what was found."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

__all__ = ["Audit", "Finding", "Verdict"]


@dataclass(frozen=True)
class Finding:
    """One thing that an audit noticed.

    Attributes:
        error: The class of the error that a reader would meet, such as ``TagMoved``; None for a mere remark.
        message: What was expected and what was found.
        hint: What to do about it.
    """

    error: str | None
    message: str
    hint: str = ""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of one finding."""
        return {"error": self.error, "message": self.message, "hint": self.hint}


@dataclass(frozen=True)
class Verdict:
    """What became of one version.

    Attributes:
        status: ``pending`` is a tag without a ledger line; ``tampered`` outweighs ``yanked``.
        reason: Why it was yanked.
        adopted: Whether it was made without hfver and adopted later.
        remarks: What is worth knowing and no tampering.
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
        """Give the JSON of one verdict."""
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
    """What an audit of a repo found.

    Attributes:
        verdicts: One per version, newest first.
        findings: Tampering with the repo as a whole: its ledger, or the history of ``main``.
        remarks: What is worth knowing of the repo as a whole.
        checked: How much was checked by what: counts by name.
    """

    repo: str
    verdicts: tuple[Verdict, ...]
    findings: tuple[Finding, ...] = ()
    remarks: tuple[Finding, ...] = ()
    checked: Mapping[str, int] = field(default_factory=dict)

    @property
    def clean(self) -> bool:
        """Whether no tampering was found."""
        return not self.findings and not self.tampered

    @property
    def tampered(self) -> tuple[Verdict, ...]:
        """The versions that were tampered with."""
        return tuple(verdict for verdict in self.verdicts if verdict.status == "tampered")

    def to_json(self) -> dict[str, Any]:
        """Give the JSON of ``hfver audit``."""
        return {
            "repo": self.repo,
            "clean": self.clean,
            "releases": [verdict.to_json() for verdict in self.verdicts],
            "findings": [finding.to_json() for finding in self.findings],
            "remarks": [remark.to_json() for remark in self.remarks],
            "checked": dict(self.checked),
        }
