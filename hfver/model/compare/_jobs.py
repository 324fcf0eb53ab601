"""The jobs that ``sandbox.py`` gives to a child process: each takes and returns what JSON can hold.

The file is run without the package around it and imports nothing from hfver. Third-party libraries are imported inside
the job that needs them, so that a job fails alone if one is missing.
"""

from __future__ import annotations

import json
import sys
from datetime import datetime
from typing import Any

_MAX_RENDERED = 2 * 1024 * 1024
"""Longest text that a template may render, in characters; real prompts of the fixed conversations have thousands."""
_SHOWN = 160
"""How many characters of two different renderings are reported."""


def configs(pair: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Spell out the defaults of each config; None if the class rejects one of them."""
    # Config classes work without torch, whose import takes longer than everything else.
    sys.modules["torch"] = None  # type: ignore[assignment]
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING

    kind = pair[0].get("model_type")
    if not isinstance(kind, str) or kind not in CONFIG_MAPPING:
        return None
    try:
        return [_resolve(CONFIG_MAPPING[kind], config) for config in pair]
    except Exception:  # classes raise anything on hostile values
        return None


def _resolve(kind: Any, config: dict[str, Any]) -> dict[str, Any]:
    # A class never gets to see private keys, or those that name code.
    held = {key: value for key, value in config.items() if _is_held(key)}
    given = {key: value for key, value in config.items() if key not in held}
    resolved = kind(**given).to_dict()
    return {key: value for key, value in resolved.items() if not _is_held(key)} | held


def _is_held(key: str) -> bool:
    names = {"auto_map", "quantization_config", "transformers_version", "dtype", "architectures", "model_type"}
    return key.startswith("_") or key in names


def tokenizers(question: dict[str, Any]) -> list[dict[str, Any]]:
    """Encode the texts with each tokenizer.json, and spell out the defaults of its parts."""
    from tokenizers import Tokenizer

    return [_encoded(Tokenizer.from_str(source), question["texts"]) for source in question["sources"]]


def _encoded(tokenizer: Any, texts: list[str]) -> dict[str, Any]:
    parts = json.loads(tokenizer.to_str())
    # The tokens and merges are compared by the caller, and would make the answer as large as the file.
    parts.pop("added_tokens", None)
    for key in ("vocab", "merges"):
        parts["model"].pop(key, None)
    return {"parts": parts, "ids": [[tokenizer.encode(text).ids, tokenizer.encode(text, "b").ids] for text in texts]}


def templates(question: dict[str, Any]) -> list[list[str]]:
    """Render the conversations with both templates; return name, before and after of each that differs."""
    old, new = (_Template(**side) for side in question["sides"])
    found = []
    for name, variables in question["conversations"].items():
        before, after = old.render(variables), new.render(variables)
        if before != after:
            # A few characters of context before the first difference.
            at = max(0, _common(before, after) - 20)
            found.append([name, before[at : at + _SHOWN], after[at : at + _SHOWN]])
    return found


def _common(one: str, other: str) -> int:
    pairs = enumerate(zip(one, other, strict=False))
    return next((at for at, (left, right) in pairs if left != right), min(len(one), len(other)))


class _Template:
    """A chat template, in the same sandbox as in transformers 5.23 (utils/chat_template_utils.py)."""

    def __init__(self, source: str, tokens: dict[str, Any]) -> None:
        self.tokens = tokens
        try:
            self.compiled: Any = _environment().from_string(source)
        except Exception as error:
            self.compiled = None
            self.error = f"<{type(error).__name__}>"

    def render(self, variables: dict[str, Any]) -> str:
        """Render one conversation. An exception is a result too: templates use them to reject conversations."""
        if self.compiled is None:
            return self.error
        parts, size = [], 0
        try:
            # A copy, because templates can change lists in place.
            for part in self.compiled.generate(**self.tokens, **json.loads(json.dumps(variables))):
                parts.append(part)
                size += len(part)
                if size > _MAX_RENDERED:
                    return "<too long>"
        except MemoryError:
            raise
        except Exception as error:
            return f"<{type(error).__name__}: {str(error)[:200]}>"
        return "".join(parts)


def _environment() -> Any:
    import jinja2
    import jinja2.ext
    from jinja2.sandbox import ImmutableSandboxedEnvironment

    environment = ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[_generation(), jinja2.ext.loopcontrols]
    )
    environment.filters["tojson"] = _to_json
    environment.globals["raise_exception"] = _raise
    # The same moment on both sides, so that templates that print the date render the same.
    environment.globals["strftime_now"] = datetime(2026, 1, 2, 3, 4, 5).strftime
    environment.globals["dict"] = _Dict()
    return environment


def _to_json(
    x: Any, ensure_ascii: bool = False, indent: Any = None, separators: Any = None, sort_keys: bool = False
) -> str:
    return json.dumps(x, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)


def _raise(message: str) -> None:
    from jinja2.exceptions import TemplateError

    raise TemplateError(message)


class _Dict:
    """``dict`` without the attributes through which a template could leave the sandbox."""

    def __call__(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict(*args, **kwargs)

    def fromkeys(self, *args: Any, **kwargs: Any) -> dict[Any, Any]:
        return dict.fromkeys(*args, **kwargs)


def _generation() -> Any:
    """Return the extension that accepts ``{% generation %}`` blocks and renders their content."""
    from jinja2 import nodes
    from jinja2.ext import Extension

    class Generation(Extension):
        tags = {"generation"}  # noqa: RUF012 - Jinja requires a class attribute

        def parse(self, parser: Any) -> Any:
            line = next(parser.stream).lineno
            body = parser.parse_statements(("name:endgeneration",), drop_needle=True)
            return nodes.CallBlock(self.call_method("_pass"), [], [], body).set_lineno(line)

        def _pass(self, caller: Any) -> Any:
            return caller()

    return Generation


JOBS = {"configs": configs, "tokenizers": tokenizers, "templates": templates}
