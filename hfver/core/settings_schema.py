"""The JSON schema of a settings file, made from the model, for editors: ``docs/hfver.schema.json``.

A file names it in its first line: ``#:schema https://…/hfver.schema.json``.
"""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from itertools import pairwise
from textwrap import dedent
from typing import Any

from pydantic import BaseModel

from hfver.core.policy import Alias, Budget, GoldenRule, Policy, Secrets, SignatureRule
from hfver.core.settings_model import HttpSettings, Settings

__all__ = ["settings_schema"]

_TABLES: tuple[type[BaseModel], ...] = (Settings, Budget, Secrets, SignatureRule, GoldenRule, Alias, HttpSettings)
_NOT_IN_FILES = ("hub",)
_DROPPED = ("title", "propertyNames", "format")


def settings_schema() -> dict[str, Any]:
    """Make the schema. It depends on the model alone, not on the version of pydantic that reads it."""
    tables = {table.__name__: _table(table) for table in _TABLES}
    top = tables.pop("Settings")
    for name in _NOT_IN_FILES:
        del top["properties"][name]
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "hfver settings",
        **top,
        "definitions": dict(sorted(tables.items())),
    }


def _table(model: type[BaseModel]) -> dict[str, Any]:
    made = model.model_json_schema(by_alias=True, ref_template="#/definitions/{model}")
    described = _attribute_docs(model)
    properties = {}
    for name, info in model.model_fields.items():
        key = info.alias or name
        about = described.get(name)
        properties[key] = {**({"description": about} if about else {}), **_plain(made["properties"][key])}
    text = inspect.getdoc(model) or ""
    required = made.get("required")
    return {
        "description": text.partition("\n\n")[0],
        "type": "object",
        "properties": properties,
        **({"required": required} if required else {}),
        "additionalProperties": False,
    }


def _plain(schema: Any) -> Any:
    """Keep what says which values are valid, in a form that does not depend on the version of pydantic.

    Null is no value of TOML: a setting that may be None is one that may be left out. Enumerations are written out where
    they are used, and titles, which only repeat the names, are dropped.
    """
    if isinstance(schema, list):
        return [_plain(item) for item in schema]
    if isinstance(schema, float) and schema.is_integer():
        return int(schema)
    if not isinstance(schema, Mapping):
        return schema
    kept = {key: _plain(value) for key, value in schema.items() if key not in (*_DROPPED, "default")}
    if "default" in schema and _is_simple(schema["default"]):
        kept["default"] = _plain(schema["default"])
    for choice in ("anyOf", "oneOf"):
        if choice in kept:
            options = [option for option in kept.pop(choice) if option != {"type": "null"}]
            kept |= options[0] if len(options) == 1 else {"anyOf": options}
    if kept.get("$ref", "").endswith("/Bump"):
        kept = {"type": "string", "enum": ["major", "minor", "patch"]}
    if len(kept.get("allOf", ())) == 1:
        kept |= kept.pop("allOf")[0]
    return dict(sorted(kept.items()))


def _is_simple(value: Any) -> bool:
    return isinstance(value, bool | int | float | str) or value == ["*"]


def _attribute_docs(model: type[BaseModel]) -> dict[str, str]:
    """Read the docstrings of a model's fields, its bases' included."""
    found: dict[str, str] = {}
    for base in reversed(model.__mro__):
        if issubclass(base, Policy | BaseModel) and base.__module__.startswith("hfver."):
            found |= dict(_docs_in(ast.parse(dedent(inspect.getsource(base))).body[0]))
    return found


def _docs_in(tree: ast.stmt) -> Iterator[tuple[str, str]]:
    body = tree.body if isinstance(tree, ast.ClassDef) else []
    for field, after in pairwise(body):
        named = isinstance(field, ast.AnnAssign) and isinstance(field.target, ast.Name)
        if named and isinstance(after, ast.Expr) and isinstance(after.value, ast.Constant):
            yield field.target.id, inspect.cleandoc(str(after.value.value))  # type: ignore[attr-defined]
