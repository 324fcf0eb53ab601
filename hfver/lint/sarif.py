"""Write a report as SARIF 2.1.0, the format in which code review tools show diagnostics beside the lines."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any
from urllib.parse import quote

from hfver.core.about import __version__
from hfver.lint.report import RULES, Diagnostic, Report, RuleName, UnreadSource

__all__ = ["to_sarif"]

_SCHEMA = "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json"


def to_sarif(report: Report, root: Path | None = None) -> dict[str, Any]:
    """Return a report as a SARIF log.

    Args:
        report: The report; places that were fixed are left out.
        root: The folder that paths are written relative to, usually the root of the checkout; None for the current one.
    """
    base = (root or Path()).absolute()
    run = {
        "tool": {"driver": {"name": "hfver", "semanticVersion": __version__, "rules": [*map(_rule, RULES)]}},
        "columnKind": "unicodeCodePoints",
        "results": [_result(diagnostic, base) for diagnostic in report.findings],
        "invocations": [
            {
                "executionSuccessful": True,
                "toolExecutionNotifications": [_notification(source, base) for source in report.unread],
            }
        ],
    }
    return {"$schema": _SCHEMA, "version": "2.1.0", "runs": [run]}


def _level(rule: RuleName) -> str:
    """Return ``error`` for what is known to be unpinned, ``warning`` for what cannot be checked."""
    return "warning" if rule.startswith("undecidable") else "error"


def _rule(rule: RuleName) -> dict[str, Any]:
    return {
        "id": rule,
        "shortDescription": {"text": RULES[rule]},
        "defaultConfiguration": {"level": _level(rule)},
        "help": {"text": 'Pass revision="<commit of 40 hex digits>", or run: hfver pins --fix'},
    }


def _result(diagnostic: Diagnostic, base: Path) -> dict[str, Any]:
    location = {"artifactLocation": {"uri": _uri(diagnostic.path, base)}, "region": _region(diagnostic)}
    cell = f" (cell {diagnostic.cell}, line {diagnostic.line})" if diagnostic.cell else ""
    return {
        "ruleId": diagnostic.rule,
        "ruleIndex": list(RULES).index(diagnostic.rule),
        "level": _level(diagnostic.rule),
        "message": {"text": f"{diagnostic.call}: {diagnostic.message}{cell}"},
        "locations": [{"physicalLocation": location}],
    }


def _region(diagnostic: Diagnostic) -> dict[str, int]:
    """Return lines and columns. Those of a notebook count within a cell, so its region is the start of the file."""
    if diagnostic.cell is not None:
        return {"startLine": 1}
    return {
        "startLine": diagnostic.line,
        "startColumn": diagnostic.column,
        "endLine": diagnostic.end_line,
        "endColumn": diagnostic.end_column,
    }


def _notification(source: UnreadSource, base: Path) -> dict[str, Any]:
    return {
        "level": "warning",
        "message": {"text": f"{source.place}: {source.reason}"},
        "locations": [{"physicalLocation": {"artifactLocation": {"uri": _uri(source.path, base)}}}],
    }


def _uri(path: str, base: Path) -> str:
    """Return a path relative to the root, as SARIF requires; a path outside the root starts with ``..``."""
    return quote(Path(os.path.relpath(path, base)).as_posix())
