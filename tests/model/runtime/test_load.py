"""Loading folders of every kind."""

from __future__ import annotations

import json
import resource
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoModelForCausalLM, AutoTokenizer

from hfver.errors import BadCheckpoint, PolicyViolation, UsageError
from hfver.model.runtime import describe_device, load_model, pick_device
from hfver.model.smoke import examine
from tests.model.smoke import tiny
from tests.model.smoke.conftest import Break, lora


def test_loading_gives_the_model_that_transformers_gives(healthy: dict[str, Path]) -> None:
    loaded = load_model(healthy["llama"], device="cpu")
    expected = AutoModelForCausalLM.from_pretrained(healthy["llama"])
    ids = torch.tensor([[5, 6, 7]])
    assert type(loaded.model) is type(expected)
    assert torch.equal(loaded.model(ids).logits, expected(ids).logits)
    assert loaded.tokenizer is not None
    assert (loaded.device, loaded.dtype, loaded.is_complete) == ("cpu", "float32", True)
    assert loaded.load_seconds > 0


@pytest.mark.parametrize(
    ("name", "tag"),
    [
        ("llama", "text-generation"),
        ("gpt2", "text-generation"),
        ("bert", "fill-mask"),
        ("classifier", "text-classification"),
        ("encoder", "feature-extraction"),
    ],
)
def test_the_task_comes_from_the_architecture(healthy: dict[str, Path], name: str, tag: str) -> None:
    assert load_model(healthy[name], device="cpu").pipeline_tag == tag


def test_the_stored_dtype_is_kept_unless_another_is_requested(tmp_path: Path) -> None:
    tokenizer = tiny.byte_tokenizer()
    folder = tiny.save(tiny.llama(tokenizer).bfloat16(), tokenizer, tmp_path)
    assert load_model(folder, device="cpu").dtype == "bfloat16"
    assert load_model(folder, device="cpu", dtype="float32").dtype == "float32"


def test_an_unknown_dtype_is_a_usage_error(healthy: dict[str, Path]) -> None:
    with pytest.raises(UsageError, match="int3"):
        load_model(healthy["llama"], dtype="int3")


def test_the_network_is_not_touched(healthy: dict[str, Path], adapter: Path) -> None:
    program = f"""
import sys
from pathlib import Path
from hfver.model.runtime import load_model
def forbid(event, args):
    if event in ("socket.connect", "socket.getaddrinfo"):
        raise SystemExit(f"network: {{event}} {{args}}")
sys.addaudithook(forbid)
for name in ("llama", "bert"):
    load_model(Path({str(healthy["llama"].parent)!r}) / name, device="cpu")
load_model(Path({str(adapter)!r}), device="cpu", base_directory=Path({str(healthy["llama"])!r}))
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=120)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_pickled_weights_are_not_loaded(copy: Break) -> None:
    folder = copy("llama")
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadCheckpoint, match="cannot be loaded"):
        load_model(folder, device="cpu")


def test_a_folder_without_config_is_not_a_checkpoint(tmp_path: Path) -> None:
    with pytest.raises(BadCheckpoint, match="not a checkpoint"):
        load_model(tmp_path, device="cpu")


def test_a_config_that_is_not_json(copy: Break) -> None:
    folder = copy("llama")
    (folder / "config.json").write_text("{")
    with pytest.raises(BadCheckpoint, match="not valid JSON"):
        load_model(folder, device="cpu")


def test_trusted_code_runs_and_untrusted_does_not(copy: Break) -> None:
    folder = copy("encoder")
    (folder / "own.py").write_text("from transformers import BertModel\nclass Own(BertModel):\n    mine = True\n")
    path = folder / "config.json"
    own = {"architectures": ["Own"], "auto_map": {"AutoModel": "own.Own"}}
    path.write_text(json.dumps(json.loads(path.read_text()) | own))
    with pytest.raises(PolicyViolation, match="auto_map"):
        load_model(folder, device="cpu")
    assert load_model(folder, device="cpu", trust_remote_code=True).model.mine


def test_a_module_class_of_another_library_is_refused(copy: Break) -> None:
    folder = copy("encoder")
    (folder / "modules.json").write_text('[{"idx": 0, "name": "0", "path": "", "type": "os.system"}]')
    with pytest.raises(PolicyViolation, match="asks for code"):
        load_model(folder, device="cpu")


SIZES = (
    "hidden_size",
    "intermediate_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
)


def test_a_config_without_sizes_takes_no_memory(copy: Break) -> None:
    """The default LlamaConfig has seven billion parameters, which transformers would fill with random numbers."""
    folder = copy("llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps({key: config[key] for key in config if key not in SIZES}))
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(
        BadCheckpoint, match=r"describes a model of \d\.\d billion parameters, and the weights have \d+ bytes"
    ):
        load_model(folder, device="cpu")
    assert resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before < 500_000  # kB


def test_more_layers_than_tensors_are_not_built(copy: Break) -> None:
    folder = copy("llama")
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {"num_hidden_layers": 10**7}))
    with pytest.raises(BadCheckpoint, match=r"describes 10000000 layers, and the weights have \d+ tensors"):
        load_model(folder, device="cpu")


def test_a_sentence_transformers_folder(copy: Break) -> None:
    folder = copy("encoder")
    kind = "sentence_transformers.models.Transformer"
    (folder / "modules.json").write_text(json.dumps([{"idx": 0, "name": "0", "path": "", "type": kind}]))
    loaded = load_model(folder, device="cpu")
    assert loaded.pipeline_tag == "sentence-similarity"
    assert loaded.is_complete
    assert any("sentence-transformers" in note for note in loaded.notes)


def test_a_sentence_transformers_pipeline_is_loaded_completely(healthy: dict[str, Path], tmp_path: Path) -> None:
    library = pytest.importorskip("sentence_transformers")
    with tiny.hushed():
        library.SentenceTransformer(str(healthy["encoder"]), device="cpu").save_pretrained(str(tmp_path))
    loaded = load_model(tmp_path, device="cpu")
    assert isinstance(loaded.model, library.SentenceTransformer)
    assert loaded.is_complete
    report = examine(loaded)
    assert report.status == "passed"
    assert {"ids-fit", "forward"} <= {check.name for check in report.checks if check.status == "passed"}


def test_an_adapter_that_trains_only_added_tokens(healthy: dict[str, Path], tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(healthy["llama"])
    before = len(tokenizer)
    tokenizer.add_tokens(["<tool>", "</tool>"])
    trained = lora(healthy["llama"], tmp_path, tokenizer=tokenizer, trainable_token_indices=[before, before + 1])
    loaded = load_model(trained, device="cpu", base_directory=healthy["llama"])
    assert loaded.is_complete, (loaded.missing_keys, loaded.unexpected_keys)
    assert loaded.model(torch.tensor([[5, before + 1]])).logits.shape[-1] == len(tokenizer)


def test_an_adapter_changes_what_its_base_computes(healthy: dict[str, Path], adapter: Path) -> None:
    base = load_model(healthy["llama"], device="cpu")
    loaded = load_model(adapter, device="cpu", base_directory=healthy["llama"])
    ids = torch.tensor([[5, 6, 7]])
    assert loaded.is_complete
    assert loaded.tokenizer is not None
    assert loaded.pipeline_tag == "text-generation"
    assert not torch.equal(loaded.model(ids).logits, base.model(ids).logits)


def test_an_adapter_with_added_tokens_resizes_the_base(healthy: dict[str, Path], tmp_path: Path) -> None:
    tokenizer = AutoTokenizer.from_pretrained(healthy["llama"])
    tokenizer.add_tokens(["<tool>", "</tool>"])
    grown = lora(healthy["llama"], tmp_path, tokenizer=tokenizer, modules_to_save=["embed_tokens", "lm_head"])
    loaded = load_model(grown, device="cpu", base_directory=healthy["llama"])
    assert loaded.is_complete, (loaded.missing_keys, loaded.unexpected_keys)
    assert loaded.model.get_input_embeddings().weight.shape[0] == len(tokenizer) == len(loaded.tokenizer or ())
    stored = load_file(grown / "adapter_model.safetensors")["base_model.model.model.embed_tokens.weight"]
    built = [tensor for name, tensor in loaded.model.named_parameters() if "embed_tokens.modules_to_save" in name]
    assert torch.equal(built[0], stored)


def test_a_classification_adapter_on_a_language_model(healthy: dict[str, Path], tmp_path: Path) -> None:
    adapter = lora(healthy["llama"], tmp_path, task="SEQ_CLS", num_labels=3)
    loaded = load_model(adapter, device="cpu", base_directory=healthy["llama"])
    assert loaded.is_complete, (loaded.missing_keys, loaded.unexpected_keys)
    assert loaded.pipeline_tag == "text-classification"
    assert loaded.model.config.num_labels == 3


def test_an_adapter_on_an_adapter_is_a_usage_error(adapter: Path) -> None:
    with pytest.raises(UsageError, match="not a complete model"):
        load_model(adapter, device="cpu", base_directory=adapter)


def test_an_adapter_without_weights(healthy: dict[str, Path], adapter: Path, tmp_path: Path) -> None:
    (tmp_path / "adapter_config.json").write_bytes((adapter / "adapter_config.json").read_bytes())
    with pytest.raises(BadCheckpoint, match="no such file"):
        load_model(tmp_path, device="cpu", base_directory=healthy["llama"])


def test_tensors_that_do_not_fit_are_reported_and_not_raised(copy: Break) -> None:
    folder = copy("llama")
    path = folder / "model.safetensors"
    tensors: dict[str, Any] = load_file(path)
    tensors["spare"] = tensors.pop("lm_head.weight")
    save_file(tensors, path, metadata={"format": "pt"})
    loaded = load_model(folder, device="cpu")
    assert (loaded.missing_keys, loaded.unexpected_keys) == (("lm_head.weight",), ("spare",))
    assert not loaded.is_complete


def test_devices() -> None:
    assert pick_device("cpu") == "cpu" == describe_device("cpu")
    assert pick_device("auto") == ("cuda" if torch.cuda.is_available() else "cpu")
    for wrong in ("tpu", "cuda:x", "cpu:3", "cuda:63"):
        with pytest.raises(UsageError, match=wrong):
            pick_device(wrong)


def test_without_torch_the_hint_names_the_extra(tmp_path: Path) -> None:
    program = """
import sys
sys.modules["torch"] = None
from hfver.errors import UsageError
from hfver.model.runtime import load_model
try:
    load_model("/nowhere")
except UsageError as error:
    print(error.hint)
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, timeout=60, check=True)
    assert done.stdout == "Run: pip install 'hfver[torch]'\n"
