"""How audits look."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.cli.rendering.basics import plain, stdout, table_of
from hfver.core.audit_report import Audit, Finding
from hfver.core.plural import counted

__all__ = ["print_audit"]

MARKS = {"ok": "[green]✓[/]", "yanked": "[yellow]–[/]", "pending": "[yellow]?[/]", "tampered": "[red]✗[/]"}


def print_audit(audit: Audit) -> None:
    """Print a verdict per version, then findings about the repo as a whole, and how much was checked."""
    table = table_of("", "version", "verdict", "commit", "digest", "what was found")
    for verdict in audit.verdicts:
        said = [f"{finding.error}: {finding.message}" for finding in verdict.findings]
        said += [verdict.reason] if verdict.reason is not None else []
        said += [remark.message for remark in verdict.remarks]
        status = f"{verdict.status}, adopted" if verdict.adopted else verdict.status
        digest = (verdict.digest or "–").removeprefix("sha256:")[:12]
        table.add_row(
            MARKS[verdict.status], verdict.version, status, verdict.commit[:12], digest, plain("\n".join(said))
        )
    console = stdout()
    console.print(plain(audit.repo), style="bold")
    console.print(table if audit.verdicts else "no releases")
    _say("[red]✗[/]", audit.findings)
    _say("[yellow]![/]", audit.remarks)
    for verdict in audit.verdicts:
        _say(None, verdict.findings)
    if audit.clean and not audit.checked["releases"]:
        _say_nothing_to_check(audit)
        return
    console.print(_summary(audit))
    console.print(_checked(audit), style="dim")


def _say_nothing_to_check(audit: Audit) -> None:
    console = stdout()
    console.print("[yellow]–[/] nothing to check: the ledger holds no release")
    remedy = f"Publish one: hfver release DIR --repo {audit.repo}"
    if audit.verdicts:  # tags without a ledger line; a release also completes those that hfver made
        remedy = f"Make releases of the tags that hfver did not make: hfver adopt {audit.repo}"
    console.print("[cyan]hint:[/]", plain(remedy))


def _say(mark: str | None, findings: Iterable[Finding]) -> None:
    console = stdout()
    for finding in findings:
        if mark:
            console.print(mark, plain(f"{finding.error}: {finding.message}" if finding.error else finding.message))
        if finding.hint:
            console.print("[cyan]hint:[/]", plain(finding.hint))


def _summary(audit: Audit) -> str:
    if audit.clean:
        return f"[green]✓[/] [bold]clean[/]: {_releases(audit)} what the ledger says"
    bad = [f"{len(audit.tampered)} of {counted(audit.checked['releases'], 'release')}"] if audit.tampered else []
    bad += ["the ledger"] if audit.findings else []
    return f"[red]✗[/] [bold]tampered[/]: {' and '.join(bad)}"


def _releases(audit: Audit) -> str:
    count = audit.checked["releases"]
    return f"{counted(count, 'release')} {'is' if count == 1 else 'are'}"


def _checked(audit: Audit) -> str:
    count = audit.checked
    parts = [
        counted(count["manifests"], "manifest"),
        counted(count["tags"], "tag"),
        f"{counted(count['ledger_lines'], 'ledger line')} with the ledger's history on main",
        f"{counted(count['files_by_content'], 'file')} by content",
        f"{count['files_by_lfs_pointer']} by LFS pointer",
    ]
    if count["files_by_name_alone"]:
        parts.append(f"{count['files_by_name_alone']} by name alone (--deep reads them)")
    deep, asked = count["objects_downloaded"], count["objects_asked_for"]
    parts.append(f"{counted(deep or asked, 'LFS object')} {'downloaded' if deep else 'asked for'}")
    limit = "Only a machine that saw the repo before can notice that the history of main was rewritten by force."
    return f"Checked: {', '.join(parts)}. {limit}"
