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
from tests.docs import sessions
from tests.docs.markdown import DOCUMENTS, ROOT, anchors, links
from tests.locked import needs_locked

SESSIONS = [document for document in DOCUMENTS if sessions.is_session(document.read_text())]


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


@pytest.mark.parametrize("document", SESSIONS, ids=lambda path: path.name)
def test_a_documents_commands_print_what_it_shows(document: Path, chat_model: Path, tmp_path: Path) -> None:
    needs_locked("transformers")  # its version is in the config.json whose hash is shown
    found = sessions.differences(document.read_text(), tmp_path, chat_model)
    remedy = f"python -m tests.docs.sessions {document.relative_to(ROOT)}"
    assert not found, f"write the outputs again with: {remedy}\n" + "\n".join(found)


def test_the_guides_and_the_tutorial_are_run() -> None:
    ran = {document.name for document in SESSIONS}
    assert {"start.md", "release.md", "load.md", "ci.md", "hub.md", "troubleshooting.md"} <= ran


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_links_lead_somewhere(document: Path) -> None:
    text = document.read_text()
    broken = []
    for link in links(text):
        target = document.parent / link.path if link.path else document
        if not target.exists():
            broken.append(f"{document.name}:{link.line}: there is no {link.path}")
        elif link.anchor and target.suffix == ".md" and link.anchor not in anchors(target.read_text()):
            broken.append(f"{document.name}:{link.line}: {target.name} has no heading #{link.anchor}")
    assert broken == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: str(path.relative_to(ROOT)))
def test_files_named_in_documents_exist(document: Path) -> None:
    named = re.findall(r"`((?:hfver|docs|examples|model_cards|benchmarks|tests)/[\w./-]*)`", document.read_text())
    missing = [name for name in named if not (ROOT / name).exists() and not _is_to_come(document, name)]
    assert missing == []


def _is_to_come(document: Path, name: str) -> bool:
    lines = [line for line in document.read_text().splitlines() if f"`{name}`" in line]
    return any("to come" in line for line in lines)


def test_tests_named_in_documents_exist() -> None:
    sources = "".join(path.read_text() for path in ROOT.glob("tests/**/test_*.py"))
    for document in DOCUMENTS:
        for name in re.findall(r"`(test_\w+)`", document.read_text()):
            assert f"def {name}(" in sources, f"{document.name}: {name}"


def test_documents_name_only_make_targets_that_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    for document in DOCUMENTS:
        assert set(re.findall(r"`make ([a-z-]+)`", document.read_text())) <= targets, document.name


def test_the_readmes_installation_names_what_can_be_installed() -> None:
    (line,) = re.findall(r"^pip install .*", (ROOT / "README.md").read_text(), re.MULTILINE)
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["optional-dependencies"]
    assert set(re.findall(r"\[(\w+)\]", line)) <= extras.keys()
    by_name = [what for what in re.findall(r"'(.*?)'", line) if not what.startswith(".") and "git+" not in what]
    assert by_name == []  # until it is on the index
