"""transformers and datasets, in a separate process, because they read HF_ENDPOINT when they are imported."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

from hfver.server import EmbeddedHub

from .tools import python, write

MODEL = """
import sys
from transformers import BertConfig, BertModel, AutoModel, AutoConfig
config = BertConfig(hidden_size=8, num_hidden_layers=1, num_attention_heads=1, intermediate_size=8, vocab_size=20)
import torch, os
torch.manual_seed(0)
model = BertModel(config)
model.push_to_hub(sys.argv[1])
from huggingface_hub import HfApi
HfApi().create_tag(sys.argv[1], tag="v1")
again = AutoModel.from_pretrained(sys.argv[1], revision="v1")
assert all(torch.equal(a, b) for a, b in zip(model.state_dict().values(), again.state_dict().values()))
print("same", HfApi().model_info(sys.argv[1]).safetensors.total == sum(p.numel() for p in model.parameters()))
"""

DATASET = """
from datasets import load_dataset
data = load_dataset(sys.argv[2], split="train")
print(data["text"][:], data.num_rows)
streamed = load_dataset(sys.argv[2], split="train", streaming=True)
print([row["text"] for row in streamed])
"""


def _environment(hub: EmbeddedHub, home: Path) -> dict[str, str]:
    return {
        "HF_ENDPOINT": hub.url,
        "HF_TOKEN": hub.token,
        "HF_HOME": str(home),
        "HF_HUB_DISABLE_XET": "1",
        "HF_HUB_DISABLE_PROGRESS_BARS": "1",
        "HF_DATASETS_CACHE": str(home / "datasets"),
    }


def test_transformers_pushes_and_loads_and_datasets_loads(hub: EmbeddedHub, api: HfApi, tmp_path: Path) -> None:
    """Both run in one process, because importing them takes longer than the rest."""
    pytest.importorskip("transformers")
    pytest.importorskip("datasets")
    api.create_repo("demo/bert")
    api.create_repo("demo/text", repo_type="dataset")
    lines = b'{"text": "one"}\n{"text": "two"}\n'
    api.upload_file(path_or_fileobj=lines, path_in_repo="data/train.jsonl", repo_id="demo/text", repo_type="dataset")
    done = python(MODEL + DATASET, "demo/bert", "demo/text", **_environment(hub, tmp_path))
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.splitlines() == ["same True", "['one', 'two'] 2", "['one', 'two']"]


def test_write_is_the_real_client(api: HfApi, repo: str) -> None:
    assert len(write(api, {"a": b"1"})) == 40
