"""What the body that tasks share finds in models of pictures, sound and pairs of texts."""

from __future__ import annotations

import os
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest
import torch
import transformers

from hfver.core.smoke_report import SmokeReport
from hfver.model.runtime import load_model
from hfver.model.smoke import examine, run_smoke
from hfver.model.smoke.tasks import OWN
from tests.model.smoke import tiny
from tests.model.smoke.edits import edit_weights, fill
from tests.model.smoke.zoo import ZOO

hf: Any = transformers
ROOT = Path(__file__).parents[3]


def saved(name: str, folder: Path) -> Path:
    torch.manual_seed(7)
    model, tokenizer = ZOO[name]()
    return tiny.save(model, tokenizer, folder)


def failed(report: SmokeReport) -> dict[str, str]:
    return {check.name: check.detail for check in report.failures}


def test_own_tasks_are_entry_points_like_those_of_others() -> None:
    points = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]["hfver.smoke_tasks"]
    assert points == {tag: f"hfver.model.smoke.{module}" for tag, module in OWN.items()}


def test_a_classifier_of_pictures_whose_head_was_lost(tmp_path: Path) -> None:
    folder = edit_weights(saved("vit", tmp_path), fill("classifier.weight"))
    assert "the picture has no effect" in failed(run_smoke(folder, device="cpu"))["input-matters"]


def test_a_text_that_has_no_effect(tmp_path: Path) -> None:
    folder = saved("clip", tmp_path)
    edit_weights(folder, fill("text_model.final_layer_norm.weight"))
    edit_weights(folder, fill("text_model.final_layer_norm.bias", 1.0))
    assert "the text has no effect" in failed(run_smoke(folder, device="cpu"))["input-matters"]


def test_a_decoder_that_ignores_its_encoder(tmp_path: Path) -> None:
    folder = saved("t5", tmp_path)
    edit_weights(folder, fill("encoder.final_layer_norm.weight"))
    assert "the text has no effect" in failed(run_smoke(folder, device="cpu"))["input-matters"]


def test_sound_that_gives_nan(tmp_path: Path) -> None:
    loaded = load_model(saved("wav2vec2, ctc", tmp_path), device="cpu")
    loaded.model.lm_head.register_forward_hook(lambda *_: torch.full((1, 1, 32), float("nan")))
    assert "NaN" in failed(examine(loaded))["forward"]


def test_labels_that_do_not_fit(tmp_path: Path) -> None:
    loaded = load_model(saved("bert, tokens", tmp_path), device="cpu")
    loaded.model.config.id2label = {0: "A", 5: "B", 2: "C"}
    assert "labels" in failed(examine(loaded))


def test_a_model_that_answers_differently_each_time(tmp_path: Path) -> None:
    loaded = load_model(saved("vit", tmp_path), device="cpu")
    bias, count = loaded.model.classifier.bias, iter(range(1000))

    def drift(*_: Any) -> None:
        with torch.no_grad():
            bias.copy_(torch.randn(len(bias), generator=torch.Generator().manual_seed(next(count))))

    loaded.model.register_forward_pre_hook(drift)
    assert "the second time" in failed(examine(loaded))["repeats"]


def test_a_mask_that_is_ignored(tmp_path: Path) -> None:
    loaded = load_model(saved("bert, tokens", tmp_path), device="cpu")
    whole = loaded.model.forward

    def without_mask(input_ids: Any, attention_mask: Any = None) -> Any:
        return whole(input_ids=input_ids)

    loaded.model.forward = without_mask
    assert "batch" in failed(examine(loaded))


def test_a_class_whose_inputs_hfver_cannot_make_is_not_judged(tmp_path: Path) -> None:
    loaded = load_model(saved("vit", tmp_path), device="cpu")

    def refuses(points: Any) -> Any:
        raise AssertionError(points)

    loaded.model.forward = refuses
    report = examine(loaded, pipeline_tag="something-else")
    assert report.status == "not_judged"
    assert report.forward_passes == 0
    assert "cannot make inputs" in report.reason


def test_a_feature_extractor_without_a_tokenizer(tmp_path: Path) -> None:
    folder = saved("wav2vec2, ctc", tmp_path)
    hf.Wav2Vec2FeatureExtractor().save_pretrained(folder)
    report = run_smoke(folder, device="cpu")
    assert report.status == "passed", report
    assert ("processor", "passed") in [(check.name, check.status) for check in report.checks]


HIDDEN = """
import sys
from pathlib import Path
from hfver.model.smoke import run_smoke
report = run_smoke(Path(sys.argv[1]), device="cpu")
(check,) = (check for check in report.checks if check.status == "not_judged")
print(report.status, report.forward_passes > 0, check.name, check.hint, sep="|")
"""


@pytest.mark.more
def test_a_library_that_is_missing_is_not_the_models_fault(tmp_path: Path) -> None:
    folder = saved("vit", tmp_path / "model")
    hf.ViTImageProcessor(size={"height": 32, "width": 32}).save_pretrained(folder)
    # A copy of the environment, by links, without these libraries. -S keeps the real one off the path.
    packages = Path(torch.__file__).parents[1]
    hidden = tmp_path / "packages"
    hidden.mkdir()
    for path in packages.iterdir():
        if not path.name.lower().startswith(("pil", "torchvision")) and path.suffix != ".pth":
            (hidden / path.name).symlink_to(path)
    done = subprocess.run(
        [sys.executable, "-S", "-c", HIDDEN, str(folder)],
        capture_output=True,
        text=True,
        check=True,
        env={**os.environ, "PYTHONPATH": f"{ROOT}{os.pathsep}{hidden}"},
    )
    status, ran, name, hint = done.stdout.strip().split("|")
    assert (status, ran, name) == ("not_judged", "True", "processor")
    assert "hfver[vision]" in hint
