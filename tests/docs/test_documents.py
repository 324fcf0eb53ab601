"""The documents' commands run, and what they point to is there."""

from __future__ import annotations

import re
import shlex
import tomllib
from pathlib import Path

import pytest

from hfver.api.hubs import LocalHub
from hfver.cli import main
from tests.conftest import MakeCheckpoint

ROOT = Path(__file__).parent.parent.parent
DOCUMENTS = sorted(
    [*ROOT.glob("*.md"), *ROOT.glob("docs/*.md"), *ROOT.glob("benchmarks/*.md"), *ROOT.glob("examples/*.md")]
)


def commands(text: str) -> list[list[str]]:
    """List the hfver commands in a document's shell blocks."""
    blocks = re.findall(r"```bash\n(.*?)```", text, re.DOTALL)
    lines = (line.split(" #")[0].strip() for block in blocks for line in block.splitlines())
    return [shlex.split(line)[1:] for line in lines if line.startswith("hfver ")]


def test_the_readmes_commands_run(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    checkpoint(name="out/checkpoint")
    checkpoint(1, name="DIR")
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "serve.py").write_text('import hfver\n\nhfver.load("acme/support-bot@1.0.0")\n')
    found = commands((ROOT / "README.md").read_text())
    assert len(found) >= 9
    for command in found:
        if command[:2] == ["hub", "serve"]:
            continue
        words = [word.replace("@1.2.0", "@1.0.0").replace("@^1.2", "@^1.0") for word in command]
        hub = [] if "--hub" in words else ["--hub", str(local_hub.path)]
        assert main([*words, *hub, *(["--smoke", "off"] if words[0] == "release" else [])]) == 0, " ".join(words)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_what_documents_point_to_is_there(document: Path) -> None:
    text = re.sub(r"```.*?```", "", document.read_text(), flags=re.DOTALL)
    links = re.findall(r"\]\((?!https?:|#)([^)#]+)", text)
    named = re.findall(r"`((?:docs|examples|model_cards|benchmarks|tests)/[\w./-]*)`", text)
    missing = [name for name in links if not (document.parent / name).exists()]
    missing += [name for name in named if not (ROOT / name).exists()]
    assert missing == []


def test_tests_named_in_documents_exist() -> None:
    sources = "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    for document in DOCUMENTS:
        for name in re.findall(r"`(test_\w+)`", document.read_text()):
            assert f"def {name}(" in sources, f"{document.name}: {name}"


def test_the_readme_lists_every_make_target_it_names() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    assert set(re.findall(r"`make ([a-z-]+)`", (ROOT / "README.md").read_text())) <= targets


def test_the_readmes_installation_names_what_can_be_installed() -> None:
    (line,) = re.findall(r"^pip install .*", (ROOT / "README.md").read_text(), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"\[(\w+)\]", line)) <= extras.keys()
    by_name = [what for what in re.findall(r"'(.*?)'", line) if not what.startswith(".") and "git+" not in what]
    assert by_name == []  # until it is on the index
