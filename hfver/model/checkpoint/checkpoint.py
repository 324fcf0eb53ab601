"""The nouns of this room: what a checkpoint folder holds, as frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hfver.core.manifest import FileEntry, content_digest
from hfver.model.checkpoint.safetensors_header import DTYPE_BITS
from hfver.model.checkpoint.tasks import pipeline_tag_of
from hfver.model.checkpoint.untrusted_files import Stat

Kind = Literal["model", "adapter", "sentence-transformers"]

_LIBRARIES: Mapping[Kind, str] = {
    "model": "transformers",
    "adapter": "peft",
    "sentence-transformers": "sentence-transformers",
}


@dataclass(frozen=True)
class Tensor:
    """One tensor of the weights.

    Attributes:
        name: Its name in the file. Tensors of a nested folder carry the folder's path and a slash before it;
            those of a file that is not the folder's main weights (a variant) the file's path and a colon.
        file: Path of the file that holds it.
        dtype: The safetensors name, such as ``F32`` or ``BF16``.
        shape: Sizes of its dimensions; empty for a scalar.
        digest: ``xxh3:`` and the 32 hex digits of xxh3-128 over its bytes.
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    digest: str

    @property
    def elements(self) -> int:
        """Number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """Size in bytes."""
        return self.elements * DTYPE_BITS[self.dtype] // 8

    @property
    def is_extra(self) -> bool:
        """Whether it belongs to a file beside the main weights, such as a variant in another precision."""
        return self.name.startswith(f"{self.file}:")


@dataclass(frozen=True)
class LeftOut:
    """A file or folder (with a final slash) that no release of this checkpoint holds, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class BaseHint:
    """What the folder itself says of the model it was made from.

    Attributes:
        name: A Hub id or a local path, as written there.
        revision: A branch, tag or commit, where it says so.
        relation: ``adapter``, ``finetune``, ``quantized`` or ``merge``.
    """

    name: str
    revision: str | None
    relation: str


@dataclass(frozen=True)
class Checkpoint:
    """A checkpoint folder, read once.

    Attributes:
        directory: The folder.
        kind: What wrote it.
        files: The author's files that a release holds, sorted by path; the card and what hfver writes are
            not among them.
        left_out: What is in the folder and in no release.
        tensors: All tensors of all safetensors files, sorted by name.
        config: ``config.json`` (of the transformer module in a sentence-transformers folder), or empty.
        generation_config: ``generation_config.json``, or empty.
        tokenizer_config: ``tokenizer_config.json``, or empty.
        adapter_config: ``adapter_config.json``, or empty.
        readme: The author's own ``README.md``.
        base: What the folder says of its base model.
        looks: How each file looked on disk when it was read, by its path.
        runs_code: Paths, and ``path: key`` of settings, through which loading could run code of the author.
    """

    directory: Path
    kind: Kind
    files: Mapping[str, FileEntry]
    left_out: tuple[LeftOut, ...]
    tensors: tuple[Tensor, ...]
    config: Mapping[str, Any] = field(default_factory=dict)
    generation_config: Mapping[str, Any] = field(default_factory=dict)
    tokenizer_config: Mapping[str, Any] = field(default_factory=dict)
    adapter_config: Mapping[str, Any] = field(default_factory=dict)
    readme: str | None = None
    base: BaseHint | None = None
    runs_code: tuple[str, ...] = ()
    looks: Mapping[str, Stat] = field(default_factory=dict, repr=False)

    @property
    def content_digest(self) -> str:
        """Name of what was trained: equal for equal files."""
        return content_digest(self.files)

    @property
    def bytes_total(self) -> int:
        """Sum of the sizes of all files, in bytes."""
        return sum(entry.size for entry in self.files.values())

    @property
    def parameters(self) -> int:
        """Number of elements in the main weights; packed ones (4 bit in a byte) count as stored."""
        return sum(tensor.elements for tensor in self.tensors if not tensor.is_extra)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The types of the main weights, the one with most elements first."""
        counts: dict[str, int] = {}
        for tensor in self.tensors:
            if not tensor.is_extra:
                counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.elements
        return tuple(sorted(counts, key=lambda dtype: (-counts[dtype], dtype)))

    @property
    def model_type(self) -> str | None:
        """``model_type`` of the config, such as ``llama``."""
        value = self.config.get("model_type")
        return value if isinstance(value, str) else None

    @property
    def architectures(self) -> tuple[str, ...]:
        """Class names from the config, such as ``LlamaForCausalLM``."""
        value = self.config.get("architectures")
        return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()

    @property
    def library_name(self) -> str:
        """The library that loads it, by the Hub's name."""
        return _LIBRARIES[self.kind]

    @property
    def pipeline_tag(self) -> str | None:
        """The Hub's name of the task, where the folder tells it."""
        if self.kind == "sentence-transformers":
            return "sentence-similarity"
        return pipeline_tag_of(self.architectures, self.model_type, self.adapter_config.get("task_type"))
