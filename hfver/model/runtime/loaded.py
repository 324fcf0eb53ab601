"""A request to load a folder, and the loaded model."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from hfver.model.runtime.tokenizer_child import TokenizerChild


@dataclass(frozen=True)
class LoadRequest:
    """Which folder to load, and how."""

    directory: Path
    device: str
    dtype: str = "auto"
    base_directory: Path | None = None
    trust_remote_code: bool = False
    child: TokenizerChild | None = None
    """The child process that loads the tokenizer and the processor; None to load them here."""

    @property
    def local_arguments(self) -> dict[str, Any]:
        """The arguments that keep any ``from_pretrained`` from using the network."""
        return {"local_files_only": True, "trust_remote_code": self.trust_remote_code}


@dataclass(frozen=True)
class LoadedModel:
    """A model in memory with its tokenizer or processor, and what happened while it was loaded.

    Loading does not fail when tensors are missing, unexpected or of the wrong shape. Callers that need a complete
    model check ``is_complete`` or run the smoke eval.
    """

    model: Any
    tokenizer: Any | None
    processor: Any | None
    device: str
    """The device that holds the weights, as torch writes it: ``cpu``, ``cuda:0``."""
    dtype: str
    """The dtype of the model's weights, without ``torch.``: ``bfloat16``."""
    load_seconds: float
    missing_keys: tuple[str, ...]
    """Tensors that the architecture needs and the folder lacks. transformers fills them with random numbers."""
    unexpected_keys: tuple[str, ...]
    """Tensors in the folder that the architecture does not use."""
    mismatched_keys: tuple[str, ...]
    """Tensors whose shape differs from the config's, with both shapes. transformers fills them with random numbers."""
    pipeline_tag: str | None
    """The Hub's name of the task that the architecture is made for; None if that is unclear."""
    notes: tuple[str, ...] = ()
    """What a reader of the smoke report should know about how the model was loaded."""
    tokenizer_from: LoadRequest | None = None
    """What the tokenizer was loaded from; None if there is none."""
    processor_from: LoadRequest | None = None
    """What the processor was loaded from; None if there is none."""
    processor_missing: str = ""
    """The library that the processor requires and that is not installed, as the library's own message; else empty."""

    @property
    def network(self) -> Any:
        """The model as a torch module; for a pipeline, a module that holds every network of the pipeline."""
        import torch

        if isinstance(self.model, torch.nn.Module):
            return self.model
        held = torch.nn.Module()
        for name, part in getattr(self.model, "components", {}).items():
            if isinstance(part, torch.nn.Module):
                held._modules[name] = part  # add_module refuses some names that components may have
        return held

    @property
    def is_complete(self) -> bool:
        """Whether every tensor of the folder was used and none was filled with random numbers."""
        return not (self.missing_keys or self.unexpected_keys or self.mismatched_keys)
