"""Which files of a folder no release holds, by their names alone, and why."""

from __future__ import annotations

import re

_FOLDERS = (
    (r"checkpoint-\d+", "a checkpoint of the trainer within; release that folder by itself"),
    (r"global_step\d+", "training state of DeepSpeed"),
    (r"(pytorch_model_fsdp|optimizer)_\d+", "training state of FSDP"),
    (r"runs|logs|wandb|mlruns|lightning_logs", "logs of the training"),
    (r"__pycache__", "compiled Python"),
    (r"\..*", "hidden"),
)

_FILES = (
    (r"training_args\.bin", "a pickle that may hold your token"),
    (r"optimizer\.(pt|bin)|optimizer_\d+\.(pt|bin)", "state of the optimizer"),
    (r"(lr_)?scheduler\.(pt|bin)", "state of the scheduler"),
    (r"rng_state.*\.pth|random_states_.*\.pkl", "state of random generators"),
    (r"scaler\.(pt|bin)", "state of the gradient scaler"),
    (r"sampler(_\d+)?\.bin|dl_state_dict(_\d+)?\.bin", "state of the data loader"),
    (r"trainer_state\.json", "state of the trainer; what it tells goes into the lineage"),
    (r"zero_to_fp32\.py", "a tool that DeepSpeed puts there"),
    (r".*\.bin\.index(\..+)?\.json", "an index of pickled weights"),
    (r"events\.out\.tfevents\..*", "logs of the training"),
    (r".*\.(tmp|temp|part|partial|incomplete|lock)|.*~", "temporary"),
    (r"\..*", "hidden"),
)

_PICKLES = re.compile(r".*\.(pt|pth|ckpt|pkl|pickle|joblib|distcp|dill)", re.IGNORECASE)
# A zip as torch.save writes it, or the opcode PROTO with one of the protocols 2 to 5.
_PICKLE_MAGIC = re.compile(rb"PK\x03\x04|\x80[\x02-\x05]")
_NUMPY_OBJECTS = re.compile(rb"'[|<>=]?O\d*'")
_OTHER_WEIGHTS = re.compile(r"tf_model.*\.h5|.*\.(h5|hdf5)|flax_model.*\.msgpack")
_CONVERTIBLE = re.compile(r"(pytorch_model([.-].+)?|adapter_model|model)\.bin|pytorch_model\.(pt|pth)|model\.(pt|pth)")


def why_folder(name: str) -> str | None:
    """Say why a folder of this name is left out with all that it holds, or None if it is not."""
    return _first(_FOLDERS, name)


def why_file(name: str) -> str | None:
    """Say why a file of this name is left out, whatever it holds, or None if it is not."""
    return _first(_FILES, name)


def may_be_pickle(name: str) -> bool:
    """Tell whether files of this name are pickles as a rule."""
    return bool(_PICKLES.fullmatch(name)) or is_model_weights(name)


def looks_pickled(name: str, head: bytes) -> bool:
    """Tell from a file's first bytes whether loading it would unpickle something.

    Only for endings under which both pickles and harmless data are common: ``.bin`` and ``.npy``.
    """
    if name.lower().endswith(".bin"):
        return bool(_PICKLE_MAGIC.match(head))
    return name.lower().endswith(".npy") and bool(_NUMPY_OBJECTS.search(head))


def is_other_framework(name: str) -> bool:
    """Tell whether a file holds weights for a framework that no release serves."""
    return bool(_OTHER_WEIGHTS.fullmatch(name))


def is_model_weights(name: str) -> bool:
    """Tell whether a pickle of this name is a model's weights, which loading the folder would need."""
    return bool(_CONVERTIBLE.fullmatch(name))


def _first(rules: tuple[tuple[str, str], ...], name: str) -> str | None:
    return next((reason for pattern, reason in rules if re.fullmatch(pattern, name)), None)
