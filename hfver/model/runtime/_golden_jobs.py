"""What a golden records of a tokenizer, its chat template and its processor.

A model in memory has them in this process; for a folder they are in the child process, whose jobs load this file. It is
loaded without the package around it there, and imports nothing from hfver.
"""

from __future__ import annotations

import contextlib
import datetime
import hashlib
import json
import math
from collections.abc import Iterator
from typing import Any

MAX_IDS = 512
"""Ids of one text that are kept; the hash covers the rest."""
MAX_TEXT = 4000
"""Characters of one text that are kept; the hash covers the rest."""
MAX_LISTED = 512
"""Special and added tokens that are kept."""
MAX_VALUE = 1_000_000
"""Ids or characters that one text may give before it counts as broken."""
MAX_LENGTH = 10**12
"""transformers writes a length of 1e30 for a tokenizer without a limit."""
GRID = 4
"""Cells per side in which the mean of a processed picture or sound is taken."""
SPECIAL = ("bos", "eos", "unk", "sep", "pad", "cls", "mask")
NOW = datetime.datetime(2026, 1, 2, 3, 4, 5, tzinfo=datetime.UTC)
"""The time that a template sees: some write the date into the prompt."""


def words(tokenizer: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Record how a tokenizer encodes texts, and what it says of itself."""
    names = {name: getattr(tokenizer, f"{name}_token_id", None) for name in SPECIAL}
    added = getattr(tokenizer, "added_tokens_decoder", {})
    length = getattr(tokenizer, "model_max_length", None)
    return {
        "texts": [{"text": text, **_encoded(tokenizer, text)} for text in asked["texts"]],
        "special": {name: number for name, number in names.items() if isinstance(number, int)},
        "all_special": sorted(int(one) for one in tokenizer.all_special_ids)[:MAX_LISTED],
        "added": [[int(one), str(added[one])] for one in sorted(added)][:MAX_LISTED],
        "length": len(tokenizer),
        "max_length": length if isinstance(length, int) and length < MAX_LENGTH else None,
        "inputs": sorted(tokenizer.model_input_names),
        "padding_side": getattr(tokenizer, "padding_side", None),
    }


def forms(tokenizer: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Record how a chat template renders conversations, by their names; nothing without a template."""
    if not getattr(tokenizer, "chat_template", None):
        return {}
    with _fixed_time():
        return {one["name"]: _rendered(tokenizer, one) for one in asked["conversations"]}


def tokens(tokenizer: Any, asked: dict[str, Any]) -> list[str]:
    """Return the text of single ids."""
    return [_short(tokenizer.decode([number])) for number in asked["ids"]]


def decoded(tokenizer: Any, asked: dict[str, Any]) -> list[str]:
    """Return the text of rows of ids, as people read it."""
    return [_short(tokenizer.decode(row, skip_special_tokens=True)) for row in asked["rows"]]


def processed(processor: Any, asked: dict[str, Any]) -> dict[str, Any]:
    """Record what a processor makes of a made picture and a made sound: shapes and coarse statistics."""
    result: dict[str, Any] = {}
    images = getattr(processor, "image_processor", None)
    sounds = getattr(processor, "feature_extractor", None)
    if images is None and hasattr(processor, "image_mean"):
        images = processor
    if sounds is None and hasattr(processor, "sampling_rate"):
        sounds = processor
    if images is not None and hasattr(images, "image_mean") and _knows_pictures():
        result["picture"] = _outcome(lambda: images(images=[_picture(asked["picture"])], return_tensors="np"))
    if sounds is not None and hasattr(sounds, "sampling_rate"):
        rate = int(sounds.sampling_rate)
        sound = _sound(rate, asked["sound"])
        result["sound"] = _outcome(lambda: sounds(sound, sampling_rate=rate, return_tensors="np"))
    return result


def _encoded(tokenizer: Any, text: str) -> dict[str, Any]:
    plain = tokenizer(text, add_special_tokens=False)["input_ids"]
    whole = tokenizer(text)
    ids = _ids(whole["input_ids"])
    return {
        "plain": _digested(_ids(plain)),
        "full": _digested(ids),
        "decoded": _short(tokenizer.decode(ids, skip_special_tokens=True)),
        "gives": sorted(whole.keys()),
    }


def _rendered(tokenizer: Any, asked: dict[str, Any]) -> dict[str, Any]:
    from jinja2 import TemplateError

    tools = {"tools": asked["tools"]} if asked.get("tools") else {}
    try:
        text = tokenizer.apply_chat_template(
            asked["turns"], tokenize=False, add_generation_prompt=bool(asked.get("prompt")), **tools
        )
    except TemplateError as error:
        return {"refused" if type(error) is TemplateError else "broken": type(error).__name__}
    except (TypeError, KeyError, AttributeError, ValueError) as error:
        return {"broken": type(error).__name__}
    text = str(text)
    if len(text) > MAX_VALUE:
        return {"broken": "TooLarge"}
    return {"text": _short(text), **_digested(_ids(tokenizer(text, add_special_tokens=False)["input_ids"]))}


def _ids(ids: Any) -> list[int]:
    if len(ids) > MAX_VALUE:
        raise ValueError(f"a short text has more than {MAX_VALUE:,} tokens")
    return [int(number) for number in ids]


def _digested(ids: list[int]) -> dict[str, Any]:
    """Return the first ids; where there are more, also their number and a hash over all."""
    if len(ids) <= MAX_IDS:
        return {"ids": ids}
    whole = hashlib.sha256(json.dumps(ids).encode()).hexdigest()
    return {"ids": ids[:MAX_IDS], "count": len(ids), "sha256": whole}


def _short(text: Any) -> str:
    # Half surrogates, which some tokenizers give for cut characters, cannot be written as UTF-8.
    written = str(text).encode("utf-8", "backslashreplace").decode()
    if len(written) <= MAX_TEXT:
        return written
    return f"{written[:MAX_TEXT]}… sha256:{hashlib.sha256(written.encode()).hexdigest()}"


@contextlib.contextmanager
def _fixed_time() -> Iterator[None]:
    """Let templates that ask for the date see a fixed one."""
    import transformers.utils.chat_template_utils as loaded

    chat_template_utils: Any = loaded

    class Fixed(datetime.datetime):
        @classmethod
        def now(cls, tz: Any = None) -> Any:
            return NOW.astimezone(tz) if tz else NOW.replace(tzinfo=None)

    before = getattr(chat_template_utils, "datetime", None)
    if before is None:
        yield
        return
    chat_template_utils.datetime = Fixed
    try:
        yield
    finally:
        chat_template_utils.datetime = before


def _knows_pictures() -> bool:
    from importlib.util import find_spec

    return find_spec("PIL") is not None


def _picture(size: list[int]) -> Any:
    """Make a picture whose colors and quarters differ, so that swapped channels, flips and crops show."""
    import numpy as np
    from PIL import Image

    width, height = size
    across, down = np.linspace(0, 1, width)[None, :], np.linspace(0, 1, height)[:, None]
    red, green = 200 * across + 0 * down, 60 + 0 * across + 120 * down
    blue = 40 + 30 * np.cos(6 * across) * (down > 1 / 2)
    return Image.fromarray(np.stack([red, green, blue], axis=-1).clip(0, 255).astype("uint8"))


def _sound(rate: int, seconds: float) -> Any:
    """Make a sound of two tones, the second of which sets in halfway."""
    import numpy as np

    times = np.arange(int(rate * seconds)) / rate
    sound = 0.4 * np.sin(2 * math.pi * 440 * times) + 0.2 * np.sin(2 * math.pi * 1500 * times) * (times > seconds / 2)
    return sound.astype("float32")


def _outcome(work: Any) -> dict[str, Any]:
    try:
        return {str(name): summary for name, value in work().items() if (summary := _summary(value))}
    except ImportError:
        raise
    except Exception as error:
        return {"broken": {"error": type(error).__name__}}


def _summary(value: Any) -> dict[str, Any]:
    """Return the shape of an array, and the means of its parts in a coarse grid."""
    import numpy as np

    try:
        array = np.asarray(value, dtype="float64")
    except (TypeError, ValueError):
        return {}
    shape, planes = list(array.shape), array.reshape(-1, *array.shape[-2:]) if array.ndim > 1 else array[None, None]
    grids = [
        float(cell.mean())
        for plane in planes[:GRID]
        for band in np.array_split(plane, min(GRID, plane.shape[0]))
        for cell in np.array_split(band, min(GRID, band.shape[1]), axis=1)
        if cell.size
    ]
    finite = [round(one, 6) if math.isfinite(one) else None for one in grids]
    return {"shape": shape, "spread": round(float(array.std()), 6) if array.size else 0.0, "grid": finite}
