"""Refuse folders whose configs would run code when the model is loaded: the author's, or code from somewhere else."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from hfver.errors import BadCheckpoint, PolicyViolation
from hfver.model.checkpoint.untrusted_files import shown, unreadable

__all__ = ["is_config", "refuse_code"]

MAX_CONFIG_BYTES = 64 * 1024 * 1024
MODULES = "modules.json"

_KEYS = {"auto_map", "custom_pipelines"}
_INTERNAL = re.compile(r"_.*_internal")
"""Keys that transformers sets for itself; in a file they smuggle a value past its checks (CVE-2026-4372)."""
_KERNELS = {"attn_implementation", "_attn_implementation", "experts_implementation", "kernel_config"}
"""Keys whose value may name a kernel repo on the Hub (``owner/name``), whose code would be run."""
_CLASSES = {"type": "sentence_transformers.", "types": "sentence_transformers.", "activation_function": "torch.nn."}
"""Keys under which sentence-transformers imports a class by its dotted name, and the prefix of the library's own."""
_LIBRARIES = re.compile(r"(transformers|peft|diffusers)(\..*)?")
"""What ``parent_library`` of a PEFT adapter may name, because AutoPeftModel imports it."""
_PIPELINE_INDEX = ("model_index.json", "modular_model_index.json")
_COMPONENT_LIBRARIES = re.compile(r"diffusers|transformers")
_PIPELINE_MODULES = re.compile(
    r"ace_step|alt_diffusion|audioldm2?|controlnet|deepfloyd_if|flux|ideogram4|kandinsky(2_2)?|kolors|latent_diffusion"
    r"|ltx2?|marigold|paint_by_example|shap_e|stable_audio(_3)?|stable_cascade|stable_diffusion(_safe|_xl)?|unclip"
    r"|unidiffuser|versatile_diffusion|wuerstchen"
)
"""Modules of ``diffusers.pipelines`` that hold components, such as StableDiffusionSafetyChecker."""
_DOTTED = re.compile(r"\w+(\.\w+)+")


class _Object(list[Any]):
    """A JSON object as its pairs, so that neither of two equal keys is lost."""


def refuse_code(
    directory: Path,
    *,
    allowed: bool = False,
    name: str | None = None,
    paths: Iterable[str] | None = None,
    content: Mapping[str, bytes] | None = None,
) -> None:
    """Refuse a folder whose configs ask for code to be run.

    This is the one rule for ``release``, ``pull``, ``load``, ``smoke`` and the lock, whose entry says whether code is
    allowed for exactly that commit. It needs no library that could run any.

    Args:
        directory: The folder, such as a snapshot in the cache.
        allowed: Whether the user, or the lock, allows code. Nothing is checked then.
        name: What errors call the folder; None for its path.
        paths: The files to check; None for all.
        content: The bytes of files that were read already, by path; other files are read from the folder.

    Raises:
        PolicyViolation: A config has ``auto_map``, a ``_*_internal`` key, a kernel from the Hub, or a class of an
            unknown library.
        BadCheckpoint: A config is too large or nested too deeply to be checked.
    """
    if allowed:
        return
    inside = [*paths] if paths is not None else [p.relative_to(directory).as_posix() for p in directory.rglob("*")]
    for path in _pipeline_code(inside):
        raise PolicyViolation(
            f"{name or shown(directory)}: diffusers would run {shown(path)} in place of its own class.",
            "Read that code; if you trust it, use --trust-remote-code (trust_remote_code=True).",
        )
    for path in sorted(path for path in inside if is_config(path)):  # sorted, so that errors do not vary
        where = f"{name}: {shown(path)}" if name else shown(directory / path)
        data = content[path] if content and path in content else _read(directory / path, where)
        for key in sorted(set(_settings(path, _parse(data, where)))):
            raise PolicyViolation(
                f"{where}: {key[:120]} asks for code to be run that is not part of the installed libraries.",
                "Read that code; if you trust it, use --trust-remote-code (trust_remote_code=True).",
            )


def is_config(path: str) -> bool:
    """Return whether a library reads a JSON file of this name as settings, also on systems that ignore case."""
    name = PurePosixPath(path).name.lower()
    return name in (MODULES, *_PIPELINE_INDEX) or (name.endswith(".json") and "config" in name)


def _read(path: Path, where: str) -> bytes:
    try:
        if not path.is_file():
            return b""
        size = path.stat().st_size
        if size > MAX_CONFIG_BYTES:
            raise BadCheckpoint(f"{where}: too large for a config ({size} bytes).")
        return path.read_bytes()
    except OSError as error:
        raise unreadable(path, error) from None


def _parse(data: bytes, where: str) -> Any:
    """Parse a config with all of its keys; None for what is not JSON, which no library reads either."""
    try:
        # From bytes, so that neither UTF-16 nor a byte order mark hides a key. Numbers of any length are accepted,
        # because whether Python reads them depends on a setting.
        return json.loads(data, object_pairs_hook=_Object, parse_int=lambda _: 0)
    except RecursionError:
        raise BadCheckpoint(f"{where}: nested too deeply.", "Save the model again.") from None
    except ValueError:
        return None


def _pipeline_code(paths: Iterable[str]) -> Iterator[str]:
    """Yield the Python files that diffusers looks for by itself, without any config that asks for them.

    ``None.py`` beside the index is taken for a custom pipeline where the caller names none, and a file with the name of
    a component's library in the folder of the component for that component.
    """
    found = sorted(paths)
    names = [PurePosixPath(path) for path in found]
    roots = {str(path.parent) for path in names if path.name.lower() in _PIPELINE_INDEX}
    for path in names:
        stem = path.stem.lower()
        inner = _COMPONENT_LIBRARIES.fullmatch(stem) or _PIPELINE_MODULES.fullmatch(stem)
        if path.suffix.lower() == ".py" and (
            (stem == "none" and str(path.parent) in roots) or (inner and str(path.parent.parent) in roots)
        ):
            yield str(path)


def _foreign_classes(config: Any) -> Iterator[str]:
    """Yield the keys of a model_index.json that name a class outside of diffusers and transformers."""
    for key, value in _pairs(config):
        if key is None:
            continue
        if key == "_class_name":
            if not isinstance(value, str):
                yield key
        elif isinstance(value, list) and not isinstance(value, _Object) and len(value) >= 2:
            library = value[0]
            if isinstance(library, str) and not (
                _COMPONENT_LIBRARIES.fullmatch(library) or _PIPELINE_MODULES.fullmatch(library)
            ):
                yield key


def _settings(path: str, config: Any) -> Iterator[str]:
    if PurePosixPath(path).name.lower() in _PIPELINE_INDEX:
        yield from _foreign_classes(config)
    # A stack instead of recursion: a key must not hide below the depth that Python can recurse to.
    is_modules = PurePosixPath(path).name.lower() == MODULES
    stack = [config]
    while stack:
        for key, value in _pairs(stack.pop()):
            stack.append(value)
            if key is not None and _names_code(key, value, is_modules):
                yield key


def _pairs(value: Any) -> Iterator[tuple[str | None, Any]]:
    if isinstance(value, _Object):
        yield from value
    elif isinstance(value, list):
        yield from ((None, item) for item in value)


def _names_code(key: str, value: Any, is_modules: bool) -> bool:
    if key in _KERNELS:
        return any("/" in text for text in _strings(value))
    if key == "parent_library":
        return any(not _LIBRARIES.fullmatch(text) for text in _strings(value))
    if key in _CLASSES:
        return any(_is_foreign(text, _CLASSES[key], is_modules) for text in _strings(value))
    return bool(value) and (key in _KEYS or _INTERNAL.fullmatch(key) is not None)


def _is_foreign(text: str, own: str, is_modules: bool) -> bool:
    """Return whether a text is the dotted name of a class elsewhere; in modules.json any name is one."""
    return not text.startswith(own) and (is_modules or _DOTTED.fullmatch(text) is not None)


def _strings(value: Any) -> Iterator[str]:
    stack = [value]
    while stack:
        one = stack.pop()
        if isinstance(one, str):
            yield one
        for key, held in _pairs(one):
            stack += [held] if key is None else [key, held]
