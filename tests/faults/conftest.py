from __future__ import annotations

import itertools
import json
import random
import struct
from collections.abc import Iterator
from pathlib import Path

import pytest

from hfver.api.hubs import LocalHub
from tests.faults.proxy import Proxy

TOKEN = "hf_acme"

_seeds = itertools.count()


@pytest.fixture(scope="session")
def busy_hub(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """A Hub for all tests of this folder. Its user acme is not its owner, so that content is sent over HTTP."""
    with LocalHub(tmp_path_factory.mktemp("busy") / "hub", users={"acme": TOKEN}) as hub:
        yield hub


@pytest.fixture
def proxy(busy_hub: LocalHub, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Proxy]:
    """A proxy in front of the Hub, with clients that retry quickly and remember nothing of other tests."""
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "hfver-cache"))
    monkeypatch.setenv("HFVER_HTTP_PAUSE", "0.01")
    monkeypatch.setenv("HFVER_HTTP_TIMEOUT", "2")
    with Proxy(busy_hub.url) as proxy:
        yield proxy


def write_checkpoint(folder: Path, size: int = 4096) -> Path:
    """Write a checkpoint with one tensor of ``size`` bytes, a multiple of 4; each one is different."""
    folder.mkdir(exist_ok=True)
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "float32"}
    (folder / "config.json").write_text(json.dumps(config))
    header = json.dumps({"weight": {"dtype": "F32", "shape": [size // 4], "data_offsets": [0, size]}}).encode()
    values = random.Random(next(_seeds)).randbytes(size // 4)  # noqa: S311
    weights = b"".join(bytes((value, 0, 128, 63)) for value in values)  # around 1.0, never NaN
    (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header + weights)
    return folder
