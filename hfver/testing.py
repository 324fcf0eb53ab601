"""Fixtures for tests that need a Hub: a real one, empty, on loopback. pytest finds them by itself."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from hfver.api.hubs import LocalHub

__all__ = ["local_hub"]


@pytest.fixture
def local_hub(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """Run an empty embedded Hub for one test; what hfver remembers goes to a temporary folder.

    Example:
        >>> def test_release(local_hub):
        ...     hfver.release("out/checkpoint", "me/model", hub=local_hub)
    """
    from hfver.api.hubs import LocalHub

    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "hfver-cache"))
    with LocalHub(tmp_path / "hub") as hub:
        yield hub
