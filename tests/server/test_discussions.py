"""Discussions and pull requests, as the real client sees them."""

from __future__ import annotations

import json
import sqlite3
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path

import httpx
import pygit2
import pytest
from huggingface_hub import (
    CommitOperationAdd,
    CommitOperationDelete,
    DiscussionComment,
    DiscussionCommit,
    DiscussionWithDetails,
    HfApi,
)
from huggingface_hub.errors import HfHubHTTPError

from hfver.server import EmbeddedHub

from .tools import REPO, file_line, git, head_of, header, lfs_oid, post_commit, sha256, write

OPEN = "ann/open"


@pytest.fixture
def ann(hub: EmbeddedHub) -> HfApi:
    api = HfApi(endpoint=hub.url, token="ann-token")
    api.create_repo(OPEN)
    return api


@pytest.fixture
def bob(hub: EmbeddedHub) -> HfApi:
    return HfApi(endpoint=hub.url, token="bob-token")


def status_of(call: Callable[[], object]) -> int:
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return caught.value.response.status_code


def propose(api: HfApi, files: dict[str, bytes], repo: str = REPO, **more: object) -> int:
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    done = api.create_commit(repo, operations, commit_message="Propose", create_pr=True, **more)  # type: ignore[call-overload]
    assert done.pr_num is not None
    return int(done.pr_num)


def add(api: HfApi, number: int) -> None:
    more = [CommitOperationAdd("more.txt", b"!")]
    api.create_commit(OPEN, more, commit_message="More", revision=f"refs/pr/{number}")


def comments(details: DiscussionWithDetails) -> list[str]:
    return [event.content for event in details.events if isinstance(event, DiscussionComment)]


def test_the_life_of_a_discussion(api: HfApi, repo: str) -> None:
    made = api.create_discussion(repo, "  How was it trained?  ", description="I **wonder**.")
    assert (made.num, made.title, made.status, made.is_pull_request) == (1, "How was it trained?", "open", False)
    assert made.git_reference is None
    said = api.comment_discussion(repo, 1, "With `care`.")
    edited = api.edit_discussion_comment(repo, 1, said.id, "With care & love.")
    assert (edited.content, edited.edited, edited.number_of_edits) == ("With care & love.", True, 1)
    assert edited.rendered == "<p>With care &amp; love.</p>"
    assert edited.edit_history[0]["raw"] == "With `care`."
    renamed = api.rename_discussion(repo, 1, "How was it trained, exactly?")
    assert (renamed.old_title, renamed.new_title) == ("How was it trained?", "How was it trained, exactly?")
    with pytest.warns(UserWarning, match="irreversible"):
        hidden = api.hide_discussion_comment(repo, 1, said.id)
    assert hidden.hidden
    assert "love" not in str(hidden)
    closed = api.change_discussion_status(repo, 1, "closed", comment="Thanks.")
    assert closed.new_status == "closed"
    seen = api.get_discussion_details(repo, 1)
    kinds = [event.type for event in seen.events]
    assert kinds == ["comment", "comment", "title-change", "status-change", "comment"]
    assert (seen.status, comments(seen)[0], seen.diff) == ("closed", "I **wonder**.", None)
    assert status_of(lambda: api.change_discussion_status(repo, 1, "closed")) == 409
    assert api.change_discussion_status(repo, 1, "open").new_status == "open"


def test_an_empty_pull_request_is_a_draft_that_accepts_commits(api: HfApi, repo: str) -> None:
    made = api.create_pull_request(repo, "Better weights")
    assert (made.status, made.git_reference, made.target_branch) == ("draft", "refs/pr/1", "refs/heads/main")
    assert (made.diff, made.conflicting_files, made.merge_commit_oid) == ("", [], None)
    done = api.create_commit(
        repo,
        [CommitOperationAdd("notes.txt", b"better\n"), CommitOperationAdd("w.bin", b"\x00" * 2048)],
        commit_message="Add better weights",
        revision="refs/pr/1",
        parent_commit=head_of(api),
    )
    assert "notes.txt" not in api.list_repo_files(repo)
    seen = api.get_discussion_details(repo, 1)
    (commit,) = [event for event in seen.events if isinstance(event, DiscussionCommit)]
    assert (commit.oid, commit.summary) == (done.oid, "Add better weights")
    assert "+better" in str(seen.diff)
    assert status_of(lambda: api.merge_pull_request(repo, 1)) == 409
    api.change_discussion_status(repo, 1, "open")
    api.merge_pull_request(repo, 1, comment="Good.")
    merged = api.get_discussion_details(repo, 1)
    assert (merged.status, merged.merge_commit_oid, comments(merged)[-1]) == ("merged", head_of(api), "Good.")
    assert "+better" in str(merged.diff)
    assert [event.type for event in merged.events if event.type == "commit"] == ["commit"]
    (info,) = api.get_paths_info(repo, "w.bin")
    assert lfs_oid(info) == sha256(b"\x00" * 2048)
    top = api.list_repo_commits(repo)[0]
    assert (top.title, done.oid in top.message) == ("Better weights (#1)", True)


def test_a_pull_request_made_of_a_commit_is_open_and_takes_its_message(api: HfApi, repo: str) -> None:
    number = propose(api, {"a.txt": b"a"}, commit_description="Because *a*.")
    seen = api.get_discussion_details(repo, number)
    assert (seen.title, seen.status, comments(seen)) == ("Propose", "open", ["Because *a*."])
    assert seen.author == "local"
    refs = api.list_repo_refs(repo, include_pull_requests=True).pull_requests or []
    assert [ref.ref for ref in refs] == ["refs/pr/1"]


def test_lists_are_filtered_and_paged(api: HfApi, ann: HfApi, bob: HfApi) -> None:
    for number in range(60):
        bob.create_discussion(OPEN, f"Question {number}")
    assert propose(ann, {"a.txt": b"a"}, OPEN) == 61
    ann.change_discussion_status(OPEN, 5, "closed")
    found = list(api.get_repo_discussions(OPEN))
    assert [one.num for one in found] == list(range(61, 0, -1))
    assert (found[0].repo_id, found[0].repo_type, found[0].is_pull_request) == (OPEN, "model", True)
    assert [one.num for one in api.get_repo_discussions(OPEN, author="ann")] == [61]
    assert [one.num for one in api.get_repo_discussions(OPEN, discussion_type="pull_request")] == [61]
    assert len(list(api.get_repo_discussions(OPEN, discussion_type="discussion", discussion_status="open"))) == 59
    assert [one.num for one in api.get_repo_discussions(OPEN, discussion_status="closed")] == [5]


def test_datasets_have_discussions_too(api: HfApi) -> None:
    api.create_repo("demo/data", repo_type="dataset")
    made = api.create_pull_request("demo/data", "More rows", repo_type="dataset")
    assert made.url.endswith("/datasets/demo/data/discussions/1")
    assert made.repo_type == "dataset"


def test_a_pull_request_behind_main_is_merged_with_it(api: HfApi, repo: str) -> None:
    write(api, {"config.json": b"{}\n", "old.txt": b"old"})
    number = propose(api, {"config.json": b'{"a": 1}\n'})
    api.create_commit(repo, [CommitOperationDelete("old.txt")], commit_message="x", revision=f"refs/pr/{number}")
    write(api, {"other.txt": b"meanwhile"})
    assert api.get_discussion_details(repo, number).conflicting_files == []
    api.merge_pull_request(repo, number)
    files = api.list_repo_files(repo)
    assert {"other.txt", "config.json"} <= set(files)
    assert "old.txt" not in files


def test_changes_on_both_sides_conflict_and_leave_main_alone(api: HfApi, http: httpx.Client, repo: str) -> None:
    write(api, {"config.json": b"{}\n", "w.bin": b"\x00one"})
    number = propose(api, {"config.json": b'{"a": 1}\n', "w.bin": b"\x00two"})
    write(api, {"config.json": b'{"b": 2}\n', "w.bin": b"\x00three"})
    head = head_of(api)
    assert api.get_discussion_details(repo, number).conflicting_files == ["config.json", "w.bin"]
    answer = http.post(f"/api/models/{repo}/discussions/{number}/merge")
    assert (answer.status_code, answer.json()["filesWithConflicts"]) == (409, ["config.json", "w.bin"])
    assert head_of(api) == head
    assert api.get_discussion_details(repo, number).status == "open"


def test_reading_the_conflicts_writes_nothing(hub: EmbeddedHub, api: HfApi, repo: str) -> None:
    write(api, {"a.txt": b"1\n2\n3\n4\n5\n6\n7\n"})
    number = propose(api, {"a.txt": b"one\n2\n3\n4\n5\n6\n7\n"})
    write(api, {"a.txt": b"1\n2\n3\n4\n5\n6\nseven\n"})
    objects = hub.root / "repos" / "models" / f"{REPO}.git" / "objects"
    before = sorted(objects.rglob("*"))
    assert api.get_discussion_details(repo, number).conflicting_files == []
    assert sorted(objects.rglob("*")) == before
    api.merge_pull_request(repo, number)
    assert (
        Path(api.hf_hub_download(repo, "a.txt", revision=head_of(api))).read_bytes() == b"one\n2\n3\n4\n5\n6\nseven\n"
    )


def test_concurrent_merges_and_commits_lose_nothing(api: HfApi, http: httpx.Client) -> None:
    api.create_repo(REPO)
    numbers = [propose(api, {f"pull-{number}.txt": b"p"}) for number in range(6)]

    def commit(number: int) -> int:
        return post_commit(http, header(), file_line(f"main-{number}.txt")).status_code

    def merge(number: int) -> int:
        return http.post(f"/api/models/{REPO}/discussions/{number}/merge").status_code

    with ThreadPoolExecutor(4) as pool:
        done = [pool.submit(merge, number) for number in numbers] + [pool.submit(commit, one) for one in range(12)]
        assert {one.result() for one in done} == {200}
    assert len(api.list_repo_files(REPO)) == 1 + 6 + 12


def test_of_concurrent_merges_one_succeeds(http: httpx.Client, api: HfApi, repo: str) -> None:
    number = propose(api, {"a.txt": b"a"})
    barrier, statuses = threading.Barrier(4), list[int]()

    def merge() -> None:
        barrier.wait()
        statuses.append(http.post(f"/api/models/{repo}/discussions/{number}/merge").status_code)

    threads = [threading.Thread(target=merge) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(statuses) == [200, 409, 409, 409]
    assert len(api.list_repo_commits(repo)) == 2
    kinds = [event.type for event in api.get_discussion_details(repo, number).events]
    assert kinds.count("status-change") == 1


def test_rights(ann: HfApi, bob: HfApi, hub: EmbeddedHub, anonymous: httpx.Client) -> None:
    number = propose(bob, {"idea.txt": b"?", "w.bin": b"\x00" * 4096}, OPEN)
    add(bob, number)
    theirs = propose(ann, {"mine.txt": b"m"}, OPEN)
    assert status_of(lambda: bob.merge_pull_request(OPEN, number)) == 403
    assert status_of(lambda: bob.change_discussion_status(OPEN, theirs, "closed")) == 403
    assert status_of(lambda: bob.rename_discussion(OPEN, theirs, "Mine now")) == 403
    assert status_of(lambda: add(bob, theirs)) == 403
    assert status_of(lambda: bob.create_commit(OPEN, [CommitOperationAdd("x", b"x")], commit_message="x")) == 403
    said = ann.comment_discussion(OPEN, number, "Nice.")
    assert bob.comment_discussion(OPEN, theirs, "Nice, too.").author == "bob"
    assert status_of(lambda: bob.edit_discussion_comment(OPEN, number, said.id, "Bad.")) == 403
    with pytest.warns(UserWarning, match="irreversible"):
        assert status_of(lambda: bob.hide_discussion_comment(OPEN, theirs, said.id)) == 404
    assert anonymous.get(f"/api/models/{OPEN}/discussions").json()["count"] == 2
    assert anonymous.post(f"/api/models/{OPEN}/discussions/1/comment", json={"comment": "x"}).status_code == 401
    ann.merge_pull_request(OPEN, number)
    assert "more.txt" in ann.list_repo_files(OPEN)
    assert ann.get_discussion_details(OPEN, number).author == "bob"
    assert "Co-authored-by: bob" in ann.list_repo_commits(OPEN)[0].message
    assert status_of(lambda: add(bob, number)) == 409
    assert status_of(lambda: ann.merge_pull_request(OPEN, number)) == 409
    assert status_of(lambda: ann.change_discussion_status(OPEN, number, "closed")) == 409


def test_private_and_gated_repos_stay_protected(ann: HfApi, bob: HfApi) -> None:
    ann.create_repo("ann/secret", private=True)
    number = propose(ann, {"a.txt": b"hush"}, "ann/secret")
    for call in (
        lambda: list(bob.get_repo_discussions("ann/secret")),
        lambda: bob.get_discussion_details("ann/secret", number),
        lambda: bob.comment_discussion("ann/secret", number, "?"),
        lambda: bob.create_pull_request("ann/secret", "Let me in"),
    ):
        assert status_of(call) == 404
    ann.update_repo_settings(OPEN, gated="manual")
    number = propose(ann, {"a.txt": b"hush"}, OPEN)
    assert bob.get_discussion_details(OPEN, number).diff is None
    assert "+hush" in str(ann.get_discussion_details(OPEN, number).diff)


@pytest.mark.parametrize(
    ("path", "body", "status"),
    [
        ("", {"title": "ab"}, 400),
        ("", {"title": "x" * 201}, 400),
        ("", {"title": 7}, 400),
        ("", {"title": "two\nlines"}, 400),
        ("", {"title": "Title", "description": "x" * 70_000}, 413),
        ("", {"title": "Title", "description": "\ud800"}, 400),
        ("/1/comment", {"comment": "  "}, 400),
        ("/1/comment", {}, 400),
        ("/1/status", {"status": "merged"}, 400),
        ("/1/merge", {}, 400),
        ("/2/comment", {"comment": "x"}, 404),
        ("/x/comment", {"comment": "x"}, 400),
        ("/99999999999/comment", {"comment": "x"}, 400),
        ("/1/comment/" + "0" * 24 + "/edit", {"content": "x"}, 404),
        ("/1/comment/nothing/hide", {}, 404),
    ],
)
def test_malformed_requests_are_refused(
    http: httpx.Client, repo: str, path: str, body: dict[str, object], status: int
) -> None:
    assert http.post(f"/api/models/{repo}/discussions", json={"title": "One"}).json()["num"] == 1
    answer = http.post(f"/api/models/{repo}/discussions{path}", content=json.dumps(body))
    assert (answer.status_code, bool(answer.json()["error"])) == (status, True)


@pytest.mark.parametrize("query", ["p=-1", "p=x", "type=nothing", "status=nothing"])
def test_malformed_queries_are_refused(http: httpx.Client, repo: str, query: str) -> None:
    assert http.get(f"/api/models/{repo}/discussions?{query}").status_code == 400


def test_git_fetches_pull_requests_and_pushes_to_the_users_own(
    hub: EmbeddedHub, ann: HfApi, bob: HfApi, tmp_path: Path
) -> None:
    number = propose(bob, {"idea.txt": b"?"}, OPEN)
    theirs = ann.create_pull_request(OPEN, "Empty").num
    url = hub.url.replace("http://", "http://x:bob-token@")
    git("clone", "-q", f"{url}/{OPEN}", "work", cwd=tmp_path)
    work = tmp_path / "work"
    git("fetch", "-q", "origin", f"refs/pr/{number}:mine", cwd=work)
    git("checkout", "-q", "mine", cwd=work)
    assert (work / "idea.txt").read_bytes() == b"?"
    (work / "more.txt").write_text("!")
    git("add", ".", cwd=work)
    git("-c", "user.name=bob", "-c", "user.email=bob@example.com", "commit", "-qm", "By git", cwd=work)
    git("push", "-q", "origin", f"mine:refs/pr/{number}", cwd=work)
    seen = ann.get_discussion_details(OPEN, number)
    assert [event.summary for event in seen.events if isinstance(event, DiscussionCommit)] == ["Propose", "By git"]
    for target in (f"mine:refs/pr/{theirs}", "mine:refs/heads/main", "mine:refs/pr/9", f":refs/pr/{number}"):
        assert git("push", "-q", "origin", target, cwd=work, check=False).returncode != 0
    ann.merge_pull_request(OPEN, number)
    refused = git("push", "-q", "--force", "origin", f"HEAD~1:refs/pr/{number}", cwd=work, check=False)
    assert refused.returncode != 0


def test_a_merge_that_was_not_recorded_is_found_on_main(hub: EmbeddedHub, api: HfApi, repo: str) -> None:
    """The state that a process leaves if it dies between moving main and updating the row."""
    number = propose(api, {"a.txt": b"a"})
    api.merge_pull_request(repo, number)
    with closing(sqlite3.connect(hub.root / "hub.db")) as db, db:
        db.execute("UPDATE discussions SET status = 'open'")
        db.execute("DELETE FROM events WHERE kind = 'status-change'")
    assert status_of(lambda: api.merge_pull_request(repo, number)) == 409
    seen = api.get_discussion_details(repo, number)
    assert (seen.status, seen.merge_commit_oid, len(api.list_repo_commits(repo))) == ("merged", head_of(api), 2)
    assert seen.events[-1].type == "status-change"


def test_a_merge_that_did_not_reach_main_can_be_repeated(hub: EmbeddedHub, api: HfApi, repo: str) -> None:
    number = propose(api, {"a.txt": b"a"})
    head = head_of(api, "main")
    with closing(sqlite3.connect(hub.root / "hub.db")) as db, db:
        db.execute("UPDATE discussions SET merge_commit = ?, merge_base = ?", ("1" * 40, head))
    assert api.get_discussion_details(repo, number).status == "open"
    api.merge_pull_request(repo, number)
    assert "a.txt" in api.list_repo_files(repo)


def test_pull_requests_of_a_folder_without_discussions_are_found(hub_root: Path) -> None:
    """Folders from versions without discussions, and refs whose row was not written because of a crash."""
    with EmbeddedHub(hub_root) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        api.create_repo(REPO)
        propose(api, {"a.txt": b"a"}, commit_description="Why.")
    with closing(sqlite3.connect(hub_root / "hub.db")) as db, db:
        db.execute("DROP TABLE events")
        db.execute("DROP TABLE discussions")
    bare = pygit2.Repository(str(hub_root / "repos" / "models" / f"{REPO}.git"))
    bare.references.create("refs/pr/2", bare.references["refs/heads/main"].target)
    with EmbeddedHub(hub_root) as hub:
        api = HfApi(endpoint=hub.url, token=hub.token)
        found = list(api.get_repo_discussions(REPO))
        assert [(one.num, one.title, one.status) for one in found] == [
            (2, "Pull request 2", "draft"),
            (1, "Propose", "open"),
        ]
        assert comments(api.get_discussion_details(REPO, 1)) == ["Why."]
        assert api.create_discussion(REPO, "Next").num == 3
        api.merge_pull_request(REPO, 1)
        assert "a.txt" in api.list_repo_files(REPO)


def test_discussions_are_moved_and_deleted_with_their_repo(api: HfApi, hub: EmbeddedHub, repo: str) -> None:
    api.create_discussion(repo, "Where to?")
    api.move_repo(repo, "demo/moved")
    assert [one.title for one in api.get_repo_discussions("demo/moved")] == ["Where to?"]
    api.delete_repo("demo/moved")
    api.create_repo(repo)
    assert list(api.get_repo_discussions(repo)) == []
    with closing(sqlite3.connect(hub.root / "hub.db")) as db, db:
        assert db.execute("SELECT count(*) FROM events").fetchone() == (0,)
