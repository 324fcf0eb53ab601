"""Goldens in the transaction: captured, published, compared with, and never holding more than the policy lets out."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import AutoModelForCausalLM, AutoTokenizer

import hfver
import hfver.golden
from hfver.api.hubs import LocalHub
from hfver.core.policy import GoldenRule
from hfver.core.repo_paths import GOLDEN, GOLDEN_NUMBERS
from hfver.errors import BadConfig, PolicyViolation, SecretFound, SmokeFailed, VerificationError
from tests.conftest import MakeCheckpoint
from tests.model.smoke.edits import edit_json, edit_weights, randomize

REPO = "acme/bot"


def release(folder: Path, hub: LocalHub, **options: Any) -> tuple[hfver.Release, list[str]]:
    """Release, and return what was said as well."""
    said: list[str] = []
    done = hfver.release(folder, REPO, hub=hub, say=said.append, device="cpu", **options)
    return done, said


def in_memory(folder: Path) -> tuple[Any, Any]:
    return AutoModelForCausalLM.from_pretrained(folder), AutoTokenizer.from_pretrained(folder)


def shift(amount: float) -> Callable[[dict[str, torch.Tensor]], None]:
    def edit(tensors: dict[str, torch.Tensor]) -> None:
        noise = torch.randn(tensors["lm_head.weight"].shape, generator=torch.Generator().manual_seed(1))
        tensors["lm_head.weight"] += amount * noise

    return edit


def test_a_release_publishes_its_golden_and_lists_it(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    done, said = release(checkpoint(), local_hub)
    assert {GOLDEN, GOLDEN_NUMBERS} <= {file["path"] for file in done.files}
    listing = next(line for line in said if GOLDEN in line)
    assert "none of your own prompts" in listing
    found = hfver.golden.read(f"{REPO}@1.0.0", hub=local_hub)
    assert found.golden.source == "folder"
    assert found.golden.expected
    pulled = hfver.pull(REPO, hub=local_hub)
    assert (pulled.path / GOLDEN).read_bytes() == found.encode()[GOLDEN]


@pytest.mark.more
def test_it_is_no_content_of_the_release(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    without, _ = release(folder, local_hub, smoke="off")
    assert GOLDEN not in {file["path"] for file in without.files}
    other = hfver.release(folder, "acme/other", hub=local_hub, device="cpu")
    assert other.content_digest == without.content_digest


@pytest.mark.more
def test_without_a_smoke_eval_there_is_no_golden_and_nothing_fails(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    release(checkpoint(), local_hub, smoke="off")
    report = hfver.smoke_eval(REPO, hub=local_hub, device="cpu")
    assert report.status == "passed"
    assert not [check for check in report.checks if check.name.startswith("golden")]
    with pytest.raises(VerificationError, match="has no golden"):
        hfver.golden.read(REPO, hub=local_hub)


@pytest.mark.more
def test_smoke_and_load_compare_with_the_release_s_own(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    report = hfver.smoke_eval(REPO, hub=local_hub, device="cpu")
    statuses = {check.name: check.status for check in report.checks}
    assert {statuses[f"golden-{name}"] for name in ("words", "forms", "numbers")} == {"passed"}
    loaded = hfver.load(REPO, hub=local_hub, device="cpu", smoke=True)
    assert loaded.report
    assert "golden-numbers" in {check.name for check in loaded.report.checks}


def test_a_save_that_lost_the_head_is_refused(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    hfver.golden.capture(*in_memory(folder), directory=folder)
    edit_weights(folder, randomize("lm_head.weight", 0.5))
    with pytest.raises(SmokeFailed, match=r"golden-numbers: .*the head"):
        release(folder, local_hub)


@pytest.mark.more
def test_a_golden_from_memory_is_the_one_that_is_published(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    captured = hfver.golden.capture(*in_memory(folder), directory=folder)
    release(folder, local_hub, smoke="require")
    found = hfver.golden.read(REPO, hub=local_hub)
    assert found.golden.source == "memory"
    assert found.encode() == captured.encode()


@pytest.mark.more
def test_capturing_leaves_the_model_as_it_was(checkpoint: MakeCheckpoint) -> None:
    model, tokenizer = in_memory(checkpoint())
    model.train()
    model.lm_head.eval()
    torch.manual_seed(5)
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    kernel = model.config._attn_implementation
    expected = torch.rand(3)
    torch.manual_seed(5)
    hfver.golden.capture(model, tokenizer)
    assert torch.equal(torch.rand(3), expected)
    assert model.training
    assert not model.lm_head.training
    assert model.config._attn_implementation == kernel
    assert {one.dtype for one in model.parameters()} == {torch.float32}
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


@pytest.mark.more
def test_the_next_release_is_compared_with_this_one(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(1), local_hub)
    _, said = release(checkpoint(2), local_hub)
    line = next(one for one in said if one.startswith("Behavior compared with 1.0.0"))
    assert "words as before" in line
    assert "numbers different" in line
    assert "mean KL" in line


def test_a_patch_must_behave_alike(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    release(folder, local_hub)
    edit_weights(folder, shift(0.2))
    options: dict[str, Any] = {"bump": "patch", "because": "It is only a touch."}
    with pytest.raises(PolicyViolation, match="is a PATCH, but behaves differently from 1.0.0") as caught:
        release(folder, local_hub, **options)
    assert "--bump minor" in caught.value.hint
    done, _ = release(folder, local_hub, allow=["behavior"], **options)
    assert done.version == "1.0.1"
    assert done.manifest
    assert done.manifest.allowed == ("behavior",)


@pytest.mark.more
def test_a_patch_that_behaves_alike_is_published(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    release(folder, local_hub)
    edit_weights(folder, shift(1e-6))
    done, said = release(folder, local_hub, bump="patch", because="Rounding.")
    assert done.version == "1.0.1"
    assert any("numbers as before" in line for line in said)


@pytest.mark.more
@pytest.mark.parametrize("action", ["warn", "refuse", "ignore"])
def test_a_minor_that_is_far_off(local_hub: LocalHub, checkpoint: MakeCheckpoint, action: Any) -> None:
    folder = checkpoint()
    release(folder, local_hub)
    edit_weights(folder, shift(0.5))
    policy = hfver.Policy(golden=GoldenRule(far=1e-3, on_far=action))
    if action == "refuse":
        with pytest.raises(PolicyViolation, match="is a MINOR, but behaves very differently"):
            release(folder, local_hub, policy=policy)
        return
    done, said = release(folder, local_hub, policy=policy)
    assert done.version == "1.1.0"
    assert any(line.startswith("Warning: 1.1.0 is a MINOR") for line in said) == (action == "warn")


@pytest.mark.more
def test_a_pulled_folder_s_golden_is_not_about_what_is_trained_in_it(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    release(checkpoint(), local_hub)
    folder = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    names = {check.name for check in hfver.smoke_eval(str(folder), device="cpu").checks}
    assert "golden-numbers" in names
    edit_weights(folder, shift(0.2))
    names = {check.name for check in hfver.smoke_eval(str(folder), device="cpu").checks}
    assert "golden-numbers" not in names
    done, _ = release(folder, local_hub)
    assert done.version == "1.1.0"


PROMPTS = "Where is my parcel 4711?\nRefund me, please.\n"


@pytest.mark.parametrize("keep", ["none", "ids", "text"])
def test_own_prompts_are_stored_only_as_the_policy_says(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path, keep: Any
) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text(PROMPTS)
    policy = hfver.Policy(golden=GoldenRule(prompts=keep, file=file))
    _, said = release(checkpoint(), local_hub, policy=policy)
    golden = hfver.golden.read(REPO, hub=local_hub).golden
    assert golden.numbers
    own = [one for one in golden.numbers.inputs if one.origin == "prompts"]
    assert bool(own) == (keep != "none")
    text = hfver.golden.read(REPO, hub=local_hub).encode()[GOLDEN].decode()
    assert ("parcel 4711" in text) == (keep == "text")
    words = {"none": "none of your own prompts", "ids": "as token ids", "text": "as text"}
    assert any(words[keep] in line for line in said)


@pytest.mark.more
def test_a_golden_from_memory_is_cut_to_what_the_policy_lets_out(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    folder = checkpoint()
    hfver.golden.capture(*in_memory(folder), directory=folder, prompts=PROMPTS.splitlines(), keep="text")
    release(folder, local_hub)
    found = hfver.golden.read(REPO, hub=local_hub)
    assert found.golden.numbers
    assert "prompts" not in {one.origin for one in found.golden.numbers.inputs}
    assert "parcel" not in found.encode()[GOLDEN].decode()
    report = hfver.smoke_eval(REPO, hub=local_hub, device="cpu")
    assert {check.status for check in report.checks if check.name.startswith("golden")} == {"passed"}


@pytest.mark.more
def test_a_secret_in_a_prompt_is_found(local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    file = tmp_path / "prompts.txt"
    file.write_text("My token is hf_" + "aBcDeFgHiJkLmNoPqRsTuVwXyZ01234567\n")
    with pytest.raises(SecretFound, match=r"golden\.json"):
        release(checkpoint(), local_hub, policy=hfver.Policy(golden=GoldenRule(prompts="text", file=file)))


def test_a_project_cannot_publish_files_of_others(tmp_path: Path) -> None:
    (tmp_path / "project").mkdir()
    settings = tmp_path / "project" / "hfver.toml"
    settings.write_text('[golden]\nprompts = "text"\nfile = "../secrets.txt"\n')
    with pytest.raises(BadConfig, match="outside of"):
        hfver.golden.read("acme/bot", policy=settings)


def test_a_golden_that_was_tampered_with_on_the_hub(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    release(checkpoint(), local_hub)
    path = hfver.pull(REPO, hub=local_hub).path / GOLDEN
    raw = json.loads(path.read_bytes())
    raw["numbers"]["noise"]["float16"]["distance"] = 1e9
    real = path.resolve()
    real.chmod(0o644)
    real.write_text(json.dumps(raw))
    # What is damaged in the cache is downloaded again, and the golden is the one that was released.
    report = hfver.smoke_eval(REPO, hub=local_hub, device="cpu")
    assert report.status == "passed"
    assert json.loads(path.read_bytes()) != raw


@pytest.mark.more
def test_a_generation_config_that_changed_after_capture(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    hfver.golden.capture(*in_memory(folder), directory=folder)
    edit_json(folder, "generation_config.json", min_new_tokens=3)
    with pytest.raises(
        SmokeFailed,
        match=r"golden-forms: In the generation config min_new_tokens is 3 instead of None.*generation config",
    ):
        release(folder, local_hub)
