"""How images, video and sound become tensors: ``preprocessor_config.json``, ``processor_config.json`` and the like."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import ChangedSetting, KeyRules, changed_settings
from hfver.model.compare.pair import Pair, ParsedSide

_OLD = "preprocessor_config.json"
_NEW = "processor_config.json"
_VIDEO = "video_preprocessor_config.json"
_NAMES = (_OLD, _NEW, _VIDEO)
_PARTS = ("image_processor", "feature_extractor")
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
    # The newer file has precedence, as in transformers 5.
    return old | new | ({"video_processor": video} if video else {})
