"""The jobs that ``sandbox.py`` gives to a child process: each takes and returns what JSON can hold.

The file is run without the package around it and imports nothing from hfver. Third-party libraries are imported inside
the job that needs them, so that a job fails alone if one is missing.
"""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import datetime
from pathlib import Path
from typing import Any

_HELD = {"auto_map", "quantization_config", "transformers_version"}
_HELD_AT_TOP = {"dtype", "torch_dtype", "architectures", "model_type"}
_MOST_LOST = 24


def configs(pair: list[dict[str, Any]]) -> list[dict[str, Any]] | None:
    """Return what the config class holds after loading, for each config; None if the class rejects one of them."""
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
    given, held = _without_held(config, top=True)
    resolved = _written(kind, given)
    _put_back(resolved, held)
    _put_back(resolved, _stripped(kind, given))
    return resolved


def _written(kind: Any, given: dict[str, Any]) -> dict[str, Any]:
    # A copy, because classes change nested objects in place; through JSON, as keys and tuples are in the file.
    resolved = kind(**json.loads(json.dumps(given))).to_dict()
    return dict(json.loads(json.dumps(_without_held(resolved, top=True)[0], default=str)))


def _without_held(config: dict[str, Any], *, top: bool = False) -> tuple[dict[str, Any], dict[str, Any]]:
    """Split a config, and those nested in it, into what its class may see and what it may not."""
    seen: dict[str, Any] = {}
    held: dict[str, Any] = {}
    for key, value in config.items():
        if key.startswith("_") or key in _HELD or (top and key in _HELD_AT_TOP):
            held[key] = value
        elif isinstance(value, dict) and key.endswith("_config"):
            seen[key], inner = _without_held(value)
            if inner:
                held[key] = inner
        else:
            seen[key] = value
    return seen, held


def _put_back(resolved: dict[str, Any], held: dict[str, Any]) -> None:
    for key, value in held.items():
        if isinstance(value, dict) and isinstance(resolved.get(key), dict):
            _put_back(resolved[key], value)
        else:
            resolved[key] = value


def _stripped(kind: Any, given: dict[str, Any]) -> dict[str, Any]:
    """Return the settings that a class throws away, in the config and in those nested in it.

    A setting that only moves, such as rope_theta into rope_parameters, is not among them: with another value the class
    holds something else.
    """
    from transformers.generation.configuration_utils import GenerationConfig

    resolved = _written(kind, given)
    # Every class passes these on to generation, whose settings are compared by themselves.
    generation: Any = GenerationConfig
    passed_on = set(generation().to_dict())
    found: dict[str, Any] = {}
    for path, value in _lost(given, resolved):
        if path[-1] in passed_on:
            continue
        changed = json.loads(json.dumps(given))
        _at(changed, path[:-1])[path[-1]] = _other(value)
        try:
            moved = _written(kind, changed) != resolved
        except Exception:
            moved = True
        if not moved:
            _at(found, path[:-1])[path[-1]] = value
    return found


def _lost(given: dict[str, Any], resolved: dict[str, Any]) -> list[tuple[list[str], Any]]:
    """List the settings that are given and not held, with their paths."""
    found: list[tuple[list[str], Any]] = []
    for key, value in given.items():
        held = resolved.get(key)
        if key not in resolved and value is not None:
            found.append(([key], value))
        elif key.endswith("_config") and isinstance(value, dict) and isinstance(held, dict):
            found += [([key, *path], inner) for path, inner in _lost(value, held)]
    # A class is called once for each, so a file that is full of them must not take long.
    return found[:_MOST_LOST]


def _at(config: dict[str, Any], path: list[str]) -> dict[str, Any]:
    for key in path:
        config = config.setdefault(key, {})
    return config


def _other(value: Any) -> Any:
    """Return another value of the same kind."""
    if isinstance(value, bool):
        return not value
    if isinstance(value, int | float):
        return value + 1
    if isinstance(value, str):
        return value + "x"
    return [*value, 1] if isinstance(value, list) else {**value, "x": 1}


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


def templates(question: dict[str, Any]) -> dict[str, Any]:
    """Compare two chat templates by their trees and by what they render."""
    # Loaded on its own: the package around it must not be imported here.
    folder = Path(__file__).with_name("chat_probe")
    spec = importlib.util.spec_from_file_location(
        "chat_probe", folder / "__init__.py", submodule_search_locations=[str(folder)]
    )
    if spec is None or spec.loader is None:
        raise ImportError(folder)
    probe = sys.modules["chat_probe"] = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(probe)
    return dict(probe.compare_templates(_environment, question["sides"], question["conversations"]))


def _environment() -> Any:
    """Make what transformers 5.23 compiles chat templates in (utils/chat_template_utils.py)."""
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
