"""The embedded Hub under attack: answers in the 4xx, nothing written outside, and a repo that git fsck finds sound."""

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
from tests.hostile.building import REPO, listing, model

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
    """Nothing beside the Hub's folder changes, the release stays, and the repo is sound."""
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


# Pushes: what a tree or a commit may hold that nobody could check out safely, and the API would refuse.
Row = tuple[bytes, bytes, bytes]
WHO = b"author a <a@b> 1 +0000\ncommitter a <a@b> 1 +0000\n\nx\n"
POINTER = b"version https://git-lfs.github.com/spec/v1\noid sha256:%s\nsize %d\n"
PUSHES: dict[str, list[Row]] = {
    "a folder named ..": [(FOLDER, b"..", b"")],
    "a folder named .": [(FOLDER, b".", b"")],
    "a folder named .git": [(FOLDER, b".git", b"")],
    "a folder named .GIT": [(FOLDER, b".GIT", b"")],
    "a folder that Windows takes for .git": [(FOLDER, b"git~1", b"")],
    "a folder that a Mac takes for .git": [(FOLDER, ".g\u200cit".encode(), b"")],
    "a name with a slash in it": [(FILE, b"../x", b"x")],
    "an absolute name": [(FILE, b"/etc/x", b"x")],
    "an empty name": [(FILE, b"", b"x")],
    "a name with backslashes": [(FILE, b"..\\x", b"x")],
    "a name with escapes": [(FILE, b"\x1b[2J", b"x")],
    "a name that is there twice": [(FILE, b"a", b"x"), (FILE, b"a", b"y")],
    "names out of order": [(FILE, b"b", b"x"), (FILE, b"a", b"x")],
    "recipes of submodules behind a link": [(LINK, b".gitmodules", b"/etc/passwd")],
    "a pointer to nothing": [(FILE, b"a.safetensors", POINTER % (b"0" * 64, 5))],
    "a file of eleven megabytes": [(FILE, b"a.txt", b"x" * 11_000_000)],
}
HEADS: dict[str, bytes] = {
    "a commit without an author": b"\nx",
    "a commit with a zero": WHO.replace(b"\n\nx", b"\n\nx\0y"),
    "a commit beyond all time": WHO.replace(b" 1 +", b" 99999999999999999999 +"),
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
def test_a_push_that_nobody_could_check_out(name: str, hub: LocalHub, tmp_path: Path, untouched: None) -> None:
    done = push(hub, tmp_path, PUSHES.get(name, [(FILE, b"a", b"x")]), HEADS.get(name, WHO))
    assert done.returncode != 0
    assert b"Traceback" not in done.stderr
    assert b"rejected" in done.stderr or b"error:" in done.stderr


@pytest.mark.parametrize(
    "ref", ["refs/heads/../../x", "refs/hfver/x", "refs/replace/" + "a" * 40, "refs/heads/" + "a" * 40, "HEAD"]
)
def test_a_push_to_a_ref_that_is_none(ref: str, hub: LocalHub, tmp_path: Path, untouched: None) -> None:
    assert push(hub, tmp_path, [(FILE, b"a", b"x")], ref=ref).returncode != 0


def test_links_and_submodules_are_stored_and_nothing_follows_them(
    hub: LocalHub, tmp_path: Path, http: httpx.Client
) -> None:
    """As on huggingface.co; a link is served as the text that it is, and a submodule is no file."""
    rows = [(LINK, b"link", b"../../../../hub.db"), (MODULE, b"module", b"")]
    done = push(hub, tmp_path, rows, ref="refs/heads/linked")
    assert done.returncode == 0, done.stderr
    assert http.get(f"/{REPO}/resolve/linked/link").content == b"../../../../hub.db"
    refused(http.get(f"/{REPO}/resolve/linked/module"))
    refused(http.get(f"/{REPO}/resolve/linked/link/x"))
    git(bare_repo(hub, REPO), "update-ref", "-d", "refs/heads/linked")


def commit(*lines: Any) -> tuple[str, str, dict[str, Any]]:
    """Post a commit; a header stands before the lines unless they are bytes."""
    header = {"key": "header", "value": {"summary": "x"}}
    if lines and isinstance(lines[0], bytes):
        body = lines[0]
    else:
        body = b"\n".join(json.dumps(line).encode() for line in (header, *lines))
    return "POST", f"{API}/commit/main", {"content": body}


def put(path: Any, content: str = "eA==") -> dict[str, Any]:
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}


def pointing(oid: Any, size: Any = 5, path: Any = "a.safetensors") -> dict[str, Any]:
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": size}}


def talk(**fields: Any) -> tuple[str, str, dict[str, Any]]:
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
CLIMBING = [
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
    **{f"a read of {path}": ("GET", f"/{REPO}/resolve/main/{path}", {}) for path in CLIMBING},
    **{f"a revision of {path}": ("GET", f"{API}/revision/{path.replace('/', '%2f')}", {}) for path in CLIMBING},
    **{f"a listing of {path}": ("GET", f"{API}/tree/main/{path}", {}) for path in CLIMBING},
    **{
        f"an object named {path}": ("GET", f"/lfs-objects/{path.replace('/', '%2f')}?expires=9", {})
        for path in CLIMBING
    },
    **{f"a branch named {name}": branch(name) for name in NAMES},
    **{
        f"a tag named {name!a}": tag(name)
        for name in ("../x", "a\r\nX: 1", "\0", "\ud800", "-x", 7, None, ["x"], "x.lock")
    },
    "a commit that is empty": commit(b""),
    "a commit of nonsense": commit(b"\xff\xfe"),
    "a commit without a header": commit(b'{"key": "file"}'),
    "a commit with two headers": commit({"key": "header", "value": {"summary": "y"}}),
    "a commit nested too deeply": commit(b"[" * 100_000),
    "a commit with an endless number": commit(b'{"key":"header","value":{"summary":"x","n":' + b"9" * 10_000 + b"}}"),
    "a commit of base64 that is none": commit(put("a", "!!")),
    "a commit to a file and below it": commit(put("a"), put("a/b")),
    "a commit whose path is a number": commit(put(7)),
    "a pointer to nothing": commit(pointing("0" * 64)),
    "a pointer that climbs": commit(pointing("../" * 20 + "x")),
    "a pointer of half a name": commit(pointing("0" * 63)),
    "a copy from nowhere": commit(
        {"key": "copyFile", "value": {"path": "a", "srcPath": "../x", "srcRevision": "main"}}
    ),
    "a title of megabytes": talk(title="x" * 3_000_000),
    "a description of megabytes": talk(description="x" * 3_000_000),
    "a title with a zero": talk(title="abc\0def"),
    "a title with escapes": talk(title="abc\x1b[2J"),
    "a title in two lines": talk(title="abc\r\nX-Evil: 1"),
    "a title of half a surrogate": talk(title="abc\ud800"),
    "a description of half a surrogate": talk(description="abc\udfff"),
    "a discussion nested too deeply": ("POST", f"{API}/discussions", {"content": b"[" * 100_000}),
    "a discussion that is no number": ("GET", f"{API}/discussions/..%2f1", {}),
    "a discussion beyond all numbers": ("GET", f"{API}/discussions/{'9' * 30}", {}),
    "an upload of a name that climbs": batch({"oid": "../../x", "size": 1}),
    "an upload of a negative size": batch({"oid": "0" * 64, "size": -1}),
    "an upload beyond all disks": batch({"oid": "0" * 64, "size": 2**70}),
    "an upload that nobody signed": (
        "PUT",
        f"/lfs-objects/{'0' * 64}?size=1&repo=1&expires=9999999999&signature=x",
        {},
    ),
    "a namespace that climbs": ("POST", "/api/repos/create", {"json": {"name": "x", "organization": "../.."}}),
    "a repo named .git": ("POST", "/api/repos/create", {"json": {"name": "acme/.git"}}),
    "a repo that moves out": ("POST", "/api/repos/move", {"json": {"fromRepo": REPO, "toRepo": "../../x"}}),
    "a body beyond all measure": ("POST", "/api/repos/create", {"content": b" " * (33 * 2**20)}),
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
def test_a_range_that_is_none(value: str, http: httpx.Client, untouched: None) -> None:
    answer = http.get(f"/{REPO}/resolve/main/config.json", headers={"Range": value})
    assert answer.status_code in (200, 206, 416)


def test_bytes_that_are_not_what_their_name_says(hub: LocalHub, http: httpx.Client, untouched: None) -> None:
    method, path, options = batch({"oid": "0" * 64, "size": 5})
    (item,) = http.request(method, path, **options).json()["objects"]
    for body in (b"hello", b"hell", b"hello again"):
        refused(httpx.put(item["actions"]["upload"]["href"], content=body))
    assert not list((hub.path / "lfs" / "incoming").iterdir())
    refused(http.request(*commit(pointing("0" * 64))[:2], **commit(pointing("0" * 64))[2]))


def test_the_corpus_is_as_large_as_is_said() -> None:
    """Hostile inputs by what they attack: 60 are promised, more than 250 are tried."""
    from tests.hostile.test_code import CODE
    from tests.hostile.test_folders import FOLDERS
    from tests.hostile.test_hubs import ASKING, READING, WRITING
    from tests.hostile.test_plumbing import CASES

    folders, hubs, releases = len(FOLDERS), len(READING) + len(WRITING) + len(ASKING), len(CASES)
    requests = len(PUSHES) + len(HEADS) + len(REQUESTS)
    assert min(folders, hubs, releases, requests, len(CODE)) >= 15
    assert folders + hubs + releases + requests + len(CODE) >= 250
