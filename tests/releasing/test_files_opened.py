"""A release opens each file of the checkpoint once: an audit hook sees every open of this process."""

from __future__ import annotations

import os
import sys
import time
import traceback
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import BadCheckpoint
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"

# Where a second open is allowed. An object must be hashed before the Hub can be asked whether it has it, so what is
# uploaded is read again: the Hub compares the SHA-256 of what it receives, and the folder is checked before the commit.
# The smoke eval, which is off here, loads the model from the folder with the libraries that users load it with.
UPLOAD = "hfver/hub/upload.py"

_watched: Path | None = None
_opened: list[tuple[str, bool]] = []


def _note(event: str, args: tuple[object, ...]) -> None:
    if _watched is None or event != "open" or not isinstance(args[0], str | bytes | os.PathLike):
        return
    path = Path(os.fsdecode(args[0]))
    if not path.is_relative_to(_watched) or not path.is_file():
        return
    stack = traceback.extract_stack()
    # `FileIO(path, opener=...)` raises the event for itself and again for the `os.open` of its opener.
    if not any(frame.name == "_open" and frame.filename.endswith("untrusted_files.py") for frame in stack):
        uploading = any(Path(frame.filename).as_posix().endswith(UPLOAD) for frame in stack)
        _opened.append((path.relative_to(_watched).as_posix(), uploading))


@contextmanager
def watched(folder: Path) -> Iterator[list[tuple[str, bool]]]:
    """Collect which files of a folder are opened, and whether for an upload. One hook serves all tests."""
    global _watched
    if not hasattr(sys, "_hfver_open_hook"):  # a hook cannot be removed
        sys.addaudithook(_note)
        sys._hfver_open_hook = True  # type: ignore[attr-defined]
    _opened.clear()
    _watched = folder
    try:
        yield _opened
    finally:
        _watched = None


@pytest.fixture
def folder(checkpoint: MakeCheckpoint) -> Path:
    """A checkpoint with everything that some part of a release reads."""
    folder = checkpoint()
    (folder / "README.md").write_text("---\nlicense: mit\n---\n# Bot\n")
    (folder / "CHANGELOG.md").write_text("# Changelog\n")
    (folder / "lineage.yaml").write_text("training: {steps: 7}\n")
    (folder / "trainer_state.json").write_text('{"global_step": 7}')
    (folder / "all_results.json").write_text('{"eval_loss": 1.5}')
    (folder / "notes.txt").write_text("of the author\n")
    (folder / "raw.bin").write_bytes(bytes(100_000))
    (folder / "large.jsonl").write_bytes(b'{"a": 1}\n' * 1_300_000)  # more than a commit takes as a regular file
    (folder / "model.fp16.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    time.sleep(2.1)  # the cache does not trust files that were written less than two seconds ago
    return folder


def read_times(opened: list[tuple[str, bool]]) -> dict[str, int]:
    """Count how often each file was opened, without uploads."""
    return dict(Counter(path for path, uploading in opened if not uploading))


def test_each_file_is_opened_once(folder: Path, local_hub: LocalHub) -> None:
    everything = {path.name for path in folder.iterdir()}
    with watched(folder) as opened:
        hfver.release(folder, REPO, hub=local_hub, smoke="off")
    assert read_times(opened) == dict.fromkeys(everything, 1)
    uploads = Counter(path for path, uploading in opened if uploading)
    # The two weights files are equal, and the Hub takes an object once.
    assert set(uploads) - {"model.fp16.safetensors"} <= {"model.safetensors", "raw.bin", "large.jsonl"}
    assert max(uploads.values()) == 1


def test_the_next_release_does_not_open_large_files_that_did_not_change(folder: Path, local_hub: LocalHub) -> None:
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    move_weights(folder, 3)
    with watched(folder) as opened:
        assert hfver.release(folder, REPO, hub=local_hub, smoke="off").version == "1.1.0"
    times = read_times(opened)
    assert set(times.values()) == {1}
    assert {"large.jsonl", "model.fp16.safetensors"}.isdisjoint(times)
    assert {"config.json", "tokenizer.json", "README.md", "model.safetensors"} <= times.keys()
    assert [path for path, uploading in opened if uploading] == ["model.safetensors"]


def test_a_dry_run_and_a_refused_release_open_no_more(folder: Path, local_hub: LocalHub) -> None:
    with watched(folder) as opened:
        hfver.release(folder, REPO, hub=local_hub, smoke="off", dry_run=True)
    assert set(read_times(opened).values()) == {1}
    (folder / "tokenizer_config.json").write_text('{"auto_map": {"AutoTokenizer": "x.Y"}}')
    with watched(folder) as opened, pytest.raises(hfver.HfverError, match="asks for code"):
        hfver.release(folder, REPO, hub=local_hub, smoke="off")
    assert set(read_times(opened).values()) == {1}


@pytest.mark.parametrize("name", ["config.json", "notes.txt", "large.jsonl"])
def test_a_file_that_changes_after_it_was_read_stops_the_release(name: str, folder: Path, local_hub: LocalHub) -> None:
    def meddle(label: str, done: int, total: int) -> None:
        if label == "uploading" and done == total:
            (folder / name).write_bytes((folder / name).read_bytes() + b"\n")

    with pytest.raises(BadCheckpoint, match=f"{name} changed since it was read"):
        hfver.release(folder, REPO, hub=local_hub, smoke="off", progress=meddle)
    assert hfver.versions(REPO, hub=local_hub).releases == ()
