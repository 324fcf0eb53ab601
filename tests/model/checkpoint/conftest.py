"""Tiny real checkpoints, made once per session by the libraries that make large ones; tests change copies."""

from __future__ import annotations

import json
import shutil
import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Copy = Callable[[Path], Path]


@pytest.fixture
def copy(tmp_path: Path) -> Copy:
    def make(source: Path) -> Path:
        return Path(shutil.copytree(source, tmp_path / f"{source.name}-copy"))

    return make


def tiny_llama(**changes: Any) -> Any:
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    sizes = {"vocab_size": 64, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2}
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2, "max_position_embeddings": 32}
    return LlamaForCausalLM(LlamaConfig(**(sizes | heads | changes)))


def tiny_tokenizer() -> Any:
    from tokenizers import Tokenizer, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    vocabulary = {word: number for number, word in enumerate(["<unk>", "<s>", "</s>", "hello", "world"])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    make: Any = PreTrainedTokenizerFast  # untyped
    return make(tokenizer_object=tokenizer, eos_token="</s>", unk_token="<unk>")


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "model"
    tiny_llama().save_pretrained(folder)
    tiny_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="session")
def sharded_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("made") / "sharded"
    tiny_llama().save_pretrained(folder, max_shard_size="10KB")
    return folder


@pytest.fixture(scope="session")
def adapter_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    from peft import LoraConfig, get_peft_model

    folder = tmp_path_factory.mktemp("made") / "adapter"
    model = tiny_llama()
    model.name_or_path = "demo/base"
    config = LoraConfig(r=2, target_modules=["q_proj"], task_type="CAUSAL_LM", base_model_name_or_path="demo/base")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # between peft and transformers
        adapter = get_peft_model(model, config)
        # Otherwise peft asks huggingface.co whether the vocabulary of the base was changed.
        adapter.save_pretrained(str(folder), save_embedding_layers=False)
    return folder


@pytest.fixture(scope="session")
def sentence_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What SentenceTransformer.save writes: a transformer at the top, and two modules with weights of their own."""
    from safetensors.torch import save_file
    from torch import ones
    from transformers import BertConfig, BertModel

    folder = tmp_path_factory.mktemp("made") / "sentence"
    config = BertConfig(vocab_size=32, hidden_size=8, num_hidden_layers=1, num_attention_heads=2, intermediate_size=16)
    BertModel(config).save_pretrained(folder)
    modules = [("", "Transformer"), ("1_Pooling", "Pooling"), ("2_Dense", "Dense"), ("3_Dense", "Dense")]
    rows = [
        {"idx": n, "name": str(n), "path": path, "type": f"sentence_transformers.models.{kind}"}
        for n, (path, kind) in enumerate(modules)
    ]
    (folder / "modules.json").write_text(json.dumps(rows))
    for path, _ in modules[1:]:
        (folder / path).mkdir()
        (folder / path / "config.json").write_text("{}")
    for path in ("2_Dense", "3_Dense"):
        save_file({"linear.weight": ones(4, 8)}, folder / path / "model.safetensors")
    return folder


@pytest.fixture(scope="session")
def pickled_folder(tmp_path_factory: pytest.TempPathFactory, model_folder: Path) -> Path:
    import torch

    folder = Path(shutil.copytree(model_folder, tmp_path_factory.mktemp("made") / "pickled"))
    (folder / "model.safetensors").unlink()
    torch.save(tiny_llama().state_dict(), folder / "pytorch_model.bin")
    return folder
