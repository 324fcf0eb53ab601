"""A zoo of broken models: each is caught, by the check that names what is wrong.

One test is one broken model, and all together give the rate of caught ones.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file
from transformers import AutoTokenizer

from hfver.core.smoke_report import SmokeCheck, SmokeReport
from hfver.errors import PolicyViolation, UsageError
from hfver.model.smoke import run_smoke
from tests.model.smoke import tiny
from tests.model.smoke.conftest import Break, lora
from tests.model.smoke.edits import edit_json, edit_weights, fill, randomize
from tests.model.smoke.texts import CHINESE, THREE_SENTENCES


def failed(report: SmokeReport) -> dict[str, str]:
    return {check.name: check.detail for check in report.failures}


def smoke(folder: Path, **settings: Any) -> dict[str, str]:
    """Run the smoke eval and return what failed, by name."""
    report = run_smoke(folder, device="cpu", **settings)
    assert (report.status == "failed") == bool(report.failures)
    assert all(isinstance(check, SmokeCheck) and check.detail for check in report.checks)
    return failed(report)


def poison(tensors: dict[str, torch.Tensor]) -> None:
    tensors["model.layers.1.mlp.up_proj.weight"][3, 5] = torch.nan


def test_nan_weight(copy: Break) -> None:
    found = smoke(edit_weights(copy("llama"), poison))
    assert "model.layers.1.mlp.up_proj.weight" in found["weights-finite"]
    assert "NaN" in found["forward"]


def test_a_matrix_of_zeros(copy: Break) -> None:
    folder = edit_weights(copy("bert"), fill("bert.encoder.layer.0.output.dense.weight"))
    assert "output.dense.weight" in smoke(folder)["weights-finite"]


def test_an_infinite_weight(copy: Break) -> None:
    folder = edit_weights(copy("bert"), fill("cls.predictions.bias", torch.inf))
    assert "cls.predictions.bias" in smoke(folder)["weights-finite"]


def test_missing_head(copy: Break) -> None:
    found = smoke(edit_weights(copy("llama"), lambda t: t.__delitem__("lm_head.weight")))
    assert set(found) == {"keys", "loss"}
    assert "lm_head.weight" in found["keys"]
    assert "output layer holds random numbers" in found["loss"]


def test_unexpected_tensors(copy: Break) -> None:
    found = smoke(edit_weights(copy("llama"), lambda t: t.update({"model.extra.weight": torch.ones(2, 2)})))
    assert set(found) == {"keys"}
    assert "model.extra.weight" in found["keys"]


def test_shape_mismatch(copy: Break) -> None:
    found = smoke(edit_json(copy("llama"), "config.json", intermediate_size=80))
    assert "mlp.down_proj.weight (stored [48, 96], config says [48, 80])" in found["keys"]


def test_a_vocabulary_larger_than_the_embedding(copy: Break) -> None:
    folder = copy("llama")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.add_tokens(["<tool>", "</tool>"])
    tokenizer.save_pretrained(folder)
    found = smoke(folder)
    assert set(found) == {"ids-fit"}
    assert "</tool>" in found["ids-fit"]


def test_an_end_id_beyond_the_embedding(copy: Break) -> None:
    folder = edit_json(copy("llama"), "generation_config.json", eos_token_id=[1, 128001])
    assert "generation_config.eos_token_id is 128001" in smoke(folder)["ids-fit"]


def test_an_end_id_without_token(copy: Break) -> None:
    folder = copy("llama")
    tokenizer = AutoTokenizer.from_pretrained(folder)
    torch.manual_seed(0)
    model = tiny.llama(tokenizer)
    model.resize_token_embeddings(len(tokenizer) + 8)
    model.generation_config.eos_token_id = model.config.eos_token_id = len(tokenizer) + 3
    found = smoke(tiny.save(model, tokenizer, folder))
    assert "no token of the tokenizer" in found["ids-fit"]


def test_a_chat_template_with_a_syntax_error(copy: Break) -> None:
    folder = copy("llama")
    (folder / "chat_template.jinja").write_text("{% for m in messages %}{{ m.content }}")
    found = smoke(folder)
    assert set(found) == {"chat-template"}
    assert "line 1" in found["chat-template"]


def test_a_generation_prompt_that_rewrites_the_conversation(copy: Break) -> None:
    folder = copy("llama")
    (folder / "chat_template.jinja").write_text(
        "{% if add_generation_prompt %}Chat:{% endif %}{% for m in messages %}{{ m.content }}\n{% endfor %}"
    )
    assert "generation prompt" in smoke(folder)["chat-template"]


def test_a_model_that_does_not_stop_after_its_turn(copy: Break) -> None:
    """How Phi-4 was released: trained to write <|im_end|>, configured to stop at another token."""
    folder = copy("llama")
    tokenizer: Any = AutoTokenizer.from_pretrained(folder)
    ids = torch.tensor([tokenizer.apply_chat_template(conversation(), tokenize=True)["input_ids"]])
    model: Any = tiny.llama(tokenizer)
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(60):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    found = smoke(tiny.save(model.eval(), tokenizer, folder))
    assert "'<|im_end|>'" in found["stops"]


def conversation() -> list[dict[str, str]]:
    return [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
    ]


def test_a_truncated_file(copy: Break) -> None:
    folder = copy("llama")
    path = folder / "model.safetensors"
    path.write_bytes(path.read_bytes()[:-100])
    assert "cannot be loaded" in smoke(folder)["loads"]


def test_a_truncated_shard(copy: Break) -> None:
    folder = copy("llama")
    model = tiny.llama(AutoTokenizer.from_pretrained(folder))
    (folder / "model.safetensors").unlink()
    with tiny.hushed():
        model.save_pretrained(folder, max_shard_size="60KB")
    shard = sorted(folder.glob("model-*.safetensors"))[1]
    shard.write_bytes(shard.read_bytes()[:-8])
    assert "cannot be loaded" in smoke(folder)["loads"]


def test_an_architecture_of_another_model_type(copy: Break) -> None:
    found = smoke(edit_json(copy("llama"), "config.json", architectures=["MistralForCausalLM"]))
    assert "model_type llama" in found["loads"]


def test_an_architecture_that_does_not_exist(copy: Break) -> None:
    found = smoke(edit_json(copy("llama"), "config.json", architectures=["FSDPLlamaForCausalLM"]))
    assert "FSDPLlamaForCausalLM" in found["loads"]


def test_a_collapsed_model(copy: Break) -> None:
    """The same logits for any input, which a failed merge leaves behind (transformers#45127)."""

    def collapse(tensors: dict[str, torch.Tensor]) -> None:
        tensors["transformer.ln_f.weight"].zero_()
        tensors["transformer.ln_f.bias"].copy_(tensors["transformer.wte.weight"][300])

    found = smoke(edit_weights(copy("gpt2"), collapse))
    assert "no better than guessing" in found["generates"]


def test_a_masked_model_that_ignores_the_text(copy: Break) -> None:
    folder = edit_weights(copy("bert"), fill("cls.predictions.transform.LayerNorm.weight"))
    assert "no effect" in smoke(folder)["fills"]


def test_logits_far_worse_than_guessing(copy: Break) -> None:
    found = smoke(edit_weights(copy("llama"), randomize("lm_head.weight", 4)))
    assert "far worse than guessing" in found["loss"]
    assert "output layer holds random numbers" in found["loss"]


@pytest.mark.parametrize("std", [0.02, 0.1, 1])
def test_a_lost_output_layer_that_was_saved(copy: Break, std: float) -> None:
    """transformers#43429: a head that was not tied any more was initialized, and saved with the rest."""
    found = smoke(edit_weights(copy("llama"), randomize("lm_head.weight", std)))
    assert set(found) == {"loss"}
    assert "output layer holds random numbers" in found["loss"]


def test_a_lost_embedding_that_is_the_output_layer_too(copy: Break) -> None:
    found = smoke(edit_weights(copy("gpt2"), randomize("transformer.wte.weight", 0.02)))
    assert "output layer holds random numbers" in found["loss"]


@pytest.mark.parametrize("texts", [THREE_SENTENCES, CHINESE])
def test_a_lost_output_layer_of_a_model_that_learned_no_english(tmp_path: Path, texts: tuple[str, ...]) -> None:
    torch.manual_seed(5)
    tokenizer = tiny.byte_tokenizer(texts=texts)
    model = tiny.train(tiny.llama(tokenizer), tokenizer, texts=texts, steps=100)
    torch.nn.init.normal_(model.lm_head.weight, std=0.02)
    found = smoke(tiny.save(model, tokenizer, tmp_path))
    assert "output layer holds random numbers" in found["loss"]


def test_an_output_layer_whose_scale_was_not_applied(copy: Break) -> None:
    """Weights in eight bits are stored with a scale; without it they are larger by two orders of magnitude."""

    def scale(tensors: dict[str, torch.Tensor]) -> None:
        tensors["lm_head.weight"].mul_(100)

    assert "further than any training leads" in smoke(edit_weights(copy("llama"), scale))["loss"]


def test_random_numbers_everywhere(copy: Break) -> None:
    def randomize_all(tensors: dict[str, torch.Tensor]) -> None:
        for tensor in tensors.values():
            if tensor.ndim == 2:
                tensor.normal_(generator=torch.Generator().manual_seed(1))

    assert "far worse than guessing" in smoke(edit_weights(copy("llama"), randomize_all))["loss"]


def test_activations_that_overflow_in_half_precision(copy: Break) -> None:
    """The weights fit float16, the activations do not (transformers#46277)."""

    def large(tensors: dict[str, torch.Tensor]) -> None:
        tensors["lm_head.weight"].fill_(60000)

    assert "NaN or infinity" in smoke(edit_weights(copy("fresh"), large), dtype="float16")["forward"]


def test_a_tokenizer_that_knows_no_text(copy: Break) -> None:
    folder = copy("encoder")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["normalizer"] = {"type": "Replace", "pattern": {"Regex": "[\\s\\S]+"}, "content": "☃"}
    path.write_text(json.dumps(content))
    assert "every token of every fixed text is unknown, in English" in smoke(folder)["tokenizer-round-trip"]


def test_a_tokenizer_that_changes_what_it_decoded(copy: Break) -> None:
    folder = copy("gpt2")
    path = folder / "tokenizer.json"
    content = json.loads(path.read_text())
    content["normalizer"] = {"type": "Prepend", "prepend": "x"}
    path.write_text(json.dumps(content))
    assert "different ids: English" in smoke(folder)["tokenizer-round-trip"]


def test_labels_that_do_not_match_the_head(copy: Break) -> None:
    folder = edit_json(copy("classifier"), "config.json", id2label={"0": "same", "1": "same"})
    assert "same name" in smoke(folder)["labels"]


def test_a_masked_model_without_mask_token(copy: Break) -> None:
    folder = copy("bert")
    path = folder / "tokenizer_config.json"
    content = json.loads(path.read_text())
    content.pop("mask_token")
    path.write_text(json.dumps(content))
    assert "no mask token" in smoke(folder)["fills"]


@pytest.mark.parametrize(
    ("name", "values"),
    [
        ("config.json", {"auto_map": {"AutoModel": "evil--code.Model"}}),
        ("config.json", {"text_config": {"auto_map": {"AutoModel": "evil.Model"}}}),
        ("config.json", {"_attn_implementation_internal": "evil/kernel"}),
        ("config.json", {"vision": [{"_experts_implementation_internal": "evil/kernel"}]}),
        ("config.json", {"attn_implementation": "evil/kernel"}),
        ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}),
    ],
)
def test_code_in_a_config_is_refused(copy: Break, name: str, values: dict[str, Any]) -> None:
    with pytest.raises(PolicyViolation, match="--trust-remote-code"):
        smoke(edit_json(copy("llama"), name, **values))


def test_an_adapter_without_base(adapter: Path) -> None:
    with pytest.raises(UsageError, match="--base"):
        smoke(adapter)


def test_an_adapter_on_a_base_of_the_wrong_size(healthy: dict[str, Path], tmp_path: Path) -> None:
    tokenizer = tiny.byte_tokenizer()
    other = tiny.save(tiny.llama(tokenizer, hidden_size=64), tokenizer, tmp_path / "other")
    adapter = lora(other, tmp_path / "adapter")
    assert "size mismatch" in smoke(adapter, base_directory=healthy["llama"])["loads"]


def test_an_adapter_whose_tensors_do_not_match(healthy: dict[str, Path], tmp_path: Path) -> None:
    adapter = lora(healthy["llama"], tmp_path / "adapter")
    path = adapter / "adapter_model.safetensors"
    tensors = load_file(path)
    name = next(iter(tensors))
    tensors[name.replace("layers.0", "layers.7")] = tensors.pop(name)
    save_file(tensors, path)
    found = smoke(adapter, base_directory=healthy["llama"])["keys"]
    assert "missing" in found
    assert "layers.7" in found
