"""The jobs that ``tokenizer_child.py`` gives to a child process: each takes and returns what JSON can hold.

The file is run without the package around it and imports nothing from hfver.
"""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any

MAX_TEXT = 1_000_000
"""Characters that rendering or decoding may give. Real templates render the fixed conversations to thousands."""
MAX_IDS = 1_000_000
"""Tokens that a text may have: as many as characters, for a tokenizer with one token per byte."""
UNLIMITED = 10**9
"""What a tokenizer without a limit of length is said to have; transformers writes 10**30."""
OWN_TOKENS = 64
"""How many tokens of the vocabulary are taken to see whether the tokenizer knows any text at all."""

_TOKENIZERS: list[Any] = []
_FROM: dict[str, Any] = {}


class TooLarge(Exception):
    """What a tokenizer or template gave is too large; the message completes a sentence that begins with its name."""


def prepare(*, trust_remote_code: bool, needs_torch: bool) -> None:
    """Import what every job needs."""
    # Tokenizers work without torch, whose import takes longer than everything else.
    if not needs_torch:
        sys.modules["torch"] = None  # type: ignore[assignment]
    from transformers import AutoConfig, AutoTokenizer

    _FROM.update(config=AutoConfig, tokenizer=AutoTokenizer)
    _FROM["arguments"] = {"local_files_only": True, "trust_remote_code": trust_remote_code}


def config(folder: str) -> None:
    """Build the config. What it raises is raised again where the model is loaded, and told from there."""
    try:
        _FROM["config"].from_pretrained(folder, **_FROM["arguments"])
    except MemoryError:
        raise
    except Exception:
        return


def tokenizer(folder: str) -> dict[str, Any]:
    """Load a folder's tokenizer; return its number for the other jobs, and what is always needed of it."""
    loaded = _FROM["tokenizer"].from_pretrained(folder, **_FROM["arguments"])
    _TOKENIZERS.append(loaded)
    names = ("unk_token_id", "bos_token_id", "pad_token_id", "mask_token_id", "eos_token_id")
    return {
        "number": len(_TOKENIZERS) - 1,
        "size": len(loaded),
        "all_special_ids": list(loaded.all_special_ids),
        "input_names": list(loaded.model_input_names),
        "max_length": min(int(loaded.model_max_length), UNLIMITED),
        "has_chat_template": bool(loaded.chat_template),
        **{name: getattr(loaded, name) for name in names},
    }


def processor(folder: str) -> None:
    """Load a folder's processor, for nothing but to see that it can be loaded."""
    import transformers

    errors = []
    # A folder may hold one part of a processor and not the rest, such as a feature extractor without a tokenizer.
    for name in ("AutoProcessor", "AutoFeatureExtractor", "AutoImageProcessor", "AutoVideoProcessor"):
        try:
            getattr(transformers, name).from_pretrained(folder, **_FROM["arguments"])
        except MemoryError:
            raise
        except Exception as error:
            errors.append(error)
        else:
            return
    for raised in errors:
        _raise_if_library_missing(raised)
    raise errors[0]


def _raise_if_library_missing(error: Exception) -> None:
    """Raise an ImportError for what transformers says in one way or another of a library that is not installed."""
    said = str(error)
    # transformers: "... requires the PIL library but it was not found in your environment", in a ValueError too.
    lines = [line for line in said.splitlines() if "but it was not found in your environment" in line]
    if isinstance(error, ImportError) or lines:
        raise ImportError(lines[0] if lines else said) from None


def encode(asked: dict[str, Any]) -> list[int]:
    """Encode a text, with or without special tokens, truncated if a limit is given."""
    limit = {} if asked["limit"] is None else {"truncation": True, "max_length": asked["limit"]}
    ids = _of(asked)(asked["text"], add_special_tokens=asked["special"], **limit)["input_ids"]
    if len(ids) > MAX_IDS:
        raise TooLarge(f"gave more than {MAX_IDS:,} tokens")
    return [int(number) for number in ids]


def decode(asked: dict[str, Any]) -> str:
    """Decode ids, with special tokens and exactly, or without them and as people read it."""
    how = {"skip_special_tokens": True} if asked["readable"] else _EXACTLY
    return _bounded(str(_of(asked).decode(asked["ids"], **how)))


_EXACTLY = {"skip_special_tokens": False, "clean_up_tokenization_spaces": False}


def tokens(asked: dict[str, Any]) -> list[str]:
    """Return the tokens of ids, as the vocabulary writes them."""
    return [_bounded(str(token)) for token in _of(asked).convert_ids_to_tokens(asked["ids"])]


def own_tokens(asked: dict[str, Any]) -> list[int]:
    """Return the ids of some tokens, taken evenly from the whole vocabulary, without the special ones."""
    held = _of(asked)
    ids = sorted(set(held.get_vocab().values()) - set(held.all_special_ids))
    return ids[:: max(1, len(ids) // OWN_TOKENS)]


def beyond(asked: dict[str, Any]) -> list[Any]:
    """Return how many tokens have an id that is not below a limit, and the last of them with its id."""
    found = {number: token for token, number in _of(asked).get_vocab().items() if number >= asked["limit"]}
    last = max(found, default=None)
    return [len(found), None if last is None else _bounded(found[last]), last]


def without_token(asked: dict[str, Any]) -> list[int]:
    """Return which of some ids are not those of a token."""
    known = set(_of(asked).get_vocab().values())
    return [number for number in asked["ids"] if number not in known]


def special_tokens(asked: dict[str, Any]) -> list[list[Any]]:
    """Return the name and text of each special token, its id, and the ids that its text is encoded to."""
    held = _of(asked)
    found = []
    for name in NAMED:
        token = getattr(held, f"{name}_token", None)
        if token is not None:
            ids = held(str(token), add_special_tokens=False)["input_ids"]
            found.append([name, _bounded(str(token)), getattr(held, f"{name}_token_id"), list(ids)[:MAX_SPECIAL]])
    return found


NAMED = ("bos", "eos", "pad", "unk", "sep", "cls", "mask")
MAX_SPECIAL = 16
"""The most ids that are returned of a special token that is split."""


def render(asked: dict[str, Any]) -> dict[str, Any]:
    """Render a conversation with the chat template: the text, or how the template failed."""
    from jinja2 import TemplateError

    try:
        text = _of(asked).apply_chat_template(
            asked["turns"],
            tools=asked.get("tools"),
            tokenize=False,
            add_generation_prompt=asked["add_generation_prompt"],
        )
    except TemplateError as error:
        # transformers offers templates a raise_exception(), which raises exactly this class and no subclass of it.
        outcome = "refused" if type(error) is TemplateError else "broken"
        return {outcome: str(error.message)[:MAX_REASON], "line": getattr(error, "lineno", None)}
    return {"text": _bounded(str(text))}


MAX_REASON = 300
"""Characters of a template's own message that are reported."""


def _of(asked: dict[str, Any]) -> Any:
    return _TOKENIZERS[asked["number"]]


def _bounded(text: str) -> str:
    if len(text) > MAX_TEXT:
        raise TooLarge(f"gave more than {MAX_TEXT:,} characters")
    return text


def _golden_jobs() -> Any:
    """Load the jobs of goldens, which lie beside this file; they also run outside of the child process."""
    if "golden" not in _FROM:
        path = Path(__file__).with_name("_golden_jobs.py")
        spec: Any = spec_from_file_location("golden_jobs", path)
        _FROM["golden"] = module_from_spec(spec)
        spec.loader.exec_module(_FROM["golden"])
    return _FROM["golden"]


def golden(asked: dict[str, Any]) -> Any:
    """Run one of the jobs of goldens on a tokenizer, or on the processor of a folder."""
    run = getattr(_golden_jobs(), asked["job"])
    if "folder" not in asked:
        return run(_of(asked), asked)
    from transformers import AutoProcessor

    processors: Any = AutoProcessor
    return run(processors.from_pretrained(asked["folder"], **_FROM["arguments"]), asked)


JOBS = {
    "config": config,
    "golden": golden,
    "tokenizer": tokenizer,
    "processor": processor,
    "encode": encode,
    "decode": decode,
    "tokens": tokens,
    "own_tokens": own_tokens,
    "beyond": beyond,
    "without_token": without_token,
    "render": render,
    "special_tokens": special_tokens,
}
