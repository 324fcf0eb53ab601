"""What is trained from a release names that release as its base, and no folder of this machine."""

from __future__ import annotations

import copy
import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from typing import Any

import pytest
import torch
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import LINEAGE
from hfver.errors import UsageError
from hfver.model.checkpoint import LOADED_FROM, read_checkpoint
from hfver.model.checkpoint.portable import from_cache_path, rewrite_card
from hfver.model.lineage.record import BaseModelLink, Lineage
from tests.conftest import MakeCheckpoint, move_weights
from tests.model.smoke import tiny

COMMIT = "0123456789abcdef0123456789abcdef01234567"
CACHED = f"/home/me/.cache/huggingface/hub/models--acme--base/snapshots/{COMMIT}"


def published(repo: str, hub: LocalHub) -> dict[str, bytes]:
    """Read every small file of the newest release."""
    folder = hfver.pull(repo, hub=hub).path
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.suffix != ".safetensors"
    }


def base_of(files: dict[str, bytes]) -> BaseModelLink | None:
    return Lineage.decode(files[LINEAGE], LINEAGE).base_model


@pytest.fixture
def base(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> hfver.Release:
    """The first release of acme/base, which has moved on since."""
    folder = checkpoint(4)
    first = hfver.release(folder, "acme/base", hub=local_hub, smoke="off")
    move_weights(folder, 5)
    hfver.release(folder, "acme/base", hub=local_hub, smoke="off")
    return first


def save_plain(model: Any, folder: Path) -> None:
    model.save_pretrained(folder)


def save_copy(model: Any, folder: Path) -> None:
    copy.deepcopy(model).save_pretrained(folder)


def save_by_trainer(model: Any, folder: Path) -> None:
    from transformers import Trainer, TrainingArguments

    trainer = Trainer(model=model, args=TrainingArguments(output_dir=str(folder), report_to="none", use_cpu=True))
    trainer.save_model()
    trainer.create_model_card()


def save_twice(model: Any, folder: Path) -> None:
    """Save, load the folder with plain transformers as a resumed run does, and save again."""
    from transformers import AutoModelForCausalLM

    model.save_pretrained(folder.parent / "intermediate")
    AutoModelForCausalLM.from_pretrained(folder.parent / "intermediate").save_pretrained(folder)


def save_merged_adapter(model: Any, folder: Path) -> None:
    from peft import LoraConfig, get_peft_model

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        lora: Any = get_peft_model(model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
    lora.merge_and_unload().save_pretrained(folder)


@pytest.mark.parametrize("save", [save_plain, save_copy, save_by_trainer, save_twice, save_merged_adapter])
def test_a_fine_tune_names_the_release_it_was_loaded_from(
    save: Any, local_hub: LocalHub, base: hfver.Release, tmp_path: Path
) -> None:
    loaded = hfver.load("acme/base@1.0.0", hub=local_hub, device="cpu")
    with torch.no_grad():
        loaded.model.get_input_embeddings().weight.add_(1e-3)
    save(loaded.model, tmp_path / "tuned")
    loaded.tokenizer.save_pretrained(tmp_path / "tuned")
    before = (tmp_path / "tuned/config.json").read_bytes()
    hfver.release(tmp_path / "tuned", "acme/tuned", hub=local_hub, smoke="off")
    files = published("acme/tuned", local_hub)
    found = base_of(files)
    assert found is not None
    assert (found.source, found.version, found.revision) == ("acme/base", "1.0.0", base.commit)
    assert (found.digest, found.relation) == (base.digest, "finetune")
    assert not [path for path, data in files.items() if b"models--" in data or LOADED_FROM.encode() in data]
    assert (tmp_path / "tuned/config.json").read_bytes() == before


def test_the_published_config_is_what_transformers_writes_without_the_note(
    local_hub: LocalHub, base: hfver.Release, tmp_path: Path
) -> None:
    loaded = hfver.load(f"acme/base@{base.version}", hub=local_hub, device="cpu")
    loaded.model.save_pretrained(tmp_path / "noted")
    delattr(loaded.model.config, LOADED_FROM)
    loaded.model.save_pretrained(tmp_path / "plain")
    noted, plain = read_checkpoint(tmp_path / "noted"), read_checkpoint(tmp_path / "plain")
    assert noted.files == plain.files
    assert noted.content_digest == plain.content_digest


def test_a_model_trained_from_a_fine_tune_names_the_fine_tune(
    local_hub: LocalHub, base: hfver.Release, tmp_path: Path
) -> None:
    for origin, target in (("acme/base@1.0.0", "acme/one"), ("acme/one", "acme/two")):
        loaded = hfver.load(origin, hub=local_hub, device="cpu")
        with torch.no_grad():
            loaded.model.get_input_embeddings().weight.add_(1e-3)
        loaded.model.save_pretrained(tmp_path / target)
        hfver.release(tmp_path / target, target, hub=local_hub, smoke="off")
    found = base_of(published("acme/two", local_hub))
    assert found is not None
    assert found.source == "acme/one"


@pytest.mark.parametrize(
    "note", ["acme/base", {"repo": 1}, {"repo": "../x", "revision": "y"}, {"repo": "a/b/c"}, {"repo": "nobody/none"}]
)
def test_a_forged_note_breaks_no_release(note: Any, local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint(1)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config | {LOADED_FROM: note}))
    hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")
    assert LOADED_FROM.encode() not in published("acme/bot", local_hub)["config.json"]


@pytest.fixture
def adapter(local_hub: LocalHub, base: hfver.Release, tmp_path: Path) -> Path:
    """A LoRA on acme/base 1.0.0 as PEFT saves it."""
    from peft import LoraConfig, get_peft_model

    loaded = hfver.load(f"acme/base@{base.version}", hub=local_hub, device="cpu")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        model = get_peft_model(loaded.model, LoraConfig(task_type="CAUSAL_LM", r=2, target_modules=["q_proj"]))
        for name, weight in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(weight, std=0.02)
        model.save_pretrained(str(tmp_path / "adapter"))
    loaded.tokenizer.save_pretrained(tmp_path / "adapter")
    return tmp_path / "adapter"


def test_an_adapter_is_published_with_the_name_of_its_base(
    local_hub: LocalHub, base: hfver.Release, adapter: Path
) -> None:
    before = {path.name: path.read_bytes() for path in adapter.iterdir()}
    assert b"models--" in before["adapter_config.json"]
    assert b"models--" in before["README.md"]
    done = hfver.release(adapter, "acme/lora", hub=local_hub, smoke="require")
    files = published("acme/lora", local_hub)
    config = json.loads(files["adapter_config.json"])
    assert (config["base_model_name_or_path"], config["revision"]) == ("acme/base", base.commit)
    assert b"base_model:adapter:acme/base" in files["README.md"]
    leaks = [line for data in files.values() for line in data.splitlines() if b"models--" in line or b"/hub/" in line]
    assert leaks == []
    assert {path.name: path.read_bytes() for path in adapter.iterdir()} == before
    assert hfver.verify(f"acme/lora@{done.version}", hub=local_hub)
    again = hfver.release(adapter, "acme/lora", hub=local_hub, smoke="require")
    assert again.version == done.version
    assert {change.rule for change in hfver.diff(str(adapter), "acme/lora", hub=local_hub).changes} <= {"docs"}


def rename_base(adapter: Path, name: str) -> None:
    config = json.loads((adapter / "adapter_config.json").read_text())
    old = config["base_model_name_or_path"]
    (adapter / "adapter_config.json").write_text(json.dumps(config | {"base_model_name_or_path": name}))
    (adapter / "README.md").write_text((adapter / "README.md").read_text().replace(old, name))


@pytest.mark.parametrize("path", ["/home/me/base", "./base", "../base", "~/base", "C:\\models\\base", "out/base"])
def test_a_local_base_is_refused_or_replaced_by_the_named_one(
    path: str, local_hub: LocalHub, base: hfver.Release, adapter: Path
) -> None:
    rename_base(adapter, path)
    with pytest.raises(UsageError, match="cannot be pinned") as caught:
        hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off")
    assert "--base" in caught.value.hint
    done = hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off", base="acme/base@1.0.0")
    files = published("acme/lora", local_hub)
    config = json.loads(files["adapter_config.json"])
    assert (config["base_model_name_or_path"], config["revision"]) == ("acme/base", base.commit)
    assert not [name for name, data in files.items() if path.encode() in data]
    again = hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off", base="acme/base@1.0.0")
    assert again.version == done.version


def test_an_adapter_that_names_its_base_is_published_as_it_is(
    local_hub: LocalHub, base: hfver.Release, adapter: Path
) -> None:
    rename_base(adapter, "acme/base")
    hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off", base=f"acme/base@{base.version}")
    files = published("acme/lora", local_hub)
    assert files["adapter_config.json"] == (adapter / "adapter_config.json").read_bytes()


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        (f"base_model: {CACHED}\n", "base_model: acme/base\n"),
        (f"- base_model:adapter:{CACHED}/\n", "- base_model:adapter:acme/base\n"),
        (f"[{CACHED}](https://huggingface.co/{CACHED})", "[acme/base](https://huggingface.co/acme/base)"),
        (f"AutoModel('{CACHED}', 1)", "AutoModel('acme/base', 1)"),
        (f"C:\\hub\\models--gpt2\\snapshots\\{COMMIT} x", "gpt2 x"),
        ("models--acme--base is a folder", "models--acme--base is a folder"),
    ],
)
def test_folders_of_the_cache_in_a_readme(written: str, expected: str) -> None:
    assert rewrite_card({"README.md": written.encode()}) == {"README.md": expected.encode()}


def test_a_hostile_readme_costs_one_pass() -> None:
    assert rewrite_card({"README.md": b"models--" * 100_000 + b":/" * 100_000})
    assert from_cache_path(CACHED) == ("acme/base", COMMIT)


def run_snippet(repo: str, hub: LocalHub, home: Path, then: str) -> str:
    """Run the card's code for programs without hfver, in a process with an empty cache."""
    card = HfApi(endpoint=hub.url, token=hub.token).hf_hub_download(repo, "README.md")
    code = next(
        block.partition("```")[0]
        for block in Path(card).read_text().split("```python\n")[1:]
        if "from_pretrained" in block.partition("```")[0] or "SentenceTransformer(" in block.partition("```")[0]
    )
    assert "hfver" not in code
    environment = {**os.environ, "HF_ENDPOINT": hub.url, "HF_TOKEN": hub.token or "", "HF_HOME": str(home)}
    environment |= {"HF_HUB_DISABLE_XET": "1"}
    ran = subprocess.run(
        [sys.executable, "-c", f"{code}\n{then}"], env=environment, capture_output=True, text=True, check=False
    )
    assert ran.returncode == 0, f"{code}\n{ran.stderr[-2000:]}"
    return ran.stdout.strip()


def test_the_cards_code_without_hfver_loads_a_full_model(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    hfver.release(checkpoint(1), "acme/bot", hub=local_hub, smoke="off")
    then = "print(type(model).__name__, len(tokenizer) > 1)"
    assert run_snippet("acme/bot", local_hub, tmp_path / "home", then) == "LlamaForCausalLM True"


def test_the_cards_code_without_hfver_loads_an_adapter_on_its_pinned_base(
    local_hub: LocalHub, base: hfver.Release, adapter: Path, tmp_path: Path
) -> None:
    hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off")
    expected = hfver.load("acme/lora", hub=local_hub, device="cpu").model
    with torch.inference_mode():
        logits = expected(torch.tensor([[1, 2, 3]])).logits.sum().item()
    then = (
        "import torch\nwith torch.inference_mode(): print(model(torch.tensor([[1, 2, 3]])).logits.sum().item())\n"
        "from peft import AutoPeftModelForCausalLM\n"
        'model = AutoPeftModelForCausalLM.from_pretrained("acme/lora", revision="v1.0.0")\n'
        "with torch.inference_mode(): print(model(torch.tensor([[1, 2, 3]])).logits.sum().item())"
    )
    found = [float(line) for line in run_snippet("acme/lora", local_hub, tmp_path / "home", then).splitlines()]
    assert found == pytest.approx([logits, logits], rel=1e-4)


def test_the_cards_code_without_hfver_loads_an_embedding_model(local_hub: LocalHub, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    tokenizer = tiny.word_tokenizer()
    plain = tiny.save(tiny.encoder(tokenizer), tokenizer, tmp_path / "plain")
    with tiny.hushed():
        made = SentenceTransformer(str(plain), device="cpu")
        made.save_pretrained(str(tmp_path / "made"))
    hfver.release(tmp_path / "made", "acme/embedder", hub=local_hub, smoke="off")
    then = "print(*model.encode('one two three').tolist())"
    found = [float(word) for word in run_snippet("acme/embedder", local_hub, tmp_path / "home", then).split()]
    assert found == pytest.approx(made.encode("one two three").tolist(), abs=1e-5)
