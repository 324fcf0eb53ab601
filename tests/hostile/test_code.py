"""Configs that would make a library run code are refused by every command that loads, unless the user allows it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.errors import BadCheckpoint, PolicyViolation
from hfver.model.checkpoint import refuse_code
from tests.hostile.checkpoints import REPO, config, model

CODE: list[tuple[str, Any]] = [
    ("config.json", {"auto_map": {"AutoModel": "modeling.Own"}}),
    ("config.json", {"text_config": {"auto_map": {"AutoModel": "modeling.Own"}}}),
    ("config.json", {"a": [[{"_attn_implementation_internal": "evil/kernel"}]]}),
    ("CONFIG.JSON", {"auto_map": {"AutoModel": "modeling.Own"}}),
    ("config.json", '{"auto_map": {"AutoModel": "x.Y"}, "auto_map": null}'),
    ("config.json", '\ufeff{"auto_map": {"AutoModel": "x.Y"}}'),
    ("config.json", '{"n": ' + "9" * 5000 + ', "auto_map": {"AutoModel": "x.Y"}}'),
    ("config.json", {"attn_implementation": "evil/kernel"}),
    ("config.json", {"custom_pipelines": {"x": {"impl": "evil.Pipeline"}}}),
    ("tokenizer_config.json", {"auto_map": {"AutoTokenizer": ["evil.Tokenizer", None]}}),
    ("processor_config.json", {"auto_map": {"AutoProcessor": "evil.Processor"}}),
    ("sub/generation_config.json", {"auto_map": {"x": "y"}}),
    ("modules.json", [{"path": "", "type": "evil"}]),
    ("modules.json", [{"path": "", "type": "os.System"}]),
    ("router_config.json", {"types": {"document": "evil.Module"}}),
    ("2_Dense/config.json", {"activation_function": "subprocess.Popen"}),
    ("adapter_config.json", {"auto_mapping": {"base_model_class": "X", "parent_library": "transformers_modules.x"}}),
    ("config_sentence_transformers.json", {"auto_map": {"x": "y"}}),
]
HARMLESS: list[tuple[str, Any]] = [
    ("config.json", {"auto_map": None, "type": "llama", "rope_scaling": {"type": "linear"}, "_name_or_path": "a/b"}),
    ("config.json", {"activation_function": "gelu_new", "attn_implementation": "sdpa"}),
    ("2_Dense/config.json", {"activation_function": "torch.nn.modules.activation.Tanh"}),
    ("modules.json", [{"path": "", "type": "sentence_transformers.models.Transformer"}]),
    ("adapter_config.json", {"auto_mapping": {"parent_library": "transformers.models.llama.modeling_llama"}}),
    ("adapter_config.json", {"auto_mapping": None}),
    ("config.json", "{not json"),
    ("notes.json", {"auto_map": {"x": "y"}}),
]


def put(folder: Path, path: str, content: Any) -> Path:
    (folder / path).parent.mkdir(parents=True, exist_ok=True)
    (folder / path).write_text(content if isinstance(content, str) else json.dumps(content))
    return folder


@pytest.mark.parametrize(("path", "content"), CODE)
def test_a_config_that_names_code_is_refused(path: str, content: Any, tmp_path: Path) -> None:
    put(tmp_path, path, content)
    with pytest.raises(PolicyViolation, match="asks for code") as caught:
        refuse_code(tmp_path)
    assert path in caught.value.message
    refuse_code(tmp_path, allowed=True)
    refuse_code(tmp_path, paths=["other.json"])


@pytest.mark.parametrize(("path", "content"), HARMLESS)
def test_a_harmless_config_is_accepted(path: str, content: Any, tmp_path: Path) -> None:
    refuse_code(put(tmp_path, path, content))


def test_a_config_that_cannot_be_parsed_is_refused(tmp_path: Path) -> None:
    put(tmp_path, "config.json", '{"a":' * 100_000 + '{"auto_map": 1}' + "}" * 100_000)
    with pytest.raises(BadCheckpoint, match="deep"):
        refuse_code(tmp_path)


@pytest.mark.parametrize("depth", [400, 900])
def test_nesting_does_not_hide_a_key(depth: int, tmp_path: Path) -> None:
    put(tmp_path, "config.json", '{"a":' * depth + '{"auto_map": {"x": "y"}}' + "}" * depth)
    with pytest.raises((PolicyViolation, BadCheckpoint)):
        refuse_code(tmp_path)


def test_each_command_requires_the_permission(
    local_hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder, target, hub = model(tmp_path / "model"), tmp_path / "target", ["--hub", str(local_hub.path)]
    config(folder, auto_map={"AutoModelForCausalLM": "modeling.Own"})
    (folder / "modeling.py").write_text("raise SystemExit('this code ran')")
    release = ["release", str(folder), "--repo", REPO, "--smoke", "off", *hub]

    def run(*arguments: str) -> int:
        return main(list(arguments))

    assert run(*release) == 1
    assert run(*release, "--dry-run") == 1
    assert "--trust-remote-code" in capsys.readouterr().err
    assert run("versions", REPO, *hub) == 4
    assert run(*release, "--trust-remote-code") == 0
    for _ in range(2):
        assert run("pull", REPO, str(target), *hub) == 1
        assert not target.exists()
    assert run("pull", REPO, *hub) == 1
    assert run("smoke", REPO, "--device", "cpu", *hub) == 1
    assert "modeling.Own" not in capsys.readouterr().out
    assert run("verify", REPO, *hub) == 0
    assert run("diff", REPO, str(folder), *hub) == 0
    assert run("pull", REPO, str(target), "--trust-remote-code", *hub) == 0
    assert (target / "modeling.py").is_file()
    assert run("pull", REPO, *hub) == 1
    assert run("verify", str(target), *hub) == 0


def test_load_requires_the_permission(local_hub: LocalHub, tmp_path: Path) -> None:
    import hfver

    folder = model(tmp_path / "model")
    config(folder, _attn_implementation_internal="evil/kernel")
    hfver.release(folder, REPO, hub=local_hub, smoke="off", trust_remote_code=True)
    with pytest.raises(PolicyViolation, match="_attn_implementation_internal"):
        hfver.load(REPO, hub=local_hub, device="cpu")
