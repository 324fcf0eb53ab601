"""An environment for each version of a library that is measured, made with uv and kept for the next run.

torch and the other large requirements are linked from the running interpreter: the question is what older versions of
the model libraries read, and each further copy of torch takes 750 MB.
"""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path
from typing import Any

__all__ = ["ROOT", "Environment", "environment"]

ROOT = Path(os.environ.get("HFVER_LIBRARIES", Path(tempfile.gettempdir(), "hfver-libraries")))
"""Where the environments lie: 60 to 150 MB each."""

_LINKED = ("torch", "scipy", "scikit-learn", "pillow", "sentencepiece", "protobuf", "psutil")
"""What is linked, with its own requirements."""
# Code that a version runs on the files of this repo alone, offline.
_VARIABLES = {
    "HF_HUB_OFFLINE": "1",
    "TRANSFORMERS_VERBOSITY": "error",
    "OMP_NUM_THREADS": "1",
    "PYTHONWARNINGS": "ignore",
}
_SECONDS = 900


class Environment:
    """One version of a library with what it requires."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def answer(self, program: Path, *arguments: str, question: Any = None) -> Any:
        """Run a program in this environment and return the JSON value in the last line that it prints.

        Args:
            program: The file to run; it cannot import hfver.
            arguments: Its arguments.
            question: A JSON value that it reads from standard input.

        Raises:
            RuntimeError: The program failed.
        """
        command = [str(_python(self.folder)), str(program), *arguments]
        text = json.dumps(question)
        done = subprocess.run(
            command, input=text, capture_output=True, text=True, env=_clean(), timeout=_SECONDS, check=False
        )
        if done.returncode:
            raise RuntimeError(f"{self.folder.name}: {done.stderr[-2000:]}")
        return json.loads(done.stdout.splitlines()[-1])


def environment(library: str, version: str, *, root: Path = ROOT) -> Environment:
    """Return the environment of a version, which is made if it is not there.

    Args:
        library: ``transformers``, ``peft`` or ``sentence-transformers``.
        version: The exact version.
        root: The folder that holds all environments.
    """
    folder = root / f"{library}-{version}"
    done = folder / "complete"
    if not done.exists():
        _make(folder, [f"{library}=={version}", *_COMPANIONS.get(library, {}).get(version, _NEWEST.get(library, ()))])
        done.touch()
    return Environment(folder)


# Where a library has no upper bound of its own, it gets the others as they were when it was published.
_COMPANIONS: Mapping[str, Mapping[str, Sequence[str]]] = {
    "peft": {
        "0.10.0": ("transformers==4.42.4",),
        "0.11.1": ("transformers==4.42.4",),
        "0.12.0": ("transformers==4.44.2",),
        "0.13.2": ("transformers==4.46.3",),
        "0.14.0": ("transformers==4.48.3",),
        "0.15.2": ("transformers==4.51.3",),
        "0.16.0": ("transformers==4.53.3",),
        "0.17.1": ("transformers==4.57.6",),
    },
    "sentence-transformers": {
        "2.2.2": ("transformers==4.42.4"),
        "2.7.0": ("transformers==4.42.4",),
        "3.0.1": ("transformers==4.44.2",),
        "3.4.1": ("transformers==4.48.3",),
        "4.1.0": ("transformers==4.51.3",),
        "5.0.0": ("transformers==4.53.3",),
        "5.1.2": ("transformers==4.57.6",),
    },
}
_NEWEST: Mapping[str, Sequence[str]] = {
    "peft": ("transformers==5.23.0",),
    "sentence-transformers": ("transformers==5.23.0",),
}


def _make(folder: Path, requirements: Sequence[str]) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    excluded = folder.parent / "excluded.txt"
    excluded.write_text("".join(f"{name}\n" for name in _LINKED))
    subprocess.run(
        [sys.executable, "-m", "uv", "venv", "-q", "--clear", "--python", sys.executable, str(folder)], check=True
    )
    packages = next((folder / "lib").glob("python*/site-packages")) if os.name != "nt" else folder / "Lib/site-packages"
    # A path file comes after the environment's own packages, so these take precedence.
    (packages / "shared.pth").write_text(f"{_shared(folder.parent)}\n")
    command = [sys.executable, "-m", "uv", "pip", "install", "-q", "--python", str(_python(folder))]
    subprocess.run([*command, "--excludes", str(excluded), *requirements], check=True)


def _python(folder: Path) -> Path:
    return folder / ("Scripts/python.exe" if os.name == "nt" else "bin/python")


def _shared(root: Path) -> Path:
    """Link the large requirements of the running interpreter into one folder."""
    shared = root / "shared"
    shared.mkdir(parents=True, exist_ok=True)
    for held in _required(_LINKED):
        for top in {str(path).split("/")[0] for path in held.files or ()} - {"..", "bin"}:
            link, target = shared / top, Path(str(held.locate_file(top)))
            if not link.exists():
                link.unlink(missing_ok=True)
                link.symlink_to(target)
    return shared


def _required(names: Iterable[str]) -> Iterator[Distribution]:
    """Yield the installed ones of some packages and of what they require, extras apart."""
    waiting, seen = list(names), set[str]()
    while waiting:
        name = waiting.pop()
        with suppress(PackageNotFoundError):
            held = distribution(name)
            if held.metadata["Name"] not in seen:
                seen.add(held.metadata["Name"])
                yield held
                waiting += [re.split(r"[^\w.-]", line)[0] for line in held.requires or () if "extra ==" not in line]


def _clean() -> dict[str, str]:
    kept = {
        name: value for name, value in os.environ.items() if not name.startswith(("PYTHON", "HF_", "TRANSFORMERS_"))
    }
    return kept | _VARIABLES
