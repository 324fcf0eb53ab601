"""The folder of the witnesses: scripts and an index, written atomically; what somebody else wrote stays as it is."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hfver.core.version import Bump
from hfver.errors import UsageError
from hfver.model.compare.difference import Change, Difference
from hfver.model.compare.json_values import printable
from hfver.model.compare.witness.script import MARK

__all__ = ["INDEX", "write_witnesses"]

INDEX = "README.md"
_INDEX_MARK = "<!-- Written by hfver diff --witness. -->"
_NAME = re.compile(r"\d{2,}-[a-z-]+.*\.py")
_KINDS = {"behavior": "what the libraries make of it", "content": "what the file says", "hash": "only the hash"}


def write_witnesses(
    directory: Path, before: str, after: str, difference: Difference, scripts: Mapping[str, str]
) -> None:
    """Write the scripts and an index, and remove the scripts of an earlier call.

    Args:
        directory: The folder; it is made if it does not exist.
        before: What people call the older side.
        after: What people call the newer side.
        difference: The difference, with its witnesses.
        scripts: The scripts by file name.

    Raises:
        UsageError: The folder has a file of the same name that hfver did not write, or cannot be written to.
    """
    files = {**scripts, INDEX: _index(before, after, difference)}
    try:
        directory.mkdir(parents=True, exist_ok=True)
        foreign = sorted(name for name in files if _exists(directory / name) and not _is_ours(directory / name))
        if foreign:
            raise UsageError(
                f"{directory} has a {foreign[0]} that hfver did not write.", "Name a different folder: --witness DIR"
            )
        for name, text in files.items():
            _write(directory / name, text.encode())
        for path in sorted(directory.iterdir()):
            if path.name not in files and _NAME.fullmatch(path.name) and _is_ours(path):
                path.unlink()
    except OSError as error:
        raise UsageError(
            f"{directory} cannot be written: {error.strerror}.", "Name a different folder: --witness DIR"
        ) from None


def _exists(path: Path) -> bool:
    return path.exists() or path.is_symlink()


def _is_ours(path: Path) -> bool:
    if path.is_symlink() or not path.is_file():
        return False
    mark = (_INDEX_MARK if path.name == INDEX else MARK).encode()
    with path.open("rb") as file:
        return file.read(len(mark)) == mark


def _write(path: Path, data: bytes) -> None:
    part = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        with part.open("xb") as file:
            file.write(data)
        if path.exists():
            part.replace(path)
        else:
            # Unlike a rename, a link fails if somebody else has written the file in the meantime.
            os.link(part, path)
    finally:
        with suppress(OSError):
            part.unlink()


def _index(before: str, after: str, difference: Difference) -> str:
    majors = [change for change in difference.changes if change.level is Bump.MAJOR]
    shown = [change for change in majors if change.witness and change.witness.file]
    lines = [
        _INDEX_MARK,
        "# Witnesses",
        "",
        f"From {_cell(before)} to {_cell(after)}: {len(shown)} of {len(majors)} MAJOR changes have a witness.",
        "",
        "Each script takes the folder of a model. It exits with code 0 for the older side, and with 1 for the newer",
        "one and says what differs. It needs plain transformers, tokenizers or safetensors, and not hfver.",
        "",
        "| change | what it means | witness |",
        "|---|---|---|",
        *(
            f"| `{change.rule}` {_cell(change.where)} | {_cell(change.message)} | {_told(change)} |"
            for change in majors
        ),
    ]
    return "\n".join(lines) + "\n"


def _told(change: Change) -> str:
    witness = change.witness
    if witness is None or witness.file is None:
        return witness.reason if witness else ""
    return f"[{witness.file}]({witness.file}): {_KINDS[witness.kind]}"


def _cell(text: str) -> str:
    """Write text from a model's files so that Markdown shows it as it is."""
    return re.sub(r"([\\`*_{}\[\]<>()#+!|~&$])", r"\\\1", printable(text, 400))
