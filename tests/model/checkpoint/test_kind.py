from __future__ import annotations

import json
from pathlib import Path

import pytest

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import read_checkpoint
from hfver.model.checkpoint.tasks import pipeline_tag_of
from tests.model.checkpoint.conftest import Copy


def refusal(folder: Path) -> BadCheckpoint:
    with pytest.raises(BadCheckpoint) as raised:
        read_checkpoint(folder)
    assert "\n" not in raised.value.message
    return raised.value


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    assert str(tmp_path / "nothing") in refusal(tmp_path / "nothing").message


def test_the_error_for_an_empty_folder_says_what_to_do(tmp_path: Path) -> None:
    error = refusal(tmp_path)
    assert "no config.json" in error.message
    assert "save_pretrained" in error.hint


def test_weights_without_config(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "config.json").unlink()
    assert "weights without config.json" in refusal(folder).message


def test_config_without_weights(model_folder: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    (folder / "model.safetensors").unlink()
    error = refusal(folder)
    assert "model.safetensors is missing" in error.message
    assert "save_pretrained" in error.hint


def test_the_error_for_a_run_folder_names_the_last_checkpoint(model_folder: Path, tmp_path: Path, copy: Copy) -> None:
    folder = copy(model_folder)
    for number in (500, 1000):
        (tmp_path / "out" / f"checkpoint-{number}").mkdir(parents=True)
    assert "checkpoint-1000" in refusal(tmp_path / "out").hint
    folder.rename(tmp_path / "out" / "final")
    assert "checkpoint-1000" in refusal(tmp_path / "out").hint


def test_the_error_for_a_parent_folder_names_the_checkpoint(model_folder: Path, tmp_path: Path, copy: Copy) -> None:
    (tmp_path / "out").mkdir()
    copy(model_folder).rename(tmp_path / "out" / "final")
    assert "final" in refusal(tmp_path / "out").hint


def test_an_adapter_without_weights(adapter_folder: Path, copy: Copy) -> None:
    folder = copy(adapter_folder)
    (folder / "adapter_model.safetensors").unlink()
    assert "adapter_model.safetensors is missing" in refusal(folder).message
    (folder / "adapter_model.bin").write_bytes(b"\x80\x02}.")
    assert "--convert" in refusal(folder).hint


def test_a_model_and_an_adapter_in_one_folder_are_refused(adapter_folder: Path, model_folder: Path, copy: Copy) -> None:
    folder = copy(adapter_folder)
    for name in ("config.json", "model.safetensors"):
        (folder / name).write_bytes((model_folder / name).read_bytes())
    assert "one of them" in refusal(folder).message


@pytest.mark.parametrize(
    "modules",
    [
        "{}",
        "[]",
        "[3]",
        '[{"type": "x.Transformer"}]',
        '[{"type": "x.Transformer", "path": "../up"}]',
        '[{"type": "x.Transformer", "path": "/etc"}]',
        '[{"type": "sentence_transformers.models.Transformer", "path": "nowhere"}]',
    ],
)
def test_broken_modules(modules: str, sentence_folder: Path, copy: Copy) -> None:
    folder = copy(sentence_folder)
    (folder / "modules.json").write_text(modules)
    refusal(folder)


def test_modules_without_weights(sentence_folder: Path, copy: Copy) -> None:
    folder = copy(sentence_folder)
    (folder / "model.safetensors").unlink()
    assert "no weights" in refusal(folder).message


def test_a_missing_shard(sharded_folder: Path, copy: Copy) -> None:
    folder = copy(sharded_folder)
    shard = sorted(folder.glob("model-*.safetensors"))[1]
    shard.unlink()
    assert shard.name in refusal(folder).message


def test_a_missing_index(sharded_folder: Path, copy: Copy) -> None:
    folder = copy(sharded_folder)
    (folder / "model.safetensors.index.json").unlink()
    assert "model.safetensors.index.json" in refusal(folder).message


@pytest.mark.parametrize("name", ["model-00009-of-00009.safetensors", "model.safetensors"])
def test_a_stale_weights_file(name: str, sharded_folder: Path, model_folder: Path, copy: Copy) -> None:
    folder = copy(sharded_folder)
    (folder / name).write_bytes((model_folder / "model.safetensors").read_bytes())
    error = refusal(folder)
    assert name in error.message
    assert "earlier save" in error.message


def _change_index(folder: Path, **changes: object) -> Path:
    path = folder / "model.safetensors.index.json"
    index = json.loads(path.read_text())
    index["weight_map"] |= changes
    path.write_text(json.dumps(index))
    return folder


def test_a_tensor_that_is_not_in_its_shard(sharded_folder: Path, copy: Copy) -> None:
    name = sorted(path.name for path in sharded_folder.glob("model-*"))[0]
    assert "'ghost'" in refusal(_change_index(copy(sharded_folder), ghost=name)).message


@pytest.mark.parametrize("shard", ["../model.safetensors", "/etc/passwd", 3, None, ["x"], "config.json"])
def test_an_index_that_names_a_file_elsewhere_is_refused(shard: object, sharded_folder: Path, copy: Copy) -> None:
    refusal(_change_index(copy(sharded_folder), ghost=shard))


@pytest.mark.parametrize("text", ["{}", "[]", '{"weight_map": []}', '{"weight_map": {}}', "{"])
def test_a_broken_index(text: str, sharded_folder: Path, copy: Copy) -> None:
    folder = copy(sharded_folder)
    (folder / "model.safetensors.index.json").write_text(text)
    refusal(folder)


def test_a_tensor_that_is_in_two_shards(sharded_folder: Path, copy: Copy) -> None:
    folder = copy(sharded_folder)
    one, two = sorted(folder.glob("model-*.safetensors"))[:2]
    two.write_bytes(one.read_bytes())
    refusal(folder)


@pytest.mark.parametrize(
    ("architecture", "model_type", "tag"),
    [
        ("LlamaForCausalLM", "llama", "text-generation"),
        ("GPT2LMHeadModel", "gpt2", "text-generation"),
        ("BertForMaskedLM", "bert", "fill-mask"),
        ("BertForSequenceClassification", "bert", "text-classification"),
        ("BertForTokenClassification", "bert", "token-classification"),
        ("BertForQuestionAnswering", "bert", "question-answering"),
        ("TapasForQuestionAnswering", "tapas", "question-answering"),
        ("ViTForImageClassification", "vit", "image-classification"),
        ("WhisperForConditionalGeneration", "whisper", "automatic-speech-recognition"),
        ("SpeechEncoderDecoderForSpeechSeq2Seq", "x", "automatic-speech-recognition"),
        ("Wav2Vec2ForCTC", "wav2vec2", "automatic-speech-recognition"),
        ("T5ForConditionalGeneration", "t5", None),
        ("MarianMTModel", "marian", "translation"),
        ("PegasusForConditionalGeneration", "pegasus", "summarization"),
        ("LlavaForConditionalGeneration", "llava", "image-text-to-text"),
        ("BertModel", "bert", "feature-extraction"),
        ("CLIPModel", "clip", "zero-shot-image-classification"),
        ("Something", "x", None),
    ],
)
def test_the_task_follows_from_the_class(architecture: str, model_type: str, tag: str | None) -> None:
    assert pipeline_tag_of([architecture], model_type) == tag


def test_the_task_of_an_adapter_wins() -> None:
    assert pipeline_tag_of(["LlamaForCausalLM"], "llama", "SEQ_CLS") == "text-classification"
    assert pipeline_tag_of([], None, "SEQ_2_SEQ_LM") is None
    assert pipeline_tag_of([], None, ["odd"]) is None
