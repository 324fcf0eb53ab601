"""The commit endpoint: what it accepts, what it refuses, and how."""

from __future__ import annotations

import hashlib
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi

from hfver.server import EmbeddedHub

from .tools import REPO, file_line, git, head_of, header, lfs_line, lfs_oid, post_commit, sha256, upload_object, write

BAD_PATHS = [
    "",
    ".",
    "..",
    "../x",
    "a/../b",
    "a/..",
    "/etc/passwd",
    "a//b",
    "a/",
    "a/./b",
    "a\\b",
    "..\\x",
    "a\x00b",
    "a\nb",
    ".git/config",
    "a/.git/x",
    ".GIT/x",
    ".git",
    "a/.git",
    ".git /x",
    ".git./x",
    "git~1/x",
    ".g\u200cit/x",
    ".git:x/y",
    "x" * 256,
    "x/" * 3000 + "y",
    "\ud800",
    "a\x7f",
]


@pytest.mark.parametrize("path", BAD_PATHS, ids=range(len(BAD_PATHS)))
@pytest.mark.parametrize("key", ["file", "lfsFile", "deletedFile"])
def test_a_bad_path_is_refused(http: httpx.Client, api: HfApi, repo: str, path: str, key: str) -> None:
    before = head_of(api)
    line = {"key": key, "value": {**dict(file_line(path)["value"]), "oid": "0" * 64, "algo": "sha256"}}  # type: ignore[call-overload]
    answer = post_commit(http, header(), line)
    assert answer.status_code == 422, answer.text
    assert "Invalid path" in answer.headers["X-Error-Message"]
    assert head_of(api) == before


BAD_LINES = [
    (b"not json", 400),
    (b"[]", 400),
    (b'"text"', 400),
    (b"\xff\xfe", 400),
    (b"[" * 100_000, 400),
    (b'{"key": "file"}', 400),
    (b'{"key": "file", "value": []}', 400),
    (b'{"key": 1, "value": {"path": "x"}}', 400),
    (b'{"key": "unknown", "value": {"path": "x"}}', 400),
    ({"key": "file", "value": {"content": "eA==", "encoding": "base64"}}, 400),
    ({"key": "file", "value": {"path": 5, "content": "eA==", "encoding": "base64"}}, 400),
    ({"key": "file", "value": {"path": "x", "content": "!!!", "encoding": "base64"}}, 400),
    ({"key": "file", "value": {"path": "x", "content": "eA", "encoding": "base64"}}, 400),
    ({"key": "file", "value": {"path": "x", "content": 7, "encoding": "base64"}}, 400),
    ({"key": "file", "value": {"path": "x", "content": "x", "encoding": "no-such"}}, 400),
    ({"key": "file", "value": {"path": "x", "content": "\ud800", "encoding": "utf-8"}}, 400),
    (header(), 400),
    (lfs_line("x", "zz"), 400),
    (lfs_line("x", None), 400),
    (lfs_line("x", "A" * 64), 400),
    (lfs_line("x", "../" * 21 + "x"), 400),
    (lfs_line("x", "0" * 64, algo="md5"), 400),
    (lfs_line("x", "0" * 64, size="5"), 400),
    (lfs_line("x", "0" * 64, size=-1), 400),
    (lfs_line("x", "0" * 64, size=True), 400),
    (lfs_line("x", "0" * 64), 422),
    (lfs_line("x", "0" * 64, size=5), 422),
    (file_line("x", b"version https://git-lfs.github.com/spec/v1\noid sha256:" + b"0" * 64 + b"\nsize 5\n"), 422),
    (file_line(".gitattributes/x"), 422),
    ({"key": "deletedFile", "value": {"path": "absent"}}, 404),
    ({"key": "deletedFolder", "value": {"path": ".gitattributes"}}, 404),
    ({"key": "deletedFile", "value": {"path": ".gitattributes/x"}}, 404),
]


@pytest.mark.parametrize(("line", "status"), BAD_LINES, ids=range(len(BAD_LINES)))
def test_a_bad_line_is_refused(http: httpx.Client, api: HfApi, repo: str, line: object, status: int) -> None:
    before = head_of(api)
    answer = post_commit(http, header(), file_line("good.txt"), line)
    assert answer.status_code == status, answer.text
    assert answer.headers["X-Error-Message"]
    assert answer.json()["error"]
    assert head_of(api) == before


@pytest.mark.parametrize(
    "first",
    [
        file_line("x"),
        header(summary=""),
        header(summary=None),
        header(summary=[]),
        header(summary="a\x00b"),
        header(summary="\ud800"),
        header(description=5),
        header(parentCommit=5),
        header(parentCommit="main"),
        b"",
        b"{}",
    ],
    ids=range(11),
)
def test_a_bad_header_is_refused(http: httpx.Client, repo: str, first: object) -> None:
    assert post_commit(http, first, file_line("y")).status_code == 400


def test_a_stale_parent_is_412_with_the_message_of_the_hub(http: httpx.Client, api: HfApi, repo: str) -> None:
    stale = head_of(api)
    write(api, {"a.txt": b"1"})
    answer = post_commit(http, header(parentCommit=stale), file_line("b.txt"))
    assert answer.status_code == 412
    assert answer.headers["X-Error-Message"].startswith("The branch was updated since you opened this page.")
    assert post_commit(http, header(parentCommit=head_of(api)), file_line("b.txt")).status_code == 200


@pytest.mark.parametrize("revision", ["absent", "v1", "0" * 40, "refs%2Ftags%2Fv1", "..%2f..", "%00", "a%20b", "-x"])
def test_only_branches_accept_commits(http: httpx.Client, api: HfApi, repo: str, revision: str) -> None:
    api.create_tag(repo, tag="v1")
    answer = post_commit(http, header(), file_line("x"), revision=revision)
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RevisionNotFound")


def test_a_file_becomes_a_folder_only_when_it_is_deleted_first(http: httpx.Client, api: HfApi, repo: str) -> None:
    write(api, {"thing": b"file"})
    assert post_commit(http, header(), file_line("thing/inner")).status_code == 422
    deletion = {"key": "deletedFile", "value": {"path": "thing"}}
    assert post_commit(http, header(), deletion, file_line("thing/inner")).status_code == 200
    assert post_commit(http, header(), file_line("thing")).status_code == 422
    folder = {"key": "deletedFolder", "value": {"path": "thing/"}}
    assert post_commit(http, header(), folder, file_line("thing")).status_code == 200
    assert api.list_repo_files(repo) == [".gitattributes", "thing"]


def test_deleting_everything_leaves_an_empty_tree(http: httpx.Client, api: HfApi, repo: str) -> None:
    deletion = {"key": "deletedFile", "value": {"path": ".gitattributes"}}
    assert post_commit(http, header(), deletion).status_code == 200
    assert api.list_repo_files(repo) == []
    assert api.model_info(repo).siblings == []


def test_an_emptied_folder_disappears(http: httpx.Client, api: HfApi, repo: str) -> None:
    write(api, {"a/b/c": b"1"})
    assert post_commit(http, header(), {"key": "deletedFile", "value": {"path": "a/b/c"}}).status_code == 200
    assert [item.path for item in api.list_repo_tree(repo)] == [".gitattributes"]


def test_the_missing_size_of_an_lfs_file_is_looked_up(http: httpx.Client, api: HfApi, repo: str) -> None:
    oid = upload_object(http, b"w" * 1000)
    assert post_commit(http, header(), lfs_line("copy.bin", oid)).status_code == 200
    (info,) = api.get_paths_info(repo, ["copy.bin"])
    assert lfs_oid(info) == oid
    assert http.get(f"/{REPO}/resolve/main/copy.bin").content == b"w" * 1000
    assert post_commit(http, header(), lfs_line("wrong.bin", oid, size=999)).status_code == 422


def test_a_regular_file_has_a_limit(http: httpx.Client, repo: str) -> None:
    assert post_commit(http, header(), file_line("x", b"x" * (10 * 2**20))).status_code == 200
    assert post_commit(http, header(), file_line("x", b"x" * (10 * 2**20 + 1))).status_code == 413
    assert post_commit(http, header(), file_line("x", b"x" * (12 * 2**20))).status_code == 413


def test_the_executable_bit_survives_an_edit(hub: EmbeddedHub, api: HfApi, repo: str, tmp_path: Path) -> None:
    write(api, {"run.sh": b"1"})
    path = hub.root / "repos" / "models" / f"{repo}.git"
    git("clone", "-q", str(path), "clone", cwd=tmp_path)
    clone = tmp_path / "clone"
    git("update-index", "--chmod=+x", "run.sh", cwd=clone)
    git("-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "mode", cwd=clone)
    git("push", "-q", str(path), "HEAD:main", cwd=clone)
    write(api, {"run.sh": b"2"})
    assert git("ls-tree", "main", "run.sh", cwd=path).stdout.startswith("100755")


def test_every_commit_passes_fsck(hub: EmbeddedHub, api: HfApi, http: httpx.Client, repo: str) -> None:
    write(api, {"a/b.txt": b"1", "a.txt": b"2", "a-b/c": b"3", "w.safetensors": b"4"})
    write(api, {"a/c.txt": b"1"})
    post_commit(http, header(summary="ünï", description="more"), {"key": "deletedFolder", "value": {"path": "a"}})
    api.create_tag(repo, tag="v1", tag_message="mëssage")
    done = git("fsck", "--strict", "--full", cwd=hub.root / "repos" / "models" / f"{repo}.git")
    assert done.stdout + done.stderr == ""


def test_pull_requests_are_numbered_refs(http: httpx.Client, api: HfApi, repo: str) -> None:
    for number in (1, 2):
        answer = post_commit(http, header(), file_line(f"{number}.txt"), query="?create_pr=1").json()
        assert answer["pullRequestUrl"].endswith(f"/{REPO}/discussions/{number}")
    refs = http.get(f"/api/models/{REPO}/refs?include_prs=1").json()
    assert [ref["ref"] for ref in refs["pullRequests"]] == ["refs/pr/1", "refs/pr/2"]
    assert "pullRequests" not in http.get(f"/api/models/{REPO}/refs").json()
    assert post_commit(http, header(), file_line("more.txt"), revision="refs%2Fpr%2F1").status_code == 200
    assert "more.txt" in api.list_repo_files(repo, revision="refs/pr/1")
    assert http.get(f"/{REPO}/resolve/refs/pr/1/more.txt").content == b"x"
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_preupload_returns_modes_and_current_oids(http: httpx.Client, api: HfApi, repo: str) -> None:
    write(api, {"w.bin": b"w", "t.txt": b"t"})
    files = [
        {"path": "w.bin", "size": 1, "sample": "dw=="},
        {"path": "t.txt", "size": 1, "sample": "dA=="},
        {"path": "new.txt", "size": 11 * 2**20, "sample": "dA=="},
        {"path": "binary", "size": 4, "sample": "AAAA"},
        {"path": "x.custom", "size": 4, "sample": "dA=="},
    ]
    body = {"files": files, "gitAttributes": "*.custom filter=lfs\n*.bin filter=lfs\n"}
    answer = http.post(f"/api/models/{REPO}/preupload/main", json=body).json()
    modes = {item["path"]: item["uploadMode"] for item in answer["files"]}
    assert modes == {"w.bin": "lfs", "t.txt": "regular", "new.txt": "lfs", "binary": "lfs", "x.custom": "lfs"}
    oids = {item["path"]: item.get("oid") for item in answer["files"]}
    assert oids["w.bin"] == sha256(b"w")
    assert oids["t.txt"] == hashlib.sha1(b"blob 1\0t", usedforsecurity=False).hexdigest()
    assert oids["new.txt"] is None


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"files": 1},
        {"files": [1]},
        {"files": [{}]},
        {"files": [{"path": "a"}]},
        {"files": [{"path": "a", "size": "1"}]},
        {"files": [{"path": "a", "size": 1, "sample": "!"}]},
        {"files": [], "gitIgnore": 5},
    ],
)
def test_malformed_preupload_requests_are_refused(http: httpx.Client, repo: str, body: object) -> None:
    assert http.post(f"/api/models/{REPO}/preupload/main", json=body).status_code == 400


def test_a_file_is_copied_without_sending_its_content(http: httpx.Client, api: HfApi, repo: str) -> None:
    oid = upload_object(http, b"weights" * 100)
    post_commit(http, header(), file_line("a.txt"), lfs_line("big.bin", oid, size=700))
    first = head_of(api)
    copies = [
        {"key": "copyFile", "value": {"path": "b/a.txt", "srcPath": "a.txt"}},
        {"key": "copyFile", "value": {"path": "copied.dat", "srcPath": "big.bin", "srcRevision": first}},
    ]
    assert post_commit(http, header(), *copies).status_code == 200
    listed = http.get(f"/api/models/{REPO}/tree/main?recursive=true").json()
    found = {item["path"]: item for item in listed}
    assert found["b/a.txt"]["oid"] == found["a.txt"]["oid"]
    assert found["copied.dat"]["lfs"]["oid"] == oid
    assert "copied.dat" in Path(api.hf_hub_download(REPO, ".gitattributes", force_download=True)).read_text()


@pytest.mark.parametrize(
    ("value", "status"),
    [
        ({"path": "x"}, 400),
        ({"path": "x", "srcPath": "nothing"}, 422),
        ({"path": "x", "srcPath": "../../etc/passwd"}, 422),
        ({"path": "x", "srcPath": ".gitattributes", "srcRevision": "nowhere"}, 404),
        ({"path": "../x", "srcPath": ".gitattributes"}, 422),
    ],
)
def test_a_copy_without_a_valid_source_is_refused(
    http: httpx.Client, api: HfApi, repo: str, value: dict[str, str], status: int
) -> None:
    before = head_of(api)
    assert post_commit(http, header(), {"key": "copyFile", "value": value}).status_code == status
    assert head_of(api) == before
