"""What tests do to healthy models: they copy a folder before they break it."""

from __future__ import annotations

import shutil
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from peft import LoraConfig, get_peft_model
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification, AutoTokenizer

from tests.model.smoke import tiny

Break = Callable[[str], Path]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Keep torch to one thread: tiny models only wait for a second one when the machine is busy."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def adapter(healthy: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a LoRA adapter on the llama."""
    return lora(healthy["llama"], tmp_path_factory.mktemp("adapters") / "lora")


@pytest.fixture(scope="session")
def chat_tuned(healthy: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Train the llama on a conversation until it ends its turns, and let generation stop there."""
    tokenizer: Any = AutoTokenizer.from_pretrained(healthy["llama"])
    turns = [
        {"role": "user", "content": "What is the capital of France?"},
        {"role": "assistant", "content": "Paris."},
    ]
    ids = torch.tensor([tokenizer.apply_chat_template([*turns, *turns], tokenize=True)["input_ids"]])
    torch.manual_seed(5)
    model: Any = tiny.llama(tokenizer).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=5e-3)
    for _ in range(60):
        model(input_ids=ids, labels=ids).loss.backward()
        optimizer.step()
        optimizer.zero_grad()
    model.generation_config.eos_token_id = [tokenizer.eos_token_id, tokenizer.convert_tokens_to_ids("<|im_end|>")]
    return tiny.save(model.eval(), tokenizer, tmp_path_factory.mktemp("chat") / "chat")


@pytest.fixture
def copy(healthy: dict[str, Path], tmp_path: Path) -> Break:
    """Copy a healthy folder to where a test may break it."""

    def copied(name: str) -> Path:
        return Path(shutil.copytree(healthy[name], tmp_path / name))

    return copied


def lora(base: Path, directory: Path, *, tokenizer: Any = None, task: str = "CAUSAL_LM", **settings: Any) -> Path:
    """Make and save a LoRA adapter on a base folder, with its own tokenizer if one is given."""
    labels = {name: settings.pop(name) for name in ("num_labels",) if name in settings}
    with tiny.hushed():
        kind = AutoModelForCausalLM if task == "CAUSAL_LM" else AutoModelForSequenceClassification
        model = kind.from_pretrained(base, **labels)
    if tokenizer is not None:
        model.resize_token_embeddings(len(tokenizer), mean_resizing=False)
    config = LoraConfig(task_type=task, r=4, target_modules=["q_proj", "v_proj"], **settings)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft 0.21 uses a deprecated name, and announces what it saves
        return tiny.save(_with_effect(get_peft_model(model, config)), tokenizer, directory)


def _with_effect(adapted: Any) -> Any:
    """Give the adapter an effect: an untrained one has none."""
    for name, weight in adapted.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(weight, std=0.02)
    return adapted
