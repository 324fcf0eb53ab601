"""Audit: every release of a repo checked by git, as nobody can who asks the API release by release.

One fetch brings refs, commits, trees and LFS pointers; a second the manifests, a third the other small files. So tags
with their messages, trees, manifests, the ledger and its history on ``main`` are compared without a byte of weights.
What git cannot show is asked for: whether the LFS objects are there, and what this machine saw before.

A history of ``main`` that was rewritten by force does not show in itself: only who saw the repo before can tell.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

from hfver.auditing.evidence import Exhibit, gather
from hfver.auditing.evidence_checks import Case, examine, remark, sized
from hfver.core.audit_report import Audit, Finding, Verdict
from hfver.core.ledger import Ledger
from hfver.core.manifest import CARD, LEDGER, MANIFEST, FileEntry, Manifest, digest_of, is_state
from hfver.core.plural import counted
from hfver.core.progress import Progress, silent
from hfver.core.version import Version, parse_version, tag_of
from hfver.errors import LedgerRewritten, LedgerTruncated, VerificationError
from hfver.hub import Refs
from hfver.hub.client import HubRepo
from hfver.hub.git.clone import Clone, with_clone
from hfver.hub.lfs_objects import hash_file, lacking_objects
from hfver.hub.upload import WORKERS
from hfver.model.card import with_yanks
from hfver.registry.release_checks import UNLISTED, check_binding, check_tree, git_blob_id
from hfver.registry.state import RepoState, TrustOptions, check_continues, check_seen

__all__ = ["audit"]

LOOK_BACK = 50
"""How many earlier ledgers are tried when today's is broken."""
CANDIDATES = "hfver/"
"""Branches of releases that are being made begin so."""


def audit(
    repo: HubRepo,
    trust: TrustOptions = TrustOptions(),
    *,
    deep: bool = False,
    progress: Progress = silent,
) -> Audit:
    """Check all releases of a repo, its ledger, and the history of both.

    Args:
        repo: The repo.
        trust: What must hold for it to be believed.
        deep: Download every LFS object too and hash it; nothing is kept.
        progress: Told the bytes that are hashed.

    Raises:
        UsageError: There is no git program.
        HubError: There is no such repo, or no answer.
    """
    _ = repo.refs().main  # one that is not there, or not for us, is told in the API's better words
    return with_clone(repo, partial(_audit, repo, trust, deep, progress))


def _audit(repo: HubRepo, trust: TrustOptions, deep: bool, progress: Progress, clone: Clone) -> Audit:
    state, findings = _read_state(clone, repo, trust)
    findings = findings or [*_history(clone, state.ledger), *_memories(state)]
    exhibits = gather(clone, repo.name, state.ledger.entries, everything=deep)
    objects = _objects(exhibits)
    lacking = lacking_objects(repo, (entry for entry, _, _ in objects.values()))
    there = {oid: place for oid, place in objects.items() if oid not in lacking}
    hashed = _download(repo, there, progress) if deep else {}
    lacking |= {oid for oid, entry in hashed.items() if entry is None}
    case = Case(clone, state, lacking, {oid: entry for oid, entry in hashed.items() if entry})
    verdicts = [_verdict(case, exhibit) for exhibit in exhibits] + [*_pending(clone, state)]
    if not findings:
        repo.memory.remember_ledger(state.refs.main, state.ledger.raw)
    return Audit(
        repo=repo.name,
        verdicts=tuple(sorted(verdicts, key=lambda verdict: parse_version(verdict.version), reverse=True)),
        findings=tuple(findings),
        remarks=(*_left_branches(clone), *_main_files(clone, state)),
        checked=_counts(case, exhibits, objects),
    )


def _read_state(clone: Clone, repo: HubRepo, trust: TrustOptions) -> tuple[RepoState, list[Finding]]:
    """Read refs and ledger; where the ledger is broken, go on with the last one in main's history that was not."""
    refs = Refs(clone.branches, {name: tag.commit for name, tag in clone.tags.items()}, {})
    main = clone.tree(clone.branches["main"])
    blob = main.blobs.get(LEDGER) if main else None
    clone.fetch([blob] if blob else [])
    try:
        ledger = Ledger.decode(clone.read(blob) if blob else b"", repo.name, trust.mirror_of)
        return RepoState(repo, refs, ledger, trust), []
    except VerificationError as error:
        commit, ledger = _last_whole(clone, repo, trust)
        hint = f"The releases are judged by the ledger of commit {commit}, the last that was whole." if commit else ""
        found = Finding(type(error).__name__, error.message, hint or error.hint)
        return RepoState(repo, refs, ledger, trust), [found]


def _last_whole(clone: Clone, repo: HubRepo, trust: TrustOptions) -> tuple[str | None, Ledger]:
    earlier = [(commit, blob) for commit, blob in clone.versions_of(LEDGER) if blob][:LOOK_BACK]
    clone.fetch(blob for _, blob in earlier)
    for commit, blob in earlier:
        try:
            return commit, Ledger.decode(clone.read(blob), repo.name, trust.mirror_of)
        except VerificationError:
            continue
    return None, Ledger.empty()


def _history(clone: Clone, ledger: Ledger) -> Iterator[Finding]:
    """Check that every ledger that ``main`` ever held is a beginning of today's.

    The beginnings' git ids are worked out here, so that none of those ledgers is fetched unless it is another one.
    """
    ends = [number for number, byte in enumerate(ledger.raw, 1) if byte == 10]
    beginnings = {git_blob_id(ledger.raw[:end]) for end in ends} | {git_blob_id(b"")}
    held = [(commit, blob) for commit, blob in clone.versions_of(LEDGER) if blob]
    others = [(commit, blob) for commit, blob in held if blob not in beginnings]
    if others:
        commit, blob = others[0]
        clone.fetch([blob])
        yield _rewritten(commit, clone.read(blob), ledger.raw, len(others))


def _rewritten(commit: str, then: bytes, now: bytes, count: int) -> Finding:
    more = f" (and {counted(count - 1, 'commit')} before it)" if count > 1 else ""
    hint = f"Compare: git show {commit}:{LEDGER}"
    if then.startswith(now):
        gone = then.count(b"\n") - now.count(b"\n")
        lines = "line of the ledger is" if gone == 1 else f"{gone} lines of the ledger are"
        message = f"The last {lines} gone since commit {commit} of main{more}."
        return Finding(LedgerTruncated.__name__, message, hint)
    pairs = zip(then.split(b"\n"), now.split(b"\n"), strict=False)
    number, old, new = next((n, old, new) for n, (old, new) in enumerate(pairs, 1) if old != new)
    return Finding(
        LedgerRewritten.__name__,
        f"The ledger was rewritten since commit {commit} of main{more}: its line {number} was {_shown(old)} "
        f"and is {_shown(new)}.",
        hint,
    )


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return repr(text[:160] + ("…" if len(text) > 160 else "")) if text else "not there"


def _memories(state: RepoState) -> Iterator[Finding]:
    """Compare the ledger with what this machine and the lock saw last."""
    memory = state.repo.memory
    remembered = memory.ledger()
    try:
        if remembered is not None:
            check_continues(state.repo, state.ledger, remembered)
        check_seen(state.repo, state.ledger, state.trust)
    except VerificationError as error:
        yield Finding(type(error).__name__, error.message, error.hint)


Objects = Mapping[str, tuple[FileEntry, str, str]]
"""By SHA-256: what an LFS object should be, with a commit and a path that it is found at."""


def _objects(exhibits: Iterable[Exhibit]) -> Objects:
    return {
        file.sha256: (FileEntry(size=file.size, sha256=file.sha256), exhibit.entry.commit, file.path)
        for exhibit in exhibits
        for file in exhibit.files.values()
        if file.sha256
    }


def _download(repo: HubRepo, objects: Objects, progress: Progress) -> dict[str, FileEntry | None]:
    """Stream every LFS object once, several at a time, and hash it on the way; None for one that does not come."""
    total, done, lock = sum(entry.size for entry, _, _ in objects.values()), 0, Lock()

    def told(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            progress("hashing", done, total)

    def get(place: tuple[FileEntry, str, str]) -> FileEntry | None:
        return hash_file(repo, place[1:], place[0].size, told)

    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip(objects, pool.map(get, objects.values()), strict=True))


def _verdict(case: Case, exhibit: Exhibit) -> Verdict:
    entry, findings = exhibit.entry, examine(case, exhibit)
    calm = "ok" if entry.yanked is None else "yanked"
    return Verdict(
        version=str(entry.version),
        commit=entry.commit,
        digest=entry.line.digest,
        status="tampered" if findings else calm,  # type: ignore[arg-type]  # one of the four
        reason=entry.yanked,
        adopted=entry.line.event == "adopt",
        findings=findings,
        remarks=remark(case, exhibit),
    )


def _pending(clone: Clone, state: RepoState) -> Iterator[Verdict]:
    """Look at version tags without a line: releases that were not finished, and tags of somebody else."""
    trees = {commit: clone.tree(commit) for commit in state.pending.values()}
    clone.fetch(tree.blobs[MANIFEST] for tree in trees.values() if tree and MANIFEST in tree.blobs)
    for version, commit in state.pending.items():
        digest, said = _unfinished(clone, state, version, commit)
        yield Verdict(str(version), commit, digest, "pending", remarks=(Finding(None, said),))


def _unfinished(clone: Clone, state: RepoState, version: Version, commit: str) -> tuple[str | None, str]:
    tag, tree = tag_of(version), clone.tree(commit)
    blob = tree.blobs.get(MANIFEST) if tree else None
    if tree is None or blob is None or not clone.has(blob):
        return None, f"{tag} is no release of hfver: no range sees it. Take it up with: hfver adopt {state.repo}"
    where, raw = f"{state.repo}@{version}", clone.read(blob)
    try:
        manifest = Manifest.decode(raw, where)
        check_binding(manifest, state.names, str(version), where)
        files = {path: clone.tree_file(path, blob) for path, blob in tree.blobs.items()}
        check_tree({path: sized(file, manifest) for path, file in files.items()}, manifest, where)
    except VerificationError as error:
        return None, f"{tag} has no line in the ledger, and will not get one: {error.message}"
    return digest_of(raw), f"{tag} was not finished: the next hfver release completes it."


def _left_branches(clone: Clone) -> Iterator[Finding]:
    for name, commit in sorted(clone.branches.items()):
        if name.startswith(CANDIDATES):
            yield Finding(
                None,
                f"Branch {name} (commit {commit[:12]}) is a candidate: of a release that runs, or of one that stopped.",
                "Run the same hfver release again to finish it, or delete the branch.",
            )


def _main_files(clone: Clone, state: RepoState) -> Iterator[Finding]:
    """Compare main with the newest stable release: who loads a repo without a version gets main's files."""
    newest = state.ledger.newest()
    tree, main = clone.tree(newest.commit) if newest else None, clone.tree(state.refs.main)
    if newest is None or tree is None or main is None or newest.line.event == "adopt":
        return
    ours = {path: blob for path, blob in main.blobs.items() if not is_state(path)}
    theirs = dict(tree.blobs)
    if state.ledger.yanks and clone.has(theirs.get(CARD, "")):
        theirs[CARD] = git_blob_id(with_yanks(clone.read(theirs[CARD]), state.ledger.yanks))
    other = sorted(path for path in ours.keys() | theirs.keys() if ours.get(path) != theirs.get(path))
    if other:
        names = ", ".join(other[:5]) + (f" and {len(other) - 5} more" if len(other) > 5 else "")
        yield Finding(
            None,
            f"main is not {state.repo}@{newest.version}, the newest stable release: {names} differ.",
            "Whoever loads the repo without a version gets main. The next release puts it right.",
        )


def _counts(case: Case, exhibits: list[Exhibit], objects: Objects) -> dict[str, int]:
    files = [file for exhibit in exhibits for path, file in exhibit.files.items() if path not in UNLISTED]
    here = [file for file in files if not file.sha256 and case.clone.has(file.blob)]
    pointers = sum(1 for file in files if file.sha256)
    return {
        "releases": len(exhibits),
        "tags": sum(1 for exhibit in exhibits if exhibit.tag),
        "manifests": sum(1 for exhibit in exhibits if exhibit.raw is not None),
        "files_by_content": len(here),
        "files_by_lfs_pointer": pointers,
        "files_by_name_alone": len(files) - len(here) - pointers,
        "objects_asked_for": len(objects),
        "objects_downloaded": len(case.hashed),
        "ledger_lines": len(case.state.ledger.lines),
    }
