"""What PEFT writes beside an adapter: its method, its parameters and the name of its base."""

from __future__ import annotations

from typing import Any

from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.hub_ids import base_link
from hfver.model.lineage.record import Lineage, Training
from hfver.model.lineage.run_files import read_json_object

__all__ = ["PeftAdapter"]

_KEYS = (
    *("peft_type", "task_type", "r", "lora_alpha", "lora_dropout", "target_modules", "modules_to_save"),
    *("bias", "use_rslora", "use_dora", "num_virtual_tokens", "prompt_tuning_init"),
)


class PeftAdapter:
    """Reads ``adapter_config.json``."""

    strength = 50

    def read_checkpoint(self, checkpoint: Checkpoint) -> Lineage:
        """Read the config of an adapter; see ``Importer``."""
        config = read_json_object(checkpoint, "adapter_config.json")
        settings = {key: _plain(config[key]) for key in _KEYS if config.get(key) not in (None, "", [], {})}
        return Lineage(
            base_model=base_link(config.get("base_model_name_or_path"), "adapter", config.get("revision")),
            training=Training(hyperparameters={"adapter": settings} if settings else {}),
        )


def _plain(value: Any) -> Any:
    """Sort what PEFT keeps as a set, whose order changes from run to run."""
    is_names = isinstance(value, list) and all(isinstance(item, str) for item in value)
    return sorted(value) if is_names else value
