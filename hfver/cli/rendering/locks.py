"""How locks look."""

from __future__ import annotations

import sys

from hfver.cli.rendering.basics import LEVELS, human, plain, say, shown, stdout, table_of
from hfver.core.lockfile.results import Locked, Outdated, Synced
from hfver.core.shorten import shortened

__all__ = ["print_locked", "print_outdated", "print_synced"]


def print_locked(locked: Locked) -> None:
    """Print what changed in a lock; its path goes to stderr."""
    table = table_of("", "repo", "locked", "bump")
    for change in locked.changes:
        move = " → ".join(part for part in (change.before, change.after) if part)
        table.add_row(change.kind, plain(change.repo), plain(move), _level(change.bump))
    if locked.changes:
        stdout().print(table)
    _notes(locked.notes)
    count = len(locked.lock.packages)
    state = "written" if locked.written else "unchanged"
    say(f"{locked.path} {state}: {count} {'package' if count == 1 else 'packages'}")


def print_synced(synced: Synced) -> None:
    """Print the folder of every package; only that goes to stdout, so that a script can use it."""
    for package, folder in synced.folders:
        sys.stdout.write(f"{package}\t{folder}\n")
    _notes(synced.notes)
    total = sum(package.bytes_total for package, _ in synced.folders)
    files = sum(len(package.files) for package, _ in synced.folders)
    say(f"verified against {synced.path}: {files} files, {human(total)}")


def print_outdated(outdated: Outdated) -> None:
    """Print how every package compares with the newest releases."""
    table = table_of("repo", "spec", "locked", "allowed", "newest", "bump", "")
    for one in outdated.packages:
        note = f"yanked: {shortened(one.yanked)}" if one.yanked is not None else ""
        cells = (one.repo, one.spec, one.locked, one.allowed or "–", one.newest or "–")
        table.add_row(*map(plain, cells), _bumps(one.allowed_bump, one.newest_bump), plain(note))
    stdout().print(table if outdated.packages else "nothing is locked")


def _bumps(allowed: str | None, newest: str | None) -> str:
    """Show the bump to the newest allowed release, and that to the newest of all if it differs."""
    both = [allowed, *([newest] if newest != allowed else [])]
    return " / ".join(_level(bump) for bump in both)


def _level(bump: str | None) -> str:
    return f"{LEVELS[bump]}{bump or '–'}[/]"


def _notes(notes: tuple[str, ...]) -> None:
    for note in notes:
        sys.stderr.write(f"warning: {shown(note)}\n")
