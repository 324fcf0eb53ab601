"""Opening discussions and pull requests, merging those, and mending what a crash cut short.

Order of writing: objects, ref, row. A ref without a row is a pull request all the same; it gets its row when somebody
looks. A merge first notes which commit it is about to put on main: if main has it, the merge happened.
"""

from __future__ import annotations

import time

import pygit2

from hfver.server.access import Caller
from hfver.server.git.commit import Proposal, write_commit
from hfver.server.git.history import message_of, title_of
from hfver.server.git.pack import Draft
from hfver.server.git.repository import MAIN, RefMovedError, resolve, swap, writing
from hfver.server.http.requests import Visit
from hfver.server.problems import Problem, conflict, forbidden, revision_not_found
from hfver.server.proposals.merge import sides_of, write_merge
from hfver.server.storage.database import RepoRow
from hfver.server.storage.discussions import Discussion

MAX_TITLE = 200
_MAX_ATTEMPTS = 100
_PULLS = "refs/pr/"


def open_discussion(here: Visit, title: str, text: str) -> int:
    """Open a discussion and return its number; pull requests are counted along."""
    with writing(here.git):
        number = _next_number(here)
        _add(here, Discussion(number, title, _name(here), time.time(), False, "open"), text)
    return number


def open_pull(here: Visit, title: str, text: str) -> int:
    """Open a pull request without commits, as a draft: its ref starts at main."""
    with writing(here.git):
        number = _next_number(here)
        swap(here.git, f"{_PULLS}{number}", None, resolve(here.git, "main").id)
        _add(here, Discussion(number, title, _name(here), time.time(), True, "draft"), text)
    return number


def propose_commit(here: Visit, draft: Draft, base: pygit2.Commit, proposal: Proposal) -> tuple[int, str]:
    """Commit onto `base` as a new pull request, open for review; return its number and the commit's id."""
    title, _, text = proposal.message.partition("\n")
    with writing(draft.git):
        commit = write_commit(draft.git, base, proposal)
        draft.publish()
        number = _next_number(here)
        swap(draft.git, f"{_PULLS}{number}", None, commit)
        _add(here, Discussion(number, title[:MAX_TITLE], _name(here), time.time(), True, "open"), text.strip())
    return number, str(commit)


def _add(here: Visit, discussion: Discussion, text: str) -> None:
    here.hub.discussions.open(here.row.number, discussion, text)


def _name(here: Visit) -> str:
    return here.caller.name or ""


def _next_number(here: Visit) -> int:
    return max(here.hub.discussions.last_number(here.row.number), *_numbers(here.git), 0) + 1


def _numbers(git: pygit2.Repository) -> list[int]:
    names = [name.removeprefix(_PULLS) for name in git.references if name.startswith(_PULLS)]
    return [int(name) for name in names if name.isascii() and name.isdecimal()] or [0]


def check_contribution(here: Visit, ref: str) -> None:
    """Let only its author, and who may write the repo, add to a pull request, and only while it is not merged.

    Raises:
        Problem: 403; 404 when it does not exist; 409 when it is merged.
    """
    number = ref.removeprefix(_PULLS)
    if not ref.startswith(_PULLS):
        return
    if not (number.isascii() and number.isdecimal() and len(number) < 10) or f"{_PULLS}{int(number)}" != ref:
        raise revision_not_found(ref)
    pull = look_up(here, int(number)) if here.git.references.get(ref) is not None else None
    if pull is None:
        raise revision_not_found(ref)
    if not may_add(pull, here.caller, here.row):
        raise forbidden(f"You don't have the rights to add to {ref}")
    if pull.status == "merged":
        raise conflict(f"Pull request {number} is merged: open another one")


def may_add(pull: Discussion, caller: Caller, row: RepoRow) -> bool:
    """Tell whether a pull request is the caller's own, or in a repo that the caller may write."""
    return caller.owns(row.repo.namespace) or (caller.name or "").lower() == pull.author.lower()


def adopt_strays(here: Visit) -> None:
    """Give every pull request ref its row: a crash, or a Hub without discussions, left it without one."""
    known = {pull.number for pull in here.hub.discussions.pulls(here.row.number)}
    if set(_numbers(here.git)) <= {0, *known}:
        return
    with writing(here.git):  # whoever makes a ref holds this until the row is there
        for number in sorted({*_numbers(here.git)} - {0, *known}):
            _adopt(here, number)


def _adopt(here: Visit, number: int) -> None:
    commit = resolve(here.git, f"{_PULLS}{number}")
    is_empty = here.git.merge_base(resolve(here.git, "main").id, commit.id) == commit.id
    title = f"Pull request {number}" if is_empty else title_of(commit)[:MAX_TITLE]
    status, text = ("draft", "") if is_empty else ("open", message_of(commit))
    author = commit.author.name or "unknown"
    _add(here, Discussion(number, title, author, float(commit.commit_time), True, status), text)


def look_up(here: Visit, number: int) -> Discussion:
    """Find a discussion.

    Raises:
        Problem: 404.
    """
    missing = here.hub.discussions.find(here.row.number, number) is None
    if missing and here.git.references.get(f"{_PULLS}{number}") is not None:
        adopt_strays(here)
    return _known(here, number)


def _known(here: Visit, number: int) -> Discussion:
    found = here.hub.discussions.find(here.row.number, number)
    if found is None:
        raise Problem(404, f"Discussion {number} does not exist")
    return _settled(here, found)


def _settled(here: Visit, found: Discussion) -> Discussion:
    """Finish a merge whose commit is on main already: the process that made it did not live to say so."""
    if not found.under_way or not found.merge_commit:
        return found
    main, merged = resolve(here.git, "main").id, pygit2.Oid(hex=found.merge_commit)
    if merged not in here.git or (main != merged and not here.git.descendant_of(main, merged)):
        return found
    here.hub.discussions.change_status(here.row.number, found, "merged", found.merger)
    return here.hub.discussions.find(here.row.number, found.number) or found


def merge(here: Visit, draft: Draft, number: int) -> str:
    """Merge a pull request into main, and return the commit that main has now.

    Main moves by compare-and-swap: whatever else gets there first is merged with, and nothing of it is lost.

    Raises:
        Problem: 409 for conflicts, and for what is a draft, closed or merged already; 400 for a mere discussion.
    """
    look_up(here, number)
    with writing(draft.git):
        for _ in range(_MAX_ATTEMPTS):
            pull = _known(here, number)
            _check_mergeable(pull)
            try:
                return _merge_once(here, draft, pull)
            except RefMovedError:
                continue
    raise conflict("main keeps moving; try again")


def _check_mergeable(pull: Discussion) -> None:
    if not pull.is_pull:
        raise Problem(400, f"Discussion {pull.number} is not a pull request")
    if pull.status == "draft":
        raise conflict(f"Pull request {pull.number} is a draft: publish it (change its status to open) first")
    if pull.status != "open":
        raise conflict(f"Pull request {pull.number} is {pull.status}")


def _merge_once(here: Visit, draft: Draft, pull: Discussion) -> str:
    git = draft.git
    sides = sides_of(git, pull)
    if sides is None:
        raise conflict(f"{pull.ref} is gone")
    commit = write_merge(git, pull, sides, _name(here))
    draft.publish()
    base = str(sides.base.id) if sides.base is not None else ""
    here.hub.discussions.intend_merge(here.row.number, pull.number, _name(here), str(commit), base)
    swap(git, MAIN, sides.main.id, commit)
    here.hub.discussions.change_status(here.row.number, pull, "merged", _name(here))
    return str(commit)
