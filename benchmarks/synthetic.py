"""A llama-like checkpoint of any size, of random bytes."""

from __future__ import annotations

import json
import os
import struct
from pathlib import Path

__all__ = ["make_checkpoint", "parse_size"]

SHARDS = 2
TENSOR_BYTES = 32 * 1024 * 1024
UNITS = {"kB": 10**3, "MB": 10**6, "GB": 10**9}


def parse_size(text: str) -> int:
    """Read a size such as ``500MB`` as bytes."""
    number, unit = text[:-2], text[-2:]
    return int(float(number) * UNITS[unit])


def make_checkpoint(folder: Path, size: int, tensors: int | None = None) -> Path:
    """Write a sharded BF16 checkpoint of about ``size`` bytes, of so many tensors (by default of 32 MB each)."""
    folder.mkdir(parents=True)
    weight_map: dict[str, str] = {}
    each = tensors // SHARDS if tensors else None
    for number in range(1, SHARDS + 1):
        name = f"model-{number:05d}-of-{SHARDS:05d}.safetensors"
        weight_map.update(dict.fromkeys(_write_shard(folder / name, number, size // SHARDS, each), name))
    index = {"metadata": {"total_size": size}, "weight_map": weight_map}
    (folder / "model.safetensors.index.json").write_text(json.dumps(index))
    write_config(folder, transformers_version="5.0.0")
    (folder / "tokenizer.json").write_text(json.dumps({"model": {"vocab": {str(i): i for i in range(30000)}}}))
    return folder


def write_config(folder: Path, **changes: str) -> None:
    """Write config.json; with other values for a version that changes nothing else."""
    config = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "dtype": "bfloat16"}
    (folder / "config.json").write_text(json.dumps(config | changes, indent=2))


def _write_shard(path: Path, shard: int, size: int, tensors: int | None) -> list[str]:
    count = tensors or max(1, size // TENSOR_BYTES)
    length = size // count // 2048 * 2048
    names = [f"model.layers.{shard}.{number}.weight" for number in range(count)]
    header = {
        name: {
            "dtype": "BF16",
            "shape": [length // 2048, 1024],
            "data_offsets": [number * length, (number + 1) * length],
        }
        for number, name in enumerate(names)
    }
    encoded = json.dumps(header).encode()
    with path.open("wb") as file:
        file.write(struct.pack("<Q", len(encoded)) + encoded)
        for _ in names:
            file.write(os.urandom(length))
    return names
