"""The documentation of parameters that several public functions have, each written once."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Callable, Iterable, Mapping
from dataclasses import fields
from typing import Any, ParamSpec, TypeVar

__all__ = ["SHARED", "function_of", "public"]

SHARED = {
    "device": "Where to run the model: ``auto`` (CUDA if there is a GPU), ``cpu``, ``cuda`` or ``cuda:N``.",
    "dtype": "The dtype to load the weights in, such as ``bfloat16``; ``auto`` keeps the stored one.",
    "hub": "The Hub: a URL, the folder of an embedded Hub, or None for ``HF_ENDPOINT`` or huggingface.co.",
    "lock": "Whether the nearest ``hfver.lock`` applies; a path names a different lock.",
    "mirror_of": "The repo that this one is a known copy of: its releases are then accepted under this name.",
    "path": "The lock; None for the nearest ``hfver.lock``.",
    "policy": "The rules that apply: a ``Policy``, the path of a file, or None for the nearest ``hfver.toml``.",
    "progress": "Called with the name of the operation, and the number of bytes done and in total.",
    "ref": "``ns/name@SPEC``. SPEC is a version, a range, ``latest``, a commit or ``refs/pr/N``; "
    "without it, the newest stable release. An alias of ``[models]`` stands for a repo and its SPEC.",
    "repo": "``namespace/name``, or an alias of ``[models]``.",
    "token": "An access token; None for ``HF_TOKEN``, or the one that ``hf auth login`` stored.",
    "trust_remote_code": "Allow the model's own Python code to run, and configs that make libraries run code.",
}
"""What each shared parameter is. A function whose parameter of that name means something else documents it itself."""

WIDTH = 118
"""Maximum length of the lines that are added to docstrings."""

F = TypeVar("F", bound=Callable[..., Any])
P = ParamSpec("P")
C = TypeVar("C")
T = TypeVar("T")

_SECTION = re.compile(r"^(?=(?:Args|Returns|Raises|Example):$)", re.MULTILINE)
_ENTRY = re.compile(r"^    (?=\*{0,2}\w+: )", re.MULTILINE)


def public(function: F) -> F:
    """Add the shared parameters to a public function's docstring, in the order of its signature.

    Raises:
        TypeError: A parameter is documented nowhere, or the docstring names one that does not exist.
    """
    function.__doc__ = _completed(function.__doc__, list(inspect.signature(function).parameters), {})
    return function


def function_of(call: Callable[P, C], run: Callable[[C], T]) -> Callable[P, T]:
    """Return a public function whose parameters are the fields of a dataclass, which document themselves.

    Args:
        call: The dataclass; its fields have their documentation in the metadata ``doc``, unless it is shared.
        run: Does the work. Its name without the leading underscore, and its docstring, become the function's.

    Raises:
        TypeError: A field is documented nowhere.
    """

    def function(*args: P.args, **kwargs: P.kwargs) -> T:
        return run(call(*args, **kwargs))

    parameters = inspect.signature(call).parameters
    own = {one.name: one.metadata["doc"] for one in fields(call) if "doc" in one.metadata}  # type: ignore[arg-type]
    function.__doc__ = _completed(run.__doc__, list(parameters), own)
    function.__name__ = function.__qualname__ = run.__name__.removeprefix("_")
    function.__module__ = run.__module__
    result = inspect.signature(run).return_annotation
    function.__signature__ = inspect.Signature(list(parameters.values()), return_annotation=result)  # type: ignore[attr-defined]
    return function


def _completed(doc: str | None, names: Iterable[str], own: Mapping[str, str]) -> str | None:
    """Return a docstring with an ``Args`` section that has every parameter."""
    if doc is None:  # python -OO
        return None
    summary, *sections = _SECTION.split(inspect.cleandoc(doc))
    written = {title: body for title, _, body in (section.partition(":\n") for section in sections)}
    entries = (entry.partition(": ") for entry in _ENTRY.split(written.pop("Args", ""))[1:])
    texts = SHARED | dict(own) | {name.lstrip("*"): " ".join(text.split()) for name, _, text in entries}
    names = list(names)
    if undocumented := [name for name in names if name not in texts]:
        raise TypeError(f"parameters without documentation: {', '.join(undocumented)}")
    if unknown := texts.keys() - SHARED.keys() - set(names):
        raise TypeError(f"documentation without parameters: {', '.join(sorted(unknown))}")
    args = "\n".join(_entry(name, texts[name]) for name in names)
    rest = (f"{title}:\n{body.rstrip()}" for title, body in written.items())
    return "\n\n".join([summary.rstrip(), f"Args:\n{args}", *rest])


def _entry(name: str, text: str) -> str:
    return textwrap.fill(
        f"{name}: {text}",
        WIDTH,
        initial_indent="    ",
        subsequent_indent="        ",
        break_long_words=False,
        break_on_hyphens=False,
    )
