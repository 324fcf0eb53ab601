"""The bytes that a checkpoint carries, so that nobody has to open its files again."""

from __future__ import annotations

from pathlib import Path

import pytest

from hfver.core.lfs import LFS_BYTES
from hfver.errors import BadCheckpoint, PolicyViolation
from hfver.model.checkpoint import read_checkpoint, refuse_code
from hfver.model.checkpoint.content import MAX_KEPT, is_kept
from hfver.model.compare import needs_content
from tests.model.checkpoint.conftest import Copy

MIB = 1024 * 1024


def test_small_files_and_documents_are_carried(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    extra = ("README.md", "CHANGELOG.md", "lineage.yaml", "trainer_state.json", ".hfver/manifest.json", "notes.txt")
    for name in extra:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text(f"{{}} {name}")
    (folder / "raw.bin").write_bytes(b"\0\1")
    content = read_checkpoint(folder).content
    json_files = {path.name for path in folder.glob("*.json")}
    assert set(content) == json_files | set(extra)
    assert all(data == (folder / path).read_bytes() for path, data in content.items())


def test_a_folder_that_is_only_compared_carries_what_is_compared(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    for name in ("README.md", "trainer_state.json", "notes.txt"):
        (folder / name).write_text("{}")
    content = read_checkpoint(folder, for_release=False).content
    assert {"config.json", "tokenizer.json", "README.md"} <= content.keys()
    assert {"trainer_state.json", "notes.txt"}.isdisjoint(content)


@pytest.mark.parametrize(
    ("path", "size", "kept"),
    [
        ("notes.txt", LFS_BYTES, True),
        ("notes.txt", LFS_BYTES + 1, False),
        ("empty.txt", 0, True),
        ("tokenizer.model", 10, False),
        ("model.safetensors", 10, False),
        ("empty.safetensors", 0, False),
        ("tokenizer.json", MAX_KEPT, True),
        ("tokenizer.json", MAX_KEPT + 1, False),
        ("trainer_state.json", MAX_KEPT, True),
    ],
)
def test_what_is_kept(path: str, size: int, kept: bool) -> None:
    assert is_kept(path, size, for_release=True) is kept


@pytest.mark.parametrize(
    "path",
    [
        *("config.json", "sub/generation_config.json", "tokenizer_config.json", "adapter_config.json", "modules.json"),
        *("video_preprocessor_config.json", "processor_config.json", "chat_template.jinja", "chat_template.json"),
        *("config_sentence_transformers.json", "sentence_bert_config.json", "additional_chat_templates/a.jinja"),
        *("tokenizer.json", "vocab.json", "vocab.txt", "merges.txt", "added_tokens.json", "special_tokens_map.json"),
        *("model.safetensors.index.json", "model.safetensors.index.fp16.json"),
    ],
)
@pytest.mark.parametrize("for_release", [True, False])
def test_whatever_is_compared_is_kept(path: str, for_release: bool) -> None:
    """Otherwise a comparison would open a file that has already been read."""
    sizes = [size for size in (1, MIB, 4 * MIB, 33 * MIB, 64 * MIB) if needs_content(path, size)]
    assert sizes
    assert all(is_kept(path, size, for_release=for_release) for size in sizes)


def test_code_is_refused_by_the_bytes_that_were_read(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    harmless = (folder / "config.json").read_bytes()
    (folder / "config.json").write_text('{"auto_map": {"AutoModel": "x.Y"}}')
    checkpoint = read_checkpoint(folder)
    (folder / "config.json").write_bytes(harmless)
    with pytest.raises(PolicyViolation, match=r"config\.json: auto_map"):
        refuse_code(folder, paths=checkpoint.files, content=checkpoint.content)
    refuse_code(folder, paths=checkpoint.files)


def test_a_pickle_is_recognized_by_its_bytes_whatever_the_case_of_its_name(model_folder: Path, copy: Copy) -> None:
    """Suffixes decide about Git LFS in lower case only, so files like these are kept and checked in memory."""
    folder = copy(model_folder)
    (folder / "ODD.BIN").write_bytes(b"\x80\x04}.")
    (folder / "RAW.BIN").write_bytes(b"\0\1")
    checkpoint = read_checkpoint(folder)
    assert [item.path for item in checkpoint.exclusions] == ["ODD.BIN"]
    assert "RAW.BIN" in checkpoint.files
    assert "ODD.BIN" in read_checkpoint(folder, for_release=False).files


def test_names_that_differ_in_case_collide_unless_one_is_a_pickle(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "raw.bin").write_bytes(b"\0\1")
    (folder / "Raw.bin").write_bytes(b"\x80\x04}.")
    assert "raw.bin" in read_checkpoint(folder).files
    (folder / "Raw.bin").write_bytes(b"\0\1")
    for for_release in (True, False):
        with pytest.raises(BadCheckpoint, match="ignore case"):
            read_checkpoint(folder, for_release=for_release)
