"""The settings that apply, with the source of each."""

from __future__ import annotations

from pathlib import Path

from hfver.api.hubs import PathLike
from hfver.core.settings import Configuration, load_settings

__all__ = ["config"]


def config(*, policy: PathLike | None = None, hub: str | None = None) -> Configuration:
    """Read all settings that apply in the working directory.

    Args:
        policy: A file to read in place of the nearest ``hfver.toml``.
        hub: The URL of a Hub, which wins over ``HF_ENDPOINT``.

    Returns:
        Every value with its source, and the files that were read.

    Raises:
        BadConfig: A file or variable holds something unknown or wrong, or a file needs another hfver.
    """
    file = Path(policy).expanduser().absolute() if policy is not None else None
    return load_settings(options={"hub.url": hub} if hub else None, file=file)
