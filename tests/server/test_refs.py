"""Branches and tags."""

from __future__ import annotations

import subprocess
import time

import httpx
import pygit2
import pytest
from huggingface_hub import HfApi
from pygit2.enums import ObjectType

from hfver.server import EmbeddedHub

from .tools import REPO, file_line, head_of, header, post_commit, write

URL = f"/api/models/{REPO}"
BAD_NAMES = [
    "",
    "..",
    "a..b",
    "a b",
    "a~b",
    "a^b",
    "a:b",
    "a?b",
    "a*b",
    "a[b",
    "a\\b",
    "/a",
    "a/",
    "a//b",
    ".a",
    "a.lock",
    "a/.b",
    "a.",
    "@{",
    "a@{b",
    "-a",
    "HEAD",
    "refs/heads/x",
    "0" * 40,
    "a\x00b",
    "a\nb",
    "\ud800",
    "x" * 300,
    "ü" * 126,
]


@pytest.mark.parametrize("name", BAD_NAMES, ids=range(len(BAD_NAMES)))
def test_a_bad_tag_name_is_refused(http: httpx.Client, repo: str, name: str) -> None:
    answer = http.post(f"{URL}/tag/main", json={"tag": name} if "\ud800" not in name else None, content=None)
    assert answer.status_code == 400, answer.text
    assert http.get(f"{URL}/refs").json()["tags"] == []


@pytest.mark.parametrize(
    "name", ["a..b", "a%20b", "a%00b", "%ff", "HEAD", "0" * 40, "-a", "..%2f..%2fx", "a.lock", "refs%2Fx"]
)
def test_a_bad_branch_name_is_refused(http: httpx.Client, repo: str, name: str) -> None:
    assert http.post(f"{URL}/branch/{name}", json={}).status_code == 400
    assert http.delete(f"{URL}/branch/{name}").status_code in (400, 404)
    assert http.delete(f"{URL}/tag/{name}").status_code in (400, 404)


def test_existing_refs_are_409_with_the_message_of_the_hub(http: httpx.Client, api: HfApi, repo: str) -> None:
    api.create_branch(repo, branch="dev")
    api.create_tag(repo, tag="v1", tag_message="one")
    branch, tag = http.post(f"{URL}/branch/dev", json={}), http.post(f"{URL}/tag/main", json={"tag": "v1"})
    assert (branch.status_code, tag.status_code) == (409, 409)
    assert branch.headers["X-Error-Message"] == "Reference refs/heads/dev already exists"
    assert tag.headers["X-Error-Message"] == "Reference refs/tags/v1 already exists"
    api.create_branch(repo, branch="dev", exist_ok=True)
    api.create_tag(repo, tag="v1", exist_ok=True)


def test_a_branch_inside_another_is_a_conflict(http: httpx.Client, repo: str) -> None:
    assert http.post(f"{URL}/branch/a", json={}).status_code == 200
    assert http.post(f"{URL}/branch/a/b", json={}).status_code == 409
    assert http.post(f"{URL}/branch/c/d", json={}).status_code == 200
    assert http.post(f"{URL}/branch/c", json={}).status_code == 409
    assert http.delete(f"{URL}/branch/c%2Fd").status_code == 200
    assert http.post(f"{URL}/branch/c", json={}).status_code == 200


def test_main_cannot_be_deleted(http: httpx.Client, repo: str) -> None:
    answer = http.delete(f"{URL}/branch/main")
    assert (answer.status_code, answer.headers["X-Error-Message"]) == (403, "Cannot delete refs/heads/main")


def test_missing_refs_are_not_found(http: httpx.Client, repo: str) -> None:
    for answer in (
        http.delete(f"{URL}/branch/absent"),
        http.delete(f"{URL}/tag/absent"),
        http.post(f"{URL}/tag/absent", json={"tag": "v1"}),
        http.post(f"{URL}/branch/new", json={"startingPoint": "absent"}),
        http.get(f"{URL}/revision/absent"),
        http.get(f"{URL}/tree/absent"),
        http.get(f"{URL}/commits/absent"),
        http.get(f"/{REPO}/resolve/absent/x"),
        http.get(f"/{REPO}/raw/absent/x"),
        http.post(f"{URL}/paths-info/absent", json={"paths": []}),
        http.post(f"{URL}/preupload/absent", json={"files": []}),
        http.get(f"{URL}/revision/{'1' * 40}"),
    ):
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RevisionNotFound")
        assert "Invalid rev id" in answer.json()["error"]


def test_a_branch_starts_at_the_given_revision(http: httpx.Client, api: HfApi, repo: str) -> None:
    first = head_of(api)
    second = write(api, {"a": b"1"})
    api.create_branch(repo, branch="old", revision=first)
    assert head_of(api, "old") == first
    assert http.post(f"{URL}/branch/old", json={"overwrite": True}).status_code == 200
    assert head_of(api, "old") == second
    assert http.post(f"{URL}/branch/blank", json={"emptyBranch": True}).status_code == 200
    assert api.list_repo_files(repo, revision="blank") == []


def test_every_way_to_name_a_revision(http: httpx.Client, api: HfApi, repo: str) -> None:
    commit = write(api, {"a": b"1"})
    api.create_tag(repo, tag="v1", tag_message="annotated")
    api.create_branch(repo, branch="feature/x")
    names = [
        "main",
        "HEAD",
        "v1",
        commit,
        "feature%2Fx",
        "refs%2Fheads%2Fmain",
        "refs/tags/v1",
        "refs%2Fheads%2Ffeature%2Fx",
    ]
    for name in names:
        assert http.get(f"{URL}/revision/{name}").json()["sha"] == commit, name
        assert http.get(f"/{REPO}/resolve/{name}/a").headers["X-Repo-Commit"] == commit, name


def test_a_thousand_tags_list_quickly(hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str) -> None:
    commit = head_of(api)
    lines = "".join(f"create refs/tags/v1.0.{number} {commit}\n" for number in range(1000))
    folder = hub.root / "repos" / "models" / f"{repo}.git"
    subprocess.run(["git", "update-ref", "--stdin"], cwd=folder, input=lines, text=True, check=True)
    start = time.perf_counter()
    tags = http.get(f"{URL}/refs").json()["tags"]
    assert time.perf_counter() - start < 1
    assert {tag["targetCommit"] for tag in tags} == {commit}
    assert len(tags) == 1000


@pytest.mark.parametrize(
    "body", [b"[]", b"1", b"{", b'{"tag": 5}', b'{"tag": "v1", "message": 5}', b'{"tag":"v","message":"\\u0000"}']
)
def test_a_bad_body_is_refused(http: httpx.Client, repo: str, body: bytes) -> None:
    assert http.post(f"{URL}/tag/main", content=body).status_code == 400


@pytest.fixture
def damaged(hub: EmbeddedHub, repo: str) -> str:
    """A commit without author, which can only be written into the folder by hand, and refs of each kind to it."""
    git = pygit2.Repository(str(hub.root / "repos" / "models" / f"{repo}.git"))
    main = git.references["refs/heads/main"].peel(pygit2.Commit)
    start, end = f"tree {main.tree_id}\nparent ", "\ncommitter n <e> 1 +0000\n\nx\n"
    commit = git.write(ObjectType.COMMIT, f"{start}{main.id}{end}".encode())
    child = git.write(ObjectType.COMMIT, f"{start}{commit}\nauthor n <e> 1 +0000{end}".encode())
    tag = git.write(ObjectType.TAG, f"object {commit}\ntype commit\ntag v1\ntagger n <e> 1 +0000\n\nx\n".encode())
    for name, target in (("heads/bad", commit), ("heads/child", child), ("pr/1", commit), ("tags/v1", tag)):
        git.references.create(f"refs/{name}", target)
    git.free()
    return str(commit)


def test_a_commit_without_author_hides_no_ref(http: httpx.Client, api: HfApi, repo: str, damaged: str) -> None:
    refs = api.list_repo_refs(repo, include_pull_requests=True)
    assert {ref.name for ref in refs.branches} == {"main", "bad", "child"}
    assert [(ref.name, ref.target_commit) for ref in refs.branches if ref.name == "bad"] == [("bad", damaged)]
    assert [(ref.name, ref.target_commit) for ref in refs.tags] == [("v1", damaged)]
    assert [(ref.ref, ref.target_commit) for ref in refs.pull_requests or []] == [("refs/pr/1", damaged)]


def test_a_commit_without_author_is_an_error_of_its_own_revision_only(
    http: httpx.Client, api: HfApi, repo: str, damaged: str
) -> None:
    for path in ("revision/bad", "tree/v1", "commits/refs%2Fpr%2F1", f"revision/{damaged}"):
        answer = http.get(f"{URL}/{path}")
        assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RevisionNotFound"), path
    history = http.get(f"{URL}/commits/child")
    assert (history.status_code, "damaged commit" in history.json()["error"]) == (422, True)
    assert post_commit(http, header(), file_line("x"), revision="bad").status_code == 404
    assert post_commit(http, header(), file_line("x"), revision="child").status_code == 200
    assert list(api.get_repo_discussions(repo)) == []
    assert api.create_discussion(repo, "Still here?").num == 2
    assert [one.num for one in api.get_repo_discussions(repo)] == [2]


def test_a_pull_request_whose_commit_was_damaged_is_still_shown(
    hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str, damaged: str
) -> None:
    number = api.create_pull_request(repo, "Better weights").num
    git = pygit2.Repository(str(hub.root / "repos" / "models" / f"{repo}.git"))
    git.references[f"refs/pr/{number}"].set_target(damaged)
    git.free()
    assert api.get_discussion_details(repo, number).title == "Better weights"
    api.change_discussion_status(repo, number, "open")
    assert http.post(f"{URL}/discussions/{number}/merge").status_code == 409


def _files(http: httpx.Client, revision: str) -> set[str]:
    return {item["path"] for item in http.get(f"{URL}/tree/{revision}").json()}


def test_a_tag_comes_before_a_branch_of_its_name(http: httpx.Client, api: HfApi, repo: str) -> None:
    """As for ``git rev-parse``: a branch cannot take the place of what was tagged."""
    tagged = write(api, {"released.txt": b"x"})
    api.create_tag(repo, tag="v1.0.0")
    api.create_branch(repo, branch="v1.0.0")
    other = write(api, {"other.txt": b"x"}, revision="v1.0.0")
    assert api.list_repo_refs(repo).tags[0].target_commit == tagged
    for url in (f"{URL}/revision/v1.0.0", f"{URL}/revision/refs%2Ftags%2Fv1.0.0"):
        assert http.get(url).json()["sha"] == tagged
    assert http.get(f"{URL}/revision/refs%2Fheads%2Fv1.0.0").json()["sha"] == other
    assert "other.txt" not in _files(http, "v1.0.0")
    assert http.get(f"/{REPO}/resolve/v1.0.0/other.txt").status_code == 404
    assert http.get(f"/{REPO}/resolve/v1.0.0/released.txt").headers["X-Repo-Commit"] == tagged
    assert next(iter(api.list_repo_commits(repo, revision="v1.0.0"))).commit_id == tagged
    # Started from and tagged is what the name stands for; committed to is the branch.
    api.create_branch(repo, branch="from", revision="v1.0.0")
    api.create_tag(repo, tag="again", revision="v1.0.0")
    assert http.get(f"{URL}/revision/from").json()["sha"] == http.get(f"{URL}/revision/again").json()["sha"] == tagged
    last = write(api, {"more.txt": b"x"}, revision="v1.0.0")
    assert http.get(f"{URL}/revision/refs%2Fheads%2Fv1.0.0").json()["sha"] == last
    assert http.get(f"{URL}/revision/v1.0.0").json()["sha"] == tagged


def test_a_commit_to_a_branch_looks_at_that_branch(http: httpx.Client, api: HfApi, repo: str) -> None:
    api.create_tag(repo, tag="v1")
    api.create_branch(repo, branch="v1")
    write(api, {"a.txt": b"on the branch"}, revision="v1")
    plan = http.post(f"{URL}/preupload/v1", json={"files": [{"path": "a.txt", "size": 1, "sample": ""}]}).json()
    assert "oid" in plan["files"][0]
    copied = {"key": "copyFile", "value": {"path": "b.txt", "srcPath": "a.txt"}}
    assert post_commit(http, header(), copied, revision="v1").status_code == 200
    assert http.get(f"/{REPO}/resolve/refs%2Fheads%2Fv1/b.txt").content == b"on the branch"


def test_a_tag_called_main_is_not_the_branch(http: httpx.Client, api: HfApi, repo: str) -> None:
    old = head_of(api)
    api.create_tag(repo, tag="main")
    new = write(api, {"a.txt": b"x"})
    assert head_of(api) == new
    api.create_branch(repo, branch="dev")
    assert head_of(api, "dev") == new
    assert http.get(f"{URL}").json()["sha"] == new
    number = api.create_pull_request(repo, title="title").num
    assert http.get(f"{URL}/revision/refs%2Fpr%2F{number}").json()["sha"] == new
    assert http.get(f"{URL}/revision/refs%2Ftags%2Fmain").json()["sha"] == old
