"""The wheel stands on its own: built, installed elsewhere, and used without the checkout."""

from __future__ import annotations

import os
import subprocess
import sys
import venv
from pathlib import Path

import pytest

from tests.made import MakeOnce

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="session")
def installed(make_once: MakeOnce) -> Path:
    """A folder with the wheel unpacked into it, on top of this environment's libraries."""
    return make_once("wheel", _install) / "venv"


def _install(made: Path) -> None:
    build = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(made), str(ROOT)]
    subprocess.run(build, check=True, capture_output=True)
    (wheel,) = made.glob("*.whl")
    venv.create(made / "venv", with_pip=False, symlinks=True)
    pip = [sys.executable, "-m", "pip", "--python", str(made / "venv" / "bin" / "python"), "install"]
    subprocess.run([*pip, "--quiet", "--no-deps", "--no-index", str(wheel)], check=True, capture_output=True)


def run(installed: Path, program: str) -> str:
    """Run Python in the new environment, borrowing this one's libraries but not this checkout."""
    borrowed = next(path for path in sys.path if path.endswith("site-packages"))
    bare = f"import sys; sys.path.append({borrowed!r})\n{program}"
    environment = {**os.environ, "PYTHONPATH": ""}
    done = subprocess.run(
        [str(installed / "bin" / "python"), "-c", bare], cwd=installed, env=environment, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_is_what_is_imported(installed: Path) -> None:
    assert str(installed) in run(installed, "import hfver; print(hfver.__file__)")


def test_it_carries_the_templates_and_the_types(installed: Path) -> None:
    program = "import hfver, pathlib; p = pathlib.Path(hfver.__file__).parent; print(*sorted(map(str, p.rglob('*'))))"
    listed = run(installed, program)
    assert "card/templates" in listed
    assert "py.typed" in listed


def test_it_releases(installed: Path, chat_model: Path, tmp_path: Path) -> None:
    program = f"""
import hfver
done = hfver.release({str(chat_model)!r}, "acme/bot", hub={str(tmp_path / "hub")!r}, smoke="off")
print(done.version, hfver.pull("acme/bot", hub={str(tmp_path / "hub")!r}).path)
"""
    version, path = run(installed, program).split()
    assert version == "1.0.0"
    assert "acme/bot" in (Path(path) / "README.md").read_text()
