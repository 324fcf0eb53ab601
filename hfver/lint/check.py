"""The verb: read a code base, list what is not pinned, and pin it where that is asked for."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from hfver.errors import HubError, HubUnreachable, UsageError
from hfver.lint.files import find_in_file, pin_file, replace_file
from hfver.lint.fix import need_libcst
from hfver.lint.hf_uris import is_commit
from hfver.lint.lockfile import Locks
from hfver.lint.positions import Site
from hfver.lint.report import Finding, RepoKind, Report, Unread
from hfver.lint.walk import list_files

__all__ = ["AskHub", "check_pins"]

AskHub = Callable[[str, str, RepoKind], str]
"""Tells the commit of a repo's revision, by name, revision and kind; raises HubError."""


@dataclass(frozen=True)
class _Checked:
    """One file's part of the report."""

    findings: Sequence[Finding] = ()
    fixed: Sequence[Finding] = ()
    unread: Sequence[Unread] = ()


def check_pins(paths: Sequence[Path], *, ask: AskHub | None = None) -> Report:
    """List everything in a code base that loads from a Hub without naming a commit.

    Args:
        paths: Files and folders.
        ask: Tells a commit that the nearest ``hfver.lock`` does not have, to write it into the files; None changes
            nothing.

    Raises:
        UsageError: A path is not there, nothing could be read, or libcst is needed and missing.
        BadConfig: The nearest ``hfver.lock`` is broken.
    """
    if ask is not None:
        need_libcst()
    files, locks = list_files(paths), Locks()
    commits = _Commits(ask, locks) if ask is not None else None
    checked = [_check(file, locks, commits) for file in files]
    unread = tuple(one for part in checked for one in part.unread)
    read = len(files) - len({one.path for one in unread if one.cell is None})
    if files and not read:
        raise UsageError(f"Nothing could be read. {unread[0].place}: {unread[0].reason}.", "Name the code to check.")
    findings = tuple(finding for part in checked for finding in part.findings)
    fixed = tuple(finding for part in checked for finding in part.fixed)
    return Report(findings, fixed, unread, read)


class _Commits:
    """The commits to write: from the nearest lock, else from the Hub, which is asked once for each name."""

    def __init__(self, ask: AskHub, locks: Locks) -> None:
        self._ask = ask
        self._locks = locks
        self._known: dict[tuple[str, str, RepoKind], str | HubError] = {}
        self._silent: HubUnreachable | None = None

    def pin(self, finding: Finding, folder: Path) -> Finding:
        """Fill in a finding's commit, or why there is none."""
        if not (finding.fixable and finding.name and finding.kind):
            return finding
        if locked := self._locks.commit_for(folder, finding):
            return replace(finding, commit=locked)
        answer = self._answer(finding.name, finding.revision or "main", finding.kind)
        if isinstance(answer, HubError):
            return replace(finding, note=answer.message)
        return replace(finding, commit=answer)

    def _answer(self, name: str, revision: str, kind: RepoKind) -> str | HubError:
        key = name, revision, kind
        if key not in self._known:
            self._known[key] = self._silent or self._try(*key)
        return self._known[key]

    def _try(self, name: str, revision: str, kind: RepoKind) -> str | HubError:
        try:
            commit = self._ask(name, revision, kind)
        except HubUnreachable as error:
            self._silent = error  # it would be waited for again with every name
            return error
        except HubError as error:
            return error
        return commit if is_commit(commit) else HubError(f"{name}: the Hub gave no commit of it.")


def _check(file: Path, locks: Locks, commits: _Commits | None) -> _Checked:
    site = Site(file.as_posix(), (file.parent, Path()), partial(locks.has, file.parent))
    try:
        content = file.read_bytes()
    except OSError as error:
        return _Checked(unread=[Unread(site.path, error.strerror or str(error))])
    findings, unread = find_in_file(file, content, site)
    if commits is None:
        return _Checked(findings, (), unread)
    asked = [commits.pin(finding, file.parent) for finding in findings]
    return replace(_fix(file, content, asked, site), unread=unread)


def _fix(file: Path, content: bytes, findings: Sequence[Finding], site: Site) -> _Checked:
    """Write the commits that were found into a file: all of them, or none if it would not be right afterwards."""
    pins = [finding for finding in findings if finding.commit]
    if not pins:
        return _Checked(findings)
    rest = [finding for finding in findings if not finding.commit]
    try:
        changed = pin_file(file, content, pins)
        left, _ = find_in_file(file, changed, site)
        if [_identity(one) for one in left] != [_identity(one) for one in rest]:
            raise SyntaxError("the places were not found again in what would be written")
        replace_file(file, content, changed)
    except (SyntaxError, OSError) as error:
        reason = f"not written: {getattr(error, 'msg', None) or error}"
        return _Checked([replace(one, commit=None, note=one.note or reason) for one in findings])
    return _Checked([replace(one, note=told.note) for one, told in zip(left, rest, strict=True)], pins)


def _identity(finding: Finding) -> tuple[object, ...]:
    """What stays of a finding when lines above it move."""
    return finding.rule, finding.call, finding.name, finding.revision, finding.kind, finding.cell
