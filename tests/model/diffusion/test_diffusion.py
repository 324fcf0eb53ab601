"""Diffusion pipelines: read, refused, compared, loaded and tried."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hfver.core.version import Bump
from hfver.errors import BadCheckpoint, HfverError, PolicyViolation, UsageError
from hfver.model.checkpoint import read_checkpoint, refuse_code
from hfver.model.compare.description import compare_described, describe_folder
from hfver.model.runtime import load_model
from hfver.model.smoke import run_smoke
from tests.made import MakeOnce

pytestmark = [
    pytest.mark.more,
    pytest.mark.filterwarnings("ignore"),  # of diffusers and what it imports
]
NAMES = {"stable_diffusion": "text-to-image", "pixart": "text-to-image", "ddpm": "unconditional-image-generation"}


@pytest.fixture
def saved(make_once: MakeOnce) -> Path:
    from tests.model.diffusion import tiny

    return make_once("diffusion", tiny.save_all)


@pytest.fixture
def folder(saved: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(saved / "stable_diffusion", tmp_path / "pipeline"))


def edit(path: Path, **settings: Any) -> None:
    held = json.loads(path.read_text())
    path.write_text(json.dumps({**held, **settings}))


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_is_read(saved: Path, name: str) -> None:
    checkpoint = read_checkpoint(saved / name)
    assert (checkpoint.kind, checkpoint.library_name, checkpoint.pipeline_tag) == ("pipeline", "diffusers", NAMES[name])
    assert checkpoint.parameters > 100_000
    assert not any(tensor.is_extra for tensor in checkpoint.tensors)


@pytest.mark.parametrize("name", NAMES)
def test_a_pipeline_runs(saved: Path, name: str) -> None:
    from hfver.model.smoke import diffusion

    loaded = load_model(saved / name, device="cpu")
    assert loaded.is_complete
    assert loaded.pipeline_tag == NAMES[name]
    checks = {check.name: check for check in diffusion.run(loaded).checks}
    prompt = checks.pop("prompt-effect")
    assert all(check.status == "passed" for check in checks.values()), checks
    assert prompt.status == ("skipped" if name == "ddpm" else "passed"), prompt


def test_a_pipeline_is_cast(saved: Path) -> None:
    loaded = load_model(saved / "ddpm", device="cpu", dtype="bfloat16")
    assert loaded.dtype == "bfloat16"


def test_weights_that_are_not_finite_fail(folder: Path) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    path = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    tensors["conv_in.weight"] = torch.full_like(tensors["conv_in.weight"], torch.nan)
    save_file(tensors, path, {"format": "pt"})
    report = run_smoke(folder, device="cpu")
    assert report.status == "failed"
    assert "unet.conv_in.weight" in str(report.failures)


def test_a_missing_tensor_is_reported(folder: Path) -> None:
    from safetensors.torch import load_file, save_file

    path = folder / "unet/diffusion_pytorch_model.safetensors"
    tensors = load_file(path)
    del tensors["conv_in.weight"]
    save_file(tensors, path, {"format": "pt"})
    assert load_model(folder, device="cpu").missing_keys == ("unet.conv_in.weight",)


def test_a_single_component_is_read_and_loaded(saved: Path) -> None:
    checkpoint = read_checkpoint(saved / "stable_diffusion/vae")
    assert (checkpoint.kind, checkpoint.library_name) == ("component", "diffusers")
    loaded = load_model(saved / "stable_diffusion/vae", device="cpu")
    assert type(loaded.model).__name__ == "AutoencoderKL"
    assert loaded.is_complete


def test_a_lora_is_read(tmp_path: Path) -> None:
    import torch
    from safetensors.torch import save_file

    save_file({"unet.a.lora_A.weight": torch.ones(2, 2)}, tmp_path / "pytorch_lora_weights.safetensors")
    assert read_checkpoint(tmp_path).kind == "lora"


def test_fp16_alone_is_loaded_and_beside_it_is_a_variant(folder: Path) -> None:
    for path in (*folder.glob("*/diffusion_pytorch_model.safetensors"), folder / "text_encoder/model.safetensors"):
        path.rename(path.with_suffix("").with_suffix(".fp16.safetensors"))
    assert read_checkpoint(folder).parameters > 100_000
    assert load_model(folder, device="cpu").is_complete


def test_pickled_weights_are_refused(folder: Path) -> None:
    import torch

    (folder / "unet/diffusion_pytorch_model.safetensors").unlink()
    torch.save({"a": torch.ones(1)}, folder / "unet/diffusion_pytorch_model.bin")
    with pytest.raises(BadCheckpoint, match="pickled"):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    "settings",
    [
        {"_class_name": ["my_pipeline", "MyPipeline"]},
        {"unet": ["my_unet", "MyUNet"]},
        {"unet": ["os", "system"]},
        {"unet": ["transformers.utils", "x"]},
    ],
)
def test_code_from_elsewhere_is_refused(folder: Path, settings: dict[str, Any]) -> None:
    edit(folder / "model_index.json", **settings)
    with pytest.raises(PolicyViolation):
        refuse_code(folder)
    with pytest.raises(PolicyViolation):
        load_model(folder, device="cpu")


@pytest.mark.parametrize("path", ["None.py", "none.PY", "unet/diffusers.py", "text_encoder/transformers.py"])
def test_code_that_diffusers_finds_by_itself_is_refused(folder: Path, path: str) -> None:
    (folder / path).write_text("raise SystemExit('ran')")
    with pytest.raises(PolicyViolation, match="in place of its own class"):
        load_model(folder, device="cpu")


@pytest.mark.parametrize(
    "text",
    [
        "[]",
        "{",
        "{}",
        '{"_class_name": 7}',
        '{"_class_name": "StableDiffusionPipeline", "../x": ["diffusers", "UNet2DConditionModel"]}',
        '{"_class_name": "StableDiffusionPipeline", "unet/..": ["diffusers", "UNet2DConditionModel"]}',
        '{"_class_name": "StableDiffusionPipeline", "absent": ["diffusers", "UNet2DConditionModel"]}',
        '{"_class_name": "StableDiffusionPipeline", "unet": ' + "[" * 100_000 + "]" * 100_000 + "}",
        '{"_class_name": "StableDiffusionPipeline", "x": "' + "y" * (17 << 20) + '"}',
    ],
    ids=["list", "broken", "empty", "number", "parent", "slash", "absent", "deep", "huge"],
)
def test_a_hostile_index_is_refused(folder: Path, text: str) -> None:
    (folder / "model_index.json").write_text(text)
    with pytest.raises(BadCheckpoint):
        read_checkpoint(folder)


@pytest.mark.parametrize(
    "settings",
    [{"_class_name": "UNet2DModel"}, {"_class_name": "KandinskyCombinedPipeline"}, {"vae": ["diffusers", "logging"]}],
)
def test_a_class_that_is_none_is_not_loaded(folder: Path, settings: dict[str, Any]) -> None:
    edit(folder / "model_index.json", **settings)
    with pytest.raises(HfverError):
        load_model(folder, device="cpu")


def test_a_linked_component_is_refused(folder: Path, tmp_path: Path) -> None:
    shutil.move(folder / "unet", tmp_path / "unet")
    (folder / "unet").symlink_to(tmp_path / "unet")
    with pytest.raises(BadCheckpoint, match="link"):
        read_checkpoint(folder)


def test_without_diffusers_the_extra_is_named(saved: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "diffusers", None)
    with pytest.raises(UsageError) as failure:
        load_model(saved / "ddpm", device="cpu")
    assert "hfver[diffusers]" in failure.value.hint


def _change(folder: Path, file: str, *names: str) -> None:
    from safetensors.torch import load_file, save_file

    tensors = load_file(folder / file)
    for name in names:
        tensors[name] = tensors[name] + 1
    save_file(tensors, folder / file, {"format": "pt"})


@pytest.mark.parametrize(
    ("file", "tensor", "level", "rule"),
    [
        ("unet/diffusion_pytorch_model.safetensors", "conv_in.weight", Bump.MINOR, "weights"),
        ("vae/diffusion_pytorch_model.safetensors", "decoder.conv_in.weight", Bump.MINOR, "weights"),
        ("vae/diffusion_pytorch_model.safetensors", "encoder.conv_in.weight", Bump.MAJOR, "latent-space"),
    ],
)
def test_weights_of_a_component(saved: Path, folder: Path, file: str, tensor: str, level: Bump, rule: str) -> None:
    _change(folder, file, tensor)
    difference = compare_described(describe_folder(saved / "stable_diffusion"), describe_folder(folder))
    assert difference.level == level, difference
    assert difference.changes[0].rule == rule
    assert difference.changes[0].where.startswith(file.split("/")[0])


def test_an_equal_pipeline_has_no_difference(saved: Path, folder: Path) -> None:
    assert not compare_described(describe_folder(saved / "stable_diffusion"), describe_folder(folder)).changes


def test_a_component_that_goes_is_major(saved: Path, folder: Path) -> None:
    shutil.rmtree(folder / "text_encoder")
    difference = compare_described(describe_folder(saved / "stable_diffusion"), describe_folder(folder))
    assert difference.level is Bump.MAJOR


def test_reading_needs_no_diffusers(saved: Path) -> None:
    code = (
        "import sys; sys.modules['diffusers'] = None; from pathlib import Path\n"
        "from hfver.model.checkpoint import read_checkpoint; read_checkpoint(Path(sys.argv[1]))"
    )
    subprocess.run([sys.executable, "-c", code, str(saved / "ddpm")], check=True)
