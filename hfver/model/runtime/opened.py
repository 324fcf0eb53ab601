"""A model that has been opened from a folder, with what was noticed on the way."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any


@dataclass(frozen=True)
class Opening:
    """What is to be opened, and how."""

    directory: Path
    device: str
    dtype: str = "auto"
    base_directory: Path | None = None
    trust_remote_code: bool = False

    @property
    def local(self) -> dict[str, Any]:
        """The arguments that keep every ``from_pretrained`` on this disk."""
        return {"local_files_only": True, "trust_remote_code": self.trust_remote_code}


@dataclass(frozen=True)
class OpenModel:
    """A loaded model with its tokenizer or processor, and how loading went.

    Loading does not fail on keys that are missing, unexpected or of the wrong shape: whoever needs the model
    to be whole looks at ``whole`` or runs the smoke eval.
    """

    model: Any
    tokenizer: Any | None
    processor: Any | None
    device: str
    """Where it lies, as torch writes it: ``cpu``, ``cuda:0``."""
    dtype: str
    """The dtype of the model's weights, without ``torch.``: ``bfloat16``."""
    load_seconds: float
    missing_keys: tuple[str, ...]
    """Tensors that the architecture needs and the folder lacks: random numbers are in their place."""
    unexpected_keys: tuple[str, ...]
    """Tensors that the folder holds and nothing used."""
    mismatched_keys: tuple[str, ...]
    """Tensors of another shape than the config says, with both shapes: random numbers are in their place."""
    pipeline_tag: str | None
    """The Hub's name of the task that the architecture is made for, or None where it is not clear."""
    notes: tuple[str, ...] = ()
    """What a reader should know about how it was opened."""

    @property
    def whole(self) -> bool:
        """Whether every tensor of the folder was used and nothing had to be made up."""
        return not (self.missing_keys or self.unexpected_keys or self.mismatched_keys)
