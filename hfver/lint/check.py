"""Check a code base: report what is not pinned and, where asked, pin it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hfver.errors import UsageError
from hfver.lint.aliases import Aliases
from hfver.lint.commits import CommitFinder, HubLookup
from hfver.lint.context import SourceContext
from hfver.lint.files import check_file, pin_file, replace_file
from hfver.lint.locks import Locks
from hfver.lint.python.fix import require_libcst
from hfver.lint.report import Diagnostic, Report, UnreadSource
from hfver.lint.walk import list_files

__all__ = ["check_pins"]


@dataclass(frozen=True)
class _FileResult:
    """One file's part of the report."""

    findings: Sequence[Diagnostic] = ()
    fixed: Sequence[Diagnostic] = ()
    unread: Sequence[UnreadSource] = ()


def check_pins(paths: Sequence[Path], *, ask_hub: HubLookup | None = None) -> Report:
    """Report everything in a code base that loads from a Hub without naming a commit.

    Args:
        paths: Files and folders.
        ask_hub: Returns the commit to write where the nearest ``hfver.lock`` has none. None changes no file.

    Returns:
        What is not pinned, what was fixed, and what could not be read.

    Raises:
        UsageError: A path does not exist, no file could be read, or libcst is needed and not installed.
        BadConfig: The nearest ``hfver.lock`` or ``hfver.toml`` cannot be read.
    """
    if ask_hub is not None:
        require_libcst()
    files, locks, aliases = list_files(paths), Locks(), Aliases()
    finder = CommitFinder(ask_hub, locks) if ask_hub is not None else None
    results = [_process(file, locks, aliases, finder) for file in files]
    unread = tuple(source for result in results for source in result.unread)
    read = len(files) - len({source.path for source in unread if source.cell is None})
    # Without this, a check of the wrong folder or of broken files would end with "everything is pinned".
    if files and not read:
        reason = f"{unread[0].place}: {unread[0].reason}"
        raise UsageError(f"No file could be read. {reason}.", "Pass the files and folders of the code to check.")
    findings = tuple(diagnostic for result in results for diagnostic in result.findings)
    fixed = tuple(diagnostic for result in results for diagnostic in result.fixed)
    return Report(findings, fixed, unread, read)


def _process(file: Path, locks: Locks, aliases: Aliases, finder: CommitFinder | None) -> _FileResult:
    folder = file.parent
    context = SourceContext(
        file.as_posix(), (folder, Path()), partial(locks.has, folder), partial(aliases.expand, folder)
    )
    try:
        content = file.read_bytes()
    except OSError as error:
        return _FileResult(unread=[UnreadSource(context.path, error.strerror or str(error))])
    diagnostics, unread = check_file(file, content, context)
    if finder is None:
        return _FileResult(diagnostics, (), unread)
    with_commits = [finder.with_commit(diagnostic, file.parent) for diagnostic in diagnostics]
    return replace(_fix(file, content, with_commits, context), unread=unread)


def _fix(file: Path, content: bytes, diagnostics: Sequence[Diagnostic], context: SourceContext) -> _FileResult:
    """Write all commits that were found into a file, or none of them if the result would not be right."""
    pins = [diagnostic for diagnostic in diagnostics if diagnostic.commit]
    if not pins:
        return _FileResult(diagnostics)
    rest = [diagnostic for diagnostic in diagnostics if not diagnostic.commit]
    try:
        changed = pin_file(file, content, pins)
        # The result is checked like any file: exactly the diagnostics without a commit must be left.
        left, _ = check_file(file, changed, context)
        if [_identity(diagnostic) for diagnostic in left] != [_identity(diagnostic) for diagnostic in rest]:
            raise SyntaxError("the rewritten file would not be pinned in the same places")
        replace_file(file, content, changed)
    except (SyntaxError, OSError) as error:
        reason = f"not written: {getattr(error, 'msg', None) or error}"
        return _FileResult([replace(one, commit=None, note=one.note or reason) for one in diagnostics])
    # The new diagnostics have the line numbers of the rewritten file, the old ones the notes.
    return _FileResult([replace(new, note=old.note) for new, old in zip(left, rest, strict=True)], pins)


def _identity(diagnostic: Diagnostic) -> tuple[object, ...]:
    """Return what stays the same of a diagnostic when lines above it are added."""
    one = diagnostic
    return one.rule, one.call, one.name, one.revision, one.kind, one.cell
