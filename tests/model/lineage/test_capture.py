"""The lineage record: which source wins, and what must never be in it."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Callable
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest

from hfver.core.deprecation import HfverDeprecationWarning
from hfver.errors import PluginError
from hfver.model.checkpoint import Checkpoint, read_checkpoint
from hfver.model.lineage import LineageOptions, capture
from hfver.model.lineage.importer import importers
from hfver.model.lineage.record import BaseModelLink, Lineage
from hfver.model.lineage.scrub import scrub

NOW = datetime(2026, 8, 1, tzinfo=UTC)
SHA = "b" * 40
Make = Callable[..., Checkpoint]


def _no_hub(name: str, revision: str | None) -> None:
    return None


def _one_commit(name: str, revision: str | None) -> str:
    return SHA


def _capture(checkpoint: Checkpoint, options: LineageOptions | None = None, **more: Any) -> Lineage:
    known = {"base": None, "resolve_dataset": _no_hub, "now": NOW, "author": "ada"}
    return capture(checkpoint, options or LineageOptions(), **(known | more))


def test_built_in_importers_are_registered_as_entry_points() -> None:
    assert [name for name, _ in importers()] == ["environment", "git", "peft", "trainer", "card"]


def test_the_lineage_of_a_real_run_needs_no_options(run: Path) -> None:
    record = _capture(read_checkpoint(run))
    assert (record.created_at, record.created_by) == (NOW, "ada")
    assert record.base_model is not None
    assert record.base_model.source == "openai-community/gpt2"
    assert [dataset.source for dataset in record.training.all_datasets] == ["acme/tickets"]
    assert record.training.steps == 2
    assert list(record.evaluation.metrics) == ["eval_loss"]
    assert record.environment is not None
    assert record.environment.packages["torch"] == version("torch")
    assert record.artifacts == {"model_weights": "model.safetensors", "config": "config.json"}
    assert Lineage.decode(record.encode(), "lineage.yaml") == record


def test_the_lineage_of_a_real_adapter_needs_no_options(adapter: Path) -> None:
    record = _capture(read_checkpoint(adapter))
    assert record.base_model is not None
    assert (record.base_model.source, record.base_model.relation) == (None, "adapter")
    assert "/" not in record.base_model.name
    settings = record.training.hyperparameters["adapter"]
    assert (settings["peft_type"], settings["r"]) == ("LORA", 2)
    assert settings["target_modules"] == ["c_attn", "c_proj"]


def test_later_sources_win(checkpoint: Make, tmp_path: Path) -> None:
    card = (
        "---\nbase_model: a/readme\nlicense: mit\ndatasets: [a/readme]\nmodel-index:\n- name: x\n  results:\n"
        "  - {task: {type: t}, dataset: {type: d, name: d}, metrics: [{type: f1, name: one, value: 1},"
        " {type: f1, name: two, value: 1}, {type: f1, name: three, value: 1}]}\n---\n"
    )
    metrics, lineage = tmp_path / "m.json", tmp_path / "l.yaml"
    metrics.write_text('{"two": 2, "three": 2}')
    lineage.write_text("evaluation: {metrics: {three: 3}}\nbase_model: {name: file, source: a/file}\nteam: blue\n")
    found = checkpoint(README__md=card)
    base = BaseModelLink(name="flag", source="a/flag", revision=SHA, relation="finetune")
    options = LineageOptions(("a/flag",), metrics, lineage)

    record = _capture(found, options, base=base)
    assert record.evaluation.metrics == {"one": 1, "two": 2, "three": 3}
    assert record.base_model == base
    assert [dataset.source for dataset in record.training.all_datasets] == ["a/flag"]
    assert record.license == "mit"
    assert (record.model_extra or {})["team"] == "blue"

    without = _capture(found, LineageOptions(lineage=lineage)).base_model
    assert without is not None
    assert (without.source, without.relation) == ("a/file", None)


def test_datasets_in_the_readme_are_resolved(checkpoint: Make) -> None:
    found = checkpoint(README__md="---\ndatasets: [a/one, b/two, ./here]\n---\n")
    record = _capture(found, resolve_dataset=_one_commit)
    assert [(d.source, d.revision) for d in record.training.datasets] == [("a/one", SHA), ("b/two", SHA)]


def test_results_of_an_earlier_release_are_ignored(checkpoint: Make) -> None:
    card = (
        "---\nmodel-index:\n- name: x\n  results:\n  - {task: {type: t}, dataset: {type: d, name: d},"
        " metrics: [{type: f1, value: 1}], source: {name: hfver, url: x}}\n---\n"
    )
    assert _capture(checkpoint(README__md=card)).evaluation.metrics == {}


def test_the_authors_own_record_in_the_folder_is_used(checkpoint: Make) -> None:
    assert _capture(checkpoint(lineage__yaml="training: {steps: 7}\n")).training.steps == 7


@pytest.mark.parametrize(("same", "steps"), [(True, 7), (False, None)])
def test_a_pulled_record_is_used_only_for_its_own_weights(checkpoint: Make, same: bool, steps: int | None) -> None:
    record = "created_by: old\ntraining: {steps: 7}\nenvironment: {packages: {torch: '1.0', apex: '1'}}\n"
    found = checkpoint(lineage__yaml=record)
    sha = found.files["model.safetensors"].sha256 if same else "0" * 64
    (found.directory / ".hfver").mkdir()
    manifest = {"files": {"model.safetensors": {"size": 1, "sha256": sha}}}
    (found.directory / ".hfver" / "manifest.json").write_text(json.dumps(manifest))
    lineage = _capture(read_checkpoint(found.directory))
    assert (lineage.training.steps, lineage.created_by) == (steps, "ada")
    assert lineage.environment is not None
    assert (lineage.environment.packages == {"torch": "1.0", "apex": "1"}) is same


def test_a_config_of_another_transformers_version_rules_out_this_environment(checkpoint: Make) -> None:
    found = checkpoint()
    config = json.loads((found.directory / "config.json").read_text())
    (found.directory / "config.json").write_text(json.dumps(config | {"transformers_version": "4.1.0"}))
    environment = _capture(read_checkpoint(found.directory)).environment
    assert environment is not None
    assert (environment.python, environment.packages) == (None, {"transformers": "4.1.0"})


def test_nothing_private_is_in_a_record() -> None:
    token = "hf_" + "a" * 34
    record = Lineage.model_validate(
        {
            "training": {
                "hyperparameters": {
                    "data_dir": "/home/ada/projects/data",
                    "cache": "~/cache/hf",
                    "windows": "C:\\Users\\ada\\data",
                    "command": f"train --token={token} --out=/home/ada/out/run1 --lr 1/2",
                    token: 1,
                    "url": "https://ada:pw@host/x?token=abc&page=2",
                    "file": "file:///home/ada/x.json",
                    "id": "ns/name",
                    "ratio": "a/b/c",
                }
            },
            "run": {"url": "https://host/runs/42"},
        }
    )
    known = dict(scrub(record).training.hyperparameters)
    assert known == {
        "data_dir": "data",
        "cache": "hf",
        "windows": "data",
        "command": "train --token=*** --out=run1 --lr 1/2",
        "***": 1,
        "url": "https://host/x?token=***&page=2",
        "file": "x.json",
        "id": "ns/name",
        "ratio": "a/b/c",
    }
    assert scrub(record).run == record.run


def test_no_path_of_this_disk_and_no_address_of_the_git_user(run: Path, adapter: Path) -> None:
    for folder in (run, adapter):
        written = _capture(
            read_checkpoint(folder), LineageOptions((str(folder / "config.json"),) if folder == run else ())
        )
        for private in (str(folder), str(Path.home()), "@"):
            assert private not in written.encode().decode().replace("+cpu", "")


def test_capture_imports_no_heavy_library() -> None:
    program = (
        "import sys, hfver.model.lineage, hfver.model.card\n"
        "from hfver.model.lineage.importer import import_all\nfrom pathlib import Path\n"
        "from hfver.model.checkpoint import Checkpoint\nimport_all(Checkpoint(Path('.'), 'model', {}, (), ()))\n"
        "print([m for m in ('torch', 'transformers', 'huggingface_hub', 'datasets') if m in sys.modules])"
    )
    done = subprocess.run([sys.executable, "-c", program], check=True, capture_output=True, text=True)
    assert done.stdout == "[]\n"


def _install(site: Path, monkeypatch: pytest.MonkeyPatch, target: str, modules: dict[str, str]) -> None:
    """Install a package ``acme`` with an importer."""
    info = site / "acme-0.1.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: acme\nVersion: 0.1\n")
    (info / "entry_points.txt").write_text(f"[hfver.importers]\nacme = {target}\n")
    for name, text in modules.items():
        (site / f"{name}.py").write_text(text)
    monkeypatch.syspath_prepend(str(site))


RUNS = (
    "from hfver.model.lineage.record import Lineage\n"
    "class Runs:\n    strength = 70\n    {declared}\n"
    "    def {method}; return Lineage(run={{'tracker': 'acme', 'id': text}})\n"
)
BY_CHECKPOINT = "read_checkpoint(self, checkpoint): text = checkpoint.content['run.txt'].decode()"
BY_FOLDER = "read(self, directory): text = (directory / 'run.txt').read_text()"


@pytest.mark.parametrize("declared", ["", "PROTOCOL_VERSION = 2"])
def test_an_importer_reads_the_checkpoint(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, declared: str, checkpoint: Make
) -> None:
    found = checkpoint(run__txt="7")
    name = f"acme_new_{len(declared)}"
    module = RUNS.format(declared=declared, method=BY_CHECKPOINT)
    _install(tmp_path / "plug", monkeypatch, f"{name}:Runs", {name: module})
    run = _capture(found).run
    assert run is not None
    assert (run.tracker, run.id) == ("acme", "7")


def test_an_importer_of_0_1_reads_the_folder_and_is_deprecated(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: Make
) -> None:
    found = checkpoint(run__txt="7")
    module = RUNS.format(declared="PROTOCOL_VERSION = 1", method=BY_FOLDER)
    _install(tmp_path / "plug", monkeypatch, "acme_old:Runs", {"acme_old": module})
    with pytest.warns(HfverDeprecationWarning, match=r"'acme'.*removed in hfver 0.3; use read_checkpoint"):
        run = _capture(found).run
    assert run is not None
    assert (run.tracker, run.id) == ("acme", "7")


def test_an_importer_for_a_later_hfver_says_to_upgrade(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checkpoint: Make
) -> None:
    found = checkpoint(run__txt="7")
    module = RUNS.format(declared="PROTOCOL_VERSION = 3", method="read_later(self, checkpoint): pass")
    _install(tmp_path / "plug", monkeypatch, "acme_later:Runs", {"acme_later": module})
    with pytest.raises(PluginError, match="version 3 of its Protocol; this hfver has version 2") as caught:
        _capture(found)
    assert "Upgrade hfver" in caught.value.hint


@pytest.mark.parametrize(
    ("target", "said"),
    [("no_such_module:X", "cannot be loaded"), ("pathlib:PurePath", "no strength"), ("boom:Boom", "ValueError: boom")],
)
def test_a_broken_plug_in_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, target: str, said: str, checkpoint: Make
) -> None:
    found = checkpoint()
    boom = "class Boom:\n    strength = 1\n    def read_checkpoint(self, found): raise ValueError('boom')\n"
    _install(tmp_path / "plug", monkeypatch, target, {"boom": boom})
    with pytest.raises(PluginError, match=f"'acme' .*{said}"):
        _capture(found)
