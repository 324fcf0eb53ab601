"""Changes of models that see: configs and image processors as transformers saves them."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any

from hfver.core.version import Bump
from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair, saved_config, saved_files

_CONFIG, _PROCESSOR = "config.json", "preprocessor_config.json"
_VIT, _CLIP, _SIGLIP, _DETR = "ViTImageProcessor", "CLIPImageProcessor", "SiglipImageProcessor", "DetrImageProcessor"
_IMAGENET: dict[str, Any] = {"image_mean": [0.485, 0.456, 0.406], "image_std": [0.229, 0.224, 0.225]}
_NAMES = {0: "cat", 1: "dog", 2: "cow"}


def _processor(kind: str, **settings: Any) -> Files:
    import transformers

    return saved_files(getattr(transformers, kind)(**settings).save_pretrained)


def _config(kind: str, **settings: Any) -> Files:
    return {_CONFIG: saved_config(kind, **settings)}


def _labels(names: dict[int, str]) -> Files:
    return _config("vit", id2label=names, label2id={name: number for number, name in names.items()})


@cache
def _trained(seed: int = 0, patch_size: int = 4) -> Files:
    """Return a tiny classifier with weights."""
    import torch
    from transformers import ViTConfig, ViTForImageClassification

    torch.manual_seed(seed)
    sizes: dict[str, Any] = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2}
    config = ViTConfig(image_size=16, patch_size=patch_size, intermediate_size=32, id2label=_NAMES, **sizes)
    return saved_files(ViTForImageClassification(config).save_pretrained)


def _without(files: Files, path: str, *keys: str) -> Files:
    return {**files, path: {key: value for key, value in files[path].items() if key not in keys}}


def _pair(name: str, level: Bump, before: Callable[[], Files], after: Callable[[], Files], why: str = "") -> MadePair:
    return MadePair(f"vision: {name}", "vision", level, before, after, why)


def _processed(name: str, level: Bump, kind: str, why: str = "", **settings: Any) -> MadePair:
    return _pair(name, level, lambda: _processor(kind), lambda: _processor(kind, **settings), why)


def _configured(name: str, level: Bump, kind: str, why: str = "", **settings: Any) -> MadePair:
    return _pair(name, level, lambda: _config(kind), lambda: _config(kind, **settings), why)


PAIRS = (
    _processed("mean and deviation of ImageNet", MAJOR, _VIT, **_IMAGENET),
    _processed("another resampling", MAJOR, _SIGLIP, resample=2),
    _processed("no cropping", MAJOR, _CLIP, do_center_crop=False),
    _processed("a larger crop", MAJOR, _CLIP, crop_size={"height": 336, "width": 336}),
    _processed("no rescaling", MAJOR, _VIT, do_rescale=False),
    _processed("another factor of rescaling", MAJOR, _SIGLIP, rescale_factor=1 / 127.5),
    _processed("another longest edge", MAJOR, _DETR, size={"shortest_edge": 480, "longest_edge": 640}),
    _processed("no padding", MAJOR, _DETR, do_pad=False),
    _pair(
        "defaults of the processor left out",
        PATCH,
        lambda: _processor(_SIGLIP),
        lambda: _without(_processor(_SIGLIP), _PROCESSOR, "do_rescale", "rescale_factor", "image_mean"),
    ),
    _pair(
        "a size as one number, as transformers 4.20 wrote it",
        PATCH,
        lambda: {_PROCESSOR: {**_processor(_VIT)[_PROCESSOR], "size": 224}},
        lambda: _processor(_VIT),
    ),
    _configured("larger images", MAJOR, "vit", image_size=384),
    _configured("smaller patches", MAJOR, "siglip_vision_model", patch_size=14),
    _configured("more queries", MAJOR, "detr", num_queries=300),
    _configured("weights of the losses", PATCH, "detr", "only training reads them", bbox_loss_coefficient=2),
    _configured("a loss for each layer", PATCH, "detr", "only training reads it", auxiliary_loss=True),
    _configured("another activation", MAJOR, "clip_vision_model", hidden_act="gelu"),
    _pair(
        "labels in another order",
        MAJOR,
        lambda: _labels(_NAMES),
        lambda: _labels({0: "dog", 1: "cat", 2: "cow"}),
    ),
    _pair("one more label", MAJOR, lambda: _labels(_NAMES), lambda: _labels({**_NAMES, 3: "pig"})),
    _pair("labels named", MAJOR, lambda: _config("vit", num_labels=3), lambda: _labels(_NAMES)),
    _pair("trained again", MINOR, _trained, lambda: _trained(1)),
    _pair("trained with larger patches", MAJOR, _trained, lambda: _trained(patch_size=8)),
)
