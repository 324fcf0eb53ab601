"""Loading: the model in memory is verified to be the requested release."""

from __future__ import annotations

import os
import subprocess
import sys
import warnings
from pathlib import Path

import pytest
import torch
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import HfverError, UsageError
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"


def logits(model: torch.nn.Module) -> torch.Tensor:
    with torch.inference_mode():
        found: torch.Tensor = model(torch.tensor([[1, 2, 3]])).logits
    return found


def test_load_by_range_with_a_smoke_eval(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    loaded = hfver.load(f"{REPO}@^1.0", hub=local_hub, smoke=True, device="cpu")
    assert loaded.release.version == "1.0.0"
    assert loaded.report is not None
    assert loaded.report.status == "passed"
    assert loaded.report.content_digest == loaded.release.content_digest
    assert loaded.tokenizer is not None
    assert not loaded.model.training


def test_plain_transformers_loads_the_same_weights(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    from transformers import AutoModelForCausalLM

    hfver.release(checkpoint(3), REPO, hub=local_hub, smoke="off")
    ours = hfver.load(REPO, hub=local_hub, device="cpu")
    theirs = AutoModelForCausalLM.from_pretrained(hfver.pull(REPO, hub=local_hub).path)
    assert torch.equal(logits(ours.model), logits(theirs))


def test_only_an_exact_commit_loads_offline(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    done = hfver.release(checkpoint(), REPO, hub=local_hub, smoke="off", private=False)
    hfver.pull(REPO, hub=local_hub.url)
    program = f"""
import hfver
from hfver.errors import HubUnreachable
print(hfver.load("{REPO}@{done.commit}", hub="{local_hub.url}", device="cpu").release.version)
try:
    hfver.load("{REPO}@^1", hub="{local_hub.url}")
except HubUnreachable as error:
    print(error.hint)
"""
    offline = {**os.environ, "HF_HUB_OFFLINE": "1"}
    ran = subprocess.run([sys.executable, "-c", program], env=offline, capture_output=True, text=True, check=True)
    version, hint = ran.stdout.splitlines()
    assert version == "1.0.0"
    assert "commit" in hint


@pytest.fixture
def adapter(local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path) -> Path:
    """A LoRA on acme/base 1.0.0, loaded through hfver; acme/base has moved on since."""
    from peft import LoraConfig, get_peft_model

    base = checkpoint(4)
    hfver.release(base, "acme/base", hub=local_hub, smoke="off")
    loaded = hfver.load("acme/base@1.0.0", hub=local_hub, device="cpu")
    folder = tmp_path / "adapter"
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(loaded.model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.02)
        model.save_pretrained(str(folder))
    move_weights(base, 5)
    hfver.release(base, "acme/base", hub=local_hub, smoke="off")
    return folder


def test_an_adapter_loads_its_base_at_the_pinned_commit(local_hub: LocalHub, adapter: Path) -> None:
    pinned = hfver.resolve("acme/base@1.0.0", hub=local_hub)
    done = hfver.release(adapter, "acme/lora", hub=local_hub, base="acme/base@1.0.0")
    assert done.smoke is not None
    assert done.smoke.status == "passed"
    loaded = hfver.load("acme/lora", hub=local_hub, device="cpu")
    base = hfver.load(f"acme/base@{pinned.commit}", hub=local_hub, device="cpu")
    name = "model.embed_tokens.weight"
    assert torch.equal(loaded.model.base_model.model.get_parameter(name), base.model.get_parameter(name))
    assert not torch.equal(logits(loaded.model), logits(base.model))


def test_the_base_of_an_adapter_is_found_by_its_cache_folder(local_hub: LocalHub, adapter: Path) -> None:
    """PEFT records the cache folder that the base was loaded from, which names its repo and commit."""
    hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off")
    lineage = (hfver.pull("acme/lora", hub=local_hub).path / "lineage.yaml").read_text()
    assert hfver.resolve("acme/base@1.0.0", hub=local_hub).commit in lineage
    assert "version: 1.0.0" in lineage


def test_an_adapter_without_a_base_is_refused(local_hub: LocalHub, adapter: Path) -> None:
    config = adapter / "adapter_config.json"
    import json

    settings = json.loads(config.read_text())
    settings["base_model_name_or_path"] = "nobody/nothing"
    config.write_text(json.dumps(settings))
    with pytest.raises(UsageError, match="nobody/nothing") as caught:
        hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off")
    assert "--base" in caught.value.hint
    with pytest.raises(HfverError):
        hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off", base="nobody/nothing")


def test_a_base_that_hfver_did_not_release(local_hub: LocalHub, checkpoint: MakeCheckpoint, adapter: Path) -> None:
    client = HfApi(endpoint=local_hub.url, token=local_hub.token)
    client.create_repo("other/base")
    from unittest import mock

    import huggingface_hub.constants

    with mock.patch.object(huggingface_hub.constants, "HF_HUB_DISABLE_XET", new=True):
        made = client.upload_folder(repo_id="other/base", folder_path=checkpoint(4, name="plain"))
    hfver.release(adapter, "acme/lora", hub=local_hub, base=f"other/base@{made.oid}")
    assert hfver.load("acme/lora", hub=local_hub, device="cpu").release.version == "1.0.0"


def test_lineage_names_the_commit_of_the_base(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    base = hfver.release(checkpoint(1), "acme/base", hub=local_hub, smoke="off")
    hfver.release(checkpoint(2), REPO, hub=local_hub, smoke="off", base="acme/base@^1")
    lineage = (hfver.pull(REPO, hub=local_hub).path / "lineage.yaml").read_text()
    assert base.commit in lineage
    assert str(base.digest) in lineage


@pytest.mark.gpu
@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a CUDA device")
def test_load_on_the_gpu(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    hfver.release(checkpoint(), REPO, hub=local_hub, smoke="require", device="cuda")
    loaded = hfver.load(REPO, hub=local_hub, smoke=True)
    assert loaded.report is not None
    assert loaded.report.device.startswith("cuda")
    assert loaded.report.peak_memory_bytes


def test_weights_that_do_not_fit_are_refused(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    from safetensors.torch import load_file, save_file

    from hfver.errors import BadCheckpoint

    folder = checkpoint()
    tensors = load_file(folder / "model.safetensors")
    tensors.pop("model.norm.weight")
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    hfver.release(folder, REPO, hub=local_hub, smoke="off")
    with pytest.raises(BadCheckpoint, match="model.norm.weight"):
        hfver.load(REPO, hub=local_hub, device="cpu")
