"""Choosing and naming the device that a model runs on."""

from __future__ import annotations

from typing import Any

from hfver.errors import UsageError


def import_torch() -> Any:
    """Import torch and transformers, and return torch.

    Raises:
        UsageError: One of them is not installed.
    """
    try:
        import torch
        import transformers  # noqa: F401 - loading a model needs both: report a missing one before any work
    except ImportError as error:
        raise UsageError(
            f"Loading a model requires torch and transformers: {error.name or error} is not installed.",
            "Run: pip install 'hfver[torch]'",
        ) from None
    return torch


def pick_device(name: str) -> str:
    """Resolve a device name that a user gave to a torch device.

    Args:
        name: ``auto`` (CUDA if available, else the CPU), ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Returns:
        The torch device: ``cpu``, ``cuda``, ``cuda:N`` or ``mps``.

    Raises:
        UsageError: The name is unknown, or this machine has no such device.
    """
    torch = import_torch()
    if name == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = name.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdecimal()):
        raise UsageError(f"There is no device {name!r}.", "Use auto, cpu, cuda, cuda:0 or mps.")
    if not _is_available(torch, kind, int(index or 0)):
        raise UsageError(f"This machine has no device {name}.", "Use --device cpu or --device auto.")
    return name


def describe_device(device: str) -> str:
    """Return a device's name for people: ``cpu``, ``cuda (NVIDIA H100 80GB HBM3)``."""
    if not device.startswith("cuda"):
        return device
    return f"{device.removesuffix(':0')} ({import_torch().cuda.get_device_name(device)})"


def _is_available(torch: Any, kind: str, index: int) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_available()) and index < torch.cuda.device_count()
    return index == 0 and (kind == "cpu" or bool(torch.backends.mps.is_available()))
