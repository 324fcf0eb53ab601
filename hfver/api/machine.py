"""Readings of this machine, for ``hfver doctor``: no Hub is asked, and no large library is imported."""

from __future__ import annotations

import os
import platform
import shutil
import subprocess
from collections.abc import Callable, Iterator
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from hfver.core.about import __version__
from hfver.core.cache_folder import default_folder, is_private
from hfver.core.diagnosis import Reading
from hfver.core.log import redact
from hfver.core.platform import check_platform
from hfver.core.settings import load_settings
from hfver.core.sizes import human
from hfver.errors import HfverError

__all__ = ["read_machine"]

NEEDED = ("huggingface_hub", "safetensors", "pydantic", "typer", "gitpython", "jinja2", "detect-secrets")
EXTRAS = {
    "torch": ("torch", "transformers", "accelerate", "peft"),
    "sentence-transformers": ("sentence-transformers",),
    "diffusers": ("diffusers",),
    "datasets": ("datasets",),
    "pins": ("libcst",),
    "server": ("starlette", "uvicorn", "pygit2"),
    "signing": ("model-signing",),
}
PROXIES = ("http_proxy", "https_proxy", "all_proxy", "no_proxy")
LOW_SPACE = 10**10
"""Free bytes below which a model of a few billion parameters does not fit any more."""


def read_machine() -> Iterator[Reading]:
    """Look at this machine, the libraries on it, its caches and its settings."""
    yield _system()
    yield _libraries()
    yield _extras()
    yield from _programs()
    yield _gpu()
    yield _proxy()
    yield from _caches()
    yield _settings()


def _system() -> Reading:
    detail = f"hfver {__version__}, Python {platform.python_version()}, {platform.platform(terse=True)}"
    try:
        check_platform()
    except HfverError as error:
        return Reading("system", "broken", f"{detail}: {error.message}", error.hint)
    return Reading("system", "ok", detail)


def _libraries() -> Reading:
    found = {name: _version(name) for name in NEEDED}
    missing = [name for name, number in found.items() if number is None]
    detail = ", ".join(f"{name} {number or 'missing'}" for name, number in found.items())
    if missing:
        return Reading("libraries", "broken", detail, f"Run: pip install --upgrade hfver {' '.join(missing)}")
    return Reading("libraries", "ok", detail)


def _extras() -> Reading:
    """Name what optional features have; none is needed by every command."""
    here = [f"{name} {number}" for names in EXTRAS.values() for name in names if (number := _version(name))]
    lacking = [extra for extra, names in EXTRAS.items() if any(_version(name) is None for name in names)]
    detail = ", ".join(here) or "none"
    if not lacking:
        return Reading("extras", "ok", detail)
    hint = f"For their features: pip install 'hfver[{','.join(lacking)}]'"
    return Reading("extras", "ok", f"{detail}; not installed: {', '.join(lacking)}", hint)


def _programs() -> Iterator[Reading]:
    git = _output("git", "--version")
    if git is None:
        hint = "Install git: https://git-scm.com. audit, adopt and release --review need it."
        yield Reading("git", "warning", "not installed", hint)
        return
    yield Reading("git", "ok", git.removeprefix("git version "))
    lfs = _output("git", "lfs", "version")
    if lfs is None:
        # hfver itself moves LFS objects over HTTP; people who clone a repo do not.
        hint = "Install it to clone model repos by hand: https://git-lfs.com"
        yield Reading("git-lfs", "warning", "not installed", hint)
    else:
        yield Reading("git-lfs", "ok", lfs.partition(" ")[0].removeprefix("git-lfs/"))


def _gpu() -> Reading:
    listed = _output("nvidia-smi", "--query-gpu=name,memory.total", "--format=csv,noheader")
    torch = _version("torch")
    if not listed:
        return Reading("gpu", "ok", "none that nvidia-smi lists: models run on the CPU")
    gpus = "; ".join(line.strip() for line in listed.splitlines())
    if torch is None:
        return Reading("gpu", "ok", gpus, "To use it: pip install 'hfver[torch]'")
    if torch.endswith("+cpu"):
        hint = "Install a torch with CUDA: https://pytorch.org/get-started/locally"
        return Reading("gpu", "warning", f"{gpus}; torch {torch} cannot use it", hint)
    return Reading("gpu", "ok", gpus)


def _proxy() -> Reading:
    chosen = {name: os.environ.get(name) or os.environ.get(name.upper()) for name in PROXIES}
    said = [f"{name}={redact(value)}" for name, value in chosen.items() if value]
    return Reading("proxy", "ok", ", ".join(said) or "none")


def _caches() -> Iterator[Reading]:
    from huggingface_hub import constants

    yield _cache("hfver's cache", default_folder, private=True)
    yield _cache("Hugging Face cache", lambda: Path(constants.HF_HUB_CACHE), private=False)


def _cache(name: str, find: Callable[[], Path], *, private: bool) -> Reading:
    try:
        folder = find()
    except HfverError as error:  # the settings are broken; their own reading says so
        return Reading(name, "warning", error.message, error.hint)
    there = folder if folder.is_dir() else next((one for one in folder.parents if one.is_dir()), Path("/"))
    free = shutil.disk_usage(there).free
    size = human(_size(folder)) if folder.is_dir() else "not there yet"
    detail = f"{folder}: {size}, {human(free)} free"
    if not os.access(there, os.W_OK):
        return Reading(name, "warning", f"{detail}, not writable", f"Run: chmod u+w {there}, or choose another folder.")
    if private and folder.is_dir() and not is_private(folder):
        hint = f"Run: chmod o-w {folder}, as its owner. What others can write counts for nothing."
        return Reading(name, "warning", f"{detail}, writable by others or not yours", hint)
    if free < LOW_SPACE:
        return Reading(name, "warning", detail, "Free some space, or choose another folder: large models will not fit.")
    return Reading(name, "ok", detail)


def _settings() -> Reading:
    try:
        files = load_settings().files
    except HfverError as error:
        return Reading("settings", "broken", error.message, error.hint)
    return Reading("settings", "ok", ", ".join(map(str, files)) or "no file: the defaults apply")


def _version(name: str) -> str | None:
    try:
        return version(name)
    except PackageNotFoundError:
        return None


def _output(*command: str) -> str | None:
    """Return what a program says, or None where it is not installed or fails."""
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    except (OSError, subprocess.SubprocessError):
        return None
    return done.stdout.strip()


def _size(folder: Path) -> int:
    """Sum the sizes of a folder's files in bytes; links into it count once, at their target."""
    total = 0
    for base, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(base, name)).st_size  # noqa: PTH118 - a cache has many files
            except OSError:
                continue  # removed while we look
    return total
