"""What this process runs on: Python, the versions of the training libraries, and the GPU in use."""

from __future__ import annotations

import platform
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Any

from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Environment, Lineage, Training
from hfver.model.lineage.run_files import read_json_object

__all__ = ["ThisEnvironment"]

_PACKAGES = (
    *("torch", "transformers", "datasets", "peft", "accelerate", "tokenizers", "safetensors"),
    *("sentence-transformers", "trl"),
)


class ThisEnvironment:
    """Reads the versions of installed packages, without importing them."""

    strength = 10

    def read_checkpoint(self, checkpoint: Checkpoint) -> Lineage:
        """Describe this process, unless the config says that another version of transformers wrote it."""
        packages = _installed()
        wrote = read_json_object(checkpoint, "config.json").get("transformers_version")
        if isinstance(wrote, str) and wrote != packages.get("transformers"):
            return Lineage(environment=Environment(packages={"transformers": wrote}))
        return Lineage(
            environment=Environment(python=platform.python_version(), packages=packages),
            training=Training(infrastructure=_infrastructure(packages)),
        )


def _installed() -> dict[str, str]:
    found: dict[str, str] = {}
    for name in _PACKAGES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            continue
    return found


def _infrastructure(packages: dict[str, str]) -> dict[str, Any]:
    framework = {"training_framework": f"pytorch-{packages['torch']}"} if "torch" in packages else {}
    return framework | _gpu()


def _gpu() -> dict[str, Any]:
    """Name the GPU that this process computes on; one that is merely installed trained nothing."""
    torch = sys.modules.get("torch")
    if torch is None or not torch.cuda.is_initialized():
        return {}
    return {"gpu_type": torch.cuda.get_device_name(), "num_gpus": torch.cuda.device_count()}
