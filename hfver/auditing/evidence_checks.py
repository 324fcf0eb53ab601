"""The checks that an audit makes of one release.

Checks that every reader makes when it resolves or loads a release come from ``registry.release_checks``. The others
need git or the whole ledger, and live here.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from hfver.auditing.evidence import ReleaseEvidence
from hfver.core.audit_report import Finding
from hfver.core.manifest import ADOPTED, LINEAGE, MANIFEST, VERSION_FILE, FileEntry, Manifest
from hfver.core.version import tag_of
from hfver.errors import (
    BadConfig,
    CommitGone,
    DigestMismatch,
    FileMissing,
    FileUnexpected,
    ObjectGone,
    TagMoved,
    VerificationError,
)
from hfver.hub import TreeFile
from hfver.hub.git.clone import Clone
from hfver.model.lineage.record import Lineage
from hfver.registry.release_checks import (
    check_binding,
    check_content_digest,
    check_digest,
    check_past,
    check_tree,
)
from hfver.registry.state import RepoState
from hfver.registry.versions import check_tag

__all__ = ["AuditContext", "examine", "remark", "sized"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class AuditContext:
    """What the releases of a repo are checked against.

    Attributes:
        clone: The clone of the repo.
        state: Refs and ledger.
        missing: The SHA-256 of each LFS object that the Hub does not have.
        hashed: Actual size and hash of each LFS object that was downloaded, by its expected SHA-256.
    """

    clone: Clone
    state: RepoState
    missing: Set[str] = frozenset()
    hashed: Mapping[str, FileEntry] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict, repr=False)

    def read(self, release: ReleaseEvidence, path: str) -> bytes | None:
        """Return the content of an ordinary file of a release; None if it is an LFS file or was not fetched."""
        file = release.files.get(path)
        return self.clone.read(file.blob) if file and not file.sha256 and self.clone.has(file.blob) else None

    def sha256(self, blob: str) -> str:
        """Return the SHA-256 of a fetched blob. Releases share most of their files, so each blob is hashed once."""
        if blob not in self._hashes:
            self._hashes[blob] = hashlib.sha256(self.clone.read(blob)).hexdigest()
        return self._hashes[blob]


Check = Callable[[AuditContext, ReleaseEvidence], None]
"""Raises a VerificationError if the release fails it."""


def examine(context: AuditContext, release: ReleaseEvidence) -> tuple[Finding, ...]:
    """Run every check on a release and return a finding for each that fails."""
    return tuple(finding for check in CHECKS for finding in _failure(check, context, release))


def _failure(check: Check, context: AuditContext, release: ReleaseEvidence) -> Iterator[Finding]:
    try:
        check(context, release)
    except VerificationError as error:
        yield Finding(type(error).__name__, error.message, error.hint)


def remark(context: AuditContext, release: ReleaseEvidence) -> tuple[Finding, ...]:
    """Return what is odd about a release without being a sign of tampering."""
    return (*_remark_message(context, release), *_remark_lineage(context, release))


def _remark_message(context: AuditContext, release: ReleaseEvidence) -> Iterator[Finding]:
    """Say that a tag has no message. It is not known whether every Hub keeps the one that hfver sends."""
    if release.tag is not None and not _message(release) and release.entry.line.event != "adopt":
        yield Finding(
            None,
            f"{context.state.repo}: tag {tag_of(release.entry.version)} has no message; hfver sends one with the "
            "release's digest.",
            "Either the Hub did not keep it, or somebody created the tag again, on the same commit.",
        )


def _message(release: ReleaseEvidence) -> str:
    return (release.tag.message or "").strip() if release.tag else ""


def _remark_lineage(context: AuditContext, release: ReleaseEvidence) -> tuple[Finding, ...]:
    content = context.read(release, LINEAGE)
    try:
        if content is not None:
            Lineage.decode(content, f"{release.where}: {LINEAGE}")
    except BadConfig as error:
        return (Finding(None, error.message),)
    return ()


def _tag(context: AuditContext, release: ReleaseEvidence) -> None:
    check_tag(context.state.repo, context.state.refs.tags, release.entry)


def _tag_message(context: AuditContext, release: ReleaseEvidence) -> None:
    """Compare the tag's message with the digest. The tag of an adopted release is its author's own and names none."""
    message, entry = _message(release), release.entry
    if not message or entry.line.event == "adopt":
        return
    name = f"{context.state.repo}: tag {tag_of(entry.version)}"
    hint = "Somebody deleted the tag and created it again. Find out who has write access before you trust it."
    if entry.line.digest not in (found := _DIGEST.findall(message)):
        named = f"names {', '.join(found)}" if found else "names no digest"
        raise TagMoved(f"{name}: its message {named}; the ledger says {entry.line.digest}.", hint)


def _commit(_: AuditContext, release: ReleaseEvidence) -> None:
    if release.tree is None:
        raise CommitGone(
            f"{release.where}: commit {release.entry.commit}, which the ledger names, is no longer in the repo.",
            "Its history was rewritten. A copy of the release can still be verified: hfver verify DIR.",
        )


def _file_kinds(_: AuditContext, release: ReleaseEvidence) -> None:
    for path, kind in sorted(release.tree.odd.items() if release.tree else ()):
        raise FileUnexpected(f"{release.where}: {path} is {kind}; a release contains regular files only.")


def _manifest(_: AuditContext, release: ReleaseEvidence) -> None:
    if release.raw is not None:
        check_digest(release.raw, release.entry, release.where)
        Manifest.decode(release.raw, release.where)
    elif release.entry.line.event == "adopt":
        raise FileMissing(f"{release.where}: main lacks its manifest, {ADOPTED}{release.entry.version}.json.")
    elif release.tree is not None:
        raise FileMissing(f"{release.where}: its commit lacks its manifest, {MANIFEST}.")


def _binding(context: AuditContext, release: ReleaseEvidence) -> None:
    if release.manifest is not None:
        check_binding(release.manifest, context.state.names, str(release.entry.version), release.where)


def _content_digest(_: AuditContext, release: ReleaseEvidence) -> None:
    if release.manifest is not None:
        check_content_digest(release.manifest, release.entry, release.where)


def _past(context: AuditContext, release: ReleaseEvidence) -> None:
    if release.manifest is not None:
        check_past(context.state.ledger, release.manifest, str(release.entry.line.digest), release.where)


def _tree(_: AuditContext, release: ReleaseEvidence) -> None:
    """Compare paths, sizes and LFS pointers with the manifest; a file that was not fetched has no size to compare."""
    if release.manifest is None or release.tree is None:
        return
    files = {path: sized(file, release.manifest) for path, file in release.files.items()}
    check_tree(files, release.manifest, release.where)


def sized(file: TreeFile, manifest: Manifest) -> TreeFile:
    """Return a file that was not fetched, and so has no size, with the size that the manifest gives."""
    listed = manifest.files.get(file.path)
    return replace(file, size=listed.size) if file.size < 0 and listed else file


def _content(context: AuditContext, release: ReleaseEvidence) -> None:
    """Hash the ordinary files that were fetched: git identifies them by SHA-1, the manifest by SHA-256."""
    for path, file in release.files.items():
        expected = release.manifest.files.get(path) if release.manifest else None
        if expected is None or file.sha256 or not context.clone.has(file.blob):
            continue
        if (found := context.sha256(file.blob)) != expected.sha256:
            raise DigestMismatch(
                f"{release.where}: {path} is sha256:{found}; the manifest says sha256:{expected.sha256}."
            )


def _version_file(context: AuditContext, release: ReleaseEvidence) -> None:
    content = context.read(release, VERSION_FILE)
    if content is not None and release.entry.line.event != "adopt":
        stated = content.decode("utf-8", "replace").strip()
        if stated != str(release.entry.version):
            raise DigestMismatch(f"{release.where}: {VERSION_FILE} says {stated[:40]!r}.")


def _objects(context: AuditContext, release: ReleaseEvidence) -> None:
    for path, file in release.files.items():
        if file.sha256 in context.missing:
            raise ObjectGone(
                f"{release.where}: the content of {path} (LFS object {file.sha256}) is gone from the Hub.",
                "A copy can be verified with hfver verify DIR, and the same bytes uploaded again.",
            )


def _downloaded(context: AuditContext, release: ReleaseEvidence) -> None:
    for path, file in release.files.items():
        found = context.hashed.get(file.sha256 or "")
        if found is not None and (found.sha256, found.size) != (file.sha256, file.size):
            raise DigestMismatch(
                f"{release.where}: the Hub sends {found.size} bytes with sha256:{found.sha256} as {path}; "
                f"expected {file.size} bytes with sha256:{file.sha256}."
            )


# A release that fails one check goes through the others too: together they show what was changed.
CHECKS = (
    _tag,
    _tag_message,
    _commit,
    _file_kinds,
    _manifest,
    _binding,
    _content_digest,
    _past,
    _tree,
    _content,
    _version_file,
    _objects,
    _downloaded,
)
