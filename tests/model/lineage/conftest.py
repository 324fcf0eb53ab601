from __future__ import annotations

import warnings
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from hfver.model.checkpoint import Checkpoint, read_checkpoint
from tests.made import MakeOnce


def _model() -> Any:
    from transformers import GPT2Config, GPT2LMHeadModel

    config = GPT2Config(vocab_size=32, n_positions=16, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0)
    return GPT2LMHeadModel(config)


@pytest.fixture(scope="session")
def run(make_once: MakeOnce) -> Path:
    """The folder of a real Trainer run of two steps, with its state, results and card."""
    return make_once("trainer-run", _train)


def _train(folder: Path) -> None:
    from transformers import Trainer, TrainingArguments

    examples: Any = [{"input_ids": [1, 2, 3, 4], "labels": [1, 2, 3, 4]}] * 4
    settings = TrainingArguments(
        output_dir=str(folder),
        max_steps=2,
        per_device_train_batch_size=2,
        eval_strategy="steps",
        eval_steps=1,
        logging_steps=1,
        include_num_input_tokens_seen="all",
        report_to=[],
        use_cpu=True,
        push_to_hub=False,
        hub_token="hf_" + "x" * 34,
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch warns about pinned memory where there is no GPU
        trainer = Trainer(_model(), settings, train_dataset=examples, eval_dataset=examples)
        result = trainer.train()
        trainer.save_metrics("train", result.metrics)
        trainer.save_metrics("eval", trainer.evaluate())
        trainer.save_model()
        trainer.save_state()
        trainer.create_model_card(finetuned_from="openai-community/gpt2", dataset_tags="acme/tickets")


@pytest.fixture(scope="session")
def adapter(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a PEFT adapter whose base is on this disk."""
    from peft import LoraConfig, get_peft_model

    base, folder = tmp_path_factory.mktemp("base"), tmp_path_factory.mktemp("adapter")
    _model().save_pretrained(base)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # peft still asks transformers for a name that is deprecated
        from transformers import GPT2LMHeadModel

        lora = LoraConfig(r=2, target_modules=["c_proj", "c_attn"], fan_in_fan_out=True, task_type="CAUSAL_LM")
        get_peft_model(GPT2LMHeadModel.from_pretrained(base), lora).save_pretrained(str(folder))
    return folder


@pytest.fixture
def checkpoint(tmp_path: Path) -> Callable[..., Checkpoint]:
    """Make a small checkpoint folder with extra files, and read it."""

    def _make(**files: str) -> Checkpoint:
        folder = tmp_path / "checkpoint"
        folder.mkdir(exist_ok=True)
        _model().save_pretrained(folder)
        for name, content in files.items():
            (folder / name.replace("__", ".")).write_text(content)
        return read_checkpoint(folder)

    return _make
