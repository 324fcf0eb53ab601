"""Which files of a release are Git-LFS objects."""

from __future__ import annotations

from collections.abc import Iterable

__all__ = ["LFS_BYTES", "lfs_attributes", "wants_lfs"]

LFS_SUFFIXES = (
    ".safetensors",
    ".bin",
    ".gguf",
    ".onnx",
    ".onnx_data",
    ".parquet",
    ".arrow",
    ".npy",
    ".npz",
    ".h5",
    ".msgpack",
    ".tflite",
    ".model",
    ".zip",
    ".gz",
    ".tar",
    ".zst",
    ".7z",
    ".wasm",
)
LFS_BYTES = 10 * 1000 * 1000
"""A Hub takes regular files up to 10 MB (huggingface.co's limit for what is stored in git itself)."""

_RULE = "filter=lfs diff=lfs merge=lfs -text"


def wants_lfs(path: str, size: int) -> bool:
    """Tell whether a file goes to Git-LFS: weights and archives by their suffix, anything large by its size in bytes.

    An empty file never does: object stores refuse objects of no bytes.
    """
    return size > 0 and (path.endswith(LFS_SUFFIXES) or size > LFS_BYTES)


def lfs_attributes(large: Iterable[str]) -> bytes:
    """Write ``.gitattributes``, so that a plain ``git clone`` with git-lfs brings every large file."""
    patterns = [f"*{suffix} {_RULE}" for suffix in LFS_SUFFIXES]
    others = sorted(path for path in large if not path.endswith(LFS_SUFFIXES))
    return "".join(f"{line}\n" for line in [*patterns, *(f"{_quoted(path)} {_RULE}" for path in others)]).encode()


def _quoted(path: str) -> str:
    """Name exactly one path as a gitattributes pattern."""
    escaped = "".join(f"\\{char}" if char in "\\*?[]!#" else char for char in path)
    return '"/' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
