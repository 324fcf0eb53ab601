"""Audit a repo: check every release, the ledger and the history of both through git.

One fetch brings refs, commits, trees and LFS pointers, a second one the manifests, a third one the other small files.
That is enough to compare tags with their messages, trees, manifests, the ledger and its history on ``main`` without
downloading weights, and it takes the same few requests for any number of releases. Two things are not in git: whether
the LFS objects exist (the Hub is asked), and what this machine saw before (the local memory is read).

If the history of ``main`` was replaced by a force push, the repo alone does not show it; only the memory of an earlier
visit does.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from threading import Lock

from hfver.auditing.evidence import ReleaseEvidence, gather
from hfver.auditing.evidence_checks import AuditContext, examine, remark, sized
from hfver.auditing.refs import check_refs
from hfver.core.audit_report import Audit, Finding, Verdict
from hfver.core.ledger import Ledger
from hfver.core.manifest import CARD, LEDGER, MANIFEST, FileEntry, Manifest, digest_of, is_state
from hfver.core.plural import counted
from hfver.core.progress import Progress, silent
from hfver.core.sizes import human
from hfver.core.version import Version, parse_version, tag_of
from hfver.errors import LedgerRewritten, LedgerTruncated, ReleaseReplayed, VerificationError
from hfver.hub import Refs
from hfver.hub.client import HubRepo
from hfver.hub.git.clone import Clone, with_clone
from hfver.hub.lfs_objects import hash_file, lacking_objects
from hfver.hub.upload import WORKERS
from hfver.model.card import main_cards
from hfver.registry.release_checks import UNLISTED, check_binding, check_tree, git_blob_id
from hfver.registry.state import RepoState, TrustOptions, check_continues, check_seen

__all__ = ["audit"]

LOOK_BACK = 50
"""How many earlier versions of the ledger to try when the current one is broken."""


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
        trust: What must hold for the repo to be trusted.
        deep: Also download and hash every LFS object; nothing is kept.
        progress: Called as bytes are hashed.

    Returns:
        A verdict per version. Tampering is reported in it and raises nothing.

    Raises:
        UsageError: git is not installed.
        HubError: The repo does not exist, or the Hub does not answer.
    """
    # Ask the API first: for a missing or private repo it gives a clearer error than git does.
    _ = repo.refs().main
    return with_clone(repo, partial(_audit, repo, trust, deep, progress))


def _audit(repo: HubRepo, trust: TrustOptions, deep: bool, progress: Progress, clone: Clone) -> Audit:
    state, findings = _read_state(clone, repo, trust)
    findings = findings or [*_history(clone, state.ledger), *_memories(state), *_names(state)]
    refs = list(check_refs(clone, state))
    evidence = gather(clone, repo.name, state.ledger.entries, everything=deep)
    objects = _objects(evidence)
    missing = lacking_objects(repo, (entry for entry, _, _ in objects.values()))
    present = {oid: place for oid, place in objects.items() if oid not in missing}
    hashed = _download(repo, present, progress) if deep else {}
    missing |= {oid for oid, entry in hashed.items() if entry is None}
    unread = [entry for oid, (entry, _, _) in objects.items() if oid not in missing and oid not in hashed]
    context = AuditContext(clone, state, missing, {oid: entry for oid, entry in hashed.items() if entry})
    verdicts = [*(_verdict(context, release) for release in evidence), *_pending(clone, state)]
    # A ledger with findings must not become the one that later audits are compared with.
    if not findings:
        repo.memory.remember_ledger(state.refs.main, state.ledger.raw)
    return Audit(
        repo=repo.name,
        verdicts=tuple(sorted(verdicts, key=lambda verdict: parse_version(verdict.version), reverse=True)),
        findings=(*findings, *(finding for finding in refs if finding.error)),
        remarks=(
            *(finding for finding in refs if not finding.error),
            *_main_files(clone, state),
            *_on_trust(repo, unread, deep),
        ),
        checked={**_counts(context, evidence, objects), "objects_on_trust": len(unread)},
    )


def _read_state(clone: Clone, repo: HubRepo, trust: TrustOptions) -> tuple[RepoState, list[Finding]]:
    """Read refs and ledger; if the ledger is broken, continue with the last intact one in the history of ``main``."""
    refs = Refs(clone.branches, {name: tag.commit for name, tag in clone.tags.items()}, {})
    main = clone.tree(clone.branches["main"])
    blob = main.blobs.get(LEDGER) if main else None
    clone.fetch([blob] if blob else [])
    try:
        ledger = Ledger.decode(clone.read(blob) if blob else b"", repo.name, trust.mirror_of)
        return RepoState(repo, refs, ledger, trust), []
    except VerificationError as error:
        commit, ledger = _last_intact(clone, repo, trust)
        hint = f"The releases are checked against the ledger of commit {commit}, the last intact one." if commit else ""
        finding = Finding(type(error).__name__, error.message, hint or error.hint)
        return RepoState(repo, refs, ledger, trust), [finding]


def _last_intact(clone: Clone, repo: HubRepo, trust: TrustOptions) -> tuple[str | None, Ledger]:
    earlier = [(commit, blob) for commit, blob in clone.versions_of(LEDGER) if blob][:LOOK_BACK]
    clone.fetch(blob for _, blob in earlier)
    for commit, blob in earlier:
        try:
            return commit, Ledger.decode(clone.read(blob), repo.name, trust.mirror_of)
        except VerificationError:
            continue
    return None, Ledger.empty()


def _history(clone: Clone, ledger: Ledger) -> Iterator[Finding]:
    """Check that every ledger that ``main`` ever held is a prefix of the current one.

    The git blob ids of all prefixes are computed locally, so that an earlier ledger is fetched only if it differs.
    """
    ends = [number for number, byte in enumerate(ledger.raw, 1) if byte == ord("\n")]
    prefixes = {git_blob_id(ledger.raw[:end]) for end in ends} | {git_blob_id(b"")}
    held = [(commit, blob) for commit, blob in clone.versions_of(LEDGER) if blob]
    others = [(commit, blob) for commit, blob in held if blob not in prefixes]
    if others:
        commit, blob = others[0]
        clone.fetch([blob])
        yield _rewritten(commit, clone.read(blob), ledger.raw, len(others))


def _rewritten(commit: str, old_ledger: bytes, new_ledger: bytes, count: int) -> Finding:
    more = f" (and {counted(count - 1, 'commit')} before it)" if count > 1 else ""
    hint = f"Compare: git show {commit}:{LEDGER}"
    if old_ledger.startswith(new_ledger):
        gone = old_ledger.count(b"\n") - new_ledger.count(b"\n")
        lines = "line of the ledger was" if gone == 1 else f"{gone} lines of the ledger were"
        message = f"The last {lines} removed since commit {commit} of main{more}."
        return Finding(LedgerTruncated.__name__, message, hint)
    pairs = zip(old_ledger.split(b"\n"), new_ledger.split(b"\n"), strict=False)
    number, old, new = next((n, old, new) for n, (old, new) in enumerate(pairs, 1) if old != new)
    return Finding(
        LedgerRewritten.__name__,
        f"The ledger was rewritten since commit {commit} of main{more}: line {number} was {_shown(old)} "
        f"and is now {_shown(new)}.",
        hint,
    )


def _shown(line: bytes) -> str:
    text = line.decode("utf-8", "replace")
    return repr(text[:160] + ("…" if len(text) > 160 else "")) if text else "missing"


def _memories(state: RepoState) -> Iterator[Finding]:
    """Compare the ledger with the one that this machine saw last, and with the one that the lock recorded."""
    memory = state.repo.memory
    remembered = memory.ledger()
    try:
        if remembered is not None:
            check_continues(state.repo, state.ledger, remembered)
        check_seen(state.repo, state.ledger, state.trust)
    except VerificationError as error:
        yield Finding(type(error).__name__, error.message, error.hint)


def _names(state: RepoState) -> Iterator[Finding]:
    """Compare the name that the ledger gives the repo with the one that the Hub gives it."""
    repo, name = state.repo, state.ledger.name
    if name is None or name.lower() == repo.name.lower() or state.trust.mirror_of:
        return
    # An owner who moved the repo and recorded it may still audit it by its former name.
    now = repo.find_name()
    if now is not None and now.lower() != name.lower():
        yield Finding(
            ReleaseReplayed.__name__,
            f"The ledger of {repo} says that the repo was renamed to {name}, but {repo.hub.place} calls it {now}.",
            f"Find out who appended that line. Then record the right name: hfver adopt {now} --renamed-from {name}",
        )


Objects = Mapping[str, tuple[FileEntry, str, str]]
"""By SHA-256: the expected size and hash of an LFS object, and a commit and a path where it can be downloaded."""


def _objects(evidence: Iterable[ReleaseEvidence]) -> Objects:
    return {
        file.sha256: (FileEntry(size=file.size, sha256=file.sha256), release.entry.commit, file.path)
        for release in evidence
        for file in release.files.values()
        if file.sha256
    }


def _download(repo: HubRepo, objects: Objects, progress: Progress) -> dict[str, FileEntry | None]:
    """Stream every LFS object once, several in parallel, and hash it; None for one that cannot be downloaded."""
    total, done, lock = sum(entry.size for entry, _, _ in objects.values()), 0, Lock()

    def advance(size: int) -> None:
        nonlocal done
        with lock:
            done += size
            progress("hashing", done, total)

    def get(place: tuple[FileEntry, str, str]) -> FileEntry | None:
        return hash_file(repo, place[1:], place[0].size, advance)

    with ThreadPoolExecutor(WORKERS) as pool:
        return dict(zip(objects, pool.map(get, objects.values()), strict=True))


def _verdict(context: AuditContext, release: ReleaseEvidence) -> Verdict:
    entry, findings = release.entry, examine(context, release)
    untampered = "ok" if entry.yanked is None else "yanked"
    return Verdict(
        version=str(entry.version),
        commit=entry.commit,
        digest=entry.line.digest,
        status="tampered" if findings else untampered,  # type: ignore[arg-type]  # mypy sees str, not the Literal
        reason=entry.yanked,
        adopted=entry.line.event == "adopt",
        findings=findings,
        remarks=remark(context, release),
    )


def _pending(clone: Clone, state: RepoState) -> Iterator[Verdict]:
    """Report version tags without a ledger line: unfinished releases, and tags that hfver did not make."""
    trees = {commit: clone.tree(commit) for commit in state.pending.values()}
    clone.fetch(tree.blobs[MANIFEST] for tree in trees.values() if tree and MANIFEST in tree.blobs)
    for version, commit in state.pending.items():
        try:
            digest, message = _unfinished(clone, state, version, commit)
        except ReleaseReplayed as error:
            finding = Finding(ReleaseReplayed.__name__, error.message, error.hint)
            yield Verdict(str(version), commit, None, "tampered", findings=(finding,))
        else:
            yield Verdict(str(version), commit, digest, "pending", remarks=(Finding(None, message),))


def _unfinished(clone: Clone, state: RepoState, version: Version, commit: str) -> tuple[str | None, str]:
    tag, tree = tag_of(version), clone.tree(commit)
    blob = tree.blobs.get(MANIFEST) if tree else None
    if tree is None or blob is None or not clone.has(blob):
        return None, f"{tag} is not an hfver release: no range includes it. Register it with: hfver adopt {state.repo}"
    where, raw = f"{state.repo}@{version}", clone.read(blob)
    try:
        manifest = Manifest.decode(raw, where)
        check_binding(manifest, state.names, str(version), where)
        files = {path: clone.tree_file(path, blob) for path, blob in tree.blobs.items()}
        check_tree({path: sized(file, manifest) for path, file in files.items()}, manifest, where)
    except ReleaseReplayed:
        raise
    except VerificationError as error:
        return None, f"{tag} has no line in the ledger and will not get one: {error.message}"
    return digest_of(raw), f"{tag} is an unfinished release: the next hfver release completes it."


def _main_files(clone: Clone, state: RepoState) -> Iterator[Finding]:
    """Compare ``main`` with the newest stable release: whoever loads a repo without a version gets ``main``."""
    newest = state.ledger.newest()
    tree, main = clone.tree(newest.commit) if newest else None, clone.tree(state.refs.main)
    if newest is None or tree is None or main is None or newest.line.event == "adopt":
        return
    on_main = {path: blob for path, blob in main.blobs.items() if not is_state(path)}
    released = dict(tree.blobs)
    # A yank adds a notice to the card on main, so the card is compared as the yank should have left it.
    if clone.has(released.get(CARD, "")) and (state.ledger.yanks or on_main.get(CARD) != released[CARD]):
        forms = [git_blob_id(form) for form in main_cards(clone.read(released[CARD]), state.ledger.yanks)]
        released[CARD] = next((form for form in forms if form == on_main.get(CARD)), forms[0])
    different = sorted(path for path in on_main.keys() | released.keys() if on_main.get(path) != released.get(path))
    if different:
        names = ", ".join(different[:5]) + (f" and {len(different) - 5} more" if len(different) > 5 else "")
        yield Finding(
            None,
            f"main differs from {state.repo}@{newest.version}, the newest stable release, in {names}.",
            "Whoever loads the repo without a version gets main. The next release restores it.",
        )


def _on_trust(repo: HubRepo, unread: list[FileEntry], deep: bool) -> Iterator[Finding]:
    """Remark on the objects of which an audit that is not deep only knows that the Hub says it has them."""
    if unread and not deep:
        size, several = human(sum(entry.size for entry in unread)), len(unread) > 1
        yield Finding(
            None,
            f"{counted(len(unread), 'LFS object')} ({size}) {'are' if several else 'is'} taken on trust: the Hub says "
            f"that it has {'them' if several else 'it'}, and the bytes were not hashed.",
            f"Run hfver audit {repo} --deep to download and hash every object. Loading a release hashes its files.",
        )


def _counts(context: AuditContext, evidence: list[ReleaseEvidence], objects: Objects) -> dict[str, int]:
    files = [file for release in evidence for path, file in release.files.items() if path not in UNLISTED]
    by_content = [file for file in files if not file.sha256 and context.clone.has(file.blob)]
    pointers = sum(1 for file in files if file.sha256)
    return {
        "releases": len(evidence),
        "tags": sum(1 for release in evidence if release.tag),
        "manifests": sum(1 for release in evidence if release.raw is not None),
        "files_by_content": len(by_content),
        "files_by_lfs_pointer": pointers,
        "files_by_name_alone": len(files) - len(by_content) - pointers,
        "objects_asked_for": len(objects),
        "objects_downloaded": len(context.hashed),
        "ledger_lines": len(context.state.ledger.lines),
    }
