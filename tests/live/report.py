"""The report of a live run: what hfver believes of a Hub, and what was found, as a Markdown file to send on."""

from __future__ import annotations

import platform
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

__all__ = ["NOT_SHARED", "Belief", "Report"]

NOT_SHARED = {
    "rate-limit-headers": "The embedded Hub does not limit requests.",
    "content-host": "The embedded Hub serves content itself, so that it needs no second host.",
    "gitattributes-quoted": "The embedded Hub reads patterns as git does; what huggingface.co reads is not documented.",
    "gitattributes-rooted": "The embedded Hub reads patterns as git does; what huggingface.co reads is not documented.",
    "xet-hash": "The embedded Hub has no Xet, so that clients download by plain HTTP.",
}
"""What is expected of huggingface.co, or only asked of it, and what the embedded Hub deliberately does otherwise."""

VERDICTS = ("holds", "differs", "learned", "not shared")


@dataclass(frozen=True)
class Belief:
    """One thing believed of a Hub.

    Attributes:
        id: A short name.
        text: A sentence.
        expected: What should be found; None where nothing is known, and the run is to find out.
        found: What was found.
        note: A measurement, such as the seconds that it took.
        not_shared: Whether the Hub is the embedded one, which deliberately answers otherwise.
    """

    id: str
    text: str
    expected: object
    found: object
    note: str = ""
    not_shared: bool = False

    @property
    def verdict(self) -> str:
        if self.not_shared:
            return "not shared"
        if self.expected is None:
            return "learned"
        return "holds" if self.expected == self.found else "differs"


@dataclass
class Report:
    """Everything that a run found."""

    place: str
    token: str
    beliefs: list[Belief] = field(default_factory=list)
    outcomes: dict[str, tuple[str, str]] = field(default_factory=dict)
    """Of each test: passed or failed, and the last line of its error."""
    left: Sequence[str] = ()
    """The repos that could not be deleted."""

    def write(self, path: Path) -> None:
        """Write the report as Markdown, without the token."""
        path.write_text(self.text().replace(self.token, "TOKEN"), encoding="utf-8")

    def text(self) -> str:
        """Return the report as Markdown."""
        verdicts = [belief.verdict for belief in self.beliefs]
        failed = [name for name, (outcome, _) in self.outcomes.items() if outcome == "failed"]
        libraries = ", ".join(f"{name} {version(name)}" for name in ("hfver", "huggingface_hub"))
        return "\n".join(
            [
                "# What hfver believes of a Hub, and what was found",
                "",
                f"- Hub: {self.place}",
                f"- Date: {datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
                f"- With: {libraries}, Python {platform.python_version()}, {platform.system()}",
                f"- Beliefs: {', '.join(f'{verdicts.count(one)} {one}' for one in VERDICTS)}",
                f"- Tests: {len(self.outcomes) - len(failed)} passed, {len(failed)} failed",
                *(f"- Not deleted, delete it by hand: {name}" for name in self.left),
                "",
                "| belief | | expected | found | verdict |",
                "|---|---|---|---|---|",
                *(_row(belief) for belief in sorted(self.beliefs, key=lambda one: (one.verdict, one.id))),
                "",
                "## Not shared by the embedded Hub",
                "",
                *(f"- {name}: {reason}" for name, reason in sorted(NOT_SHARED.items())),
                "",
                "## Tests",
                "",
                *(f"- {outcome}: {name}{_said(error)}" for name, (outcome, error) in sorted(self.outcomes.items())),
                "",
            ]
        )


def _row(belief: Belief) -> str:
    found = f"{belief.found}" + (f" ({belief.note})" if belief.note else "")
    expected = "not known" if belief.expected is None else str(belief.expected)
    cells = (belief.id, belief.text, expected, found, belief.verdict)
    return f"| {' | '.join(cell.replace('|', '/').replace(chr(10), ' ')[:300] for cell in cells)} |"


def _said(error: str) -> str:
    return f": {error[:300]}" if error else ""
