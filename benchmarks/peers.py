"""What is compared: each peer releases a folder, releases it again, and gets it back, as separate programs."""

from __future__ import annotations

import os
import subprocess
import sys
from abc import abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Protocol

from benchmarks.measuring import Cost, run

__all__ = ["Floor", "GitLfs", "Hfver", "HfverHttp", "HuggingfaceHub", "Peer"]

PYTHON = sys.executable
REPO = "acme/model"
TOKEN = "hf_benchmark"


class Peer(Protocol):
    """A way to publish a folder and get it back. ``work`` is its own scratch folder."""

    name: str
    work: Path

    @abstractmethod
    def publish(self, folder: Path, version: str) -> Cost:
        """Publish the folder as a version."""

    @abstractmethod
    def get_back(self) -> Cost:
        """Get the newest version onto a machine that has nothing of it."""


class Hfver:
    """hfver, with the Hub's folder on this machine."""

    name = "hfver --hub DIR"

    def __init__(self, work: Path) -> None:
        self.work = work
        self.remote = work / "hub"
        self.env = {"HFVER_CACHE": str(work / "hfver"), "HF_HOME": str(work / "publisher")}
        self.hub = str(self.remote)

    def publish(self, folder: Path, version: str) -> Cost:
        """Release without a smoke eval: nothing else here runs the model either."""
        command: list[str | Path] = [PYTHON, "-m", "hfver", "release", folder, "--repo", REPO, "--hub", self.hub]
        return run([*command, "--smoke", "off", "--version", version], remote=self.remote, env=self.env)

    def get_back(self) -> Cost:
        """Pull into an empty Hugging Face cache, every byte verified."""
        env = {**self.env, "HFVER_CACHE": str(self.work / "reader"), "HF_HOME": str(self.work / "reader")}
        return run([PYTHON, "-m", "hfver", "pull", REPO, "--hub", self.hub], remote=self.remote, env=env)


class HfverHttp(Hfver):
    """hfver against a Hub that another process serves: the bytes cross a socket."""

    name = "hfver over HTTP"

    def __init__(self, work: Path, url: str, remote: Path) -> None:
        super().__init__(work)
        self.hub, self.remote = url, remote
        self.env["HF_TOKEN"] = TOKEN


class HuggingfaceHub:
    """huggingface_hub by plain Git-LFS to the same served Hub; ``how`` is upload_folder or create_commit."""

    def __init__(self, work: Path, url: str, remote: Path, how: str) -> None:
        self.work, self.remote, self.how = work, remote, how
        self.name = f"huggingface_hub {how}"
        self.repo = f"acme/{how.replace('_', '-')}"
        self.env = {"HF_ENDPOINT": url, "HF_TOKEN": TOKEN, "HF_HUB_DISABLE_XET": "1", "HF_HOME": str(work / "home")}

    def publish(self, folder: Path, version: str) -> Cost:
        """Upload and tag."""
        command: list[str | Path] = [PYTHON, "-m", "benchmarks.upload", self.how, self.repo, folder, version]
        return run(command, remote=self.remote, env=self.env)

    def get_back(self) -> Cost:
        """Download into an empty cache; nothing is verified."""
        program = f"from huggingface_hub import snapshot_download as d; d({self.repo!r})"
        env = {**self.env, "HF_HOME": str(self.work / "reader")}
        return run([PYTHON, "-c", program], remote=self.remote, env=env)


class GitLfs:
    """git with git-lfs to a bare repository in a local folder."""

    name = "git + git-lfs"

    def __init__(self, work: Path) -> None:
        self.work = work
        self.remote, self.clone = work / "remote.git", work / "clone"
        self.env = {"GIT_CONFIG_GLOBAL": str(work / "gitconfig"), "GIT_TERMINAL_PROMPT": "0"}
        subprocess.run(["git", "init", "-q", "--bare", "-b", "main", self.remote], check=True)
        subprocess.run(["git", "init", "-q", "-b", "main", self.clone], check=True)
        self._git("remote", "add", "origin", f"file://{self.remote}")
        self._git("lfs", "install", "--local")
        self._git("lfs", "track", "*.safetensors")

    def publish(self, folder: Path, version: str) -> Cost:
        """Copy in, add, commit, tag, push."""
        script = (
            f"set -e; cp -u {folder}/* .; git add -A; git -c user.name=b -c user.email=b@b commit -qm v; "
            f"git tag v{version}; git push -q origin main v{version}"
        )
        return run(["bash", "-c", script], remote=self.remote, env=self.env, cwd=self.clone)

    def get_back(self) -> Cost:
        """Clone."""
        script = f"git lfs install --skip-repo >/dev/null; git clone -q file://{self.remote} {self.work}/back"
        return run(["bash", "-c", script], remote=self.remote, env=self.env)

    def _git(self, *arguments: str) -> None:
        subprocess.run(["git", *arguments], cwd=self.clone, check=True, capture_output=True)


class Floor:
    """Read, SHA-256 and write, two files at a time: less cannot be done."""

    name = "floor: read + SHA-256 + write"

    def __init__(self, work: Path) -> None:
        self.work, self.remote = work, work / "store"
        self.remote.mkdir(parents=True)

    def publish(self, folder: Path, version: str) -> Cost:
        """Copy the folder, hashing."""
        return run([PYTHON, "-m", "benchmarks.floor", folder, self.remote / version], remote=self.remote, env={})

    def get_back(self) -> Cost:
        """Copy the first version back, hashing."""
        return run(
            [PYTHON, "-m", "benchmarks.floor", self.remote / "1.0.0", self.work / "back"], remote=self.remote, env={}
        )


@contextmanager
def served(root: Path) -> Iterator[str]:
    """Serve a Hub in another process; yields its URL."""
    command = [PYTHON, "-m", "hfver", "hub", "serve", "--root", str(root)]
    users = {**os.environ, "HFVER_HUB_USERS": f"acme:{TOKEN}"}
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=users) as server:
        assert server.stdout is not None
        try:
            yield server.stdout.readline().strip()
        finally:
            server.terminate()
