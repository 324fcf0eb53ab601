"""Where hfver does not run, it says so at start, and what it lacks there."""

from __future__ import annotations

from pathlib import Path

import pytest

import hfver
from hfver.cli import main
from hfver.core import platform
from hfver.core.platform import check_platform
from hfver.errors import UsageError


@pytest.fixture
def windows(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(platform, "system", lambda: "win32")


@pytest.mark.parametrize("name", ["linux", "darwin"])
def test_supported_systems(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    monkeypatch.setattr(platform, "system", lambda: name)
    check_platform()


def test_windows_is_told_what_it_lacks(windows: None, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UsageError, match="Linux and macOS. Windows lacks what it relies on: file locks") as caught:
        check_platform()
    assert "WSL" in caught.value.hint
    assert main(["versions", "acme/bot"]) == 2
    assert "runs on Linux and macOS" in capsys.readouterr().err
    assert main(["--help"]) == 0
    with pytest.raises(UsageError, match="runs on Linux and macOS"):
        _ = hfver.release
    assert issubclass(hfver.HfverError, Exception)


def test_the_supported_systems_are_named_for_installers() -> None:
    text = (Path(__file__).parent.parent.parent / "pyproject.toml").read_text()
    assert '"Operating System :: POSIX :: Linux"' in text
    assert '"Operating System :: MacOS"' in text
