from __future__ import annotations

import hashlib
import json
from pathlib import Path

import pytest
import xxhash
from safetensors import safe_open

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import BaseHint, Checkpoint, read_checkpoint
from tests.model.checkpoint.conftest import Copy


def test_a_model_is_described_as_its_files_say(model_folder: Path) -> None:
    checkpoint = read_checkpoint(model_folder)
    assert checkpoint.kind == "model"
    assert (checkpoint.library_name, checkpoint.pipeline_tag) == ("transformers", "text-generation")
    assert (checkpoint.model_type, checkpoint.architectures) == ("llama", ("LlamaForCausalLM",))
    assert checkpoint.config["hidden_size"] == 16
    assert checkpoint.generation_config
    assert checkpoint.tokenizer_config["eos_token"] == "</s>"
    assert checkpoint.adapter_config == {}
    assert (checkpoint.readme, checkpoint.base, checkpoint.exclusions, checkpoint.secrets) == (None, None, (), {})
    assert checkpoint.dtypes == ("F32",)
    assert checkpoint.content_digest.startswith("sha256:")


def test_files_have_their_size_and_sha256(model_folder: Path) -> None:
    checkpoint = read_checkpoint(model_folder)
    assert list(checkpoint.files) == sorted(path.name for path in model_folder.iterdir())
    for path, entry in checkpoint.files.items():
        data = (model_folder / path).read_bytes()
        assert (entry.size, entry.sha256) == (len(data), hashlib.sha256(data).hexdigest())


def _from_the_library(folder: Path) -> dict[str, tuple[str, tuple[int, ...], str]]:
    found = {}
    for file in folder.glob("*.safetensors"):
        with safe_open(file, "pt") as opened:
            for name in opened.keys():  # noqa: SIM118 - not a mapping
                data = opened.get_tensor(name).contiguous().numpy().tobytes()
                shape = tuple(opened.get_slice(name).get_shape())
                found[name] = (file.name, shape, f"xxh3:{xxhash.xxh3_128_hexdigest(data)}")
    return found


@pytest.mark.parametrize("made", ["model_folder", "sharded_folder", "adapter_folder"])
def test_tensors_are_those_of_the_safetensors_library(made: str, request: pytest.FixtureRequest) -> None:
    folder: Path = request.getfixturevalue(made)
    checkpoint = read_checkpoint(folder)
    assert {t.name: (t.file, t.shape, t.digest) for t in checkpoint.tensors} == _from_the_library(folder)
    assert [t.name for t in checkpoint.tensors] == sorted(t.name for t in checkpoint.tensors)
    assert checkpoint.parameters == sum(t.nbytes // 4 for t in checkpoint.tensors)


def test_shards_hold_what_the_single_file_holds(model_folder: Path, sharded_folder: Path) -> None:
    one, many = read_checkpoint(model_folder), read_checkpoint(sharded_folder)
    assert {t.name: t.digest for t in one.tensors} == {t.name: t.digest for t in many.tensors}
    assert len({t.file for t in many.tensors}) > 1


def test_an_adapter_names_its_base(adapter_folder: Path) -> None:
    checkpoint = read_checkpoint(adapter_folder)
    assert (checkpoint.kind, checkpoint.library_name) == ("adapter", "peft")
    assert checkpoint.pipeline_tag == "text-generation"
    assert checkpoint.base == BaseHint("demo/base", None, "adapter")
    assert "README.md" not in checkpoint.files
    assert checkpoint.readme is not None


def test_modules_of_sentence_transformers_keep_their_tensors_apart(sentence_folder: Path) -> None:
    checkpoint = read_checkpoint(sentence_folder)
    assert (checkpoint.kind, checkpoint.library_name) == ("sentence-transformers", "sentence-transformers")
    assert checkpoint.pipeline_tag == "sentence-similarity"
    assert checkpoint.model_type == "bert"
    names = {tensor.name for tensor in checkpoint.tensors}
    assert {"2_Dense/linear.weight", "3_Dense/linear.weight", "pooler.dense.weight"} <= names


def test_the_config_of_a_nested_transformer_is_used(sentence_folder: Path, copy: Copy) -> None:
    folder = copy(sentence_folder)
    inner = folder / "0_Transformer"
    inner.mkdir()
    for name in ("config.json", "model.safetensors"):
        (folder / name).rename(inner / name)
    rows = json.loads((folder / "modules.json").read_text())
    rows[0]["path"] = "0_Transformer"
    (folder / "modules.json").write_text(json.dumps(rows))
    checkpoint = read_checkpoint(folder)
    assert checkpoint.model_type == "bert"
    assert any(tensor.name == "0_Transformer/pooler.dense.weight" for tensor in checkpoint.tensors)


def test_a_variant_does_not_count_as_main_weights(model_folder: Path, copy: Copy) -> None:
    folder, plain = copy(model_folder), read_checkpoint(model_folder)
    (folder / "model.fp16.safetensors").write_bytes((folder / "model.safetensors").read_bytes())
    checkpoint = read_checkpoint(folder)
    assert checkpoint.parameters == plain.parameters
    assert len(checkpoint.tensors) == 2 * len(plain.tensors)
    assert any(t.name == "model.fp16.safetensors:lm_head.weight" for t in checkpoint.tensors)


@pytest.mark.parametrize(
    ("front", "expected"),
    [
        ("base_model: ns/base", BaseHint("ns/base", None, "finetune")),
        ("base_model:\n- ns/base\nbase_model_relation: quantized", BaseHint("ns/base", None, "quantized")),
        ("base_model: [ns/a, ns/b]", BaseHint("ns/a", None, "merge")),
        ("base_model: null", None),
        ("license: mit", None),
        ("a: 2001-99-99\nb: 1" + ":1" * 100_000, None),
        ("- a list", None),
    ],
)
def test_the_card_names_the_base(front: str, expected: BaseHint | None, model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "README.md").write_text(f"---\n{front}\n---\n# Mine\n")
    assert read_checkpoint(folder).base == expected


@pytest.mark.parametrize("before", ["\n", " \r\n\t\n", "\ufeff", "\ufeff\n"])
def test_what_comes_before_the_front_matter_does_not_hide_the_base(before: str, model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "README.md").write_text(f"{before}---\nbase_model: ns/base\n---\n# Mine\n")
    assert read_checkpoint(folder).base == BaseHint("ns/base", None, "finetune")


def test_a_card_without_front_matter_is_prose(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "README.md").write_text("# Mine\n---\nbase_model: x\n---\n")
    checkpoint = read_checkpoint(folder)
    assert (checkpoint.base, checkpoint.readme) == (None, "# Mine\n---\nbase_model: x\n---\n")


def test_equal_files_have_equal_content_digests(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "README.md").write_text("other prose")
    assert read_checkpoint(folder).content_digest == read_checkpoint(model_folder).content_digest
    (folder / "notes.txt").write_text("a change")
    assert read_checkpoint(folder).content_digest != read_checkpoint(model_folder).content_digest


def test_progress_ends_at_the_total(sharded_folder: Path) -> None:
    calls: list[tuple[str, int, int]] = []
    checkpoint = read_checkpoint(sharded_folder, progress=lambda *call: calls.append(call))
    assert {label for label, _, _ in calls} == {"hashing"}
    size = sum(path.stat().st_size for path in sharded_folder.iterdir())
    assert sum(entry.size for entry in checkpoint.files.values()) == size
    assert max(done for _, done, _ in calls) == size
    assert {total for _, _, total in calls} == {size}


def _broken(folder: Path, name: str, text: str | bytes) -> str:
    data = text if isinstance(text, bytes) else text.encode()
    (folder / name).write_bytes(data)
    with pytest.raises(BadCheckpoint) as raised:
        read_checkpoint(folder)
    assert name in raised.value.message
    return raised.value.message


@pytest.mark.parametrize(
    "text",
    ["", "{", '{"a": 1, "a": 2}', "[1]", '{"a": NaN}', "[" * 100_000, b"\xff\xfe{\0}\0", b"\xef\xbb\xbf{}"],
)
def test_a_broken_config_is_named(text: str | bytes, model_folder: Path, copy: Copy) -> None:
    _broken(copy(model_folder), "config.json", text)


def test_a_broken_config_is_named_with_its_line(model_folder: Path, copy: Copy) -> None:
    assert "line 3" in _broken(copy(model_folder), "config.json", '{\n"a": 1,\n"b" 2}')


def test_an_oversized_config_is_not_read(model_folder: Path, copy: Copy) -> None:
    assert "bytes" in _broken(copy(model_folder), "config.json", " " * (16 * 1024 * 1024 + 1))


@pytest.mark.parametrize(
    "text",
    [
        "---\na: &x [1]\nb: *x\n---\n",
        "---\na: [\n---\n",
        "---\n" + "[" * 20_000 + "\n---\n",
        "---\n" + "? " * 20_000 + "\n---\n",
        b"\xff\xfe",
        b"x" * (2 * 1024 * 1024 + 1),
        "---\na: " + "x" * 600_000 + "\n---\n",
        "---\na: !!python/object/apply:os.abort []\n---\n",
        "---\na: 1\na: 2\n---\n",
    ],
)
def test_a_broken_card_is_named(text: str | bytes, model_folder: Path, copy: Copy) -> None:
    _broken(copy(model_folder), "README.md", text)


def test_a_broken_card_is_named_with_its_line(model_folder: Path, copy: Copy) -> None:
    assert "line 4" in _broken(copy(model_folder), "README.md", "\n---\na: 1\nb: *x\n---\n")


def test_a_folder_with_a_broken_card_can_be_compared(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "README.md").write_text("---\nbase_model: a/b\na: 1\na: 2\n---\n")
    assert read_checkpoint(folder, for_release=False).base is None


def test_reading_changes_nothing(sharded_folder: Path) -> None:
    def look() -> dict[str, tuple[int, int]]:
        return {p.name: (p.stat().st_mtime_ns, p.stat().st_ctime_ns) for p in sharded_folder.iterdir()}

    before = look()
    read_checkpoint(sharded_folder)
    assert look() == before


def test_a_checkpoint_is_a_value(model_folder: Path) -> None:
    first, second = read_checkpoint(model_folder), read_checkpoint(model_folder)
    assert isinstance(first, Checkpoint)
    assert first == second
