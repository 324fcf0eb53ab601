"""No request, however odd, is answered with a server error."""

from __future__ import annotations

import json
import random
import socket
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import pygit2
import pytest
from huggingface_hub import HfApi
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pygit2.enums import ObjectType

from hfver.server import EmbeddedHub

from .tools import REPO, file_line, git, header, post_commit, write

API = f"/api/models/{REPO}"
ENDPOINTS = [
    ("POST", "/api/repos/create"),
    ("DELETE", "/api/repos/delete"),
    ("POST", "/api/repos/move"),
    ("POST", "/api/validate-yaml"),
    ("PUT", f"{API}/settings"),
    ("POST", f"{API}/branch/new"),
    ("POST", f"{API}/tag/main"),
    ("POST", f"{API}/commit/main"),
    ("POST", f"{API}/preupload/main"),
    ("POST", f"{API}/paths-info/main"),
    ("POST", f"/{REPO}.git/info/lfs/objects/batch"),
]
KEYS = [
    "name",
    "organization",
    "type",
    "private",
    "visibility",
    "files",
    "path",
    "size",
    "sample",
    "paths",
    "expand",
    "tag",
    "message",
    "startingPoint",
    "content",
    "operation",
    "objects",
    "oid",
    "fromRepo",
    "toRepo",
    "gated",
    "transfers",
    "key",
    "value",
    "summary",
    "gitIgnore",
    "gitAttributes",
    "encoding",
    "overwrite",
    "emptyBranch",
    "sdk",
    "license",
    "hash_algo",
]
TEXTS = st.one_of(
    st.text(max_size=20),
    st.sampled_from(
        ["", "..", "a/b", REPO, "main", "0" * 40, "0" * 64, "\ud800", "\x00", "model", "upload", "base64", "header"]
    ),
)
VALUES = st.recursive(
    st.one_of(st.none(), st.booleans(), st.integers(), st.floats(), TEXTS),
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(st.sampled_from(KEYS), inner, max_size=5)),
    max_leaves=12,
)
QUICK = settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], derandomize=True
)


@QUICK
@given(st.sampled_from(ENDPOINTS), st.dictionaries(st.sampled_from(KEYS), VALUES, max_size=8))
def test_odd_json_is_never_a_server_error(
    http: httpx.Client, repo: str, endpoint: tuple[str, str], body: object
) -> None:
    answer = http.request(*endpoint, content=json.dumps(body).encode())
    assert answer.status_code < 500, (endpoint, body)


@QUICK
@given(
    st.sampled_from(ENDPOINTS),
    st.binary(max_size=60),
    st.sampled_from(["application/json", "application/x-www-form-urlencoded"]),
)
def test_odd_bytes_are_never_a_server_error(
    http: httpx.Client, repo: str, endpoint: tuple[str, str], body: bytes, kind: str
) -> None:
    assert http.request(*endpoint, content=body, headers={"Content-Type": kind}).status_code < 500


@QUICK
@given(
    st.lists(
        st.fixed_dictionaries(
            {"key": st.sampled_from(["file", "lfsFile", "deletedFile", "deletedFolder", "copyFile"]), "value": VALUES}
        )
    )
)
def test_odd_commits_are_never_a_server_error(http: httpx.Client, repo: str, lines: list[object]) -> None:
    assert post_commit(http, header(), *lines).status_code < 500


SEGMENTS = st.one_of(
    st.sampled_from(
        [
            "%00",
            "%ff",
            "..",
            "%2e%2e",
            "%2f",
            "main",
            "refs%2Fpr%2F1",
            "%",
            "%zz",
            "HEAD",
            "a" * 300,
            "tree",
            "%0d%0a",
            "",
        ]
    ),
    st.text("abc/%.~^:?*[\\ 09", max_size=8),
)


@QUICK
@given(
    st.sampled_from(["GET", "HEAD", "POST", "PUT", "DELETE", "PATCH", "OPTIONS"]),
    st.sampled_from(
        ["/api/models/", f"{API}/", f"/{REPO}/", f"/{REPO}.git/", "/datasets/", "/lfs-objects/", "/api/", "/"]
    ),
    st.lists(SEGMENTS, max_size=4),
    st.text("abc=&%0189-,", max_size=12),
)
def test_odd_addresses_are_never_a_server_error(
    hub: EmbeddedHub, repo: str, method: str, start: str, parts: list[str], query: str
) -> None:
    target = (start + "/".join(parts) + (f"?{query}" if query else "")).replace(" ", "%20").replace("\\", "%5c")
    assert (
        _raw(
            hub,
            f"{method} {target} HTTP/1.1\r\nHost: localhost\r\n"
            f"Authorization: Bearer {hub.token}\r\nConnection: close\r\n\r\n",
        )
        < 500
    )


@pytest.mark.parametrize(
    "head",
    [
        "Host: evil\r\nX-Request-Id: a\x0bb",
        "Host: a/b?c#d",
        "Host: ",
        "Host: localhost\r\nRange: bytes=0-\xff",
        "Host: localhost\r\nX-Amzn-Trace-Id: \xe9",
        "Host: localhost\r\nIf-Range: \xff",
        "Host: localhost\r\nContent-Length: 5\r\nContent-Length: 6",
        "Host: localhost\r\nAuthorization: Basic \xff",
        "Host: x:99999",
        "Host: [::1",
        "Host: \xff",
    ],
    ids=range(11),
)
def test_odd_headers_are_never_a_server_error(hub: EmbeddedHub, repo: str, head: str) -> None:
    for path in (
        f"/{REPO}/resolve/main/.gitattributes",
        f"{API}/tree/main?limit=1",
        "/api/whoami-v2",
        f"{API}/commits/main?limit=1",
    ):
        assert _raw(hub, f"GET {path} HTTP/1.1\r\n{head}\r\nConnection: close\r\n\r\n") < 500


def _raw(hub: EmbeddedHub, request: str) -> int:
    where = urlsplit(hub.url)
    with socket.create_connection((where.hostname, where.port), timeout=10) as connection:
        connection.sendall(request.encode("latin-1", "replace"))
        answer = connection.recv(65536)
    return int(answer.split(b" ", 2)[1])


def test_a_huge_body_is_refused(http: httpx.Client, repo: str) -> None:
    assert http.post(f"{API}/paths-info/main", content=b" " * (33 * 2**20)).status_code == 413


def test_unusual_trees_can_be_listed(hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str) -> None:
    """Pushes may bring submodules, links, names that are not UTF-8, and absurd dates."""
    write(api, {"a.txt": b"1"})
    git = pygit2.Repository(str(hub.root / "repos" / "models" / f"{REPO}.git"))
    blob = git.create_blob(b"target")
    entries = sorted(
        [(b"160000 sub\0", blob.raw), (b"120000 link\0", blob.raw), (b"100644 b\xff\xfe\0", blob.raw)],
        key=lambda e: e[0][7:],
    )
    tree = git.write(ObjectType.TREE, b"".join(name + raw for name, raw in entries))
    text = f"tree {tree}\nauthor n <e> 99999999999999999 +0000\ncommitter n <e> -5 +0000\n\n".encode() + b"\xff\xfe"
    commit = git.write(ObjectType.COMMIT, text)
    git.references.create("refs/heads/odd", commit)
    git.references.create("refs/tags/blob", blob)
    git.free()
    for path in (
        "tree/odd",
        "tree/odd?recursive=1",
        "tree/odd?expand=1",
        "commits/odd",
        "revision/odd?blobs=1",
        "refs",
        "tree/odd/sub",
        "revision/blob",
    ):
        assert http.get(f"{API}/{path}").status_code in (200, 404), path
    assert http.get(f"/{REPO}/resolve/odd/link").content == b"target"
    assert http.get(f"/{REPO}/resolve/odd/sub").status_code == 404
    assert post_commit(http, header(), file_line("new.txt"), revision="odd").status_code == 200


@pytest.mark.parametrize(
    "card",
    [
        "---\na: &a [x,x]\nb: [*a,*a]\n---\n",
        "---\n" + "[" * 20000 + "\n---\n",
        "---\n? [a, b]\n: c\n---\n",
        "---\n!!python/object:os.system x\n---\n",
        "---\na: .nan\nb: 2024-01-01\nc: 0x" + "f" * 6000 + "\n---\n",
        '---\na: "\\uD800"\n---\n',
        "---\n- list\n---\n",
        "---\ntags: 5\nlicense: [x]\n---\n",
        "---\n" + "a: b\n" * 100000 + "---\n",
        "---\n2001-99-99\n---\n",
        "---\n\x00\n---\n",
        "---\na: 1\na: 2\n<<: x\n---\n",
    ],
    ids=range(12),
)
def test_a_hostile_card_breaks_nothing(
    hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str, card: str, tmp_path: Path
) -> None:
    judged = http.post("/api/validate-yaml", json={"content": card, "repoType": "model"}).status_code
    assert judged in (200, 400)
    # A commit and a push are judged alike.
    assert post_commit(http, header(), file_line("README.md", card.encode())).status_code == judged
    address = f"http://x:{hub.token}@{hub.url.removeprefix('http://')}/{REPO}.git"
    git("clone", "-q", address, "clone", cwd=tmp_path)
    (tmp_path / "clone" / "README.md").write_text(card)
    git("add", "README.md", cwd=tmp_path / "clone")
    who = ("-c", "user.name=n", "-c", "user.email=n@example.com")
    git(*who, "commit", "-qm", "a card", "--allow-empty", cwd=tmp_path / "clone")
    assert (git("push", "-q", cwd=tmp_path / "clone", check=False).returncode == 0) == (judged == 200)
    # Older versions took any card, and their repos are still there.
    head = git("rev-parse", "HEAD", cwd=tmp_path / "clone").stdout.strip()
    bare = hub.root / "repos" / "models" / f"{REPO}.git"
    git("fetch", "-q", str(tmp_path / "clone"), "+HEAD:refs/heads/main", cwd=bare)
    assert api.model_info(repo).sha == head


def test_hostile_patterns_do_not_hang(http: httpx.Client, repo: str) -> None:
    noise = random.Random(5)  # noqa: S311
    patterns = [
        "*a" * 30,
        "**/" * 40 + "x",
        "[" * 50,
        "[!a-]*" * 10,
        "?*" * 40,
        "".join(noise.choices("*?[]!/a\\-", k=500)),
        "[z-a]",
        "\\",
    ]
    body = {
        "files": [{"path": "a" * 120 + "/" + "a" * 120 + "b", "size": 1, "sample": ""}],
        "gitAttributes": "".join(f"{pattern} filter=lfs\n" for pattern in patterns),
        "gitIgnore": "\n".join(patterns),
    }
    assert http.post(f"{API}/preupload/main", json=body, timeout=5).status_code == 200
