"""Which files of a folder a release does not hold, judged by their names and first bytes, and why."""

from __future__ import annotations

import re

# The first pattern that matches gives the reason, so the general ones come last.
_FOLDERS = (
    (r"checkpoint-\d+", "an intermediate checkpoint of the Trainer; release that folder by itself"),
    (r"global_step\d+", "training state of DeepSpeed"),
    (r"(pytorch_model_fsdp|optimizer)_\d+", "training state of FSDP"),
    (r"runs|logs|wandb|mlruns|lightning_logs", "training logs"),
    (r"__pycache__", "compiled Python"),
    (r"\..*", "hidden"),
)

_FILES = (
    (r"training_args\.bin", "a pickle that may hold your token"),  # hub_token is one of the TrainingArguments
    (r"optimizer\.(pt|bin)|optimizer_\d+\.(pt|bin)", "optimizer state"),
    (r"(lr_)?scheduler\.(pt|bin)", "learning rate scheduler state"),
    (r"rng_state.*\.pth|random_states_.*\.pkl", "random generator state"),
    (r"scaler\.(pt|bin)", "gradient scaler state"),
    (r"sampler(_\d+)?\.bin|dl_state_dict(_\d+)?\.bin", "data loader state"),
    (r"trainer_state\.json", "Trainer state; the lineage records what it says"),
    (r"zero_to_fp32\.py", "a tool that DeepSpeed adds"),
    (r".*\.bin\.index(\..+)?\.json", "an index of pickled weights"),
    (r"events\.out\.tfevents\..*", "training logs"),
    (r".*\.(tmp|temp|part|partial|incomplete|lock)|.*~", "temporary"),
    (r"\..*", "hidden"),
)

HEAD = 4096
"""Bytes at the start of a file that show whether it is a pickle."""

_PICKLES = re.compile(r".*\.(pt|pth|ckpt|pkl|pickle|joblib|distcp|dill)", re.IGNORECASE)
# A zip as torch.save writes it, or the opcode PROTO with one of the protocols 2 to 5.
_PICKLE_MAGIC = re.compile(rb"PK\x03\x04|\x80[\x02-\x05]")
# The header of an .npy file spells the dtype out; objects (O) are pickled, also as fields of a record.
_NUMPY_OBJECTS = re.compile(rb"'[|<>=]?O\d*'")
_OTHER_WEIGHTS = re.compile(r"tf_model.*\.h5|.*\.(h5|hdf5)|flax_model.*\.msgpack")
_CONVERTIBLE = re.compile(
    r"((diffusion_)?pytorch_model([.-].+)?|pytorch_lora_weights|adapter_model|model)\.bin"
    r"|pytorch_model\.(pt|pth)|model\.(pt|pth)"
)


def why_exclude_folder(name: str) -> str | None:
    """Return why a folder of this name is excluded with everything in it, or None if it is not."""
    return _first(_FOLDERS, name)


def why_exclude_file(name: str) -> str | None:
    """Return why a file of this name is excluded whatever it holds, or None if it is not."""
    return _first(_FILES, name)


def is_pickle_name(name: str) -> bool:
    """Return whether files of this name are normally pickles."""
    return bool(_PICKLES.fullmatch(name)) or is_model_weights(name)


def is_ambiguous(name: str) -> bool:
    """Return whether only its first bytes show if a file of this name is a pickle.

    Both pickles and harmless data are common under ``.bin`` and ``.npy``.
    """
    return name.lower().endswith((".bin", ".npy")) and not is_pickle_name(name)


def looks_pickled(name: str, head: bytes) -> bool:
    """Return whether loading an ambiguous file would unpickle something, judged by its first ``HEAD`` bytes."""
    if name.lower().endswith(".bin"):
        return bool(_PICKLE_MAGIC.match(head))
    return name.lower().endswith(".npy") and bool(_NUMPY_OBJECTS.search(head))


def is_other_framework(name: str) -> bool:
    """Return whether a file holds weights for a framework that releases do not support."""
    return bool(_OTHER_WEIGHTS.fullmatch(name))


def is_model_weights(name: str) -> bool:
    """Return whether a pickle of this name holds the model's weights, which loading the folder would need."""
    return bool(_CONVERTIBLE.fullmatch(name))


def _first(rules: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((reason for pattern, reason in rules if re.fullmatch(pattern, name)), None)
