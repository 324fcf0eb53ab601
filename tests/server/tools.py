"""Helpers of several test files."""

from __future__ import annotations

import base64
import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
from huggingface_hub import CommitOperationAdd, HfApi, RepoFile, RepoFolder
from huggingface_hub.hf_api import LastCommitInfo

REPO = "demo/model"
ROOT = Path(__file__).parents[2]


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


def write(api: HfApi, files: dict[str, bytes], **options: Any) -> str:
    """Commit files with the real client and return the commit's id."""
    operations = [CommitOperationAdd(path, data) for path, data in files.items()]
    return str(api.create_commit(REPO, operations, commit_message="write", **options).oid)


def header(**more: object) -> dict[str, object]:
    return {"key": "header", "value": {"summary": "by hand", "description": "", **more}}


def file_line(path: object, data: bytes = b"x") -> dict[str, object]:
    content = base64.b64encode(data).decode()
    return {"key": "file", "value": {"path": path, "content": content, "encoding": "base64"}}


def lfs_line(path: str, oid: object, **more: object) -> dict[str, object]:
    return {"key": "lfsFile", "value": {"path": path, "algo": "sha256", "oid": oid, **more}}


def post_commit(
    http: httpx.Client, *lines: object, revision: str = "main", query: str = "", repo: str = REPO
) -> httpx.Response:
    """Send the lines of a commit; bytes are sent as they are."""
    body = b"\n".join(line if isinstance(line, bytes) else json.dumps(line).encode() for line in lines)
    url = f"/api/models/{repo}/commit/{revision}{query}"
    return http.post(url, content=body, headers={"Content-Type": "application/x-ndjson"})


def head_of(api: HfApi, branch: str = "main") -> str:
    refs = {ref.name: ref.target_commit for ref in api.list_repo_refs(REPO).branches}
    return refs[branch]


def upload_object(http: httpx.Client, data: bytes, repo: str = REPO) -> str:
    """Upload an LFS object as the client does, and return its oid."""
    oid = sha256(data)
    (item,) = batch(http, oid, len(data), repo=repo).json()["objects"]
    if "actions" in item:
        assert httpx.put(item["actions"]["upload"]["href"], content=data).status_code == 200
    return oid


def batch(
    http: httpx.Client, oid: str, size: int, operation: str = "upload", repo: str = REPO, **more: object
) -> httpx.Response:
    body = {"operation": operation, "objects": [{"oid": oid, "size": size}], "hash_algo": "sha256", **more}
    return http.post(f"/{repo}.git/info/lfs/objects/batch", json=body)


def git(*arguments: str, cwd: Path, check: bool = True, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run git with a separate home, so that the user's configuration does not apply."""
    home = cwd if (cwd / ".gitconfig").exists() else cwd.parent
    env = {"PATH": os.environ["PATH"], "HOME": str(home), "GIT_TERMINAL_PROMPT": "0", "LC_ALL": "C.UTF-8"}
    return subprocess.run(
        ["git", *arguments], cwd=cwd, env=env | environment, capture_output=True, text=True, check=check
    )


def python(code: str, *arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Run a program in a separate process that can import this package."""
    env = {**os.environ, "PYTHONPATH": str(ROOT), **environment}
    return subprocess.run(
        [sys.executable, "-c", code, *arguments], env=env, capture_output=True, text=True, check=False, timeout=120
    )


def lfs_oid(item: RepoFile | RepoFolder) -> str:
    """The SHA-256 of an LFS file."""
    assert isinstance(item, RepoFile)
    assert item.lfs is not None
    return item.lfs.sha256


def last_commit(item: RepoFile | RepoFolder) -> LastCommitInfo:
    """The last commit of an expanded entry."""
    assert item.last_commit is not None
    return item.last_commit
