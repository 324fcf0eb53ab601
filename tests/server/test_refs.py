"""Branches and tags."""

from __future__ import annotations

import subprocess
import time

import httpx
import pytest
from huggingface_hub import HfApi

from hfver.server import EmbeddedHub

from .tools import REPO, head_of, write

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


def test_what_exists_is_409_in_the_words_of_the_hub(http: httpx.Client, api: HfApi, repo: str) -> None:
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


def test_what_is_absent_is_not_found(http: httpx.Client, repo: str) -> None:
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


def test_a_branch_starts_where_it_is_told(http: httpx.Client, api: HfApi, repo: str) -> None:
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
