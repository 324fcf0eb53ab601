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
        import transformers  # noqa: F401 - opening needs both; say so at once
    except ImportError as error:
        raise UsageError(
            f"Opening a model needs torch and transformers: {error.name or error} is not installed.",
            "Run: pip install 'hfver[torch]'",
        ) from None
    return torch


def pick_device(wanted: str) -> str:
    """Turn what a user asked for into a torch device.

    Args:
        wanted: ``auto`` (CUDA where there is one, else the CPU), ``cpu``, ``cuda``, ``cuda:1`` or ``mps``.

    Raises:
        UsageError: There is no such device here.
    """
    torch = import_torch()
    if wanted == "auto":
        return "cuda" if torch.cuda.is_available() else "cpu"
    kind, _, index = wanted.partition(":")
    if kind not in ("cpu", "cuda", "mps") or (index and not index.isdecimal()):
        raise UsageError(f"There is no device called {wanted!r}.", "Use auto, cpu, cuda, cuda:0 or mps.")
    if not _is_there(torch, kind, int(index or 0)):
        raise UsageError(f"This machine has no device {wanted}.", "Use --device cpu, or --device auto.")
    return wanted


def describe_device(device: str) -> str:
    """Name a device for people: ``cpu``, ``cuda (NVIDIA H100 80GB HBM3)``."""
    if not device.startswith("cuda"):
        return device
    return f"{device.removesuffix(':0')} ({import_torch().cuda.get_device_name(device)})"


def _is_there(torch: Any, kind: str, index: int) -> bool:
    if kind == "cuda":
        return bool(torch.cuda.is_available()) and index < torch.cuda.device_count()
    return index == 0 and (kind == "cpu" or bool(torch.backends.mps.is_available()))
