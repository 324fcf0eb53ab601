"""Which files of a release are stored in Git-LFS."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable

from hfver.core.repo_paths import LEDGER, MANIFEST, STAGES, TENSORS

__all__ = ["LFS_BYTES", "is_lfs_rule", "lfs_attributes", "named_alike", "wants_lfs"]

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
_BLANK = re.compile(r"[ \t\r\n\f\v]")  # what git takes for the end of a pattern; not every blank of Unicode
_OWN_FOLDER = ".hfver/"
_OWN_NAMES = {path.removeprefix(_OWN_FOLDER) for path in (LEDGER, MANIFEST, STAGES, TENSORS)}


def wants_lfs(path: str, size: int) -> bool:
    """Return whether a file is stored in Git-LFS: weights and archives by their suffix, other files by their size.

    An empty file never is: object stores refuse empty objects.
    """
    return size > 0 and (path.endswith(LFS_SUFFIXES) or size > LFS_BYTES)


def lfs_attributes(large: Iterable[str]) -> bytes:
    """Return the content of ``.gitattributes``, with which a plain ``git clone`` downloads the files in Git-LFS.

    The rules have the form in which huggingface.co itself writes them: a bare path, with ``[[:space:]]`` for a blank.
    Its matcher must know that form; whether it knows git's quoted or rooted patterns is not documented.
    """
    others = sorted(path for path in large if not path.endswith(LFS_SUFFIXES))
    names, paths = [path for path in others if "/" not in path], [path for path in others if "/" in path]
    rules = [f"{pattern} {_RULE}\n" for pattern in (*(f"*{suffix}" for suffix in LFS_SUFFIXES), *map(_bare, names))]
    # A bare name also applies in folders. hfver's own files stay in git; of two rules that match, the last one applies.
    if _OWN_NAMES.intersection(names):
        rules.append(f"{_OWN_FOLDER}** !filter !diff !merge !text\n")
    return "".join([*rules, *(f"{_bare(path)} {_RULE}\n" for path in paths)]).encode()


def named_alike(large: Collection[str], paths: Iterable[str]) -> set[str]:
    """Return the paths in folders to which a rule for a file at the top applies, because they have the same name.

    They have to be stored in Git-LFS too: git would report a regular file under such a rule as modified.
    """
    names = {path for path in large if "/" not in path}
    return {path for path in paths if not path.startswith(_OWN_FOLDER) and path.rpartition("/")[2] in names}


def is_lfs_rule(line: bytes) -> bool:
    """Return whether a line of ``.gitattributes`` stores files in Git-LFS, and does nothing else."""
    pattern, *settings = line.split() or [b""]
    return settings == _RULE.encode().split() and not pattern.startswith((b"#", b"!", b'"', b"[attr]"))


def _bare(path: str) -> str:
    """Return a gitattributes pattern for a path, as git-lfs and huggingface.co write it."""
    escaped = "".join(f"\\{char}" if char in "\\*?[]" else char for char in path)
    start = "\\" if escaped.startswith(("#", "!", '"')) else ""
    return start + _BLANK.sub("[[:space:]]", escaped)
