"""What a pair is, and how its files are written."""

from __future__ import annotations

import hashlib
import json
import tempfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from hfver.core.version import Bump
from hfver.model.compare import Side, describe_folder

__all__ = ["MAJOR", "MINOR", "PATCH", "MadePair", "saved_config", "saved_files", "side_of", "write_files", "written"]

MAJOR, MINOR, PATCH = Bump.MAJOR, Bump.MINOR, Bump.PATCH

Files = Mapping[str, Any]
"""Files by path: bytes, text, or what is written as JSON."""


@dataclass(frozen=True)
class MadePair:
    """Two sides and the level of their difference.

    Attributes:
        name: What changed, in a few words.
        family: Text, vision, speech, generation, processors, templates, and so on.
        level: The level that the contract gives.
        before: Makes the files on one side.
        after: Makes the files on the other side.
        why: Where the level may surprise: the reason.
    """

    name: str
    family: str
    level: Bump
    before: Callable[[], Files]
    after: Callable[[], Files]
    why: str = field(default="", compare=False)

    def sides(self) -> tuple[Side, Side]:
        """Write both sides."""
        return side_of(self.before()), side_of(self.after())


def side_of(files: Files) -> Side:
    """Make one side of files alone; weights among them are read as those of a folder."""
    contents = {path: written(value) for path, value in files.items()}
    if any(path.endswith(".safetensors") for path in contents):
        with tempfile.TemporaryDirectory() as folder:
            write_files(files, folder)
            found = describe_folder(Path(folder))
            return replace(found.side(found), name="made")
    identities = {path: f"sha256:{hashlib.sha256(data).hexdigest()}" for path, data in contents.items()}
    return Side(name="made", files=identities, contents=contents)


def written(value: Any) -> bytes:
    """Serialize a file: bytes and text as they are, everything else as JSON."""
    if isinstance(value, bytes):
        return value
    return (value if isinstance(value, str) else json.dumps(value, indent=2)).encode()


def saved_config(kind: str, *, whole: bool = False, **settings: Any) -> dict[str, Any]:
    """Return config.json as ``save_pretrained`` writes it, or with every default spelled out."""
    from transformers import AutoConfig

    config: Any = AutoConfig.for_model(kind, **settings)
    if whole:
        return dict(json.loads(config.to_json_string(use_diff=False)))
    with tempfile.TemporaryDirectory() as folder:
        config.save_pretrained(folder)
        return dict(json.loads(Path(folder, "config.json").read_text()))


def write_files(files: Files, folder: str) -> None:
    """Write files into a folder."""
    for path, value in files.items():
        Path(folder, path).parent.mkdir(parents=True, exist_ok=True)
        Path(folder, path).write_bytes(written(value))


def saved_files(save: Callable[[str], object]) -> dict[str, Any]:
    """Return what a library saves into a folder: JSON as values, everything else as bytes."""
    with tempfile.TemporaryDirectory() as folder:
        save(folder)
        paths = sorted(path for path in Path(folder).rglob("*") if path.is_file())
        return {
            path.relative_to(folder).as_posix(): json.loads(path.read_text())
            if path.suffix == ".json"
            else path.read_bytes()
            for path in paths
        }
