"""A command's options from the request that they make up, so that each is defined and documented once."""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import Field
from pathlib import Path
from typing import Annotated, Any

import typer

from hfver.releasing.request import ReleaseRequest

__all__ = ["add_options"]


def add_options(command: Callable[..., None], request: type[ReleaseRequest]) -> None:
    """Replace the keyword arguments of a command by the options of a request, where Typer looks for them.

    Args:
        command: A function with ``**options``; it is called with the value of each option by the field's name.
        request: The request.
    """
    own = list(inspect.signature(command, eval_str=True).parameters.values())
    positional = [one for one in own if one.kind is one.POSITIONAL_OR_KEYWORD]
    keyword = [one for one in own if one.kind is one.KEYWORD_ONLY]
    options = [_parameter(name, field) for name, field in request.options().items()]
    command.__signature__ = inspect.Signature([*positional, *options, *keyword])  # type: ignore[attr-defined]


def _parameter(name: str, field: Field[Any]) -> inspect.Parameter:
    kind, default = _type_of(str(field.type)), field.default
    flags = _flags(name, field.metadata["flag"])
    choices = field.metadata["choices"]
    metavar = None if kind is bool else "|".join(choices) or field.metadata["metavar"] or "TEXT"
    option = typer.Option(
        *flags,
        metavar=metavar,
        help=field.metadata["doc"].replace("``", ""),
        autocompletion=(lambda: list(choices)) if choices else None,
    )
    return inspect.Parameter(
        name, inspect.Parameter.KEYWORD_ONLY, default=default or None if kind is list[str] else default,
        annotation=Annotated[kind | None if default is None or kind is list[str] else kind, option],
    )  # fmt: skip


def _type_of(annotation: str) -> Any:
    """Return what Typer is to parse, from the annotation of a field."""
    if annotation == "bool":
        return bool
    if annotation.startswith("Sequence"):
        return list[str]
    return Path if annotation.startswith("PathLike") else str


def _flags(name: str, flag: str) -> tuple[str, ...]:
    if flag.startswith("-") and not flag.startswith("--"):
        return tuple(flag.split("/"))  # a short option and a long one
    return (flag or f"--{name.replace('_', '-')}",)
