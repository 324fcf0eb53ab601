"""A small valid checkpoint, written without any library, for the test cases to damage."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tests.model.checkpoint.test_safetensors_header import entry, pack

REPO = "acme/bot"
CONFIG: Mapping[str, Any] = {
    "architectures": ["LlamaForCausalLM"],
    "model_type": "llama",
    "vocab_size": 8,
    "hidden_size": 4,
    "intermediate_size": 8,
    "num_hidden_layers": 1,
    "num_attention_heads": 1,
    "max_position_embeddings": 8,
}


def model(folder: Path) -> Path:
    """Write a checkpoint that is recognized and hashed as one; it is never loaded."""
    folder.mkdir(parents=True)
    config(folder)
    (folder / "model.safetensors").write_bytes(pack({"lm_head.weight": entry(0, 128, "F32", [8, 4])}, bytes(128)))
    return folder


def config(folder: Path, **values: Any) -> None:
    """Write the checkpoint's config, with some values changed."""
    (folder / "config.json").write_text(json.dumps({**CONFIG, **values}))


def listing(folder: Path) -> dict[str, tuple[int, int]]:
    """Return size and time of everything in a folder and below it, to compare later."""
    found = {}
    for path in sorted(folder.rglob("*")):
        stat = path.lstat()
        found[str(path.relative_to(folder))] = (stat.st_size if path.is_file() else 0, stat.st_mtime_ns)
    return found


def copy(folder: Path, to: Path) -> Path:
    """Copy a folder."""
    return Path(shutil.copytree(folder, to, symlinks=True))
