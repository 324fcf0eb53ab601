"""The Hub that the live tests run against, and the requests that they send to it."""

from __future__ import annotations

import base64
import json
import subprocess
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import uuid4

import httpx
from huggingface_hub import HfApi

from tests.server.tools import header, sha256

PATIENCE = 30.0
"""Seconds for which a read after a write may show what was there before."""

ATTEMPTS = 6
MAX_PAUSE = 120


class Secret(str):
    """A token that a traceback does not show."""

    __slots__ = ()

    def __repr__(self) -> str:
        return "TOKEN"


@dataclass
class Target:
    """A Hub, used as one user.

    Attributes:
        endpoint: Its URL.
        token: The token of the user.
        namespace: Where private repos are created, and deleted afterwards.
        embedded: Whether it is the embedded Hub.
        made: The repos that were created and not deleted yet.
    """

    endpoint: str
    token: Secret
    namespace: str
    embedded: bool
    made: list[str] = field(default_factory=list)

    @property
    def api(self) -> HfApi:
        return HfApi(self.endpoint, token=self.token)

    @property
    def place(self) -> dict[str, Any]:
        """The parameters by which hfver's functions are told of this Hub."""
        return {"hub": self.endpoint, "token": self.token}

    def name(self, what: str) -> str:
        """Choose the name of a repo that a test is about to create, and delete it in the end."""
        name = f"{self.namespace}/hfver-live-{what}-{uuid4().hex[:8]}"
        self.made.append(name)
        return name

    def create(self, what: str) -> str:
        """Create a private repo."""
        name = self.name(what)
        self.api.create_repo(name, private=True)
        return name

    def delete_all(self) -> list[str]:
        """Delete the repos that the tests created; returns those that are left."""
        for name in list(self.made):
            namespace, _, short = name.partition("/")
            body = {"name": short, "organization": namespace, "type": "model"}
            if self.send("DELETE", "/api/repos/delete", json=body).status_code in (200, 204, 404):
                self.made.remove(name)
        return self.made

    def send(self, method: str, path: str, token: str | None = "", **options: Any) -> httpx.Response:
        """Send a request as it is, without following a redirect; waits while the Hub asks for fewer requests.

        Args:
            method: The method.
            path: The path below the endpoint, or a whole address.
            token: A different token; None for no token.
            options: As httpx takes them.
        """
        url = path if "://" in path else self.endpoint + path
        headers = dict(options.pop("headers", {}))
        if token is not None and url.startswith(self.endpoint):
            headers.setdefault("authorization", f"Bearer {token or self.token}")
        with httpx.Client(timeout=120, trust_env=not self.embedded) as client:
            for attempt in range(ATTEMPTS):
                answer = client.request(method, url, headers=headers, **options)
                if answer.status_code not in (429, 502, 503, 504) or attempt == ATTEMPTS - 1:
                    break
                asked = answer.headers.get("retry-after", "")
                time.sleep(min(int(asked) if asked.isdigit() else 2**attempt, MAX_PAUSE))
        return answer

    def get(self, path: str, **options: Any) -> Any:
        """Get JSON."""
        answer = self.send("GET", path, **options)
        answer.raise_for_status()
        return answer.json()

    def refs(self, repo: str) -> dict[str, dict[str, str]]:
        """List branches, tags and pull requests: name to commit."""
        data = self.get(f"/api/models/{repo}/refs?include_prs=1")
        return {kind: {item["name"]: item["targetCommit"] for item in data.get(kind) or []} for kind in _KINDS} | {
            "pullRequests": {item["ref"]: item["targetCommit"] for item in data.get("pullRequests") or []}
        }

    def head(self, repo: str, branch: str = "main") -> str:
        return self.refs(repo)["branches"][branch]

    def post_commit(self, repo: str, *lines: object, branch: str = "main", parent: str | None = None) -> httpx.Response:
        """Commit the lines of a body as they are."""
        first = header(**({"parentCommit": parent} if parent else {}))
        body = b"\n".join(json.dumps(line).encode() for line in (first, *lines))
        url = f"/api/models/{repo}/commit/{branch.replace('/', '%2F')}"
        return self.send("POST", url, content=body, headers={"content-type": "application/x-ndjson"})

    def commit(self, repo: str, *lines: object, branch: str = "main") -> str:
        """Commit, and return the commit."""
        answer = self.post_commit(repo, *lines, branch=branch)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:300]}"
        return str(answer.json()["commitOid"])

    def branch(self, repo: str, name: str, start: str) -> None:
        url = f"/api/models/{repo}/branch/{name.replace('/', '%2F')}"
        assert self.send("POST", url, json={"startingPoint": start}).is_success

    def tag(self, repo: str, name: str, revision: str, message: str = "") -> httpx.Response:
        url = f"/api/models/{repo}/tag/{revision.replace('/', '%2F')}"
        return self.send("POST", url, json={"tag": name, "message": message})

    def upload(self, repo: str, data: bytes) -> str:
        """Upload an LFS object by the basic transfer, and return its SHA-256."""
        oid = sha256(data)
        body = {
            "operation": "upload",
            "transfers": ["basic"],
            "hash_algo": "sha256",
            "objects": [{"oid": oid, "size": len(data)}],
        }
        headers = {"accept": "application/vnd.git-lfs+json", "content-type": "application/vnd.git-lfs+json"}
        answer = self.send("POST", f"/{repo}.git/info/lfs/objects/batch", json=body, headers=headers)
        assert answer.status_code == 200, f"{answer.status_code}: {answer.text[:300]}"
        (found,) = answer.json()["objects"]
        actions = found.get("actions") or {}
        if upload := actions.get("upload"):
            sent = self.send("PUT", upload["href"], token=None, content=data, headers=upload.get("header") or {})
            assert sent.is_success, f"{sent.status_code}: {sent.text[:300]}"
        if verify := actions.get("verify"):
            mine = {"oid": oid, "size": len(data)}
            assert self.send("POST", verify["href"], json=mine, headers=verify.get("header") or {}).is_success
        return oid

    def follow(self, path: str, **options: Any) -> httpx.Response:
        """Get content, by the redirects of a content store, which must not see the token."""
        answer = self.send("GET", path, **options)
        for _ in range(5):
            if answer.status_code not in (301, 302, 303, 307, 308):
                break
            url = answer.headers["location"]
            answer = self.send("GET", url if "://" in url else self.endpoint + url, **options)
        return answer

    def git(self, repo: str, folder: Path, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run git in a folder, with this Hub's repo as the remote ``origin``."""
        basic = base64.b64encode(f"hfver:{self.token}".encode()).decode()
        settings = {
            "remote.origin.url": f"{self.endpoint}/{repo}",
            f"http.{self.endpoint}/.extraHeader": f"Authorization: Basic {basic}",
            "user.name": "hfver",
            "user.email": "hfver@localhost",
            **({"remote.origin.proxy": ""} if self.embedded else {}),
        }
        options = [part for name, value in settings.items() for part in ("-c", f"{name}={value}")]
        done = subprocess.run(
            ["git", *options, *arguments], cwd=folder, capture_output=True, text=True, check=False, timeout=300
        )
        assert not check or done.returncode == 0, done.stderr.replace(basic, "TOKEN")[-600:]
        return done


_KINDS = ("branches", "tags", "pullRequests")


def seconds_until(holds: Callable[[], bool]) -> float | None:
    """Wait until something holds; returns the seconds, None if that takes longer than ``PATIENCE``."""
    start = time.monotonic()
    while time.monotonic() - start < PATIENCE:
        if holds():
            return time.monotonic() - start
        time.sleep(0.2)
    return None
