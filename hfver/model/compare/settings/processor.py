"""What turns images and sounds into numbers: ``preprocessor_config.json``, ``processor_config.json`` and its kin."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.keys import Setting, Table, differing
from hfver.model.compare.pair import Pair, View

_OLD = "preprocessor_config.json"
_NEW = "processor_config.json"
_VIDEO = "video_preprocessor_config.json"
_NAMES = (_OLD, _NEW, _VIDEO)
_PARTS = ("image_processor", "feature_extractor")
_RULES = Table.of(
    [
        ("remote-code", r"(.*\.)?(auto_map|custom_pipelines)(\..*)?|(.*\.)?_\w+_internal(\..*)?"),
        (
            "metadata",
            r"processor_class|_valid_(processor|kwargs)\w*|transformers_version|_name_or_path|_processor_class",
        ),
    ],
    other="processor",
)


def owns(_pair: Pair, path: str) -> bool:
    """Tell whether a file is a processor's config."""
    return PurePosixPath(path).name in _NAMES


def settings(pair: Pair) -> Iterator[Setting]:
    """Yield every setting of a processor that differs, whichever of its files holds it."""
    for folder in sorted({str(PurePosixPath(path).parent) for path in pair.named(*_NAMES)}):
        names = [str(PurePosixPath(folder) / name) for name in _NAMES]
        where = next(name for name in names if name in pair.changed)
        yield from differing(where, _effective(pair.before, names), _effective(pair.after, names), _RULES)


def _effective(view: View, names: list[str]) -> dict[str, Any]:
    """Put together what several files say: transformers 5 keeps in one what was spread over three."""
    old, new, video = (dict(view.object(name)) for name in names)
    for part in _PARTS:
        held = new.pop(part, None)
        old |= held if isinstance(held, dict) else {}
    held = new.pop("video_processor", None)
    video |= held if isinstance(held, dict) else {}
    # The chat template is compared by what it renders.
    new.pop("chat_template", None)
    return old | new | ({"video_processor": video} if video else {})
