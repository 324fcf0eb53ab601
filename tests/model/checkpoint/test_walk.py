from __future__ import annotations

import os
import shutil
import socket
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import read_checkpoint
from tests.model.checkpoint.conftest import Copy


@pytest.fixture
def folder(model_folder: Path, copy: Copy) -> Path:
    return copy(model_folder)


def refusal(folder: Path) -> BadCheckpoint:
    with pytest.raises(BadCheckpoint) as raised:
        read_checkpoint(folder)
    str(raised.value).encode()
    assert str(raised.value).replace("\n", "").isprintable()
    return raised.value


@pytest.mark.parametrize(
    "name",
    [
        "training_args.bin",
        "optimizer.pt",
        "optimizer.bin",
        "scheduler.pt",
        "rng_state.pth",
        "rng_state_3.pth",
        "random_states_0.pkl",
        "scaler.pt",
        "trainer_state.json",
        "events.out.tfevents.1.host",
        "x.tmp",
        ".DS_Store",
        "sub/optimizer.pt",
        "tf_model.h5",
        "zero_to_fp32.py",
        "pytorch_model.bin.index.json",
    ],
)
def test_excluded_files_are_named(name: str, folder: Path) -> None:
    before = read_checkpoint(folder).files
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"x")
    checkpoint = read_checkpoint(folder)
    assert [item.path for item in checkpoint.exclusions] == [name]
    assert checkpoint.exclusions[0].reason
    assert checkpoint.files == before


@pytest.mark.parametrize(
    "name",
    ["checkpoint-500", "runs", "logs", "wandb", "__pycache__", ".git", ".cache", "global_step10", "optimizer_0"],
)
def test_whole_folders_are_excluded(name: str, folder: Path) -> None:
    (folder / name / "deep").mkdir(parents=True)
    os.mkfifo(folder / name / "deep" / "pipe")
    assert [item.path for item in read_checkpoint(folder).exclusions] == [f"{name}/"]


@pytest.mark.parametrize(
    "name", ["pytorch_model.bin", "model.pt", "extra.pkl", "weights.ckpt", "sub/emb.pth", "a.PT", "x.joblib"]
)
def test_pickles_beside_safetensors_are_excluded(name: str, folder: Path) -> None:
    (folder / name).parent.mkdir(exist_ok=True)
    (folder / name).write_bytes(b"\x80\x02}.")
    checkpoint = read_checkpoint(folder)
    assert [(item.path, "pickled" in item.reason) for item in checkpoint.exclusions] == [(name, True)]
    assert name not in checkpoint.files


def test_pickles_with_ambiguous_names_are_recognized_by_their_bytes(folder: Path) -> None:
    (folder / "odd.bin").write_bytes(b"\x80\x04}.")
    (folder / "zip.bin").write_bytes(b"PK\x03\x04rest")
    (folder / "raw.bin").write_bytes(b"\0\1\2\3")
    np.save(folder / "objects.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    np.save(folder / "record.npy", np.zeros(1, dtype=[("a", "O")]), allow_pickle=True)
    np.save(folder / "floats.npy", np.zeros(3))
    checkpoint = read_checkpoint(folder)
    assert [item.path for item in checkpoint.exclusions] == ["objects.npy", "odd.bin", "record.npy", "zip.bin"]
    assert {"raw.bin", "floats.npy"} <= checkpoint.files.keys()


def test_the_error_for_pickled_weights_offers_to_convert_them(pickled_folder: Path) -> None:
    error = refusal(pickled_folder)
    assert "pytorch_model.bin" in error.message
    assert "--convert" in error.hint


def test_a_module_with_pickled_weights_only(sentence_folder: Path, copy: Copy) -> None:
    folder = copy(sentence_folder)
    (folder / "2_Dense" / "model.safetensors").rename(folder / "2_Dense" / "pytorch_model.bin")
    assert "2_Dense/pytorch_model.bin" in refusal(folder).message


def test_a_pickle_without_config(tmp_path: Path) -> None:
    (tmp_path / "weights.pt").write_bytes(b"")
    assert "weights.pt" in refusal(tmp_path).message


def test_other_files_belong_to_the_author(folder: Path) -> None:
    names = ["modeling.py", "notes.txt", "extra.json", "a.gguf", "onnx/model.onnx", "sub/README.md", "all_results.json"]
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(b"[]")
    assert set(names) <= read_checkpoint(folder).files.keys()


def test_files_that_hfver_writes_are_not_the_authors(folder: Path) -> None:
    for name in ("VERSION", "CHANGELOG.md", "lineage.yaml", ".gitattributes", "model.sig", "README.md"):
        (folder / name).write_text("x")
    checkpoint = read_checkpoint(folder)
    assert [item.path for item in checkpoint.exclusions] == [
        ".gitattributes",
        "CHANGELOG.md",
        "VERSION",
        "lineage.yaml",
        "model.sig",
    ]
    (folder / ".hfver").mkdir()
    (folder / ".hfver" / "manifest.json").write_text("{}")
    pulled = read_checkpoint(folder)
    assert pulled.exclusions == ()
    assert pulled.content_digest == checkpoint.content_digest


def test_links_of_a_cached_snapshot_are_followed(model_folder: Path, tmp_path: Path) -> None:
    blobs, snapshot = tmp_path / "blobs", tmp_path / "snapshots" / ("a" * 40)
    snapshot.mkdir(parents=True)
    blobs.mkdir()
    for file in model_folder.iterdir():
        (blobs / f"blob-{file.stem}").write_bytes(file.read_bytes())
        (snapshot / file.name).symlink_to(f"../../blobs/blob-{file.stem}")
    # Two files of one stem would share a blob.
    assert len(list(blobs.iterdir())) == len(list(model_folder.iterdir()))
    assert read_checkpoint(snapshot).files == read_checkpoint(model_folder).files
    (tmp_path / "alias").symlink_to(snapshot)
    assert read_checkpoint(tmp_path / "alias").files == read_checkpoint(model_folder).files
    (tmp_path / "secret").write_bytes(b"x")
    (snapshot / "notes.txt").symlink_to("../../secret")
    assert "leads out of the folder" in refusal(snapshot).message
    (snapshot / "notes.txt").unlink()
    (blobs / "linked").symlink_to(tmp_path / "secret")
    (snapshot / "notes.txt").symlink_to("../../blobs/linked")
    assert "leads out of the folder" in refusal(snapshot).message


def test_only_a_snapshot_has_blobs(folder: Path, tmp_path: Path) -> None:
    outside = tmp_path / "blobs" / "blob"
    outside.parent.mkdir()
    outside.write_bytes(b"x")
    for name in ("snapshots/main", f"shots/{'a' * 40}"):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        shutil.copytree(folder, place)
        (place / "notes.txt").symlink_to(outside)
        assert str(outside.resolve()) in refusal(place).message


def test_links_inside_the_folder_are_followed(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "alias").symlink_to(folder)
    (folder / "relative.txt").symlink_to("config.json")
    (folder / "absolute.txt").symlink_to(folder.absolute() / "config.json")
    (folder / "chained.txt").symlink_to("relative.txt")
    (folder / "detour.txt").symlink_to(tmp_path / "alias" / "chained.txt")
    for place in (folder, tmp_path / "alias"):
        files = read_checkpoint(place).files
        names = ("relative.txt", "absolute.txt", "chained.txt", "detour.txt")
        assert {files[name].sha256 for name in names} == {files["config.json"].sha256}


@pytest.mark.parametrize(
    "target", ["absolute", "relative", "a chain", "past a linked folder", "a name that says inside"]
)
def test_links_that_lead_out_of_the_folder_are_refused(target: str, folder: Path, tmp_path: Path) -> None:
    """A name in the folder must not publish a file from elsewhere; the message says where the link leads."""
    outside = tmp_path / f"{folder.name}-secret" / "key.txt"
    outside.parent.mkdir()
    outside.write_bytes(b"x")
    (tmp_path / "hop").symlink_to(outside)
    (folder / "runs").symlink_to(outside.parent)
    links: dict[str, str | Path] = {
        "absolute": outside,
        "relative": f"../{outside.parent.name}/key.txt",
        "a chain": tmp_path / "hop",
        "past a linked folder": "runs/key.txt",
        "a name that says inside": folder / ".." / outside.parent.name / "key.txt",
    }
    (folder / "notes.txt").symlink_to(links[target])
    error = refusal(folder)
    assert "notes.txt is a link" in error.message
    assert str(outside.resolve()) in error.message
    assert "remove the link" in error.hint


def test_a_link_to_a_folder(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "elsewhere").mkdir()
    (folder / "sub").symlink_to(tmp_path / "elsewhere")
    assert "link to a folder" in refusal(folder).message


def test_a_link_to_the_folder_above_does_not_loop(folder: Path) -> None:
    (folder / "up").symlink_to("..")
    assert "link to a folder" in refusal(folder).message


def test_links_that_lead_nowhere(folder: Path) -> None:
    (folder / "gone.txt").symlink_to("nowhere")
    assert "leads nowhere" in refusal(folder).message
    (folder / "gone.txt").unlink()
    (folder / "self.txt").symlink_to("self.txt")
    assert "self.txt" in refusal(folder).message


def test_pipes_and_sockets(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    os.mkfifo(folder / "pipe.json")
    assert "pipe.json" in refusal(folder).message
    (folder / "pipe.json").unlink()
    monkeypatch.chdir(folder)
    with socket.socket(socket.AF_UNIX) as server:
        server.bind("here.json")
        assert "here.json" in refusal(folder).message
    (folder / "here.json").unlink()
    (folder / "null.json").symlink_to("/dev/zero")
    assert "null.json" in refusal(folder).message


@pytest.mark.parametrize(
    "name",
    [b"bad\xff.txt", b"back\\slash", b"new\nline", b"colon:x", b"tab\t", b"dot.", b"space ", b"esc\x1b[31m", b'q"'],
)
def test_names_that_cannot_be_published(name: bytes, folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/" + name)).write_bytes(b"")
    assert "Rename" in refusal(folder).hint


@pytest.mark.parametrize(
    ("one", "two"),
    [
        ("Notes.txt", "notes.txt"),
        ("a/x", "A/y"),
        ("sub", "SUB/x"),
        ("caf\u00e9.txt", "cafe\u0301.txt"),
        ("readme.md", "other"),
        ("README.md/x", "other"),
        ("Version", "other"),
    ],
)
def test_names_that_collide(one: str, two: str, folder: Path) -> None:
    for name in (one, two):
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(name)
    assert "on systems that ignore case" in refusal(folder).message


@pytest.fixture
def as_nobody(model_folder: Path) -> Iterator[Path]:
    """A copy of the model, for tests that become another user than root, who may read everything."""
    read_checkpoint(model_folder)  # imports what it needs while it still can
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(shutil.copytree(model_folder, Path(temporary) / "model"))
        Path(temporary).chmod(0o755)
        (folder / "sub").mkdir()
        (folder / "sub" / "notes.txt").write_text("x")
        (folder / "model.safetensors").chmod(0o644)  # safetensors makes it readable for its owner only
        user = os.geteuid()
        try:
            yield folder
        finally:
            os.seteuid(user)
            (folder / "sub").chmod(0o700)


@pytest.mark.parametrize("name", ["config.json", "model.safetensors", "sub/notes.txt", "sub"])
def test_unreadable_files_are_named(name: str, as_nobody: Path) -> None:
    (as_nobody / name).chmod(0)
    if os.geteuid() == 0:
        os.seteuid(65534)
    error = refusal(as_nobody)
    assert name in error.message
    assert "cannot be read: Permission denied" in error.message
