"""Changes of adapters, made by PEFT: its configs as they are saved, and tiny adapters with weights."""

from __future__ import annotations

import json
import tempfile
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import Any

from hfver.core.version import Bump
from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair, saved_files, write_files

_CONFIG = "adapter_config.json"


def _config(kind: str = "LoraConfig", **settings: Any) -> Files:
    """Return what a config of PEFT saves."""
    import peft

    given: dict[str, Any] = {"task_type": "CAUSAL_LM", "base_model_name_or_path": "acme/base"}
    if kind == "LoraConfig":
        given |= {"r": 16, "lora_alpha": 32, "target_modules": ["q_proj", "v_proj"]}
    with tempfile.TemporaryDirectory() as folder:
        getattr(peft, kind)(**{**given, **settings}).save_pretrained(folder)
        return {_CONFIG: json.loads(Path(folder, _CONFIG).read_text())}


def _without(files: Files, *keys: str) -> Files:
    """Leave out settings, as versions of PEFT that did not have them yet."""
    return {**files, _CONFIG: {key: value for key, value in files[_CONFIG].items() if key not in keys}}


def _with(files: Files, **settings: Any) -> Files:
    return {**files, _CONFIG: {**files[_CONFIG], **settings}}


@cache
def _base() -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes: dict[str, Any] = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 1}
    model = LlamaForCausalLM(LlamaConfig(**sizes, num_attention_heads=2, num_key_value_heads=2))
    model.name_or_path = "acme/base"
    return model


def _trained(seed: int = 0, *, merged: bool = False, **settings: Any) -> Files:
    """Return a tiny adapter with weights, as it is after training, or merged."""
    import copy

    import torch
    from peft import LoraConfig, get_peft_model

    base = copy.deepcopy(_base())
    torch.manual_seed(seed)
    given: dict[str, Any] = {"r": 4, "target_modules": ["q_proj", "v_proj"], "task_type": "CAUSAL_LM"}
    config: Any = LoraConfig(**{**given, **settings}, init_lora_weights=False)
    config.base_model_name_or_path = "acme/base"
    with _quiet():
        model: Any = get_peft_model(base, config)
    model.peft_config["default"].base_model_name_or_path = "acme/base"
    if merged:
        return saved_files(lambda folder: model.merge_and_unload().save_pretrained(folder))

    return _saved_adapter(model)


@contextmanager
def _quiet() -> Iterator[None]:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers
        yield


def _older(files: Files) -> Files:
    return _without(files, "alora_invocation_tokens", "use_qalora", "qalora_group_size", "peft_version")


def _saved_again(files: Files) -> Files:
    import copy

    from peft import PeftModel

    with tempfile.TemporaryDirectory() as folder:
        write_files(files, folder)
        with _quiet():
            loaded: Any = PeftModel.from_pretrained(copy.deepcopy(_base()), folder)
    return _saved_adapter(loaded)


def _saved_adapter(model: Any) -> Files:
    # Otherwise peft asks a Hub whether the vocabulary of the base was changed.
    with _quiet():
        files = saved_files(lambda folder: model.save_pretrained(folder, save_embedding_layers=False))
    return {path: data for path, data in files.items() if path != "README.md"}


def _pair(name: str, level: Bump, before: Callable[[], Files], after: Callable[[], Files], why: str = "") -> MadePair:
    return MadePair(f"adapter: {name}", "adapter", level, before, after, why)


def _set(name: str, level: Bump, why: str = "", **settings: Any) -> MadePair:
    return _pair(name, level, _config, lambda: _config(**settings), why)


PAIRS = (
    _set("rank raised", MAJOR, r=64),
    _set("rank lowered", MINOR, "every server that took the larger one takes it", r=8),
    _set("alpha", MINOR, lora_alpha=16),
    _set("rank-stabilized scaling", MINOR, use_rslora=True),
    _set("alpha for one module", MINOR, alpha_pattern={"q_proj": 64}),
    _set("rank for one module", MAJOR, rank_pattern={"q_proj": 64}),
    _set("all linear layers as target", MAJOR, target_modules=["q_proj", "k_proj", "v_proj", "o_proj", "up_proj"]),
    _pair(
        "targets in another order",
        PATCH,
        lambda: _with(_config(), target_modules=["q_proj", "v_proj"]),
        lambda: _with(_config(), target_modules=["v_proj", "q_proj"]),
    ),
    _set("biases are trained too", MAJOR, bias="lora_only"),
    _set("DoRA", MAJOR, use_dora=True),
    _set("embedding and head saved too", MAJOR, modules_to_save=["embed_tokens", "lm_head"]),
    _set("first layers only", MAJOR, layers_to_transform=[0, 1]),
    _set("another task", MAJOR, task_type="SEQ_CLS"),
    _set("another base", MAJOR, base_model_name_or_path="acme/other"),
    _set("dropout", PATCH, "it counts in training only", lora_dropout=0.1),
    _set("other initial values", PATCH, "training has replaced them", init_lora_weights="gaussian"),
    _set("initialized by PiSSA", MAJOR, "the base is changed again at each load", init_lora_weights="pissa"),
    _pair(
        "another revision of the base",
        MINOR,
        lambda: _config(revision="a" * 40),
        lambda: _config(revision="b" * 40),
    ),
    _pair("config as saved for training", PATCH, lambda: _config(inference_mode=True), _config),
    _pair(
        "saved by an older PEFT",
        PATCH,
        lambda: _older(_config()),
        _config,
    ),
    _pair("another version of PEFT", PATCH, _config, lambda: _with(_config(), peft_version="0.17.0")),
    _pair("a setting that PEFT does not have", MAJOR, _config, lambda: _with(_config(), acme_gate=2)),
    _pair("IA3 instead of LoRA", MAJOR, _config, lambda: _config("IA3Config", target_modules=["k_proj", "v_proj"])),
    _pair(
        "more virtual tokens",
        MAJOR,
        lambda: _config("PromptTuningConfig", num_virtual_tokens=8),
        lambda: _config("PromptTuningConfig", num_virtual_tokens=20),
    ),
    _pair("trained again", MINOR, _trained, lambda: _trained(1)),
    _pair("loaded and saved again", PATCH, lambda: _older(_trained()), lambda: _saved_again(_older(_trained()))),
    _pair("trained with other targets", MAJOR, _trained, lambda: _trained(target_modules=["q_proj", "k_proj"])),
    _pair("merged into its base", MAJOR, _trained, lambda: _trained(merged=True)),
)
