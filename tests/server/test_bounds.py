"""What one client may take from a Hub: bounds on headers, waiting connections, patterns, guesses and names."""

from __future__ import annotations

import contextlib
import json
import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest
from huggingface_hub import HfApi

from hfver.server import EmbeddedHub
from hfver.server.run import bounded_protocol

from .tools import batch, file_line, header, lfs_line, post_commit, upload_object


def connect(hub: EmbeddedHub) -> socket.socket:
    address = urlsplit(hub.url)
    return socket.create_connection((str(address.hostname), int(address.port or 0)), timeout=30)


def read_all(connection: socket.socket) -> bytes:
    parts = []
    with contextlib.suppress(ConnectionError):
        while part := connection.recv(65536):
            parts.append(part)
    return b"".join(parts)


def test_headers_without_end_are_cut_off(hub: EmbeddedHub) -> None:
    sent = 0
    with connect(hub) as connection:
        connection.sendall(b"GET /api/models HTTP/1.1\r\nhost: localhost\r\nx-long: ")
        with contextlib.suppress(ConnectionError):
            while sent < 8 * 2**20:
                connection.sendall(b"a" * 65536)
                sent += 65536
        assert sent < 8 * 2**20
        assert b"431" in read_all(connection) or sent
    assert httpx.get(f"{hub.url}/api/models").status_code == 200


def test_a_large_body_is_no_header(hub: EmbeddedHub, repo: str) -> None:
    fields = {"files": [{"path": f"{number}.txt", "size": 1, "sample": "YQ=="} for number in range(5000)]}
    answer = httpx.post(f"{hub.url}/api/models/{repo}/preupload/main", json=fields, headers=bearer(hub.token))
    assert len(answer.request.content) > bounded_protocol.MAX_HEADERS
    assert answer.status_code == 200


def test_connections_that_send_nothing_shut_nobody_out(hub: EmbeddedHub) -> None:
    with contextlib.ExitStack() as stack:
        opened = [stack.enter_context(connect(hub)) for _ in range(bounded_protocol.MAX_WAITING + 50)]
        assert httpx.get(f"{hub.url}/api/models").status_code == 200
        assert read_all(opened[0]) == b""  # the oldest had to go
        last = opened[-1]
        last.sendall(b"GET /api/models HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n")
        assert read_all(last).startswith(b"HTTP/1.1 200")


@pytest.fixture
def hurried(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bounded_protocol, "HEADER_SECONDS", 0.5)


def test_headers_that_take_too_long_are_refused(hurried: None, hub: EmbeddedHub) -> None:
    with connect(hub) as connection:
        connection.sendall(b"GET /api/models HTTP/1.1\r\nhost: localhost\r\n")
        assert read_all(connection).startswith(b"HTTP/1.1 408")
    with httpx.Client() as client:  # an idle connection that sent a request is no such thing
        assert client.get(f"{hub.url}/api/models").status_code == 200
        time.sleep(0.8)
        assert client.get(f"{hub.url}/api/models").status_code == 200


def test_rules_with_many_wildcards_end_a_request_and_not_the_hub(hub: EmbeddedHub, repo: str) -> None:
    rules = "".join(f"{'*a' * 100}{number} filter=lfs\n" for number in range(2000))
    files = [{"path": "a" * 200, "size": 1, "sample": "YQ=="}]
    started = time.monotonic()
    answer = httpx.post(
        f"{hub.url}/api/models/{repo}/preupload/main",
        json={"files": files, "gitAttributes": rules},
        headers=bearer(hub.token),
        timeout=60,
    )
    assert answer.status_code == 422
    assert "too many wildcards" in answer.json()["error"]
    assert time.monotonic() - started < 50


def test_guessing_tokens_is_slowed_down(hub: EmbeddedHub) -> None:
    url = f"{hub.url}/api/whoami-v2"
    assert httpx.get(url, headers=bearer("ann-token")).status_code == 200
    answers = [httpx.get(url, headers=bearer(f"guess-{number}")) for number in range(40)]
    assert answers[0].status_code == 401
    assert answers[-1].status_code == 429
    assert 0 < int(answers[-1].headers["retry-after"]) <= 60
    assert httpx.get(url, headers=bearer("ann-token")).status_code == 200  # known from before
    assert httpx.get(url, headers=bearer(hub.token)).status_code == 200  # the owner's
    assert httpx.get(url, headers=bearer("bob-token")).status_code == 429
    assert httpx.get(f"{hub.url}/api/models").status_code == 200  # anonymous


@pytest.mark.parametrize(
    ("host", "status"),
    [
        ("localhost:99", 200),
        ("127.0.0.1", 200),
        ("[::1]:8000", 200),
        ("192.0.2.7", 200),
        ("evil.example", 421),
        ("localhost.evil.example", 421),
    ],
)
def test_a_name_that_is_not_its_own_gets_nothing(hub: EmbeddedHub, host: str, status: int) -> None:
    answer = httpx.get(f"{hub.url}/api/models", headers={"host": host})
    assert answer.status_code == status
    if status == 421:
        assert f"--allowed-host {host}" in answer.json()["error"]


def test_a_link_of_a_deleted_repo_serves_nothing(hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str) -> None:
    content = b"private weights"
    oid = upload_object(http, content)
    assert post_commit(http, header(), lfs_line("model.bin", oid, size=len(content))).status_code == 200
    (found,) = batch(http, oid, len(content), "download").json()["objects"]
    link = found["actions"]["download"]["href"]
    assert httpx.get(link).content == content
    api.delete_repo(repo)
    assert httpx.get(link).status_code == 404


def test_a_repo_that_is_deleted_while_it_is_committed_to_is_not_found(
    http: httpx.Client, api: HfApi, repo: str
) -> None:
    def lines() -> Iterator[bytes]:
        yield json.dumps(header()).encode() + b"\n"
        yield json.dumps(file_line("a.txt")).encode() + b"\n"
        time.sleep(0.3)
        api.delete_repo(repo)
        yield json.dumps(file_line("b.txt")).encode() + b"\n"

    headers = {"content-type": "application/x-ndjson"}
    answer = http.post(f"/api/models/{repo}/commit/main", content=lines(), headers=headers)
    assert answer.status_code == 404, answer.text
    assert answer.headers["x-error-code"] == "RepoNotFound"


def bearer(token: str) -> dict[str, str]:
    return {"authorization": f"Bearer {token}"}
