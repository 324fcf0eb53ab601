"""Attacks on the embedded Hub: it answers with 4xx, writes nothing outside, and git fsck finds no error in the repo."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

import hfver
from hfver.api.hubs import LocalHub
from tests.building import bare_repo
from tests.hostile.checkpoints import REPO, listing, model

API = f"/api/models/{REPO}"
FILE, LINK, MODULE, FOLDER = b"100644", b"120000", b"160000", b"40000"


@pytest.fixture(scope="module")
def hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """One Hub with one release for all attacks: none of them may change it."""
    folder = tmp_path_factory.mktemp("attacked")
    (folder / "outside").mkdir()
    with LocalHub(folder / "hub") as running:
        hfver.release(model(folder / "model"), REPO, hub=running, smoke="off")
        yield running


@pytest.fixture
def http(hub: LocalHub) -> Iterator[httpx.Client]:
    with httpx.Client(base_url=hub.url, headers={"Authorization": f"Bearer {hub.token}"}, timeout=30) as client:
        yield client


@pytest.fixture
def untouched(hub: LocalHub) -> Iterator[None]:
    """Check that nothing outside the Hub's folder changes, the release stays, and the repo is valid."""
    parent = hub.path.parent
    before = set(parent.iterdir()), listing(parent / "outside"), refs(hub)
    yield
    assert (set(parent.iterdir()), listing(parent / "outside"), refs(hub)) == before
    done = git(bare_repo(hub, REPO), "fsck", "--strict", "--no-dangling")
    assert (done.returncode, done.stdout + done.stderr) == (0, b"")


def refs(hub: LocalHub) -> bytes:
    return git(bare_repo(hub, REPO), "for-each-ref").stdout


def git(folder: Path, *arguments: str, given: bytes = b"") -> subprocess.CompletedProcess[bytes]:
    environment = {"PATH": os.environ["PATH"], "HOME": str(folder), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["git", *arguments], cwd=folder, env=environment, input=given, capture_output=True, check=False, timeout=60
    )


def refused(answer: httpx.Response) -> None:
    assert 400 <= answer.status_code < 500, answer.text[:300]
    assert answer.headers["x-error-message"].isprintable()
    assert "Traceback" not in answer.text
    assert "/" + "hub" + "/repos" not in answer.text


# Pushes of trees and commits that cannot be checked out safely, and that the API refuses.
Row = tuple[bytes, bytes, bytes]
WHO = b"author a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
PUSHES: dict[str, list[Row]] = {
    "a folder named ..": [(FOLDER, b"..", b"")],
    "a folder named .": [(FOLDER, b".", b"")],
    "a folder named .git": [(FOLDER, b".git", b"")],
    "a folder named .GIT": [(FOLDER, b".GIT", b"")],
    "a folder that Windows reads as .git": [(FOLDER, b"git~1", b"")],
    "a folder that macOS reads as .git": [(FOLDER, ".g\u200cit".encode(), b"")],
    "a name with a slash in it": [(FILE, b"../x", b"x")],
    "an absolute name": [(FILE, b"/etc/x", b"x")],
    "an empty name": [(FILE, b"", b"x")],
    "a name with backslashes": [(FILE, b"..\\x", b"x")],
    "a name with escapes": [(FILE, b"\x1b[2J", b"x")],
    "a duplicate name": [(FILE, b"a", b"x"), (FILE, b"a", b"y")],
    "names out of order": [(FILE, b"b", b"x"), (FILE, b"a", b"x")],
    "a .gitmodules that is a link": [(LINK, b".gitmodules", b"/etc/passwd")],
    "a pointer to a missing object": [(FILE, b"a.safetensors", POINTER % (b"0" * 64, 5))],
    "a file of eleven megabytes": [(FILE, b"a.txt", b"x" * 11_000_000)],
}
HEADS: dict[str, bytes] = {
    "a commit without an author": b"\nx",
    "a commit with a null character": WHO.replace(b"\n\nx", b"\n\nx\0y"),
    "a commit with an impossible date": WHO.replace(b" 1 +", b" 99999999999999999999 +"),
}


def push(hub: LocalHub, folder: Path, rows: list[Row], head: bytes = WHO, ref: str = "refs/heads/pushed") -> Any:
    """Push a commit whose tree is exactly these rows."""
    git(folder, "init", "-q", ".")

    def write(kind: str, data: bytes) -> bytes:
        done = git(folder, "hash-object", "-w", "-t", kind, "--literally", "--stdin", given=data)
        assert done.returncode == 0, done.stderr
        return done.stdout.strip()

    empty = write("tree", b"100644 x\0" + bytes.fromhex(write("blob", b"x").decode()))
    data = b""
    for mode, name, content in rows:
        oid = {FOLDER: empty, MODULE: b"a" * 40}.get(mode) or write("blob", content)
        data += mode + b" " + name + b"\0" + bytes.fromhex(oid.decode())
    commit = write("commit", b"tree " + write("tree", data) + b"\n" + head).decode()
    address = hub.url.replace("http://", f"http://x:{hub.token}@")
    return git(folder, "-c", "http.proxy=", "push", f"{address}/{REPO}", f"{commit}:{ref}")


@pytest.mark.parametrize("name", [*PUSHES, *HEADS])
def test_a_push_of_an_unsafe_tree_is_rejected(name: str, hub: LocalHub, tmp_path: Path, untouched: None) -> None:
    done = push(hub, tmp_path, PUSHES.get(name, [(FILE, b"a", b"x")]), HEADS.get(name, WHO))
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    assert b"rejected" in done.stderr or b"error:" in done.stderr


@pytest.mark.parametrize(
    "ref", ["refs/heads/../../x", "refs/hfver/x", "refs/replace/" + "a" * 40, "refs/heads/" + "a" * 40, "HEAD"]
)
def test_a_push_to_an_invalid_ref_is_rejected(ref: str, hub: LocalHub, tmp_path: Path, untouched: None) -> None:
    assert push(hub, tmp_path, [(FILE, b"a", b"x")], ref=ref).returncode != 0


def test_links_and_submodules_are_stored_and_not_followed(hub: LocalHub, tmp_path: Path, http: httpx.Client) -> None:
    """As on huggingface.co: a link is served as its text, and a submodule is not a file."""
    rows = [(LINK, b"link", b"../../../../hub.db"), (MODULE, b"module", b"")]
    done = push(hub, tmp_path, rows, ref="refs/heads/linked")
    assert done.returncode == 0, done.stderr
    assert http.get(f"/{REPO}/resolve/linked/link").content == b"../../../../hub.db"
    refused(http.get(f"/{REPO}/resolve/linked/module"))
    refused(http.get(f"/{REPO}/resolve/linked/link/x"))
    git(bare_repo(hub, REPO), "update-ref", "-d", "refs/heads/linked")


def commit(*lines: Any) -> tuple[str, str, dict[str, Any]]:
    """Return a request that commits lines, after a header unless they are bytes."""
    header = {"key": "header", "value": {"summary": "x"}}
    if lines and isinstance(lines[0], bytes):
        body = lines[0]
    else:
        body = b"\n".join(json.dumps(line).encode() for line in (header, *lines))
    return "POST", f"{API}/commit/main", {"content": body}


def put(path: Any, content: str = "eA==") -> dict[str, Any]:
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}


def lfs_file(oid: Any, size: Any = 5, path: Any = "a.safetensors") -> dict[str, Any]:
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": size}}


def discussion(**fields: Any) -> tuple[str, str, dict[str, Any]]:
    return "POST", f"{API}/discussions", {"content": json.dumps({"title": "A title", "description": "", **fields})}


def batch(*objects: Any) -> tuple[str, str, dict[str, Any]]:
    return "POST", f"/{REPO}.git/info/lfs/objects/batch", {"json": {"operation": "upload", "objects": list(objects)}}


def branch(name: str) -> tuple[str, str, dict[str, Any]]:
    return "POST", f"{API}/branch/{name}", {"content": b"{}"}


def tag(name: Any) -> tuple[str, str, dict[str, Any]]:
    return "POST", f"{API}/tag/main", {"content": json.dumps({"tag": name})}


PATHS = [
    "../x",
    "/etc/x",
    "a/../../x",
    ".git/config",
    "a/.GIT/x",
    "git~1/x",
    "a\\x",
    "a\0x",
    "a\nx",
    "\x1b[2J",
    "",
    ".",
    "a//b",
]
PATHS += ["\ud800", "a" * 5000, ".g\u200cit/x"]
TRAVERSALS = [
    "..%2f..%2fhub.db",
    "%2e%2e/%2e%2e/hub.db",
    "%2fetc%2fpasswd",
    "..%5c..%5chub.db",
    "%00",
    ".git/config",
    "%ff",
]
NAMES = [
    "..%2fx",
    "refs%2fheads%2fx",
    "-x",
    "a..b",
    "%00",
    "a%0d%0aX-Evil:%201",
    "HEAD",
    "a" * 40,
    "a%20b",
    "x.lock",
    "%ff",
]
REQUESTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    **{f"a commit of {path[:20]!a}": commit(put(path)) for path in PATHS},
    **{f"a read of {path}": ("GET", f"/{REPO}/resolve/main/{path}", {}) for path in TRAVERSALS},
    **{f"a revision of {path}": ("GET", f"{API}/revision/{path.replace('/', '%2f')}", {}) for path in TRAVERSALS},
    **{f"a listing of {path}": ("GET", f"{API}/tree/main/{path}", {}) for path in TRAVERSALS},
    **{
        f"an object named {path}": ("GET", f"/lfs-objects/{path.replace('/', '%2f')}?expires=9", {})
        for path in TRAVERSALS
    },
    **{f"a branch named {name}": branch(name) for name in NAMES},
    **{
        f"a tag named {name!a}": tag(name)
        for name in ("../x", "a\r\nX: 1", "\0", "\ud800", "-x", 7, None, ["x"], "x.lock")
    },
    "a commit that is empty": commit(b""),
    "a commit of invalid bytes": commit(b"\xff\xfe"),
    "a commit without a header": commit(b'{"key": "file"}'),
    "a commit with two headers": commit({"key": "header", "value": {"summary": "y"}}),
    "a commit nested too deeply": commit(b"[" * 100_000),
    "a commit with an endless number": commit(b'{"key":"header","value":{"summary":"x","n":' + b"9" * 10_000 + b"}}"),
    "a commit with invalid base64": commit(put("a", "!!")),
    "a commit to a file and below it": commit(put("a"), put("a/b")),
    "a commit whose path is a number": commit(put(7)),
    "a pointer to a missing object": commit(lfs_file("0" * 64)),
    "a pointer that leaves the folder": commit(lfs_file("../" * 20 + "x")),
    "a pointer with a short id": commit(lfs_file("0" * 63)),
    "a copy from outside the repo": commit(
        {"key": "copyFile", "value": {"path": "a", "srcPath": "../x", "srcRevision": "main"}}
    ),
    "a title of megabytes": discussion(title="x" * 3_000_000),
    "a description of megabytes": discussion(description="x" * 3_000_000),
    "a title with a null character": discussion(title="abc\0def"),
    "a title with escapes": discussion(title="abc\x1b[2J"),
    "a title in two lines": discussion(title="abc\r\nX-Evil: 1"),
    "a title with a lone surrogate": discussion(title="abc\ud800"),
    "a description with a lone surrogate": discussion(description="abc\udfff"),
    "a discussion nested too deeply": ("POST", f"{API}/discussions", {"content": b"[" * 100_000}),
    "a discussion without a number": ("GET", f"{API}/discussions/..%2f1", {}),
    "a discussion with a number of 30 digits": ("GET", f"{API}/discussions/{'9' * 30}", {}),
    "an upload of an id that leaves the folder": batch({"oid": "../../x", "size": 1}),
    "an upload of a negative size": batch({"oid": "0" * 64, "size": -1}),
    "an upload of 2**70 bytes": batch({"oid": "0" * 64, "size": 2**70}),
    "an upload with a false signature": (
        "PUT",
        f"/lfs-objects/{'0' * 64}?size=1&repo=1&expires=9999999999&signature=x",
        {},
    ),
    "a namespace of dots": ("POST", "/api/repos/create", {"json": {"name": "x", "organization": "../.."}}),
    "a repo named .git": ("POST", "/api/repos/create", {"json": {"name": "acme/.git"}}),
    "a repo moved out of the folder": ("POST", "/api/repos/move", {"json": {"fromRepo": REPO, "toRepo": "../../x"}}),
    "a body of 33 MiB": ("POST", "/api/repos/create", {"content": b" " * (33 * 2**20)}),
}


@pytest.mark.parametrize("name", REQUESTS)
def test_a_hostile_request(name: str, hub: LocalHub, http: httpx.Client, untouched: None) -> None:
    method, path, options = REQUESTS[name]
    answer = http.request(method, path, **options)
    refused(answer)
    assert "x-evil" not in answer.headers


@pytest.mark.parametrize(
    "value", ["bytes=9-5", "bytes=-", "bytes=99999999999-", "lines=1-2", "bytes=0-1,5-6", "bytes=" + "9" * 5000]
)
def test_an_invalid_range(value: str, http: httpx.Client, untouched: None) -> None:
    answer = http.get(f"/{REPO}/resolve/main/config.json", headers={"Range": value})
    assert answer.status_code in (200, 206, 416)


def test_an_upload_that_does_not_match_its_id_is_rejected(hub: LocalHub, http: httpx.Client, untouched: None) -> None:
    method, path, options = batch({"oid": "0" * 64, "size": 5})
    (item,) = http.request(method, path, **options).json()["objects"]
    for body in (b"hello", b"hell", b"hello again"):
        refused(httpx.put(item["actions"]["upload"]["href"], content=body))
    assert not list((hub.path / "lfs" / "incoming").iterdir())
    refused(http.request(*commit(lfs_file("0" * 64))[:2], **commit(lfs_file("0" * 64))[2]))


def test_the_number_of_hostile_inputs() -> None:
    """The documentation promises more than 250 hostile inputs, and at least 15 of each kind."""
    from tests.hostile.test_code import CODE
    from tests.hostile.test_folders import FOLDERS
    from tests.hostile.test_hubs import COMMANDS, PULL_ANSWERS, RELEASE_ANSWERS
    from tests.hostile.test_raw_git import CASES

    folders, hubs, releases = len(FOLDERS), len(PULL_ANSWERS) + len(RELEASE_ANSWERS) + len(COMMANDS), len(CASES)
    requests = len(PUSHES) + len(HEADS) + len(REQUESTS)
    assert min(folders, hubs, releases, requests, len(CODE)) >= 15
    assert folders + hubs + releases + requests + len(CODE) >= 250
