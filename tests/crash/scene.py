"""What the crash tests play with: a Hub in a process of its own, checkpoints made by hand, and a fork server."""

from __future__ import annotations

import hashlib
import json
import os
import select
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from safetensors.numpy import save_file

from tests.crash.forking import Job, Outcome
from tests.crash.points import Place, Point

__all__ = ["ROOT", "TOKEN", "USER", "Forks", "Hub", "checkpoint", "look", "running_forks", "running_hub", "sizes"]

ROOT = Path(__file__).parents[2]
USER, TOKEN = "crash", "hf_of_the_crash_tests"
SHARD_BYTES = 256 * 1024
CONFIG = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "vocab_size": 512, "hidden_size": 128,
    "intermediate_size": 256, "num_attention_heads": 4, "num_hidden_layers": 1, "tie_word_embeddings": False,
}  # fmt: skip


def checkpoint(folder: Path, seed: int) -> Path:
    """Write a small checkpoint of two shards, of bytes that no other seed and no other test has."""
    folder.mkdir(parents=True)
    random = np.random.default_rng([seed, *folder.parent.name.encode()])
    weight_map = {}
    for number, name in enumerate(("model.embed_tokens.weight", "lm_head.weight"), 1):
        shard = f"model-{number:05}-of-00002.safetensors"
        tensor = random.standard_normal((512, 128), dtype=np.float32)
        save_file({name: tensor}, folder / shard, metadata={"format": "pt"})
        weight_map[name] = shard
    index = {"metadata": {"total_size": 2 * SHARD_BYTES}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    (folder / "config.json").write_text(json.dumps(CONFIG))
    return folder


def look(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Describe a folder by names, modes, times and bytes."""
    paths = sorted([folder, *folder.rglob("*")])
    stats = {path: path.stat() for path in paths}
    return {
        str(path): (stat.st_mode, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path, stat in stats.items()
    }


def sizes(folder: Path) -> dict[str, int]:
    """List the weights of a checkpoint: SHA-256 to size."""
    files = [path.read_bytes() for path in folder.glob("*.safetensors")]
    return {hashlib.sha256(data).hexdigest(): len(data) for data in files}


@dataclass(frozen=True)
class Hub:
    """An embedded Hub in a process of its own."""

    url: str
    root: Path

    def stored(self) -> set[str]:
        """List the LFS objects that it has."""
        return {path.name for path in (self.root / "lfs" / "objects").glob("??/??/*")}

    def git(self, repo: str) -> Path:
        """Name the bare repository of a repo."""
        return self.root / "repos" / "models" / f"{repo}.git"


@contextmanager
def running_hub(root: Path) -> Iterator[Hub]:
    """Serve a folder by ``hfver hub serve`` until the block ends."""
    command = [sys.executable, "-m", "hfver", "hub", "serve", "--root", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdout is not None
        try:
            yield Hub(server.stdout.readline().strip(), root)
        finally:
            server.terminate()


def environment() -> dict[str, str]:
    """Say where this package is, and who may use a Hub that it serves."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "HFVER_HUB_USERS": f"{USER}:{TOKEN}"}


class Forks:
    """The fork server, as a process of its own."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(
        self, *arguments: str, at: Place | None = None, torn: bool = False, warm: bool = False, **more: Any
    ) -> None:
        """Begin a run of ``hfver``; its end is told by `wait`."""
        output, variables = more.pop("output", None), {name: str(value) for name, value in more.items()}
        job = Job(list(arguments), variables, list(at) if at else None, torn, output, warm)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """The fork server's process."""
        return self._process.pid

    def answered(self) -> bool:
        """Tell whether the run has ended."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def wait(self) -> Outcome:
        """Wait for the end of the run."""
        assert self._process.stdout is not None
        data = json.loads(self._process.stdout.readline())
        return Outcome(**{**data, "points": [Point(**point) for point in data["points"]]})

    def run(self, *arguments: str, at: Place | None = None, torn: bool = False, **more: Any) -> Outcome:
        """Run ``hfver`` with these arguments, killed at a point if one is given."""
        self.start(*arguments, at=at, torn=torn, **more)
        return self.wait()

    def warm_up(self, *arguments: str, **more: Any) -> None:
        """Run ``hfver`` in the fork server itself."""
        self.start(*arguments, warm=True, **more)
        assert self.wait().code == 0


@contextmanager
def running_forks(folder: Path) -> Iterator[Forks]:
    """Keep a fork server for as long as the block lasts; its children run in `folder`."""
    command = [sys.executable, "-m", "tests.crash.forking"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=folder, env=environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()
