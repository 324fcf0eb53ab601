"""Sides written to disk, and scripts run in a worker that has imported transformers already."""

from __future__ import annotations

import contextlib
import hashlib
import io
import json
import os
import runpy
import sys
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy
import yaml

from hfver.core.version import Bump
from hfver.model.compare import Change, Difference, Side, compare
from hfver.model.compare.witness import find_witnesses, write_witnesses

_DTYPES = {"F32": "<f4", "F16": "<f2", "BF16": "<u2", "I32": "<i4", "I64": "<i8", "F64": "<f8", "U8": "u1", "I8": "i1"}


def materialize(side: Side, folder: Path) -> Path:
    """Write a side: its small files, safetensors with its tensors' names and forms, and a card with its metadata."""
    folder.mkdir(parents=True)
    for path in side.files:
        if not path.endswith(".safetensors"):
            _write(folder / path, side.contents.get(path, side.files[path].encode()))
    if side.card:
        text = f"---\n{yaml.safe_dump(dict(side.card))}---\n"
        _write(folder / "README.md", text.encode())
    for file in {tensor.file for tensor in side.tensors}:
        _write(folder / file, _safetensors(side, file))
    return folder


def with_real_hashes(side: Side) -> Side:
    """Return a side whose weights have the hashes of the files that ``materialize`` writes."""
    held = {tensor.file for tensor in side.tensors}
    real = {file: f"sha256:{hashlib.sha256(_safetensors(side, file)).hexdigest()}" for file in held}
    return replace(side, files={**side.files, **real})


def _write(path: Path, data: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)


def _safetensors(side: Side, file: str) -> bytes:
    header: dict[str, Any] = {}
    body = b""
    for tensor in sorted((one for one in side.tensors if one.file == file), key=lambda one: one.name):
        name = tensor.name.removeprefix(f"{file}:")
        parent = file.rpartition("/")[0]
        name = name.removeprefix(f"{parent}/") if parent else name
        size = numpy.zeros(tensor.shape, _DTYPES[tensor.dtype]).nbytes
        # Another digest, other bytes.
        data = (hashlib.sha256(tensor.digest.encode()).digest() * (size // 32 + 1))[:size]
        header[name] = {
            "dtype": tensor.dtype,
            "shape": list(tensor.shape),
            "data_offsets": [len(body), len(body) + len(data)],
        }
        body += data
    text = json.dumps(header).encode()
    text += b" " * (-len(text) % 8)
    return len(text).to_bytes(8, "little") + text + body


@dataclass(frozen=True)
class Run:
    """How a script ended, and what it said."""

    code: int
    said: str


def run(script: Path, folder: Path) -> Run:
    """Run a script as ``python SCRIPT FOLDER`` does, in a fork of this process."""
    reader, writer = os.pipe()
    child = os.fork()
    if not child:
        code, said = 70, io.StringIO()
        try:
            os.close(reader)
            sys.argv = [str(script), str(folder)]
            with contextlib.redirect_stdout(said), contextlib.redirect_stderr(said):
                runpy.run_path(str(script), run_name="__main__")
        except SystemExit as end:
            code = int(end.code or 0)
        except BaseException as error:  # the fork must end here, whatever happens
            said.write(repr(error))
        os.write(writer, said.getvalue().encode(errors="backslashreplace")[:60000])
        os._exit(code)
    os.close(writer)
    with os.fdopen(reader, "rb") as stream:
        said_all = stream.read().decode(errors="replace")
    return Run(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), said_all)


@dataclass(frozen=True)
class Result:
    """One MAJOR change, and what its witness did."""

    change: Change
    before: Run | None
    after: Run | None

    @property
    def is_right(self) -> bool:
        """Whether the script passes on the older side and fails on the newer one, or says why there is none."""
        witness = self.change.witness
        if witness is None or witness.file is None:
            return witness is not None and bool(witness.reason)
        return bool(self.before and self.after and self.before.code == 0 and self.after.code == 1)


def witnessed(before: Side, after: Side, folder: Path) -> list[Result]:
    """Compare two sides, write the witnesses of the MAJOR changes, and run each on both sides."""
    before, after = with_real_hashes(before), with_real_hashes(after)
    found, scripts = find_witnesses(before, after, compare(before, after))
    made = folder / "witnesses"
    write_witnesses(made, "before", "after", found, scripts)
    sides = [materialize(side, folder / name) for side, name in ((before, "a"), (after, "b"))]
    return [_result(change, made, sides) for change in majors(found)]


def majors(found: Difference) -> list[Change]:
    return [change for change in found.changes if change.level is Bump.MAJOR]


def _result(change: Change, made: Path, sides: list[Path]) -> Result:
    if change.witness is None or change.witness.file is None:
        return Result(change, None, None)
    script = made / change.witness.file
    return Result(change, run(script, sides[0]), run(script, sides[1]))
