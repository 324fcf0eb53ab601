"""How images, video and sound become tensors: ``preprocessor_config.json``, ``processor_config.json`` and the like."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.settings.class_defaults import defaults_of

_OLD = "preprocessor_config.json"
_NEW = "processor_config.json"
_VIDEO = "video_preprocessor_config.json"
_NAMES = (_OLD, _NEW, _VIDEO)
_PARTS = ("image_processor", "feature_extractor")
_CLASS_KEYS = ("image_processor_type", "video_processor_type", "feature_extractor_type")
_IMAGE = ("ImageProcessor", "VideoProcessor", "ImageProcessorFast", "ImageProcessorPil")
# What a class computes itself, whatever the file says: transformers 4 saved these filters, and public repos have them.
_COMPUTED = {"WhisperFeatureExtractor": ("mel_filters",)}
_SIZES = ("size", "crop_size", "pad_size")
_RULES = KeyRules.compile(
    [
        ("remote-code", r"(.*\.)?(auto_map|custom_pipelines)(\..*)?|(.*\.)?_\w+_internal(\..*)?"),
        (
            "metadata",
            r"processor_class|_valid_(processor|kwargs)\w*|transformers_version|_name_or_path|_processor_class",
        ),
    ],
    default="processor",
)


def owns(_pair: Pair, path: str) -> bool:
    """Return whether a file configures a processor."""
    return PurePosixPath(path).name in _NAMES


def settings(pair: Pair) -> Iterator[ChangedSetting]:
    """Yield every setting of a processor that differs, whichever of its files contains it."""
    for folder in sorted({str(PurePosixPath(path).parent) for path in pair.changed_named(*_NAMES)}):
        names = [str(PurePosixPath(folder) / name) for name in _NAMES]
        # A setting may move between the files; it is reported in the first one that differs.
        where = next(name for name in names if name in pair.changed_files)
        yield from changed_settings(where, _effective(pair.before, names), _effective(pair.after, names), _RULES)


def _effective(side: ParsedSide, names: list[str]) -> dict[str, Any]:
    """Merge the files of a processor: transformers 5 writes one file where older versions wrote up to three."""
    old, new, video = (dict(side.object(name)) for name in names)
    for part in _PARTS:
        held = new.pop(part, None)
        old |= held if isinstance(held, dict) else {}
    held = new.pop("video_processor", None)
    video |= held if isinstance(held, dict) else {}
    # The rules on chat templates compare what it renders.
    new.pop("chat_template", None)
    # The newer file has precedence, as in transformers 5. What is null was not set.
    merged = _with_defaults(old) | {key: value for key, value in new.items() if value is not None}
    return merged | ({"video_processor": _with_defaults(video)} if video else {})


def _with_defaults(given: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the class holds after loading; without a known class, what is given."""
    kind = _class_of(given)
    known = defaults_of(kind) if kind and "auto_map" not in given else None
    unread = (*_CLASS_KEYS, *(_COMPUTED.get(kind, ()) if "auto_map" not in given else ()))
    held = {key: value for key, value in given.items() if value is not None and key not in unread}
    # A feature extractor takes a null for a value; the classes of images and video take it for "not set".
    if known and not kind.endswith(_IMAGE):
        held |= {key: None for key, value in given.items() if value is None and known.get(key) is not None}
    merged = {**(known or {}), **held}
    square = bool(merged.pop("default_to_square", True))
    sized = {key: _size(merged[key], square or key != "size") for key in _SIZES if key in merged}
    result = {key: value for key, value in (merged | sized).items() if value is not None or key in held}
    return result | ({"class": kind} if kind else {})


def _class_of(given: Mapping[str, Any]) -> str:
    """Return the name of the class that loads these settings (ImageProcessor of transformers 5, AutoImageProcessor)."""
    kind = next((given[key] for key in _CLASS_KEYS if isinstance(given.get(key), str)), "")
    if kind and kind == given.get("feature_extractor_type") and defaults_of(kind) is None:
        kind = kind.replace("FeatureExtractor", "ImageProcessor")
    # The fast classes of transformers 4 are the only ones of transformers 5.
    short = kind.removesuffix("Fast")
    return short if defaults_of(kind) is None or defaults_of(short) is not None else kind


def _size(value: Any, square: bool) -> Any:
    """Return a size in the form of today: older files hold a number or a list (get_size_dict)."""
    if isinstance(value, int) and not isinstance(value, bool):
        return {"height": value, "width": value} if square else {"shortest_edge": value}
    if isinstance(value, list | tuple) and len(value) == 2:
        return {"height": value[0], "width": value[1]}
    return {key: item for key, item in value.items() if item is not None} if isinstance(value, dict) else value
