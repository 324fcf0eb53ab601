"""The commit S behind the head of a pull request.

**Why a pull request's head is not S.** S holds a release and nothing else, so it lacks the repo's state: the ledger
and the stages, which live on ``main``. A merge applies what changed between the merge base and the head. With S as
the head, that would be the removal of the ledger: a click in a web page would take all releases away. So the head is
R, a child of S that puts the state back, byte for byte as in the commit of ``main`` that S was made from:

    main ── S ── R = refs/pr/N      tree of S: the release;  tree of R: the release and the state of main

Between main and R the state does not differ, so no merge touches it, be it squashed, rebased or a merge commit, and
also when ``main`` got yanks or stages meanwhile. When ``main`` got another release, both sides changed ``VERSION``:
the web page says conflict, and nobody can merge what was compared with an outdated release. The refreshed head is
then a merge of the old head and a new R, so that the merge base is the new ``main``. S stays reachable all along, is
what was tested, and is what is tagged. Where ``main`` has no state yet (a first release), S itself is the head.
"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hfver.core.ledger import Ledger
from hfver.core.manifest import LEDGER, MANIFEST, Manifest, is_state
from hfver.errors import VerificationError
from hfver.hub import Operation, Put, PutLfs, TreeFile
from hfver.hub.client import HubRepo
from hfver.hub.discussions import message_of
from hfver.registry.release_checks import check_tree

__all__ = ["behind", "holds_release", "pointer_to", "put_state_back"]

_POINTER = re.compile(r"^Release commit: ([0-9a-f]{40})$", re.MULTILINE)


def pointer_to(commit: str) -> str:
    """Write the line of a commit's message that leads to S."""
    return f"Release commit: {commit}"


def put_state_back(repo: HubRepo, main: str) -> list[Operation]:
    """Say what a child of S must hold for its merge to leave the repo's state alone."""
    state = {path: file for path, file in repo.tree(main).items() if is_state(path)}
    return [_copy(repo, main, file) for file in state.values()]


def _copy(repo: HubRepo, main: str, file: TreeFile) -> Operation:
    if file.sha256:
        return PutLfs(file.path, file.sha256, file.size)
    return Put(file.path, repo.read(main, file.path))


def behind(repo: HubRepo, head: str) -> str:
    """Find the commit S that the head of a pull request stands for; the head itself if it stands for no other.

    It is believed only if S holds exactly the head's files without the repo's state, and the head's ledger ends with
    the line that S was made after. So neither a file nor a ledger line that somebody else added to the pull request
    is ever taken for the release.
    """
    tree = repo.tree(head)
    if MANIFEST not in tree or not any(is_state(path) for path in tree):
        return head
    found = _POINTER.search(message_of(repo, head))
    if found is None or _blobs(repo.tree(found[1])) != _blobs(tree):
        return head
    return found[1] if _ends_where_it_began(repo, head, found[1]) else head


def _ends_where_it_began(repo: HubRepo, head: str, commit: str) -> bool:
    """Tell whether a head carries the very ledger that its candidate's manifest names."""
    manifest = Manifest.decode(repo.find(commit, MANIFEST) or b"", f"{repo}@{commit[:12]}")
    return Ledger(repo.find(head, LEDGER) or b"", ()).head == manifest.ledger_head


def holds_release(repo: HubRepo, head: str) -> bool:
    """Tell whether a commit holds exactly the files that its manifest names, and at most the repo's state beside."""
    files = {path: file for path, file in repo.tree(head).items() if not is_state(path)}
    where = f"{repo}@{head[:12]}"
    try:
        check_tree(files, Manifest.decode(repo.find(head, MANIFEST) or b"", where), where)
    except VerificationError:
        return False
    return True


def _blobs(tree: Mapping[str, TreeFile]) -> dict[str, str]:
    return {path: file.blob for path, file in tree.items() if not is_state(path)}
