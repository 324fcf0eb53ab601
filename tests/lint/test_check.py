"""``hfver pins`` as a whole: which files are read, locks, the Hub, unreadable files, no half-written files."""

from __future__ import annotations

import json
import os
import resource
import stat
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.lockfile import Lock, LockedDataset, Package, write_lock
from hfver.core.manifest import FileEntry
from tests.lint.cases import SHA

OTHER = "f" * 40
CODE = """\
from datasets import load_dataset
from transformers import AutoModel

model = AutoModel.from_pretrained(
    "acme/bot",  # ours
    device_map="auto",
)
data = load_dataset("acme/chat", split="train")
tag = AutoModel.from_pretrained("acme/bot", revision="v1")
"""


@pytest.fixture
def source(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A code base; its parent is the current folder."""
    (tmp_path / "code" / "src").mkdir(parents=True)
    monkeypatch.chdir(tmp_path / "code")
    return tmp_path / "code" / "src"


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any]:
    code = main(["pins", *arguments, "--json"])
    return code, json.loads(capsys.readouterr().out)


def publish(hub: LocalHub) -> tuple[str, str, str]:
    """Make a model with a tag older than its main, and a dataset; return both heads and the tag's commit."""
    api = HfApi(hub.url, token=hub.token)
    for kind in ("model", "dataset"):
        api.create_repo(f"acme/{'bot' if kind == 'model' else 'chat'}", repo_type=kind)
    api.create_tag("acme/bot", tag="v1")
    tagged = api.repo_info("acme/bot").sha
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id="acme/bot")
    return str(api.repo_info("acme/bot").sha), str(api.dataset_info("acme/chat").sha), str(tagged)


def lock(folder: Path, commit: str = SHA, **more: Any) -> None:
    package = Package(
        repo="acme/bot", hub="h", spec="^1", commit=commit, files={"x": FileEntry(size=1, sha256="0" * 64)}, **more
    )
    write_lock(folder / "hfver.lock", Lock(packages=(package,)))


def test_fix_from_the_hub(
    local_hub: LocalHub, source: Path, capsys: pytest.CaptureFixture[str], requests: list[str]
) -> None:
    model, dataset, tagged = publish(local_hub)
    (source / "a.py").write_text(CODE + 'x = AutoModel.from_pretrained("acme/none")\n')
    (source / "b.py").write_text(CODE)
    requests.clear()
    code, report = run(capsys, "src", "--fix", "--hub", str(local_hub.path))
    assert code == 1
    assert [(one["name"], one["line"]) for one in report["findings"]] == [("acme/none", 11)]
    assert "not found" in report["findings"][0]["note"]
    assert len(report["fixed"]) == 6
    assert len([request for request in requests if "/revision/" in request]) == 4  # one for each name and revision
    expected = CODE.replace('device_map="auto",\n', f'device_map="auto",\n    revision="{model}",\n')
    expected = expected.replace('split="train"', f'split="train", revision="{dataset}"').replace('"v1"', f'"{tagged}"')
    assert (source / "b.py").read_text() == expected
    assert run(capsys, "src/b.py") == (
        0,
        {"pinned": True, "files": 1, "findings": [], "fixed": [], "unread": [], "rules": {}},
    )


def test_fix_from_the_lock_sends_no_request(source: Path, requests: list[str]) -> None:
    lock(source.parent, datasets=(LockedDataset(name="chat", source="acme/chat", revision=OTHER),))
    (source / "a.py").write_text(CODE.replace('"v1"', '"main"'))
    report = hfver.pins(["src"], fix=True, hub="http://127.0.0.1:9")
    assert (report.findings, requests) == ((), [])
    text = (source / "a.py").read_text()
    assert (text.count(SHA), text.count(OTHER)) == (2, 1)


def test_the_locked_commit_is_written_only_for_its_version(local_hub: LocalHub, source: Path) -> None:
    *_, tagged = publish(local_hub)
    lock(source.parent, version="1.0.0", digest=f"sha256:{'0' * 64}", ledger=f"sha256:{'0' * 64}")
    (source / "a.py").write_text(
        'M.from_pretrained("acme/bot", revision="v1.0.0")\nM.from_pretrained("acme/bot", revision="v1")'
    )
    assert [one.commit for one in hfver.pins(["src"], fix=True, hub=local_hub).fixed] == [SHA, tagged]


def test_a_lock_pins_hfvers_own_calls(source: Path) -> None:
    (source / "a.py").write_text(
        'import hfver\nhfver.load("acme/bot@^1")\nhfver.load("acme/bot")\nhfver.load("acme/bot@^2")\n'
    )
    assert len(hfver.pins(["src"]).findings) == 3
    lock(source.parent, version="1.0.0", digest=f"sha256:{'0' * 64}", ledger=f"sha256:{'0' * 64}")
    assert [diagnostic.line for diagnostic in hfver.pins(["src"]).findings] == [4]


def test_an_alias_is_as_pinned_as_what_it_stands_for(source: Path) -> None:
    (source / "a.py").write_text(
        'import hfver\nhfver.load("bot")\nhfver.load("fixed")\nhfver.load("bot@1.0.0")\nhfver.load("nobody")\n'
    )
    assert hfver.pins(["src"]).findings == ()
    (source.parent / "hfver.toml").write_text(
        '[models]\nbot = { repo = "acme/bot", spec = "^1" }\nfixed = { repo = "acme/fixed", spec = "1.2.0" }\n'
    )
    found = hfver.pins(["src"]).findings
    assert [(one.line, one.rule, one.name) for one in found] == [(2, "moving-revision", "acme/bot")]
    assert "bot (acme/bot@^1)" in found[0].message
    lock(source.parent, version="1.0.0", digest=f"sha256:{'0' * 64}", ledger=f"sha256:{'0' * 64}")
    assert hfver.pins(["src"]).findings == ()


def test_an_unreachable_hub(source: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    (source / "a.py").write_text(CODE)
    code = main(["pins", "src", "--fix", "--hub", "http://127.0.0.1:9"])
    shown = capsys.readouterr()
    assert code == 1
    assert shown.out.count("src/a.py:") == 3
    assert shown.out.count("HF_HUB_OFFLINE is set") == 3
    assert (source / "a.py").read_text() == CODE


def test_without_fix_nothing_is_requested_or_written(
    source: Path, capsys: pytest.CaptureFixture[str], requests: list[str]
) -> None:
    (source / "a.py").write_text(CODE)
    assert main(["pins", "src"]) == 1
    shown = capsys.readouterr()
    assert shown.out.splitlines()[0].startswith("src/a.py:4:9: unpinned: AutoModel.from_pretrained: acme/bot is loaded")
    assert "3 not pinned, in 1 of 1 file read. Write commits in: hfver pins src --fix" in shown.err
    assert ((source / "a.py").read_text(), requests) == (CODE, [])


def test_code_of_others_is_skipped(source: Path) -> None:
    for folder in (".git", ".venv", "node_modules", "__pycache__", "lib/site-packages", "mine"):
        (source / folder).mkdir(parents=True)
        (source / folder / "a.py").write_text(CODE)
    (source / "env").mkdir()
    (source / "env" / "pyvenv.cfg").touch()
    (source / "env" / "a.py").write_text(CODE)
    (source / "loop").symlink_to(source)
    (source / "mine" / "link.py").symlink_to(source / "env" / "a.py")
    report = hfver.pins(["src", "src/mine", "src/mine/a.py"])
    assert {diagnostic.path for diagnostic in report.findings} == {"src/mine/a.py"}
    assert (report.files, len(report.findings)) == (1, 3)


def test_broken_files_do_not_stop_the_check(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "bad.py").write_text("M.from_pretrained(")
    (source / "bytes.py").write_bytes(b"# from_pretrained \xff")
    (source / "good.py").write_text(CODE)
    (source / "gone.ipynb").write_text("from_pretrained")
    code, report = run(capsys, "src")
    assert code == 1
    assert [one["path"] for one in report["unread"]] == ["src/bad.py", "src/bytes.py", "src/gone.ipynb"]
    assert (len(report["findings"]), report["files"]) == (3, 1)
    (source / "good.py").unlink()
    code, report = run(capsys, "src")
    assert (code, report["error"]["type"]) == (2, "UsageError")


def test_a_missing_path(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code, report = run(capsys, "src", "nowhere")
    assert (code, report["error"]["type"]) == (2, "UsageError")


def test_a_file_keeps_its_mode_and_a_link_stays_a_link(local_hub: LocalHub, source: Path) -> None:
    publish(local_hub)
    (source / "a.py").write_text(CODE)
    (source / "a.py").chmod(0o755)
    (source / "link.py").symlink_to("a.py")
    assert len(hfver.pins(["src/link.py"], fix=True, hub=local_hub).fixed) == 3
    assert (source / "link.py").is_symlink()
    assert stat.S_IMODE((source / "a.py").stat().st_mode) == 0o755
    assert sorted(path.name for path in source.iterdir()) == ["a.py", "link.py"]


def test_a_file_that_cannot_be_written_is_reported_and_intact(source: Path) -> None:
    lock(source.parent)
    text = 'M.from_pretrained("acme/bot")\n' + "# long\n" * 100
    (source / "a.py").write_text(text)
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, limits[1]))  # as on a full disk
    try:
        report = hfver.pins(["src"], fix=True, hub="http://127.0.0.1:9")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    assert [(one.commit, one.note[:11]) for one in report.findings] == [(None, "not written")]
    assert report.fixed == ()
    assert [(path.name, path.read_text()) for path in source.iterdir()] == [("a.py", text)]


def test_sarif(source: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (source / "a b.py").write_text(CODE)
    (source / "bad.py").write_text("M.from_pretrained(")
    assert main(["pins", str(source), "--sarif"]) == 1
    log = json.loads(capsys.readouterr().out)
    assert (log["version"], log["$schema"].rpartition("/")[2]) == ("2.1.0", "sarif-schema-2.1.0.json")
    (run_log,) = log["runs"]
    driver = run_log["tool"]["driver"]
    assert (driver["name"], run_log["columnKind"]) == ("hfver", "unicodeCodePoints")
    assert len(run_log["results"]) == 3
    for result in run_log["results"]:
        assert driver["rules"][result["ruleIndex"]]["id"] == result["ruleId"]
        assert result["level"] in ("error", "warning")
        assert result["message"]["text"]
        (location,) = result["locations"]
        assert location["physicalLocation"]["artifactLocation"]["uri"] == "src/a%20b.py"
        region = location["physicalLocation"]["region"]
        assert (1, 1) <= (region["startLine"], region["startColumn"]) < (region["endLine"], region["endColumn"])
    (notification,) = run_log["invocations"][0]["toolExecutionNotifications"]
    assert "bad.py" in notification["message"]["text"]
    assert main(["pins", "src", "--sarif", "--json"]) == 2


def test_reading_works_without_libcst(source: Path) -> None:
    (source / "a.py").write_text(CODE)
    program = "import sys; sys.modules['libcst'] = None; from hfver.cli import main; sys.exit(main(sys.argv[1:]))"
    command = [sys.executable, "-c", program, "pins", "src"]
    done = subprocess.run(
        command, capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert (done.returncode, done.stdout.count("\n")) == (1, 3), done.stderr
    fixed = subprocess.run(
        [*command, "--fix"], capture_output=True, text=True, env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    )
    assert fixed.returncode == 2
    assert "pip install 'hfver[pins]'" in fixed.stderr
