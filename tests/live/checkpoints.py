"""Small checkpoints for the live tests; none of them needs torch to be written."""

from __future__ import annotations

import json
import random
import struct
from pathlib import Path

LARGE = 11_000_000
CONFIG = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "float32"}


def write_model(folder: Path, *, layers: int = 1) -> Path:
    """Write a checkpoint with weights that no other one has."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "config.json").write_text(json.dumps(CONFIG))
    (folder / "model.safetensors").write_bytes(_weights([f"layer.{number}.weight" for number in range(layers)]))
    return folder


def write_sharded(folder: Path) -> Path:
    """Write a checkpoint in two shards."""
    write_model(folder)
    (folder / "model.safetensors").unlink()
    shards = {f"model-0000{number}-of-00002.safetensors": f"layer.{number}.weight" for number in (1, 2)}
    for shard, name in shards.items():
        (folder / shard).write_bytes(_weights([name]))
    index = {"metadata": {"total_size": 8192}, "weight_map": {name: shard for shard, name in shards.items()}}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    return folder


def write_pickled(folder: Path) -> Path:
    """Write a checkpoint with pickled weights."""
    import torch

    write_model(folder)
    (folder / "model.safetensors").unlink()
    torch.save({"layer.0.weight": torch.rand(32, 32)}, folder / "pytorch_model.bin")
    return folder


def add_large(folder: Path) -> Path:
    """Add a tokenizer.json of 11 MB, and a file with a blank in its name."""
    (folder / "tokenizer.json").write_text(json.dumps({"version": "1.0"}) + " " * LARGE)
    (folder / "training notes.txt").write_text("notes\n")
    (folder / "training data.bin").write_bytes(random.randbytes(1000))  # noqa: S311
    return folder


def _weights(names: list[str], size: int = 4096) -> bytes:
    entries = {
        name: {"dtype": "F32", "shape": [size // 4], "data_offsets": [number * size, (number + 1) * size]}
        for number, name in enumerate(names)
    }
    header = json.dumps(entries).encode()
    values = random.randbytes(len(names) * size // 4)  # noqa: S311
    body = b"".join(bytes((value, 0, 128, 63)) for value in values)  # around 1.0, never NaN
    return struct.pack("<Q", len(header)) + header + body
