"""Keys for one test, a checkpoint made without torch, and releases with signatures that hfver would never make."""

from __future__ import annotations

import json
import os
import subprocess
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import (
    BestAvailableEncryption,
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from safetensors.numpy import save_file

import hfver
from hfver.api.hubs import LocalHub, open_hub
from hfver.core.policy import Policy
from hfver.core.progress import silent
from hfver.model.checkpoint import HashCache, read_checkpoint
from hfver.registry.state import read_state
from hfver.releasing.candidate import commit_candidate
from hfver.releasing.draft import Draft, prepare_draft
from hfver.releasing.publish import publish, tag_candidate
from hfver.releasing.request import ReleaseRequest

REPO = "acme/bot"


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip tests that sign in public, unless they were selected on purpose."""
    if "sigstore" not in (config.getoption("-m") or ""):
        for item in items:
            if item.get_closest_marker("sigstore"):
                item.add_marker(pytest.mark.skip(reason="signs in public; select it with -m sigstore"))


@dataclass(frozen=True)
class Pair:
    """The files of a private key and of its public key."""

    private: Path
    public: Path

    @property
    def sign(self) -> str:
        return f"key:{self.private}"


MakePair = Callable[..., Pair]


@pytest.fixture
def make_pair(tmp_path: Path) -> MakePair:
    def make(name: str = "key", curve: Any = ec.SECP256R1, password: str | None = None) -> Pair:
        pair = Pair(tmp_path / f"{name}.pem", tmp_path / f"{name}.pub")
        key = ec.generate_private_key(curve())
        hidden = BestAvailableEncryption(password.encode()) if password else NoEncryption()
        pair.private.write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, hidden))
        pair.public.write_bytes(
            key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo),
        )
        return pair

    return make


@pytest.fixture
def pair(make_pair: MakePair) -> Pair:
    return make_pair()


MakeFolder = Callable[..., Path]


@pytest.fixture
def folder(tmp_path: Path) -> MakeFolder:
    """Write a checkpoint with a few weights that depend on a seed."""

    def make(seed: int = 0) -> Path:
        path = tmp_path / f"folder-{seed}"
        path.mkdir()
        (path / "config.json").write_text(json.dumps({"architectures": ["LlamaForCausalLM"], "model_type": "llama"}))
        weights = np.random.default_rng(seed).standard_normal((64, 64)).astype("float32")
        save_file({"model.weight": weights}, path / "model.safetensors", metadata={"format": "pt"})
        (path / ".gitignore").write_text("*.log\n")
        return path

    return make


def release(directory: Path, hub: LocalHub, **options: Any) -> Any:
    return hfver.release(directory, REPO, hub=hub, **({"smoke": "off"} | options))


def publish_with(hub: LocalHub, directory: Path, signature: Callable[[Draft], bytes | None]) -> str:
    """Release a folder with a given signature, and return its reference."""
    with open_hub(hub) as client:
        repo = client.repo(REPO)
        if repo.find_refs() is None:
            repo.create(private=True)
        state = read_state(repo)
        checkpoint = read_checkpoint(directory, progress=silent, cache=HashCache())
        draft = prepare_draft(
            repo, state, checkpoint, None, None, ReleaseRequest(directory, REPO, smoke="off"), Policy()
        )
        candidate = commit_candidate(state, replace(draft, signature=signature(draft)), silent)
        tag_candidate(repo, candidate)
        publish(state, candidate, None)
        return f"{REPO}@{draft.version}"


def unpublish(hub: LocalHub) -> None:
    """Remove the last commit of ``main``: the tag stays, as after a run that was killed."""
    git = ["git", "-C", str(hub.path / "repos" / "models" / "acme" / "bot.git")]
    before = subprocess.run([*git, "rev-parse", "main~1"], check=True, capture_output=True, text=True).stdout.strip()
    subprocess.run([*git, "update-ref", "refs/heads/main", before], check=True)


def forget(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Forget everything, as on a machine that has never read this Hub."""
    number = len(list(tmp_path.glob("machine-*")))
    machine = tmp_path / f"machine-{number}"
    machine.mkdir()
    monkeypatch.setenv("HFVER_CACHE", str(machine))


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Callable[[], None]:
    return lambda: forget(monkeypatch, tmp_path)


@pytest.fixture
def policy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Change to a folder, and return a function that writes its policy."""
    home = tmp_path / "project"
    home.mkdir()
    monkeypatch.chdir(home)

    def write(text: str) -> None:
        (home / "hfver.toml").write_text(text)

    return write


@pytest.fixture(autouse=True)
def _no_password(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in [name for name in os.environ if name.startswith("HFVER_SIGNING")]:
        monkeypatch.delenv(name)
