"""Reports as SARIF 2.1.0, which code review tools show beside the lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hfver.core.about import __version__
from hfver.lint.report import RULES, Finding, Report, Rule, Unread

__all__ = ["to_sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(report: Report, root: Path | None = None) -> dict[str, Any]:
    """Write a report as a SARIF log.

    Args:
        report: What was found; what was fixed is no result any more.
        root: The folder that paths are relative to, as a checkout's root; None for the current one.
    """
    base = (root or Path()).absolute()
    run = {
        "tool": {"driver": {"name": "hfver", "semanticVersion": __version__, "rules": [*map(_rule, RULES)]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(finding, base) for finding in report.findings],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(unread, base) for unread in report.unread],
            }
        ],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _level(rule: Rule) -> str:
    """What is known to be unpinned is an error; what cannot be told is a warning."""
    return "warning" if rule.startswith("undecidable") else "error"


def _rule(rule: Rule) -> dict[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": RULES[rule]},
        "defaultConfiguration": {"level": _level(rule)},
        "help": {"text": 'Give revision="<commit of 40 hex digits>", or run: hfver pins --fix'},
    }


def _result(finding: Finding, base: Path) -> dict[str, Any]:
    location = {"artifactLocation": {"uri": _uri(finding.path, base)}, "region": _region(finding)}
    cell = f" (cell {finding.cell}, line {finding.line})" if finding.cell else ""
    return {
        "ruleId": finding.rule,
        "ruleIndex": list(RULES).index(finding.rule),
        "level": _level(finding.rule),
        "message": {"text": f"{finding.call}: {finding.message}{cell}"},
        "locations": [{"physicalLocation": location}],
    }


def _region(finding: Finding) -> dict[str, int]:
    """Give the lines and columns; a cell's are none of the notebook's file, so it is pointed at as a whole."""
    if finding.cell is not None:
        return {"startLine": 1}
    return {
        "startLine": finding.line,
        "startColumn": finding.column,
        "endLine": finding.end_line,
        "endColumn": finding.end_column,
    }


def _notification(unread: Unread, base: Path) -> dict[str, Any]:
    return {
        "level": "warning",
        "message": {"text": f"{unread.place}: {unread.reason}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(unread.path, base)}}}],
    }


def _uri(path: str, base: Path) -> str:
    """Give a path relative to the root, as SARIF wants it; one that lies outside is written with ``..``."""
    return quote(Path(os.path.relpath(path, base)).as_posix())
