"""Which files of a release are stored in Git-LFS."""

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
"""Maximum size of a file that is stored in git itself: huggingface.co refuses larger ones."""

_RULE = "filter=lfs diff=lfs merge=lfs -text"


def wants_lfs(path: str, size: int) -> bool:
    """Return whether a file is stored in Git-LFS: weights and archives by their suffix, other files by their size.

    An empty file never is: object stores refuse empty objects.
    """
    return size > 0 and (path.endswith(LFS_SUFFIXES) or size > LFS_BYTES)


def lfs_attributes(large: Iterable[str]) -> bytes:
    """Return the content of ``.gitattributes``, with which a plain ``git clone`` downloads the files in Git-LFS."""
    patterns = [f"*{suffix} {_RULE}" for suffix in LFS_SUFFIXES]
    others = sorted(path for path in large if not path.endswith(LFS_SUFFIXES))
    return "".join(f"{line}\n" for line in [*patterns, *(f"{_quoted(path)} {_RULE}" for path in others)]).encode()


def _quoted(path: str) -> str:
    """Return a gitattributes pattern that matches exactly one path."""
    escaped = "".join(f"\\{char}" if char in "\\*?[]!#" else char for char in path)
    return '"/' + escaped.replace("\\", "\\\\").replace('"', '\\"') + '"'
