from __future__ import annotations

import json
import os
import pickle
import shutil
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint import convert_pickles, read_checkpoint
from tests.model.checkpoint.conftest import Copy, tiny_llama


def look(folder: Path) -> dict[str, tuple[int, int, bytes]]:
    return {
        str(path.relative_to(folder)): (path.stat().st_mtime_ns, path.stat().st_ctime_ns, path.read_bytes())
        for path in folder.rglob("*")
        if path.is_file()
    }


def digests(folder: Path) -> dict[str, str]:
    return {tensor.name: tensor.digest for tensor in read_checkpoint(folder).tensors}


def refusal(folder: Path, output: Path) -> str:
    with pytest.raises(BadCheckpoint) as raised:
        convert_pickles(folder, output)
    assert not output.exists() or not any(output.iterdir())
    assert not list(output.parent.glob(".hfver-convert-*"))
    return str(raised.value)


def test_weights_survive_and_the_source_is_untouched(
    pickled_folder: Path, model_folder: Path, copy: Copy, tmp_path: Path
) -> None:
    folder = copy(pickled_folder)
    (folder / "README.md").write_text("# Mine\n")
    (folder / "trainer_state.json").write_text("{}")
    (folder / "training_args.bin").write_bytes(b"\x80\x02}.")
    before = look(folder)
    calls: list[tuple[str, int, int]] = []
    output = convert_pickles(folder, tmp_path / "deep" / "out", progress=lambda *call: calls.append(call))
    assert look(folder) == before
    assert digests(output) == digests(model_folder)
    assert read_checkpoint(output).readme == "# Mine\n"
    assert (output / "trainer_state.json").exists()
    assert not [path for path in output.rglob("*") if path.suffix == ".bin"]
    assert all(path.stat().st_nlink == 1 for path in output.iterdir())
    assert calls[-1][0] == "converting"
    assert calls[-1][1] == calls[-1][2]


def test_shards_stay_shards(sharded_folder: Path, copy: Copy, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = copy(sharded_folder)
    names: dict[str, str] = {}
    for number, shard in enumerate(sorted(folder.glob("model-*.safetensors"))):
        if number < 2:  # a child process each takes its seconds
            name = f"pytorch_{shard.stem}.bin"
            state = load_file(shard)
            torch.save(state, folder / name)
            names |= dict.fromkeys(state, name)
        shard.unlink()
    (folder / "model.safetensors.index.json").unlink()
    index = folder / "pytorch_model.bin.index.json"
    index.write_text(json.dumps({"metadata": {}, "weight_map": names}))
    output = convert_pickles(folder, tmp_path / "out")
    made = read_checkpoint(output)
    assert {tensor.name for tensor in made.tensors} == set(names)
    assert len({tensor.file for tensor in made.tensors}) == len(set(names.values()))
    original = digests(sharded_folder)
    assert all(tensor.digest == original[tensor.name] for tensor in made.tensors)
    index.write_text(json.dumps({"weight_map": names | {"lost": "pytorch_model-00009-of-00009.bin"}}))
    assert "does not agree" in refusal(folder, tmp_path / "other")


def test_tied_weights_are_saved_once_as_save_pretrained_does(tmp_path: Path) -> None:
    model = tiny_llama(tie_word_embeddings=True)
    model.save_pretrained(tmp_path / "safe")
    folder = Path(shutil.copytree(tmp_path / "safe", tmp_path / "pickled"))
    (folder / "model.safetensors").unlink()
    torch.save(model.state_dict(), folder / "pytorch_model.bin")
    assert "lm_head.weight" in model.state_dict()
    output = convert_pickles(folder, tmp_path / "out")
    assert digests(output) == digests(tmp_path / "safe")


def test_shared_weights_that_loading_would_not_tie_are_kept(pickled_folder: Path, copy: Copy, tmp_path: Path) -> None:
    folder = copy(pickled_folder)
    state = tiny_llama().state_dict()
    state["lm_head.weight"] = state["model.embed_tokens.weight"]  # the config says that they are not tied
    whole = torch.arange(64.0)
    state |= {"whole": whole, "left": whole[:32], "right": whole[16:]}
    torch.save(state, folder / "pytorch_model.bin")
    found = digests(convert_pickles(folder, tmp_path / "out"))
    assert found.keys() == state.keys()
    assert found["lm_head.weight"] == found["model.embed_tokens.weight"]


def test_an_adapter_and_the_old_format(adapter_folder: Path, copy: Copy, tmp_path: Path) -> None:
    from safetensors.torch import load_file

    folder = copy(adapter_folder)
    state = load_file(folder / "adapter_model.safetensors")
    (folder / "adapter_model.safetensors").unlink()
    torch.save(state, folder / "adapter_model.bin", _use_new_zipfile_serialization=False)
    output = convert_pickles(folder, tmp_path / "out")
    assert digests(output) == digests(adapter_folder)
    assert read_checkpoint(output).kind == "adapter"


def test_nothing_to_convert(model_folder: Path, tmp_path: Path) -> None:
    assert convert_pickles(model_folder, tmp_path / "out") == model_folder
    assert not (tmp_path / "out").exists()


class _Canary:
    def __init__(self, path: Path) -> None:
        self.path = path

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        return os.mkdir, (str(self.path),)


def test_a_pickle_cannot_run_code(
    pickled_folder: Path, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TORCH_FORCE_NO_WEIGHTS_ONLY_LOAD", "1")
    folder, canary = copy(pickled_folder), tmp_path / "canary"
    torch.save({"a": _Canary(canary)}, folder / "pytorch_model.bin")
    assert "pytorch_model.bin asks to run posix.mkdir" in refusal(folder, tmp_path / "out")
    assert not canary.exists()
    (folder / "pytorch_model.bin").write_bytes(pickle.dumps({"a": _Canary(canary)}))
    message = refusal(folder, tmp_path / "out")
    assert "pytorch_model.bin holds more than tensors" in message
    assert "weights_only" not in message  # PyTorch advises to switch it off
    assert not canary.exists()
    pickle.loads((folder / "pytorch_model.bin").read_bytes())  # noqa: S301
    assert canary.exists()  # the bait does work


def test_a_module_in_the_folder_is_not_imported(
    pickled_folder: Path, copy: Copy, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, canary = copy(pickled_folder), tmp_path / "canary"
    for name in ("torch", "safetensors", "zipfile", "sitecustomize"):
        (folder / f"{name}.py").write_text(f"open({str(canary)!r}, 'w')")
    monkeypatch.chdir(folder)
    monkeypatch.setenv("PYTHONPATH", str(folder))
    convert_pickles(folder, tmp_path / "out")
    assert not canary.exists()


@pytest.mark.parametrize("content", ["garbage", "empty", "cut off", "number", "bomb"])
def test_broken_pickles(content: str, pickled_folder: Path, copy: Copy, tmp_path: Path) -> None:
    folder = copy(pickled_folder)
    path = folder / "pytorch_model.bin"
    if content == "cut off":
        path.write_bytes(path.read_bytes()[:-200])
    elif content == "bomb":
        _deflate(path)
    elif content in ("garbage", "empty"):
        path.write_bytes(b"garbage" if content == "garbage" else b"")
    else:
        torch.save({"a": 1}, path)
    message = refusal(folder, tmp_path / "out")
    assert "pytorch_model.bin" in message
    assert "Traceback" not in message


def _deflate(path: Path) -> None:
    """Write tensors of 40 GB that deflate to a few MB."""
    torch.save({"a": torch.zeros(4)}, path)
    with zipfile.ZipFile(path) as old:
        parts = {info.filename: old.read(info) for info in old.infolist()}
    pickled = next(name for name in parts if name.endswith("data.pkl"))
    parts[pickled] = parts[pickled].replace(b"K\x04", b"\x8a\x05" + (10**10).to_bytes(5, "little"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as new:
        for name, data in parts.items():
            new.writestr(name, bytes(2 * 10**8) if name.endswith("data/0") else data)


def test_the_output_must_be_a_new_folder_outside(pickled_folder: Path, copy: Copy, tmp_path: Path) -> None:
    folder = copy(pickled_folder)
    assert "inside" in refusal(folder, folder / "out")
    (tmp_path / "full").mkdir()
    (tmp_path / "full" / "x").write_text("")
    with pytest.raises(BadCheckpoint, match="already exists"):
        convert_pickles(folder, tmp_path / "full")
    (folder / "model.bin").write_bytes((folder / "pytorch_model.bin").read_bytes())
    assert "both become" in refusal(folder, tmp_path / "out")
