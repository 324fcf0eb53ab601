"""The environment of the crash tests: a Hub in a separate process, handmade checkpoints, and the fork server."""

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

from tests.crash.fork_server import Job, Outcome
from tests.crash.points import Place, Point

__all__ = [
    "ROOT",
    "TOKEN",
    "USER",
    "Forks",
    "Hub",
    "checkpoint",
    "running_forks",
    "running_hub",
    "snapshot",
    "weight_sizes",
]

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


def snapshot(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    """Return names, modes, times and bytes of a folder, to compare later."""
    paths = sorted([folder, *folder.rglob("*")])
    stats = {path: path.stat() for path in paths}
    return {
        str(path): (stat.st_mode, stat.st_mtime_ns, path.read_bytes() if path.is_file() else b"")
        for path, stat in stats.items()
    }


def weight_sizes(folder: Path) -> dict[str, int]:
    """Return the weight files of a checkpoint: SHA-256 to size."""
    files = [path.read_bytes() for path in folder.glob("*.safetensors")]
    return {hashlib.sha256(data).hexdigest(): len(data) for data in files}


@dataclass(frozen=True)
class Hub:
    """An embedded Hub in a separate process."""

    url: str
    root: Path

    def stored(self) -> set[str]:
        """Return the LFS objects that it has."""
        return {path.name for path in (self.root / "lfs" / "objects").glob("??/??/*")}

    def git(self, repo: str) -> Path:
        """Return the path of a repo's bare repository."""
        return self.root / "repos" / "models" / f"{repo}.git"


@contextmanager
def running_hub(root: Path) -> Iterator[Hub]:
    """Serve a folder with ``hfver hub serve`` until the block ends."""
    command = [sys.executable, "-m", "hfver", "hub", "serve", "--root", str(root)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True, env=environment()) as server:
        assert server.stdout is not None
        try:
            yield Hub(server.stdout.readline().strip(), root)
        finally:
            server.terminate()


def environment() -> dict[str, str]:
    """Return the environment of child processes: the path of this package, and the users of a Hub."""
    return {**os.environ, "PYTHONPATH": str(ROOT), "HFVER_HUB_USERS": f"{USER}:{TOKEN}"}


class Forks:
    """The client of the fork server, which is a separate process."""

    def __init__(self, process: subprocess.Popen[str]) -> None:
        self._process = process

    def start(
        self, *arguments: str, at: Place | None = None, torn: bool = False, warm: bool = False, **more: Any
    ) -> None:
        """Start a run of ``hfver``; `wait` returns its outcome."""
        output, variables = more.pop("output", None), {name: str(value) for name, value in more.items()}
        job = Job(list(arguments), variables, list(at) if at else None, torn, output, warm)
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(asdict(job)) + "\n")
        self._process.stdin.flush()

    @property
    def pid(self) -> int:
        """The process id of the fork server."""
        return self._process.pid

    def has_ended(self) -> bool:
        """Return whether the run has ended."""
        assert self._process.stdout is not None
        return bool(select.select([self._process.stdout], [], [], 0)[0])

    def wait(self) -> Outcome:
        """Wait for the end of the run and return its outcome."""
        assert self._process.stdout is not None
        data = json.loads(self._process.stdout.readline())
        return Outcome(**{**data, "points": [Point(**point) for point in data["points"]]})

    def run(self, *arguments: str, at: Place | None = None, torn: bool = False, **more: Any) -> Outcome:
        """Run ``hfver``, and kill it at a point if one is given."""
        self.start(*arguments, at=at, torn=torn, **more)
        return self.wait()

    def warm_up(self, *arguments: str, **more: Any) -> None:
        """Run ``hfver`` in the fork server itself."""
        self.start(*arguments, warm=True, **more)
        assert self.wait().code == 0


@contextmanager
def running_forks(folder: Path) -> Iterator[Forks]:
    """Run a fork server until the block ends; its children run in `folder`."""
    command = [sys.executable, "-m", "tests.crash.fork_server"]
    pipe = subprocess.PIPE
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, text=True, cwd=folder, env=environment()) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        yield Forks(process)
        assert process.stdin is not None
        process.stdin.close()
