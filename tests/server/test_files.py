"""Downloading: headers, ranges, and paths that do not exist."""

from __future__ import annotations

from urllib.parse import quote

import httpx
import pytest
from huggingface_hub import HfApi

from .tools import REPO, head_of, sha256, write

CONTENT = bytes(range(256)) * 8000
SMALL = b"0123456789"


@pytest.fixture
def filled(api: HfApi, repo: str) -> str:
    return write(api, {"w.safetensors": CONTENT, "t.txt": SMALL})


@pytest.mark.parametrize("method", ["GET", "HEAD"])
def test_the_headers_that_clients_rely_on(http: httpx.Client, filled: str, method: str) -> None:
    small = http.request(method, f"/{REPO}/resolve/main/t.txt")
    large = http.request(method, f"/{REPO}/resolve/main/w.safetensors")
    assert small.headers["X-Repo-Commit"] == large.headers["X-Repo-Commit"] == filled
    assert small.headers["ETag"] == f'"{http.get(f"/api/models/{REPO}/tree/main").json()[1]["oid"]}"'
    assert large.headers["ETag"] == large.headers["X-Linked-Etag"] == f'"{sha256(CONTENT)}"'
    assert large.headers["X-Linked-Size"] == large.headers["Content-Length"] == str(len(CONTENT))
    assert "X-Linked-Size" not in small.headers
    assert small.headers["Accept-Ranges"] == large.headers["Accept-Ranges"] == "bytes"
    assert "Content-Encoding" not in large.headers
    assert (small.content, large.content) == ((SMALL, CONTENT) if method == "GET" else (b"", b""))


@pytest.mark.parametrize(("name", "content"), [("t.txt", SMALL), ("w.safetensors", CONTENT)])
@pytest.mark.parametrize("text", ["0-0", "0-4", "3-", "-4", "-99999999", "5-99999999"])
def test_a_range_is_served(http: httpx.Client, filled: str, name: str, content: bytes, text: str) -> None:
    answer = http.get(f"/{REPO}/resolve/main/{name}", headers={"Range": f"bytes={text}"})
    first, _, last = text.partition("-")
    start = int(first) if first else max(len(content) - int(last), 0)
    stop = min(int(last) + 1, len(content)) if first and last else len(content)
    assert (answer.status_code, answer.content) == (206, content[start:stop])
    assert answer.headers["Content-Range"] == f"bytes {start}-{stop - 1}/{len(content)}"


@pytest.mark.parametrize("name", ["t.txt", "w.safetensors"])
def test_a_range_outside_the_content_is_416(http: httpx.Client, filled: str, name: str) -> None:
    for text in ("99999999-", "-0"):
        answer = http.get(f"/{REPO}/resolve/main/{name}", headers={"Range": f"bytes={text}"})
        assert answer.status_code == 416
        assert answer.headers["Content-Range"].startswith("bytes */")


@pytest.mark.parametrize(
    "text", ["bytes=", "bytes=-", "bytes=a-b", "bytes=5-2", "items=0-1", "bytes=0-1,3-4", "x", "bytes=٣-٤"]
)
def test_anything_but_a_single_range_returns_the_whole_content(http: httpx.Client, filled: str, text: str) -> None:
    answer = http.get(f"/{REPO}/resolve/main/t.txt", headers={b"Range": text.encode()})
    assert (answer.status_code, answer.content) == (200, SMALL)


def test_conditional_headers_are_honored(http: httpx.Client, filled: str) -> None:
    url = f"/{REPO}/resolve/main/t.txt"
    etag = http.head(url).headers["ETag"]
    assert http.get(url, headers={"If-None-Match": etag}).status_code == 304
    assert http.get(url, headers={"Range": "bytes=0-1", "If-Range": etag}).status_code == 206
    assert http.get(url, headers={"Range": "bytes=0-1", "If-Range": '"other"'}).content == SMALL


def test_an_empty_file_can_be_downloaded(http: httpx.Client, api: HfApi, repo: str) -> None:
    write(api, {"empty.txt": b""})
    answer = http.get(f"/{REPO}/resolve/main/empty.txt")
    assert (answer.status_code, answer.content, answer.headers["Content-Length"]) == (200, b"", "0")
    assert http.get(f"/{REPO}/resolve/main/empty.txt", headers={"Range": "bytes=0-"}).status_code == 416


def test_raw_returns_the_pointer(http: httpx.Client, filled: str) -> None:
    text = http.get(f"/{REPO}/raw/main/w.safetensors").text
    assert text == f"version https://git-lfs.github.com/spec/v1\noid sha256:{sha256(CONTENT)}\nsize {len(CONTENT)}\n"


ABSENT = [
    "absent",
    "t.txt/x",
    "..%2f..%2fhub.db",
    "%2e%2e/%2e%2e/hub.db",
    ".git/config",
    "a%00b",
    "a%5cb",
    "%2fetc%2fpasswd",
    "x" * 300,
    "nested",
    "t.txt%2f",
    "a%0d%0aX-Evil:%201",
]


@pytest.mark.parametrize("path", ABSENT)
@pytest.mark.parametrize("page", ["resolve", "raw"])
def test_a_missing_path_is_not_found(http: httpx.Client, api: HfApi, filled: str, path: str, page: str) -> None:
    commit = write(api, {"nested/x": b"1"})
    answer = http.get(f"/{REPO}/{page}/main/{path}")
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert answer.headers["X-Repo-Commit"] == commit
    assert "X-Evil" not in answer.headers


def test_a_path_that_is_not_utf_8_is_refused(http: httpx.Client, filled: str) -> None:
    assert http.get(f"/{REPO}/resolve/main/%ff%fe").status_code == 400


def test_a_file_has_no_tree(http: httpx.Client, filled: str) -> None:
    answer = http.get(f"/api/models/{REPO}/tree/main/t.txt")
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "EntryNotFound")


def test_unusual_names_are_escaped_in_headers(http: httpx.Client, api: HfApi, repo: str) -> None:
    name = 'quo"te; näme\u2028.txt'
    write(api, {f"d/{name}": b"odd"})
    answer = http.get(f"/{REPO}/resolve/main/d/{quote(name)}")
    assert answer.content == b"odd"
    assert quote(name, safe="") in answer.headers["Content-Disposition"]


def test_uploaded_html_runs_no_script(http: httpx.Client, api: HfApi, repo: str) -> None:
    write(api, {"evil.html": b"<script>alert(1)</script>"})
    answer = http.get(f"/{REPO}/resolve/main/evil.html")
    assert answer.headers["X-Content-Type-Options"] == "nosniff"
    assert answer.headers["Content-Type"] == "application/octet-stream"


def test_request_ids_and_dates(http: httpx.Client, api: HfApi, repo: str) -> None:
    url = f"/api/models/{REPO}"
    assert http.get(url, headers={"X-Request-Id": "mine-1"}).headers["X-Request-Id"] == "mine-1"
    assert "Root=1-abc" in http.get(url, headers={"X-Amzn-Trace-Id": "Root=1-abc"}).headers["X-Request-Id"]
    assert " " not in http.get(url, headers={"X-Request-Id": "a b"}).headers["X-Request-Id"]
    (commit,) = http.get(f"{url}/commits/main").json()
    assert commit["id"] == head_of(api)
    assert len(commit["date"]) == len("2024-01-15T10:30:00.000Z")


def test_history_is_paged(http: httpx.Client, api: HfApi, repo: str) -> None:
    for number in range(5):
        write(api, {"a": str(number).encode()})
    first = http.get(f"/api/models/{REPO}/commits/main?limit=4")
    assert len(first.json()) == 4
    second = http.get(first.links["next"]["url"])
    assert len(second.json()) == 2
    assert "next" not in second.links
    for bad in ("x", "0" * 40, f"{'0' * 40}--1", f"{'0' * 40}-{'9' * 20}"):
        assert http.get(f"/api/models/{REPO}/tree/main?cursor={bad}").status_code == 400
    assert http.get(f"/api/models/{REPO}/tree/main?cursor={'0' * 40}-5").status_code == 404
