"""Prove: the checks that an audit makes of one release, each of which a reader would fail on, or a person wonder at.

Those that readers make too are the readers' own (``verifying``); here are those that need git or the whole ledger.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Callable, Iterator, Mapping, Set
from dataclasses import dataclass, field, replace

from hfver.auditing.evidence import Exhibit
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

__all__ = ["Case", "examine", "remark", "sized"]

_DIGEST = re.compile(r"sha256:[0-9a-f]{64}")


@dataclass(frozen=True)
class Case:
    """What releases are judged by.

    Attributes:
        clone: The repo's clone.
        state: Refs and ledger.
        lacking: LFS objects that the Hub does not have, by SHA-256.
        hashed: What LFS objects were found to be when they were downloaded, by SHA-256.
    """

    clone: Clone
    state: RepoState
    lacking: Set[str] = frozenset()
    hashed: Mapping[str, FileEntry] = field(default_factory=dict)
    _hashes: dict[str, str] = field(default_factory=dict, repr=False)

    def read(self, exhibit: Exhibit, path: str) -> bytes | None:
        """Read an ordinary file of a release, if it is at hand."""
        file = exhibit.files.get(path)
        return self.clone.read(file.blob) if file and not file.sha256 and self.clone.has(file.blob) else None

    def sha256(self, blob: str) -> str:
        """Hash an ordinary file that is at hand; releases share many, and each is read once."""
        if blob not in self._hashes:
            self._hashes[blob] = hashlib.sha256(self.clone.read(blob)).hexdigest()
        return self._hashes[blob]


def examine(case: Case, exhibit: Exhibit) -> tuple[Finding, ...]:
    """Make every check of a release, and note each that fails."""
    return tuple(finding for check in CHECKS for finding in _failure(check, case, exhibit))


def _failure(check: Callable[[Case, Exhibit], None], case: Case, exhibit: Exhibit) -> Iterator[Finding]:
    try:
        check(case, exhibit)
    except VerificationError as error:
        yield Finding(type(error).__name__, error.message, error.hint)


def remark(case: Case, exhibit: Exhibit) -> tuple[Finding, ...]:
    """Note what is odd about a release and no tampering."""
    content = case.read(exhibit, LINEAGE)
    try:
        if content is not None:
            Lineage.decode(content, f"{exhibit.where}: {LINEAGE}")
    except BadConfig as error:
        return (Finding(None, error.message),)
    return ()


def _tag(case: Case, exhibit: Exhibit) -> None:
    check_tag(case.state.repo, case.state.refs.tags, exhibit.entry)


def _tag_message(case: Case, exhibit: Exhibit) -> None:
    """Compare the tag's message with the digest; an adopted release's tag is its author's own."""
    tag, entry = exhibit.tag, exhibit.entry
    if tag is None or entry.line.event == "adopt":
        return
    name = f"{case.state.repo}: tag {tag_of(entry.version)}"
    hint = "Somebody deleted the tag and made it anew. Ask who has write access before you trust it."
    if tag.message is None:
        raise TagMoved(f"{name} is not annotated; hfver made it with a message.", hint)
    if entry.line.digest not in (found := _DIGEST.findall(tag.message)):
        says = f"names {', '.join(found)}" if found else "names no digest"
        raise TagMoved(f"{name}: its message {says}; the ledger says {entry.line.digest}.", hint)


def _commit(_: Case, exhibit: Exhibit) -> None:
    if exhibit.tree is None:
        raise CommitGone(
            f"{exhibit.where}: the ledger says commit {exhibit.entry.commit}, and the repo does not have it any more.",
            "Its history was rewritten. Whoever has a copy of the release can prove it: hfver verify DIR.",
        )


def _kinds(_: Case, exhibit: Exhibit) -> None:
    for path, what in sorted(exhibit.tree.odd.items() if exhibit.tree else ()):
        raise FileUnexpected(f"{exhibit.where}: {path} is {what}; a release has files only.")


def _manifest(_: Case, exhibit: Exhibit) -> None:
    if exhibit.raw is not None:
        check_digest(exhibit.raw, exhibit.entry, exhibit.where)
        Manifest.decode(exhibit.raw, exhibit.where)
    elif exhibit.entry.line.event == "adopt":
        raise FileMissing(f"{exhibit.where}: main lacks its manifest, {ADOPTED}{exhibit.entry.version}.json.")
    elif exhibit.tree is not None:
        raise FileMissing(f"{exhibit.where}: its commit lacks its manifest, {MANIFEST}.")


def _binding(case: Case, exhibit: Exhibit) -> None:
    if exhibit.manifest is not None:
        check_binding(exhibit.manifest, case.state.names, str(exhibit.entry.version), exhibit.where)


def _content_digest(_: Case, exhibit: Exhibit) -> None:
    if exhibit.manifest is not None:
        check_content_digest(exhibit.manifest, exhibit.entry, exhibit.where)


def _past(case: Case, exhibit: Exhibit) -> None:
    if exhibit.manifest is not None:
        check_past(case.state.ledger, exhibit.manifest, str(exhibit.entry.line.digest), exhibit.where)


def _tree(_: Case, exhibit: Exhibit) -> None:
    """Compare paths, sizes and LFS pointers with the manifest; what is not at hand is believed to have its size."""
    if exhibit.manifest is None or exhibit.tree is None:
        return
    files = {path: sized(file, exhibit.manifest) for path, file in exhibit.files.items()}
    check_tree(files, exhibit.manifest, exhibit.where)


def sized(file: TreeFile, manifest: Manifest) -> TreeFile:
    """Give a file that is not at hand the size that its manifest says."""
    listed = manifest.files.get(file.path)
    return replace(file, size=listed.size) if file.size < 0 and listed else file


def _content(case: Case, exhibit: Exhibit) -> None:
    """Hash the ordinary files that are at hand: git names them by SHA-1, the manifest by SHA-256."""
    for path, file in exhibit.files.items():
        expected = exhibit.manifest.files.get(path) if exhibit.manifest else None
        if expected is None or file.sha256 or not case.clone.has(file.blob):
            continue
        if (found := case.sha256(file.blob)) != expected.sha256:
            raise DigestMismatch(
                f"{exhibit.where}: {path} is sha256:{found}; the manifest says sha256:{expected.sha256}."
            )


def _version_file(case: Case, exhibit: Exhibit) -> None:
    content = case.read(exhibit, VERSION_FILE)
    if content is not None and exhibit.entry.line.event != "adopt":
        said = content.decode("utf-8", "replace").strip()
        if said != str(exhibit.entry.version):
            raise DigestMismatch(f"{exhibit.where}: {VERSION_FILE} says {said[:40]!r}.")


def _objects(case: Case, exhibit: Exhibit) -> None:
    for path, file in exhibit.files.items():
        if file.sha256 in case.lacking:
            raise ObjectGone(
                f"{exhibit.where}: the content of {path} (LFS object {file.sha256}) is gone from a repo that answers.",
                "Who has a copy can prove it with hfver verify DIR, and upload the very same bytes again.",
            )


def _downloaded(case: Case, exhibit: Exhibit) -> None:
    for path, file in exhibit.files.items():
        found = case.hashed.get(file.sha256 or "")
        if found is not None and (found.sha256, found.size) != (file.sha256, file.size):
            raise DigestMismatch(
                f"{exhibit.where}: the Hub sends {found.size} bytes with sha256:{found.sha256} as {path}; "
                f"expected {file.size} bytes with sha256:{file.sha256}."
            )


CHECKS = (
    _tag,
    _tag_message,
    _commit,
    _kinds,
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
