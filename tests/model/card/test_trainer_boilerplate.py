"""Cards that training libraries write, made by these libraries."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from peft import LoraConfig, get_peft_model
from transformers import GPT2Config, GPT2LMHeadModel
from transformers.modelcard import TrainingSummary

from hfver.model.card import render_card

from .conftest import Make, metadata_of

peft_lags = pytest.mark.filterwarnings("ignore:`is_gradient_checkpointing` is deprecated:FutureWarning")


def _trainer_card() -> str:
    lines: Any = [{"Training Loss": 2.0, "Epoch": 1.0, "Validation Loss": 1.5}]
    summary: Any = TrainingSummary(
        model_name="out",
        tags=["generated_from_trainer"],
        eval_results={"Loss": 1.5},
        eval_lines=lines,
        hyperparameters={"learning_rate": 5e-05},
    )
    return str(summary.to_model_card())


def test_the_trainers_boilerplate_is_removed(make: Make) -> None:
    card = render_card(make(_trainer_card())).decode()
    for gone in (
        "More information needed",
        "generated automatically",
        "# out",
        "Framework versions",
        "- learning_rate",
    ):
        assert gone not in card
    assert "### Training results" in card
    assert metadata_of(card)["tags"] == ["generated_from_trainer", "hfver"]


def test_text_that_a_person_added_to_the_trainers_card_is_kept(make: Make) -> None:
    edited = _trainer_card().replace(
        "## Intended uses & limitations\n\nMore information needed", "## Intended uses & limitations\n\nTickets only."
    )
    card = render_card(make(edited)).decode()
    assert "## Intended uses &amp; limitations" not in card
    assert "## Intended uses & limitations\n\nTickets only." in card
    assert render_card(make(card)).decode() == card


@peft_lags
def test_the_empty_template_of_peft_is_removed(make: Make, tmp_path: Path) -> None:
    card = render_card(make(_peft_card(tmp_path))).decode()
    for gone in ("More Information Needed", "Model Card for", "## Uses", "Carbon", "BibTeX", "Framework versions"):
        assert gone not in card
    prose = card.split("<!-- hfver:end head -->")[1].split("<!-- hfver:begin release")[0]
    assert prose.strip() == ""


@peft_lags
def test_filled_in_fields_of_a_template_are_kept(make: Make, tmp_path: Path) -> None:
    edited = _peft_card(tmp_path).replace("- **Developed by:** [More Information Needed]", "- **Developed by:** Acme")
    card = render_card(make(edited)).decode()
    assert "## Model Details\n\n### Model Description\n\n- **Developed by:** Acme\n" in card
    assert "Funded by" not in card


def _peft_card(folder: Path) -> str:
    config = GPT2Config(vocab_size=32, n_positions=16, n_embd=8, n_layer=1, n_head=1, bos_token_id=0, eos_token_id=0)
    model = get_peft_model(GPT2LMHeadModel(config), LoraConfig(target_modules=["c_attn"], fan_in_fan_out=True))
    model.save_pretrained(str(folder))
    return (folder / "README.md").read_text()
