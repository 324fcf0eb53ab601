"""How releases look."""

from __future__ import annotations

from hfver.cli.rendering.basics import date_of, human, plain, print_facts, stdout, table_of
from hfver.core.results import Adoption, Release, Versions
from hfver.core.shorten import shortened

__all__ = ["print_adoption", "print_release", "print_versions"]


def print_release(release: Release, *, dry_run: bool = False) -> None:
    """Print a release as a table of facts, and its files."""
    rows = [
        ("version", f"{release.version or '–'}" + (f" ({release.bump})" if release.bump else "")),
        ("commit", release.commit or "–"),
        ("digest", release.digest or "–"),
        ("content", release.content_digest or "–"),
        ("released", f"{date_of(release.date)} by {release.author}" if release.author else "–"),
    ]
    if release.manifest:
        rows.append(("size", f"{human(release.bytes_total)} in {len(release.files)} files"))
    rows += [("why", line) for line in release.why]
    if "127.0.0.1" not in release.url:
        rows.append(("url", release.url))
    if release.bytes_sent or dry_run:
        rows.append(("to send" if dry_run else "sent", human(release.bytes_sent)))
    if release.smoke:
        rows.append(("smoke", f"{release.smoke.in_words} on {release.smoke.device}"))
    if release.adopted:
        rows.append(("adopted", "made without hfver; its manifest is on main"))
    if release.yanked is not None:
        rows.append(("yanked", release.yanked))
    if not release.published and not dry_run:
        rows.append(("status", "a candidate: not a version yet" if release.version else "a commit, not a release"))
    if release.review:
        rows.append(("review", f"#{release.review.number} {release.review.url}"))
    if release.note:
        rows.append(("note", release.note))
    print_facts(release.repo, rows)
    _files(release)
    if release.card and dry_run:
        console = stdout()
        console.rule("README.md")
        console.print(plain(release.card))


def print_versions(versions: Versions) -> None:
    """Print a repo's releases, newest first."""
    table = table_of("version", "bump", "released", "commit", "digest", "")
    for release in versions.releases:
        marks = ["adopted"] if release.adopted else []
        if release.smoke is not None and release.smoke.in_words != "passed":
            marks.append(f"smoke eval {release.smoke.in_words}")
        note = (
            f"yanked: {shortened(release.yanked)}"
            if release.yanked is not None
            else ", ".join([*marks, *release.stages])
        )
        digest = (release.digest or "").removeprefix("sha256:")[:12]
        table.add_row(
            release.version, release.bump or "–", date_of(release.date), release.commit[:12], digest, plain(note)
        )
    console = stdout()
    console.print(plain(versions.repo), style="bold")
    console.print(table if versions.releases else "no releases")
    if versions.pending:
        console.print(f"[yellow]pending (tag without a ledger line): {', '.join(versions.pending)}[/]")


def print_adoption(adoption: Adoption) -> None:
    """Print which tags became releases, which could not and why, and which are not versions."""
    console = stdout()
    console.print(plain(adoption.repo), style="bold")
    if adoption.renamed_from:
        console.print(plain(f"the releases under its former name {adoption.renamed_from} are its own"))
        return
    table = table_of("version", "commit", "files", "size", "")
    for one in adoption.adopted:
        said = "to adopt" if adoption.dry_run else "adopted"
        table.add_row(one.version, one.commit[:12], str(one.files), human(one.bytes_total), said)
    for skipped in adoption.skipped:
        table.add_row(plain(skipped.tag), skipped.commit[:12], "", "", plain(f"skipped: {skipped.reason}"))
    console.print(table if adoption.adopted or adoption.skipped else "nothing to adopt")
    if adoption.left:
        console.print("[dim]tags that are not versions:[/]", plain(", ".join(adoption.left)))


def _files(release: Release) -> None:
    table = table_of("file", "size", "sha256")
    for file in release.files:
        table.add_row(plain(file["path"]), human(file["size"]), file["sha256"][:12])
    if release.files:
        stdout().print(table)
