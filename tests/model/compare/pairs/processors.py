"""Changes of how images and sound become tensors."""

from __future__ import annotations

from typing import Any

from tests.model.compare.pairs.made import MAJOR, PATCH, Files, MadePair

_VIT: dict[str, Any] = {
    "image_processor_type": "ViTImageProcessor",
    "do_normalize": True,
    "do_resize": True,
    "image_mean": [0.5, 0.5, 0.5],
    "image_std": [0.5, 0.5, 0.5],
    "size": {"height": 224, "width": 224},
}
_CLIP: dict[str, Any] = {"feature_extractor_type": "CLIPFeatureExtractor", "size": 224, "crop_size": 224, "resample": 3}


def _image(held: dict[str, Any], **settings: Any) -> Files:
    return {"preprocessor_config.json": {**held, **settings}}


def _sound(kind: str, **settings: Any) -> Files:
    """Return what a real feature extractor saves."""
    import transformers

    held = getattr(transformers, kind)(**settings).to_dict()
    return {"preprocessor_config.json": held}


def _whisper(**settings: Any) -> Files:
    return {"preprocessor_config.json": {"feature_extractor_type": "WhisperFeatureExtractor", **settings}}


PAIRS = (
    MadePair(
        "vit: defaults spelled out",
        "processors",
        PATCH,
        lambda: _image(_VIT),
        lambda: _image(_VIT, do_rescale=True, rescale_factor=1 / 255, resample=2),
    ),
    MadePair("vit: null", "processors", PATCH, lambda: _image(_VIT), lambda: _image(_VIT, do_convert_rgb=None)),
    MadePair(
        "vit: null for a value with a default",
        "processors",
        PATCH,
        lambda: _image(_VIT),
        lambda: _image(_VIT, image_mean=None),
    ),
    MadePair(
        "vit: the fast class of transformers 4",
        "processors",
        PATCH,
        lambda: _image(_VIT),
        lambda: _image(_VIT, image_processor_type="ViTImageProcessorFast"),
    ),
    MadePair(
        "clip: written by transformers 4, saved by transformers 5",
        "processors",
        MAJOR,  # 4.55 does not look for an image processor in processor_config.json
        lambda: _image(_CLIP),
        lambda: {
            "processor_config.json": {
                "image_processor": {
                    "image_processor_type": "CLIPImageProcessor",
                    "size": {"shortest_edge": 224},
                    "crop_size": {"height": 224, "width": 224},
                    "do_convert_rgb": True,
                }
            }
        },
    ),
    MadePair(
        "clip: another size", "processors", MAJOR, lambda: _image(_CLIP), lambda: _image(_CLIP, size=336, crop_size=336)
    ),
    MadePair(
        "vit: another mean", "processors", MAJOR, lambda: _image(_VIT), lambda: _image(_VIT, image_mean=[0.485] * 3)
    ),
    MadePair("vit: another filter", "processors", MAJOR, lambda: _image(_VIT), lambda: _image(_VIT, resample=3)),
    MadePair("vit: no resizing", "processors", MAJOR, lambda: _image(_VIT), lambda: _image(_VIT, do_resize=False)),
    MadePair(
        "own code: a default nobody knows",
        "processors",
        MAJOR,
        lambda: _image({"auto_map": {"AutoImageProcessor": "x.P"}, "image_processor_type": "P"}),
        lambda: _image({"auto_map": {"AutoImageProcessor": "x.P"}, "image_processor_type": "P"}, do_resize=True),
    ),
    MadePair(
        "whisper: defaults spelled out",
        "processors",
        PATCH,
        _whisper,
        lambda: _whisper(feature_size=80, padding_side="right", return_attention_mask=False, padding_value=0.0),
    ),
    MadePair("whisper: more mel bins", "processors", MAJOR, _whisper, lambda: _whisper(feature_size=128)),
    MadePair(
        "wav2vec2: saved with defaults only",
        "processors",
        PATCH,
        lambda: {"preprocessor_config.json": {"feature_extractor_type": "Wav2Vec2FeatureExtractor"}},
        lambda: _sound("Wav2Vec2FeatureExtractor"),
    ),
    MadePair(
        "wav2vec2: without normalization",
        "processors",
        MAJOR,
        lambda: _sound("Wav2Vec2FeatureExtractor"),
        lambda: _sound("Wav2Vec2FeatureExtractor", do_normalize=False),
    ),
)
