"""Settings: one model, and one precedence for all of it.

Precedence, highest first: an option of the command, the environment, the project's file (``hfver.toml``, or
``[tool.hfver]`` in ``pyproject.toml``), the user's configuration (``~/.config/hfver/config.toml``), the default. Tables
of names (``[metrics]``, ``[rules]``, ``[models]``) are merged name by name and ``[http]`` value by value; everything
else is taken whole from the first place that sets it.

A project's file may come from somebody else, so two things are not its to decide. It cannot set where hfver keeps its
cache, nor to which Hub a token is sent (``USERS_OWN``). And it cannot drop the user's own requirement of signatures: it
may say who must sign instead, but not that nobody must.
"""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel

from hfver.core.cache_folder import default_folder
from hfver.core.policy import Policy
from hfver.core.settings_files import (
    VARIABLES,
    SettingsFile,
    around_releases,
    by_variables,
    nearest_file,
    project_file,
    read_settings_file,
    user_file,
)
from hfver.core.settings_model import Settings, validate_file, validate_text

__all__ = ["Configuration", "PolicyLike", "Settings", "Source", "Value", "load_settings", "resolve_policy"]

PolicyLike = Policy | str | os.PathLike[str] | None

_BY_VALUE = ("http", "hub")
_BY_NAME = ("metrics", "rules", "models")
# Two spellings of one rule: a file that sets either decides both.
_SIGNING = ("require_signature", "signature")


@dataclass(frozen=True)
class Source:
    """Where a value comes from."""

    kind: Literal["option", "environment", "project", "user", "default"]
    name: str = ""
    """The option, the variable or the file."""

    def __str__(self) -> str:
        return self.name or self.kind


@dataclass(frozen=True)
class Value:
    """One setting as it applies, in the form that JSON has."""

    key: str
    value: Any
    source: Source


@dataclass(frozen=True)
class Configuration:
    """All settings as they apply in one folder, each with its source."""

    settings: Settings = field(repr=False)
    values: tuple[Value, ...]
    files: tuple[Path, ...]
    """The files that were read, the one with precedence first."""

    def to_json(self) -> dict[str, Any]:
        """Give the JSON that ``--json`` prints."""
        rows = [
            {"key": one.key, "value": one.value, "source": one.source.kind, "from": one.source.name or None}
            for one in self.values
        ]
        return {"files": [str(path) for path in self.files], "settings": rows}


@dataclass(frozen=True)
class _Layer:
    """What one source sets."""

    source: Source
    settings: Settings


def load_settings(
    start: Path | None = None, *, options: Mapping[str, str] | None = None, file: Path | None = None
) -> Configuration:
    """Read all settings that apply.

    Args:
        start: The folder from which the project's file is searched upward; None for the working directory.
        options: What the command line sets, by dotted name: ``{"hub.url": "https://hub.example.com"}``.
        file: A file to read in place of the project's.

    Raises:
        BadConfig: A file or variable holds something unknown or wrong, or a file needs another hfver.
    """
    project = read_settings_file(file) if file else project_file(start or Path.cwd())
    layers = [*_texts("option", options or {}), *_texts("environment", by_variables()), *_files(project, user_file())]
    merged = _merge(layers)
    read = tuple(Path(layer.source.name) for layer in layers if layer.source.kind in ("project", "user"))
    return Configuration(merged, tuple(_values(merged, layers)), read)


def resolve_policy(policy: PolicyLike = None, *, start: Path | None = None) -> Policy:
    """Return the policy that applies.

    Args:
        policy: A policy or a file, which then counts alone; None for the project's file and the user's configuration.
        start: The folder from which the project's file is searched upward; None for the working directory.

    Returns:
        The policy. It knows the files that it was read from (``Policy.files``).

    Raises:
        BadConfig: A file cannot be read, is not TOML, needs another hfver, or holds something unknown or wrong.
    """
    if isinstance(policy, Policy):
        return policy
    if policy is not None:
        path = Path(policy).expanduser().absolute()
        return validate_file("project", read_settings_file(path)).policy().read_from((path,), path)
    start = start or Path.cwd()
    project, user = project_file(start), user_file()
    layers = list(_files(project, user))
    files = tuple(Path(layer.source.name) for layer in layers if _has_policy(layer.settings))
    found = _merge(layers).policy().read_from(files, project.path if project else None)
    others = tuple(_signature_rules_of_others(start, project))
    if not others and user is None:
        return found
    required = layers[0].settings.models if project else {}
    return found.deciding((*others, *(layer.settings.policy() for layer in layers)), required)


def _signature_rules_of_others(start: Path, project: SettingsFile | None) -> Iterator[Policy]:
    """Read the policies that decide about signatures before the project's own does.

    Inside a pulled release the nearest file may be part of that release. It must not excuse the release, so the files
    outside go first. Its own requirements count too: ignoring one would be an error that nobody notices.
    """
    for file in around_releases(start):
        yield validate_file("project", file).policy()
    inner = nearest_file(start)
    if inner is not None and (project is None or inner.path != project.path):
        yield validate_file("project", inner).policy()


def _has_policy(settings: Settings) -> bool:
    return bool(settings.model_fields_set & Policy.model_fields.keys())


def _texts(kind: Literal["option", "environment"], texts: Mapping[str, str]) -> Iterator[_Layer]:
    """Make a layer for each option or variable, so that every value knows its own."""
    for name, text in texts.items():
        source = Source(kind, VARIABLES[name] if kind == "environment" else f"--{name.partition('.')[0]}")
        yield _Layer(source, validate_text(name, text, source.name))


def _files(project: SettingsFile | None, user: SettingsFile | None) -> Iterator[_Layer]:
    if project is not None:
        yield _Layer(Source("project", str(project.path)), validate_file("project", project))
    if user is not None:
        yield _Layer(Source("user", str(user.path)), validate_file("user", user))


def _merge(layers: list[_Layer]) -> Settings:
    """Merge layers, given in order of precedence."""
    chosen: dict[str, Any] = {}
    for name in Settings.model_fields:
        if name in _BY_VALUE:
            chosen[name] = _merged_values(name, layers)
        elif name in _BY_NAME:
            chosen[name] = _merged_names(name, layers)
        elif layer := _first_with(name, layers):
            chosen[name] = getattr(layer.settings, name)
    set_ones = {name for layer in layers for name in layer.settings.model_fields_set}
    # Built from validated parts: validating them together could only refuse what each file may say by itself.
    return Settings.model_construct(set_ones, **{**dict(Settings()), **chosen})


def _first_with(name: str, layers: list[_Layer]) -> _Layer | None:
    """Find the layer that decides a value which is taken whole."""
    names = set(_SIGNING if name in _SIGNING else (name,))
    return next((layer for layer in layers if layer.settings.model_fields_set & names), None)


def _merged_values(name: str, layers: list[_Layer]) -> BaseModel:
    values: dict[str, Any] = {}
    for layer in reversed(layers):
        part: BaseModel = getattr(layer.settings, name)
        values |= {key: getattr(part, key) for key in part.model_fields_set}
    group: BaseModel = getattr(Settings(), name)
    return type(group).model_construct(**values)


def _merged_names(name: str, layers: list[_Layer]) -> dict[str, Any]:
    merged: dict[str, Any] = {}
    for layer in reversed(layers):
        table = getattr(layer.settings, name)
        if name == "models":
            # A repo that a nearer file names is wanted as that file says, whatever the other one calls it.
            repos = {_repo(key, wanted) for key, wanted in table.items()}
            merged = {key: wanted for key, wanted in merged.items() if _repo(key, wanted) not in repos}
        merged |= table
    return merged


def _repo(key: str, wanted: Any) -> str:
    return str(getattr(wanted, "repo", key)).lower()


def _values(merged: Settings, layers: list[_Layer]) -> Iterator[Value]:
    """List every value with its source."""
    for name, info in Settings.model_fields.items():
        label, value = info.alias or name, getattr(merged, name)
        if name in _BY_NAME and value:
            keys = {key: value[key] for key in sorted(value)}
        elif isinstance(value, BaseModel):
            keys = {key: getattr(value, key) for key in type(value).model_fields}
        else:
            applies = value or default_folder() if name == "cache" else value
            yield Value(label, _plain(applies), _source_of(name, "", layers))
            continue
        for key, item in keys.items():
            yield Value(f"{label}.{key}", _plain(item), _source_of(name, key, layers))


def _source_of(name: str, key: str, layers: list[_Layer]) -> Source:
    """Find the layer that a value comes from."""
    whole = name not in (*_BY_VALUE, *_BY_NAME)
    first = _first_with(name, layers)
    for layer in [first] if whole and first else [] if whole else layers:
        part = getattr(layer.settings, name)
        if name in layer.settings.model_fields_set and (
            not key or key in (part if isinstance(part, Mapping) else part.model_fields_set)
        ):
            return layer.source
    return Source("default")


def _plain(value: Any) -> Any:
    """Put a value into the form that JSON has."""
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json", exclude_none=True)
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in value.items()}
    if isinstance(value, tuple):
        return [_plain(item) for item in value]
    return str(value) if isinstance(value, Path | str) else value
