"""The release's commit S behind the head of a pull request.

**Why the head of a pull request is not S.** S contains a release and nothing else. In particular it lacks the repo's
state, the ledger and the stages, which are on ``main``. A merge applies what changed between the merge base and the
head. If S were the head, that would include the removal of the ledger: one click in a web page would delete all
releases. So the head is R, a child of S that restores the state, byte for byte as in the commit of ``main`` that S was
created from:

    main ── S ── R = refs/pr/N      tree of S: the release;  tree of R: the release and the state of main

The state does not differ between main and R, so no merge changes it: not a squash, a rebase or a merge commit, and not
after yanks or stages were added to ``main``. After another release, both sides changed ``VERSION``, so the web page
reports a conflict, and nobody can merge a release that was compared with an outdated one. When the pull request is
updated, its new head is a merge of the old head and a new R, so that the merge base is the new ``main``. S stays
reachable all the time; it is the commit that was tested, and the one that is tagged. If ``main`` has no state yet (at
a first release), S itself is the head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hfver.core.ledger import Ledger
from hfver.core.manifest import LEDGER, MANIFEST, Manifest, is_state
from hfver.errors import VerificationError
from hfver.hub import AddFile, AddLfsFile, Operation, TreeFile
from hfver.hub.client import HubRepo
from hfver.hub.discussions import message_of
from hfver.registry.release_checks import check_tree

__all__ = ["holds_release", "release_commit_line", "release_commit_of", "restore_state"]

_RELEASE_COMMIT = re.compile(r"^Release commit: ([0-9a-f]{40})$", re.MULTILINE)


def release_commit_line(commit: str) -> str:
    """Return the line of R's commit message that names S."""
    return f"Release commit: {commit}"


def restore_state(repo: HubRepo, main: str) -> list[Operation]:
    """Return the operations that turn S into R: they restore the repo's state as it is in a commit of ``main``."""
    state = {path: file for path, file in repo.tree(main).items() if is_state(path)}
    return [_copy(repo, main, file) for file in state.values()]


def _copy(repo: HubRepo, main: str, file: TreeFile) -> Operation:
    if file.sha256:
        return AddLfsFile(file.path, file.sha256, file.size)
    return AddFile(file.path, repo.read(main, file.path))


def release_commit_of(repo: HubRepo, head: str) -> str:
    """Find the commit S behind the head of a pull request.

    Returns:
        S; the head itself if it is not an intact R. Then the checks of a release see every file of the head, and refuse
        what somebody else added to the pull request.
    """
    tree = repo.tree(head)
    if MANIFEST not in tree or not any(is_state(path) for path in tree):
        return head
    # Anybody can write a commit message. So S must have exactly the head's files without the repo's state, and the
    # head's ledger must end with the line that S was made after: nobody added a file or a ledger line.
    found = _RELEASE_COMMIT.search(message_of(repo, head))
    if found is None or _blobs(repo.tree(found[1])) != _blobs(tree):
        return head
    return found[1] if _has_ledger_of(repo, head, found[1]) else head


def _has_ledger_of(repo: HubRepo, head: str, commit: str) -> bool:
    """Return whether a head has exactly the ledger that the manifest of a candidate names."""
    manifest = Manifest.decode(repo.find(commit, MANIFEST) or b"", f"{repo}@{commit[:12]}")
    return Ledger(repo.find(head, LEDGER) or b"", ()).head == manifest.ledger_head


def holds_release(repo: HubRepo, head: str) -> bool:
    """Return whether a commit has exactly the files that its manifest lists, and nothing else but the repo's state."""
    files = {path: file for path, file in repo.tree(head).items() if not is_state(path)}
    where = f"{repo}@{head[:12]}"
    try:
        check_tree(files, Manifest.decode(repo.find(head, MANIFEST) or b"", where), where)
    except VerificationError:
        return False
    return True


def _blobs(tree: Mapping[str, TreeFile]) -> dict[str, str]:
    return {path: file.blob for path, file in tree.items() if not is_state(path)}
