"""What a client does to a Hub that may be killed, and what it can observe of the Hub afterwards."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Callable
from typing import Any

import httpx

__all__ = ["ACTIONS", "Action", "observe"]

OLD, NEW, GONE = "crash/old", "crash/new", "crash/gone"
WEIGHTS = b"weights" * 9001
Action = Callable[[httpx.Client], str | None]
"""Does one thing; returns the commit that the Hub acknowledged, if it made one."""


def _post(http: httpx.Client, path: str, body: Any = None, method: str = "POST") -> Any:
    answer = http.request(method, path, json=body)
    assert answer.status_code == 200, answer.text
    return answer.json() if answer.content else None


def _commit(http: httpx.Client, repo: str, branch: str, *lines: dict[str, Any], query: str = "") -> str:
    head = {"key": "header", "value": {"summary": "a change", "description": ""}}
    body = "\n".join(json.dumps(line) for line in (head, *lines))
    url = f"/api/models/{repo}/commit/{branch}{query}"
    answer = http.post(url, content=body, headers={"Content-Type": "application/x-ndjson"})
    assert answer.status_code == 200, answer.text
    return str(answer.json()["commitOid"])


def _file(path: str, content: bytes) -> dict[str, Any]:
    text = base64.b64encode(content).decode()
    return {"key": "file", "value": {"path": path, "content": text, "encoding": "base64"}}


def _large(path: str, content: bytes) -> dict[str, Any]:
    oid = hashlib.sha256(content).hexdigest()
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, "size": len(content)}}


def _upload(http: httpx.Client, repo: str, content: bytes) -> None:
    expected = {"oid": hashlib.sha256(content).hexdigest(), "size": len(content)}
    batch = {"operation": "upload", "transfers": ["basic"], "objects": [expected], "hash_algo": "sha256"}
    (item,) = _post(http, f"/{repo}.git/info/lfs/objects/batch", batch)["objects"]
    if "actions" not in item:
        return
    assert http.put(item["actions"]["upload"]["href"], content=content).status_code == 200
    _post(http, item["actions"]["verify"]["href"], expected)


def _create(http: httpx.Client, repo: str) -> None:
    _post(http, "/api/repos/create", {"name": repo.partition("/")[2]})


def create(http: httpx.Client) -> None:
    _create(http, OLD)


def upload(http: httpx.Client) -> None:
    _upload(http, OLD, WEIGHTS)


def commit(http: httpx.Client) -> str:
    return _commit(http, OLD, "main", _file("config.json", b"{}"), _large("model.safetensors", WEIGHTS))


def branch(http: httpx.Client) -> None:
    _post(http, f"/api/models/{OLD}/branch/hfver%2Fabc", {"startingPoint": "main"})


def commit_to_branch(http: httpx.Client) -> str:
    return _commit(http, OLD, "hfver%2Fabc", _file("config.json", b'{"a": 1}'))


def tag(http: httpx.Client) -> None:
    _post(http, f"/api/models/{OLD}/tag/hfver%2Fabc", {"tag": "v1.0.0", "message": "the first"})


def commit_again(http: httpx.Client) -> str:
    return _commit(http, OLD, "main", _file("config.json", b'{"a": 1}'), _file("deep/er/notes.txt", b"more"))


def delete_branch(http: httpx.Client) -> None:
    _post(http, f"/api/models/{OLD}/branch/hfver%2Fabc", method="DELETE")


def propose(http: httpx.Client) -> str:
    return _commit(http, OLD, "main", _file("proposed.txt", b"what about this"), query="?create_pr=1")


def comment(http: httpx.Client) -> None:
    _post(http, f"/api/models/{OLD}/discussions/1/comment", {"comment": "fine"})


def merge(http: httpx.Client) -> None:
    _post(http, f"/api/models/{OLD}/discussions/1/merge", {})


def move(http: httpx.Client) -> None:
    _post(http, "/api/repos/move", {"fromRepo": OLD, "toRepo": NEW})


def create_another(http: httpx.Client) -> None:
    _create(http, GONE)


def link(http: httpx.Client) -> str:
    _upload(http, GONE, WEIGHTS)
    return _commit(http, GONE, "main", _large("same.bin", WEIGHTS))


def delete(http: httpx.Client) -> None:
    _post(http, "/api/repos/delete", {"name": GONE.partition("/")[2]}, method="DELETE")


ACTIONS: list[Action] = [
    create, upload, commit, branch, commit_to_branch, tag, commit_again, delete_branch, propose, comment, merge, move,
    create_another, link, delete,
]  # fmt: skip


def observe(http: httpx.Client) -> dict[str, Any]:
    """Return all that a client can read of every repo, except what differs from run to run."""
    names = sorted(item["id"] for item in http.get("/api/models").json())
    return {name: {"refs": _refs(http, name), "discussions": _discussions(http, name)} for name in names}


def _refs(http: httpx.Client, repo: str) -> dict[str, Any]:
    found = http.get(f"/api/models/{repo}/refs?include_prs=1").json()
    refs = {ref["ref"]: ref["targetCommit"] for kind in ("branches", "tags", "pullRequests") for ref in found[kind]}
    return {name: _files(http, repo, commit) for name, commit in sorted(refs.items())}


def _files(http: httpx.Client, repo: str, commit: str) -> dict[str, str]:
    tree = http.get(f"/api/models/{repo}/tree/{commit}?recursive=true").json()
    paths = [item["path"] for item in tree if item["type"] == "file"]
    contents = {path: http.get(f"/{repo}/resolve/{commit}/{path}") for path in paths}
    assert {answer.status_code for answer in contents.values()} == {200}
    return {path: hashlib.sha256(answer.content).hexdigest() for path, answer in contents.items()}


def _discussions(http: httpx.Client, repo: str) -> list[Any]:
    listed = http.get(f"/api/models/{repo}/discussions").json()["discussions"]
    numbers = [(item["num"], item["status"]) for item in listed]
    details = (http.get(f"/api/models/{repo}/discussions/{number}").json() for number, _ in numbers)
    return [[*pair, [event["type"] for event in one["events"]]] for pair, one in zip(numbers, details, strict=True)]
