"""What a checkpoint folder holds, as frozen values."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from hfver.core.file_stamp import FileStamp
from hfver.core.manifest import CARD, FileEntry, content_digest
from hfver.model.checkpoint.safetensors_header import DTYPE_BITS
from hfver.model.checkpoint.tasks import pipeline_tag_of, tag_of_pipeline
from hfver.model.secrets import SecretMatch

Kind = Literal["model", "adapter", "sentence-transformers", "pipeline", "component", "lora"]
"""The last three are those of diffusers: a pipeline, one of its models alone, and a LoRA for a pipeline."""

_LIBRARIES: Mapping[Kind, str] = {
    "model": "transformers",
    "adapter": "peft",
    "sentence-transformers": "sentence-transformers",
    "pipeline": "diffusers",
    "component": "diffusers",
    "lora": "diffusers",
}


@dataclass(frozen=True)
class Tensor:
    """One tensor of the weights.

    Attributes:
        name: Its name in the file, after the path of a nested folder and a slash. In a file beside the main weights (a
            variant), after the path of the file and a colon.
        file: The path of the file that holds it.
        dtype: The safetensors name, such as ``F32`` or ``BF16``.
        shape: The sizes of its dimensions; empty for a scalar.
        digest: ``xxh3:`` and the 32 hex digits of xxh3-128 over its bytes.
        sample: The bytes of its elements at ``sample_places(shape)``; empty where nobody has read them.
        sha256: 64 hex digits of SHA-256 over its bytes; None where that was not wanted.
    """

    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    digest: str
    sample: bytes = field(default=b"", repr=False)
    sha256: str | None = None

    @property
    def elements(self) -> int:
        """The number of elements."""
        return math.prod(self.shape)

    @property
    def nbytes(self) -> int:
        """The size in bytes."""
        return self.elements * DTYPE_BITS[self.dtype] // 8

    @property
    def is_extra(self) -> bool:
        """Whether it is in a file beside the main weights, such as a variant in another precision."""
        # No tensor of the main weights can have such a name: it would have to repeat the path of its own file.
        return self.name.startswith(f"{self.file}:")


@dataclass(frozen=True)
class Exclusion:
    """A file or folder (with a final slash) that no release of this checkpoint holds, and why."""

    path: str
    reason: str


@dataclass(frozen=True)
class BaseHint:
    """What the folder itself says about the model it was made from.

    Attributes:
        name: A Hub id or a local path, as written there.
        revision: A branch, tag or commit, if one is given.
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
        files: The author's files that a release holds, sorted by path, without the card and what hfver writes.
        exclusions: What the folder holds and a release does not.
        tensors: All tensors of all safetensors files, sorted by name.
        content: The bytes of small files by path: those that readers want whole, those that a commit of the release
            holds, and the documents and run records beside them (see ``content.py``). Whoever needs a file takes it
            from here if it is here, so that everyone sees the bytes that were hashed.
        config: ``config.json`` (of the transformer module in a sentence-transformers folder), or
            ``model_index.json`` of a pipeline; empty without one.
        generation_config: ``generation_config.json``, or empty.
        tokenizer_config: ``tokenizer_config.json``, or empty.
        adapter_config: ``adapter_config.json``, or empty.
        base: What the folder says about its base model.
        secrets: The secrets in the author's files and README, by path; None if the folder was not searched for them.
        stamps: The stamp of each file when it was read, by its path.
    """

    directory: Path
    kind: Kind
    files: Mapping[str, FileEntry]
    exclusions: tuple[Exclusion, ...]
    tensors: tuple[Tensor, ...]
    content: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    config: Mapping[str, Any] = field(default_factory=dict)
    generation_config: Mapping[str, Any] = field(default_factory=dict)
    tokenizer_config: Mapping[str, Any] = field(default_factory=dict)
    adapter_config: Mapping[str, Any] = field(default_factory=dict)
    base: BaseHint | None = None
    secrets: Mapping[str, tuple[SecretMatch, ...]] | None = None
    stamps: Mapping[str, FileStamp] = field(default_factory=dict, repr=False)

    @property
    def readme(self) -> str | None:
        """The author's own ``README.md``."""
        content = self.content.get(CARD)
        return None if content is None else content.decode()

    @property
    def content_digest(self) -> str:
        """The digest that identifies what was trained: equal for equal files."""
        return content_digest(self.files)

    @property
    def parameters(self) -> int:
        """The number of elements in the main weights; packed ones (two of 4 bits in a byte) count as stored."""
        return sum(tensor.elements for tensor in self._counted)

    @property
    def dtypes(self) -> tuple[str, ...]:
        """The dtypes of the main weights, the one with the most elements first."""
        counts: dict[str, int] = {}
        for tensor in self._counted:
            counts[tensor.dtype] = counts.get(tensor.dtype, 0) + tensor.elements
        return tuple(sorted(counts, key=lambda dtype: (-counts[dtype], dtype)))

    @property
    def _counted(self) -> tuple[Tensor, ...]:
        """The main weights; a folder that holds nothing but a variant (``fp16``) is counted by that."""
        return tuple(tensor for tensor in self.tensors if not tensor.is_extra) or self.tensors

    @property
    def model_type(self) -> str | None:
        """``model_type`` of the config, such as ``llama``."""
        value = self.config.get("model_type")  # nobody checks what authors write into a config
        return value if isinstance(value, str) else None

    @property
    def architectures(self) -> tuple[str, ...]:
        """Class names from the config, such as ``LlamaForCausalLM``."""
        if isinstance(name := self.config.get("_class_name"), str):
            return (name,)
        value = self.config.get("architectures")
        return tuple(name for name in value if isinstance(name, str)) if isinstance(value, list) else ()

    @property
    def library_name(self) -> str:
        """The library that loads it, under the name that the Hub uses."""
        return _LIBRARIES[self.kind]

    @property
    def pipeline_tag(self) -> str | None:
        """The Hub's name of the task, if the folder shows it."""
        # The class in such a folder is that of the bare encoder, which would be called feature-extraction.
        if self.kind == "sentence-transformers":
            return "sentence-similarity"
        if self.library_name == "diffusers":
            return tag_of_pipeline(self.architectures[0]) if self.kind == "pipeline" and self.architectures else None
        return pipeline_tag_of(self.architectures, self.model_type, self.adapter_config.get("task_type"))
