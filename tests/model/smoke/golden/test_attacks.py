"""Goldens of unusual models, and goldens that are not those of the model that they are compared with."""

from __future__ import annotations

import json
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

from hfver.core.repo_paths import GOLDEN
from hfver.errors import BadCheckpoint
from hfver.model.smoke import run_with_goldens
from hfver.model.smoke.golden.capture import capture_model
from hfver.model.smoke.golden.plan import GoldenPlan
from hfver.model.smoke.golden.record import GoldenFiles, decode_golden
from tests.model.smoke import tiny
from tests.model.smoke.conftest import Break, lora
from tests.model.smoke.edits import edit_weights
from tests.model.smoke.golden.goldens import capture_folder, compare_folder, explain


def test_an_adapter_on_its_base(healthy: dict[str, Path], tmp_path: Path) -> None:
    adapter = lora(healthy["llama"], tmp_path / "lora")
    files = capture_folder(adapter, base_directory=healthy["llama"])
    assert files.golden.architecture == "LlamaForCausalLM"
    layers = compare_folder(files, adapter, base_directory=healthy["llama"])
    assert layers.agrees, explain(layers)


def test_an_adapter_that_was_not_merged(healthy: dict[str, Path], tmp_path: Path) -> None:
    from peft import PeftModel

    adapter = lora(healthy["llama"], tmp_path / "lora")
    base = AutoModelForCausalLM.from_pretrained(healthy["llama"])
    tokenizer = AutoTokenizer.from_pretrained(healthy["llama"])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft 0.21 uses a deprecated name
        model = PeftModel.from_pretrained(base, adapter)
    files = capture_model(model, tokenizer)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft 0.21 uses a deprecated name
        merged = tiny.save(model.merge_and_unload(), tokenizer, tmp_path / "merged")
    assert compare_folder(files, merged).agrees
    not_merged = compare_folder(files, healthy["llama"])
    assert not_merged.numbers.status == "failed"
    assert not_merged.words.status == "passed"


def test_an_embedding_model(healthy: dict[str, Path], tmp_path: Path) -> None:
    library: Any = pytest.importorskip("sentence_transformers")
    parts: Any = pytest.importorskip("sentence_transformers.models")
    with tiny.hushed():
        modules = [parts.Transformer(str(healthy["encoder"])), parts.Pooling(48)]
        library.SentenceTransformer(modules=modules, device="cpu").save(str(tmp_path / "st"))
    files = capture_folder(tmp_path / "st")
    assert files.golden.task == "sentence-similarity"
    assert files.golden.numbers
    assert files.golden.numbers.depths[0] == "embedding"
    layers = compare_folder(files, tmp_path / "st")
    assert layers.agrees, explain(layers)
    pooling = next((tmp_path / "st").glob("*Pooling/config.json"))
    content = json.loads(pooling.read_text())
    changed = (
        {"pooling_mode": "cls"}
        if "pooling_mode" in content
        else {"pooling_mode_mean_tokens": False} | {"pooling_mode_cls_token": True}
    )
    pooling.write_text(json.dumps(content | changed))
    broken = compare_folder(files, tmp_path / "st")
    assert broken.numbers.status == "failed"
    assert broken.blame == "the head"


def test_a_model_without_tokenizer(healthy: dict[str, Path]) -> None:
    model = AutoModelForCausalLM.from_pretrained(healthy["llama"])
    files = capture_model(model)
    assert files.golden.words is None
    assert files.golden.numbers
    layers = compare_folder(files, healthy["llama"])
    assert (layers.words.status, layers.numbers.status) == ("skipped", "passed")


def test_a_tokenizer_that_is_gone(copy: Break, healthy: dict[str, Path]) -> None:
    files, folder = capture_folder(healthy["llama"]), copy("llama")
    for path in [*folder.glob("*token*"), *folder.glob("*.jinja")]:
        path.unlink()
    layers = compare_folder(files, folder)
    assert layers.words.status == "failed"
    assert "this model has none" in layers.words.detail


def test_a_model_that_returns_nan_has_no_golden(copy: Break) -> None:
    def poison(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = torch.nan

    folder = edit_weights(copy("llama"), poison)
    with pytest.raises(BadCheckpoint, match="NaN or infinity from the layer 1 on"):
        capture_folder(folder)


def test_nan_is_blamed_on_the_layer(copy: Break, healthy: dict[str, Path]) -> None:
    def poison(tensors: dict[str, torch.Tensor]) -> None:
        tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = torch.nan

    layers = compare_folder(capture_folder(healthy["llama"]), edit_weights(copy("llama"), poison))
    assert layers.numbers.status == "failed"
    assert layers.blame == "weights from layer 1 on"


@pytest.mark.parametrize("other", ["gpt2", "bert", "classifier", "encoder"])
def test_the_golden_of_another_model(healthy: dict[str, Path], other: str) -> None:
    layers = compare_folder(capture_folder(healthy["llama"]), healthy[other])
    assert not layers.agrees
    assert layers.numbers.status == "failed"


def _with(files: GoldenFiles, **numbers: Any) -> GoldenFiles:
    raw = json.loads(files.encode()[GOLDEN])
    raw["numbers"] |= numbers
    return decode_golden(json.dumps(raw).encode(), files.data, "it")


def test_ids_beyond_the_embedding_are_not_given_to_the_model(healthy: dict[str, Path]) -> None:
    files = capture_folder(healthy["llama"])
    assert files.golden.numbers
    inputs = [one.model_dump(mode="json") for one in files.golden.numbers.inputs]
    inputs[0]["ids"][0] = 2**31 - 1
    layers = compare_folder(_with(files, inputs=inputs), healthy["llama"])
    assert layers.numbers.status == "failed"
    assert "embedding has 439 rows" in layers.numbers.detail


@pytest.mark.parametrize(
    "numbers",
    [
        {"positions": [10**6]},
        {"positions": []},
        {"vectors": [[10**6]] * 40},
        {"kind": "vectors"},
        {"arrays": {}},
        {"depths": ["x"] * 200},
        {"rows": -5},
    ],
)
def test_a_golden_that_contradicts_itself_crashes_nothing(healthy: dict[str, Path], numbers: dict[str, Any]) -> None:
    files = _with(capture_folder(healthy["llama"]), **numbers)
    layers = compare_folder(files, healthy["llama"])
    assert layers.numbers.status in ("passed", "failed")


def test_it_runs_in_the_child_process_as_in_this_one(healthy: dict[str, Path]) -> None:
    report, result = run_with_goldens(healthy["llama"], GoldenPlan(capture=True), device="cpu")
    assert report.status == "passed"
    assert result
    assert result.captured
    here = capture_folder(healthy["llama"])
    assert result.captured.golden.words == here.golden.words
    assert result.captured.golden.forms == here.golden.forms
    assert result.captured.data == here.data
