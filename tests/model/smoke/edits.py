"""Ways to break a folder."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import torch
from safetensors.torch import load_file, save_file

Tensors = dict[str, torch.Tensor]


def edit_weights(folder: Path, edit: Callable[[Tensors], object]) -> Path:
    """Change the tensors of a folder."""
    path = folder / "model.safetensors"
    tensors = load_file(path)
    edit(tensors)
    save_file(tensors, path, metadata={"format": "pt"})
    return folder


def edit_json(folder: Path, name: str, **values: Any) -> Path:
    """Change keys of a JSON file of a folder."""
    path = folder / name
    path.write_text(json.dumps(json.loads(path.read_text()) | values))
    return folder


def edit_tokenizer(folder: Path, edit: Callable[[dict[str, Any]], object]) -> Path:
    """Change tokenizer.json."""
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    edit(content)
    path.write_text(json.dumps(content))
    return folder


def fill(name: str, value: float = 0.0) -> Callable[[Tensors], None]:
    """Fill one tensor."""

    def edit(tensors: Tensors) -> None:
        tensors[name].fill_(value)

    return edit


def randomize(name: str, std: float) -> Callable[[Tensors], None]:
    """Fill one tensor with random numbers, the same every time."""

    def edit(tensors: Tensors) -> None:
        tensors[name].normal_(std=std, generator=torch.Generator().manual_seed(1))

    return edit
