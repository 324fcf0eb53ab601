"""Tiny random models of every type that transformers knows, and what they compute on inputs longer than any window."""

from __future__ import annotations

import copy
import importlib
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

__all__ = [
    "TinyModel",
    "build",
    "compute_the_same",
    "computed",
    "config_class",
    "model_folder",
    "tensors_of",
    "with_inputs",
]

LENGTHS = (80, 54, 40, 16)
"""Lengths of input to try, in tokens: windows are shrunk to 8, and the longest input that works is taken."""
_NEW_TOKENS = 3
_WINDOW, _POSITIONS = 8, 64
# The first of these that knows a type names the class to build.
_TASKS = (
    *("SEQ_TO_SEQ_CAUSAL_LM", "SPEECH_SEQ_2_SEQ", "MASKED_LM", "CAUSAL_LM", "IMAGE_TEXT_TO_TEXT", "MULTIMODAL_LM"),
    *("CTC", "IMAGE_CLASSIFICATION", "AUDIO_CLASSIFICATION", "VIDEO_CLASSIFICATION", "SEMANTIC_SEGMENTATION"),
    *("OBJECT_DETECTION", "DEPTH_ESTIMATION", "SEQUENCE_CLASSIFICATION", "PRETRAINING", "BACKBONE"),
)
_WIDTHS = {
    *("hidden_size", "d_model", "n_embd", "dim", "embed_dim", "embedding_size", "hidden_dim", "width", "n_embed"),
    *("encoder_hidden_size", "decoder_hidden_size", "d_embed", "emb_dim", "hidden_sizes", "embed_dims"),
}

# What some types need besides smaller sizes: a layer of each kind, or a value where the default is none.
_FOUR = {"num_hidden_layers": 4}
_NEEDED: dict[str, dict[str, Any]] = {
    "qwen3_next": _FOUR,
    "qwen3_5_text": _FOUR,
    "qwen3_5_moe_text": _FOUR,
    "jamba": {"num_hidden_layers": 8, "use_mamba_kernels": False},
    "recurrent_gemma": {"num_hidden_layers": 3},
    "granitemoehybrid": {"layer_types": ["mamba", "attention"]},
    "mamba2": {"num_heads": 4},
    "codegen": {"n_head": 4, "rotary_dim": 4},
    "deepseek_v2": {"num_experts_per_tok": 2, "n_routed_experts": 4},
    "ernie4_5_moe": {"moe_k": 2},
    "dots1": {"n_routed_experts": 4, "num_experts_per_tok": 2, "n_shared_experts": 1},
    "gpt_neo": {"attention_types": [[["global", "local"], 1]]},
    "nemotron": {"num_key_value_heads": 2},
    "hunyuan_v1_dense": {"head_dim": 16},
    "hunyuan_v1_moe": {"head_dim": 16, "num_experts": 2, "moe_topk": [1, 1]},
    "paligemma": {"text_config": {"num_attention_heads": 2, "num_key_value_heads": 2, "head_dim": 16}},
}


@dataclass
class TinyModel:
    """A model in eval mode, with inputs that it accepts.

    Attributes:
        kind: The model type.
        given: The settings that its config was made with; all others have their defaults.
        model: The model.
        inputs: What ``forward`` is called with.
        length: Tokens of the input; 0 where it is no text.
    """

    kind: str
    given: dict[str, Any]
    model: Any
    inputs: dict[str, Any]
    length: int

    @property
    def config(self) -> Any:
        """The model's config."""
        return self.model.config

    def config_with(self, **changes: Any) -> Any:
        """Make its config again with some settings changed; whatever the class derives from them changes too."""
        return config_class(self.kind)(**{**copy.deepcopy(self.given), **changes})


def config_class(kind: str) -> Any:
    """Return the config class of a model type."""
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    return CONFIG_MAPPING[kind]


def model_folder(kind: str) -> Path:
    """Return the folder with the modeling code of a model type."""
    return Path(str(sys.modules[config_class(kind).__module__].__file__)).parent


def tiny_configs(kind: str) -> Iterator[dict[str, Any]]:
    """Yield settings for a small config of a type, the smallest first: some sizes do not fit each other."""
    whole = config_class(kind)().to_dict()
    everything = {"sizes", "layers", "vocab", "windows"}
    given = _NEEDED.get(kind, {})
    yield _joined(_shrunk(whole, everything), given)
    # Rotary embeddings of several axes need heads of 128.
    yield _joined(_shrunk(whole, everything, width=256), given)
    for names in ({"layers", "vocab", "windows"}, {"layers", "vocab"}):
        yield _joined(_shrunk(whole, names), given)


def _joined(one: dict[str, Any], other: dict[str, Any]) -> dict[str, Any]:
    """Set the settings of one config in another, those of nested configs too."""
    found = dict(one)
    for key, value in other.items():
        nested = isinstance(value, dict) and isinstance(found.get(key), dict)
        found[key] = _joined(found[key], value) if nested else value
    return found


def _shrunk(values: Mapping[str, Any], names: set[str], width: int = 32) -> dict[str, Any]:
    """Return the values that are to be smaller than in the defaults."""
    found: dict[str, Any] = {}
    for key, value in values.items():
        if isinstance(value, dict) and key.endswith("_config"):
            small: Any = _shrunk(value, names, width)
            if "model_type" in value:
                small["model_type"] = value["model_type"]
        else:
            what, small = _small(key, value, width)
            if what not in names:
                continue
        if small != value:
            found[key] = small
    return found


def _small(key: str, value: Any, width: int) -> tuple[str, Any]:
    """Return what a setting says and its smaller value; the same value where it is not a size."""
    if isinstance(value, list) and value and all(type(item) is int for item in value):
        if key in ("conv_dim", "conv_stride", "conv_kernel"):
            return "sizes", [min(item, width) for item in value]
        if "depth" in key or key.endswith("layers"):
            return "layers", [min(item, 1) for item in value]
        if "heads" in key:
            return "sizes", [min(item, 2) for item in value]
        if any(word in key for word in ("hidden_size", "dims", "channels", "widths")):
            return "sizes", [min(item, width) for item in value]
    if key == "vocab_size" and value is None:
        return "vocab", 128
    if isinstance(value, bool) or not isinstance(value, int):
        return "", value
    if key.endswith(("_id", "_index")):
        return "vocab", value if value < 60 else 3
    if "vocab" in key:
        return "vocab", min(value, 128)
    if key in _WIDTHS:
        return "sizes", min(value, width)
    if "head_dim" in key:
        return "sizes", min(value, width // 4 if "rope" in key else width // 2)
    if key.endswith(("heads", "n_head")) or "groups" in key:
        return "sizes", min(value, 2)
    # Convolutions before the layers have lists of settings of the same length.
    if key.endswith(("layers", "n_layer", "num_blocks", "depth", "num_hidden_groups")) and "feat" not in key:
        return "layers", min(value, 2)
    if "intermediate" in key or "ffn" in key or key in ("d_ff", "mlp_dim"):
        return "sizes", min(value, 64)
    if "expert" in key or "top_k" in key:
        return "sizes", min(value, 2 if "per_tok" in key or "top_k" in key else 4)
    if "window" in key:
        return "windows", min(value, _WINDOW)
    if "max_position" in key or key in ("n_positions", "n_ctx", "max_source_positions", "max_target_positions"):
        return "windows", min(value, _POSITIONS)
    if key in ("image_size", "patch_size"):
        return "sizes", min(value, 32 if key == "image_size" else 8)
    if any(word in key for word in ("size", "dim", "channels", "width", "rank")) or key.startswith("d_"):
        return "sizes", min(value, width)
    return "", value


def model_classes(kind: str) -> Iterator[Any]:
    """Yield the classes that a type's config can build, those with the most behavior first."""
    import transformers
    from transformers.models.auto import modeling_auto

    names: dict[str, None] = {}
    tables = [f"MODEL_FOR_{task}_MAPPING_NAMES" for task in _TASKS]
    for table in (*tables, "MODEL_MAPPING_NAMES"):
        held = getattr(modeling_auto, table, {}).get(kind, ())
        names.update(dict.fromkeys([held] if isinstance(held, str) else held))
    for name in names:
        if (found := getattr(transformers, name, None)) is not None:
            yield found
    if not names:
        yield from _classes_of(kind)


def _classes_of(kind: str) -> Iterator[Any]:
    """Yield the classes for a config that only exists within that of another type."""
    own = config_class(kind)
    for path in sorted(model_folder(kind).glob("modeling_*.py")):
        module = importlib.import_module(f"{own.__module__.rpartition('.')[0]}.{path.stem}")
        for held in vars(module).values():
            if isinstance(held, type) and getattr(held, "config_class", None) is own and "forward" in vars(held):
                yield held


def build(kind_class: Any, config: Any, state: Mapping[str, Any] | None = None) -> Any:
    """Build a model, with the given weights or with random ones.

    Raises:
        RuntimeError: The weights do not fit.
    """
    torch.manual_seed(0)
    model = kind_class(config).eval()
    with torch.no_grad():
        if state is not None:
            # What a checkpoint lacks or has besides what the model needs does not keep it from loading.
            model.load_state_dict(state, strict=False)
        else:
            # Initial weights are so small that caps and multipliers of logits would hardly show.
            for parameter in model.parameters():
                if parameter.ndim > 1 and parameter.is_floating_point():
                    parameter.normal_(0, 0.3)
    return model


def with_inputs(kind: str) -> TinyModel | None:
    """Build the first model of a type that runs, with the longest inputs that it accepts."""
    for given in tiny_configs(kind):
        for kind_class in model_classes(kind):
            try:
                model = build(kind_class, config_class(kind)(**copy.deepcopy(given)))
            except Exception:  # noqa: S112 - a class may raise anything
                continue
            for length, inputs in _inputs(model):
                tiny = TinyModel(kind, given, model, inputs, length)
                try:
                    if _same(computed(model, inputs), computed(model, inputs)):
                        return tiny
                except Exception:  # noqa: S112
                    continue
    return None


def _inputs(model: Any) -> Iterator[tuple[int, dict[str, Any]]]:
    generator = torch.Generator().manual_seed(1)
    config = model.config
    name = getattr(model, "main_input_name", "input_ids")
    if name in ("input_ids", "decoder_input_ids") or not isinstance(name, str):
        for length in LENGTHS:
            ids = torch.randint(4, 60, (1, length), generator=generator)
            yield length, {"input_ids": ids}
            yield length, {"input_ids": ids, "decoder_input_ids": ids}
    vision = getattr(config, "vision_config", config)
    size = getattr(vision, "image_size", 32)
    sizes = size if isinstance(size, list | tuple) and len(size) == 2 else (size, size)
    for side in (sizes, (64, 64), (224, 224)):
        if all(isinstance(number, int) and number <= 448 for number in side):
            pixels = torch.randn(1, getattr(vision, "num_channels", 3) or 3, *side, generator=generator)
            yield 0, {"pixel_values": pixels}
            yield 0, {"pixel_values": pixels.unsqueeze(1).repeat(1, getattr(config, "num_frames", 2) or 2, 1, 1, 1)}
            yield 0, {"pixel_values": pixels, "input_ids": torch.randint(4, 60, (1, 16), generator=generator)}
            yield 0, {"pixel_values": pixels, "input_ids": torch.randint(4, 60, (1, 1), generator=generator)}
    sound = torch.randn(1, 6000, generator=generator)
    yield 0, {"input_values": sound}
    bins = getattr(config, "num_mel_bins", 80)
    for frames in (2 * getattr(config, "max_source_positions", 50), 100, getattr(config, "max_length", 1024)):
        if isinstance(bins, int) and isinstance(frames, int) and frames <= 3000:
            features = torch.randn(1, bins, frames, generator=generator)
            ids = torch.randint(4, 60, (1, 8), generator=generator)
            yield 0, {"input_features": features, "decoder_input_ids": ids}
            yield 0, {"input_features": features}
            yield 0, {"input_features": features.transpose(1, 2), "decoder_input_ids": ids}
            yield 0, {"input_features": features.transpose(1, 2)}
            yield 0, {"input_values": features.transpose(1, 2)}
    yield 0, {"inputs_embeds": torch.randn(1, 40, getattr(config, "hidden_size", 32) or 32, generator=generator)}


def computed(model: Any, inputs: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Return everything that a model computes: buffers, outputs with their cache, and generated tokens."""
    torch.manual_seed(2)
    with torch.no_grad():
        found = [(f"buffer {name}", buffer.clone()) for name, buffer in model.named_buffers()]
        found += tensors_of("output", model(**inputs))
        if getattr(model, "can_generate", lambda: False)():
            found += _generated(model, inputs)
    return found


def _generated(model: Any, inputs: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
    given = {key: value for key, value in inputs.items() if key != "decoder_input_ids"}
    settings: dict[str, Any] = {"max_new_tokens": _NEW_TOKENS, "min_new_tokens": _NEW_TOKENS, "pad_token_id": 0}
    if getattr(model.config, "is_encoder_decoder", False):
        settings["decoder_start_token_id"] = 1
    for sample in (False, True):
        torch.manual_seed(3)
        try:
            tokens = model.generate(**given, **settings, do_sample=sample)
        except Exception as error:
            # A model that cannot generate from these inputs must not be able to with other settings either.
            yield f"generate {sample}", type(error).__name__
            continue
        yield from tensors_of(f"generate {sample}", tokens)


def tensors_of(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield every tensor of an output or a cache, with where it is in there."""
    if isinstance(value, torch.Tensor):
        yield name, value.clone()
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from tensors_of(f"{name}.{key}", inner)
    elif isinstance(value, list | tuple):
        for number, inner in enumerate(value):
            yield from tensors_of(f"{name}.{number}", inner)
    elif hasattr(value, "layers") or "Cache" in type(value).__name__:
        yield from tensors_of(name, list(getattr(value, "layers", [])) or vars(value))
    elif type(value).__module__.startswith("transformers."):
        yield from tensors_of(name, {key: inner for key, inner in vars(value).items() if key[:1] != "_"})


def _same(one: list[tuple[str, Any]], other: list[tuple[str, Any]]) -> bool:
    """Return whether two models computed the same, bit for bit."""
    if [name for name, _ in one] != [name for name, _ in other]:
        return False
    return all(_equal(left, right) for (_, left), (_, right) in zip(one, other, strict=True))


def _equal(one: Any, other: Any) -> bool:
    if not isinstance(one, torch.Tensor) or not isinstance(other, torch.Tensor):
        return bool(one == other)
    if one.shape != other.shape or one.dtype != other.dtype:
        return False
    return (
        bool(torch.allclose(one, other, rtol=0, atol=0, equal_nan=True))
        if one.is_floating_point()
        else bool(torch.equal(one, other))
    )


def compute_the_same(one: list[tuple[str, Any]], other: list[tuple[str, Any]], *, logits_only: bool = False) -> bool:
    """Return whether two models computed the same.

    Args:
        one: What one computed.
        other: What the other computed.
        logits_only: Compare only what both returned: switches add outputs or leave some out.
    """
    if not logits_only:
        return _same(one, other)
    left, right = dict(one), dict(other)
    shared = [name for name in left if name in right]
    return any(not name.startswith("buffer") for name in shared) and _same(
        [(name, left[name]) for name in shared], [(name, right[name]) for name in shared]
    )
