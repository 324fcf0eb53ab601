"""How results look: tables for people, one JSON object for programs."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any

from hfver.results import Pulled, Release, Verified, Versions

if TYPE_CHECKING:
    from rich.console import Console

    from hfver.compare import Difference
    from hfver.records import SmokeReport

__all__ = [
    "print_error",
    "print_json",
    "print_pulled",
    "print_release",
    "print_smoke",
    "print_verified",
    "say",
]

LEVELS = {"major": "[red]", "minor": "[yellow]", "patch": "[green]", None: "[dim]"}
MARKS = {"passed": "[green]✓[/]", "failed": "[red]✗[/]", "skipped": "[dim]–[/]"}


def print_json(value: dict[str, Any]) -> None:
    """Print one JSON object on stdout."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False) + "\n")


def print_error(message: str, hint: str) -> None:
    """Print what went wrong and what to do, on stderr."""
    console = _stderr()
    console.print("[bold red]error:[/]", _plain(message))
    if hint:
        console.print("[cyan]hint:[/]", _plain(hint))


def say(message: str) -> None:
    """Tell a person what is going on, on stderr."""
    _stderr().print("[dim]›[/]", _plain(message))


def print_release(release: Release, *, dry_run: bool = False) -> None:
    """Print a release as a table of facts, and its files."""
    rows = [
        ("version", f"{release.version or '–'}" + (f" ({release.bump})" if release.bump else "")),
        ("commit", release.commit or "–"),
        ("digest", release.digest or "–"),
        ("content", release.content_digest or "–"),
        ("released", f"{_date(release)} by {release.author}" if release.author else "–"),
        ("size", f"{human(release.bytes_total)} in {len(release.files)} files"),
    ]
    if "127.0.0.1" not in release.url:
        rows.append(("url", release.url))
    if release.bytes_sent or dry_run:
        rows.append(("to send" if dry_run else "sent", human(release.bytes_sent)))
    if release.smoke:
        rows.append(("smoke", f"{release.smoke.status} on {release.smoke.device}"))
    if release.yanked is not None:
        rows.append(("yanked", release.yanked))
    if not release.published and not dry_run:
        rows.append(("status", "a candidate: not a version yet" if release.version else "a commit, not a release"))
    if release.note:
        rows.append(("note", release.note))
    _facts(release.repo, rows)
    _files(release)
    if release.card and dry_run:
        console = _stdout()
        console.rule("README.md")
        console.print(_plain(release.card))


def print_versions(versions: Versions) -> None:
    """Print a repo's releases, newest first."""
    table = _table("version", "bump", "released", "commit", "digest", "")
    for release in versions.releases:
        note = f"yanked: {release.yanked}" if release.yanked is not None else ", ".join(release.stages)
        digest = (release.digest or "").removeprefix("sha256:")[:12]
        table.add_row(release.version, release.bump or "–", _date(release), release.commit[:12], digest, note)
    console = _stdout()
    console.print(f"[bold]{versions.repo}[/]")
    console.print(table if versions.releases else "no releases")
    if versions.pending:
        console.print(f"[yellow]pending (tag without a ledger line): {', '.join(versions.pending)}[/]")


def print_difference(before: str, after: str, difference: Difference) -> None:
    """Print what changed, the highest level first."""
    console = _stdout()
    level = difference.level.upper() if difference.level else "NOTHING CHANGED"
    console.print(f"{LEVELS[difference.level]}[bold]{level}[/][/]", _plain(f"{before} → {after}"))
    table = _table("level", "rule", "where", "what it means")
    for change in difference.changes:
        table.add_row(
            f"{LEVELS[change.level]}{change.level}[/]", change.rule, _plain(change.where), _plain(change.message)
        )
    if difference.changes:
        console.print(table)
    if difference.weights.moved:
        moved = difference.weights
        console.print(f"{moved.share:.1%} of the weights moved ({moved.moved} of {moved.total} tensors)")
    for note in difference.notes:
        console.print("[dim]note:[/]", _plain(note))


def print_pulled(pulled: Pulled) -> None:
    """Print where a release is now; the path alone goes to stdout, so that a script can use it."""
    say(f"{pulled.release} verified: {pulled.verified} files")
    sys.stdout.write(f"{pulled.path}\n")


def print_verified(verified: Verified) -> None:
    """Print that everything is as released."""
    against = {"ledger": "the ledger", "manifest": "its manifest", "commit": "its commit"}[verified.evidence]
    _facts(
        verified.repo,
        [
            ("version", verified.version or "–"),
            ("verified", f"{verified.files} files, {human(verified.bytes_total)}, against {against}"),
            ("digest", verified.digest or "–"),
            ("path", str(verified.path)),
        ],
    )


def print_smoke(report: SmokeReport) -> None:
    """Print a smoke report."""
    table = _table("", "check", "evidence")
    for check in report.checks:
        table.add_row(MARKS[check.status], check.name, _plain(check.detail))
    console = _stdout()
    console.print(table)
    figures = [f"{report.device}, {report.dtype}"]
    if report.load_seconds is not None:
        figures.append(f"loaded in {report.load_seconds:.2f} s")
    if report.tokens_per_second is not None:
        figures.append(f"{report.tokens_per_second:,.0f} tokens/s")
    if report.peak_memory_bytes is not None:
        figures.append(f"peak memory {human(report.peak_memory_bytes)}")
    console.print(f"{MARKS[report.status]} [bold]{report.status}[/] · {' · '.join(figures)}")


def human(size: float) -> str:
    """Write a number of bytes for people, in powers of 1000."""
    for unit in ("B", "kB", "MB", "GB"):
        if size < 1000:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1000
    return f"{size:.1f} TB"


def _files(release: Release) -> None:
    table = _table("file", "size", "sha256")
    for file in release.files:
        table.add_row(_plain(file["path"]), human(file["size"]), file["sha256"][:12])
    if release.files:
        _stdout().print(table)


def _facts(title: str, rows: Iterable[tuple[str, str]]) -> None:
    from rich.table import Table

    table = Table(show_header=False, box=None, pad_edge=False)
    table.add_column(style="cyan")
    table.add_column(overflow="fold")
    for name, value in rows:
        table.add_row(name, _plain(value))
    console = _stdout()
    console.print(f"[bold]{title}[/]")
    console.print(table)


def _table(*columns: str) -> Any:
    from rich import box
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        table.add_column(column, overflow="fold")
    return table


def _plain(text: str) -> Any:
    """Show text as it is: what comes from a Hub is no markup, and cannot move the cursor."""
    from rich.text import Text

    return Text("".join(char for char in text if char.isprintable() or char in "\n\t"))


def _date(release: Release) -> str:
    return f"{release.date:%Y-%m-%d %H:%M}" if release.date else "–"


def _stdout() -> Console:
    from rich.console import Console

    # A pipe has no width: wrap nothing there, so that grep and awk see whole lines.
    return Console(highlight=False, width=None if sys.stdout.isatty() else 1000)


def _stderr() -> Console:
    from rich.console import Console

    return Console(stderr=True, highlight=False, soft_wrap=True)
