"""The command line: data on stdout, messages on stderr, one JSON object, exit codes, and no traceback."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from hfver.api.hubs import LocalHub
from hfver.cli import main
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"
RELEASE = {"repo", "version", "tag", "commit", "digest", "bump", "url", "files", "bytes_total", "bytes_sent", "smoke"}
ROW = {"version", "tag", "commit", "digest", "date", "bump", "yanked", "adopted", "stages"}
PULL = {"path", "repo", "version", "commit", "digest", "verified"}
SMOKE = {"status", "device", "dtype", "checks", "load_seconds", "tokens_per_second", "peak_memory_bytes"}


@pytest.fixture
def hub(local_hub: LocalHub) -> str:
    return str(local_hub.path)


def run(capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, Any, str]:
    """Run with --json; returns exit code, the object, and stderr."""
    code = main([*arguments, "--json"])
    told = capsys.readouterr()
    return code, json.loads(told.out), told.err


def test_json_keys(hub: str, checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(checkpoint())
    code, released, talk = run(capsys, "release", folder, "--repo", REPO, "--hub", hub, "--smoke", "require")
    assert code == 0
    assert set(released) >= RELEASE
    assert "Creating private repo" in talk
    code, listed, _ = run(capsys, "versions", REPO, "--hub", hub)
    assert set(listed) >= {"repo", "releases"}
    assert set(listed["releases"][0]) == ROW
    code, shown, _ = run(capsys, "show", f"{REPO}@^1", "--hub", hub)
    assert set(shown) >= RELEASE
    assert shown["digest"] == released["digest"]
    code, pulled, _ = run(capsys, "pull", REPO, "--hub", hub)
    assert set(pulled) >= PULL
    assert pulled["verified"] is True
    code, verified, _ = run(capsys, "verify", REPO, "--hub", hub)
    assert (code, verified["evidence"]) == (0, "ledger")
    code, smoked, _ = run(capsys, "smoke", REPO, "--hub", hub, "--device", "cpu")
    assert (code, smoked["status"]) == (0, "passed")
    assert set(smoked) >= SMOKE
    assert set(smoked["checks"][0]) == {"name", "status", "detail", "hint"}


def test_tables(hub: str, checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]) -> None:
    folder = checkpoint()
    assert main(["release", str(folder), "--repo", REPO, "--hub", hub, "--dry-run", "--smoke", "off"]) == 0
    told = capsys.readouterr()
    assert "to send" in told.out
    assert "README.md" in told.out
    assert main(["release", str(folder), "--repo", REPO, "--hub", hub, "-m", "[red]one[/]"]) == 0
    move_weights(folder, 1)
    assert main(["release", str(folder), "--repo", REPO, "--hub", hub, "--smoke", "off"]) == 0
    capsys.readouterr()
    for command in (["versions", REPO], ["show", REPO], ["verify", REPO], ["smoke", REPO, "--device", "cpu"]):
        assert main([*command, "--hub", hub]) == 0
        assert "\x1b" not in capsys.readouterr().out
    assert main(["pull", REPO, "--hub", hub]) == 0
    told = capsys.readouterr()
    assert Path(told.out.strip()).is_dir()
    assert "1.1.0" in told.err


@pytest.mark.parametrize(
    ("arguments", "code", "kind"),
    [
        (["show", "no-repo"], 2, "BadRef"),
        (["show", "a/b@main"], 2, "BadRef"),
        (["show", "a/b"], 4, "HubNotFound"),
        (["pull", "a/b@1.0.0"], 4, "HubNotFound"),
        (["verify", "./nowhere"], 2, "UsageError"),
        (["smoke", "./nowhere"], 2, "UsageError"),
        (["release", "./nowhere", "--repo", "a/b"], 2, "BadCheckpoint"),
        (["release", ".", "--repo", "a"], 2, "BadRef"),
        (["release", ".", "--repo", "a/b", "--bump", "huge"], 2, "BadConfig"),
        (["release", ".", "--repo", "a/b", "--smoke", "maybe"], 2, "BadConfig"),
        (["release", ".", "--repo", "a/b", "--version", "one"], 2, "BadVersion"),
        (["release", "."], 2, "UsageError"),
        (["versions"], 2, "UsageError"),
        (["nonsense"], 2, "UsageError"),
    ],
)
def test_errors_are_json_with_a_hint(
    local_hub: LocalHub, capsys: pytest.CaptureFixture[str], arguments: list[str], code: int, kind: str
) -> None:
    hub = [] if arguments[0] == "nonsense" or arguments == ["release", "."] else ["--hub", str(local_hub.path)]
    got, data, _ = run(capsys, *arguments, *hub)
    assert got == code
    assert data["error"]["type"] == kind
    assert set(data["error"]) == {"type", "message", "hint"}
    assert data["error"]["hint"]


def test_an_error_for_people_is_on_stderr_alone(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["show", "no-repo"]) == 2
    told = capsys.readouterr()
    assert told.out == ""
    assert "error: 'no-repo' is not a repo id." in told.err
    assert "hint: " in told.err


def test_reading_does_not_create_a_hub(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["versions", REPO, "--hub", str(tmp_path / "none")]) == 2
    assert not (tmp_path / "none").exists()
    (tmp_path / "stuff").mkdir()
    (tmp_path / "stuff" / "thesis.tex").write_text("x")
    assert main(["versions", REPO, "--hub", str(tmp_path / "stuff")]) == 2
    assert "Traceback" not in capsys.readouterr().err


def test_serving_beyond_loopback_needs_a_user(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main(["hub", "serve", "--root", str(tmp_path / "hub"), "--host", "0.0.0.0"]) == 2  # noqa: S104
    assert "--users FILE" in capsys.readouterr().err
    monkeypatch.setenv("HFVER_HUB_USERS", "nobody")
    assert main(["hub", "serve", "--root", str(tmp_path / "hub")]) == 2
    assert "NAME:TOKEN" in capsys.readouterr().err


def test_help_is_quick_and_light() -> None:
    program = (
        "import sys; from hfver.cli import main; main(['--help']);"
        "heavy = {'torch', 'transformers', 'huggingface_hub', 'pydantic', 'git', 'numpy', 'jinja2', 'uvicorn'};"
        "heavy &= set(sys.modules);"
        "sys.exit(f'imported: {heavy}' if heavy else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "release" in done.stdout


@pytest.mark.parametrize(
    "command",
    [
        "release",
        "pull",
        "verify",
        "smoke",
        "versions",
        "show",
        "diff",
        "changelog",
        "pins",
        "lock",
        "sync",
        "outdated",
        "hub serve",
    ],
)
def test_every_help_has_an_example(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main([*command.split(), "--help"]) == 0
    assert f"Example: hfver {command} " in " ".join(capsys.readouterr().out.split())


def test_shell_completion_is_there() -> None:
    environment = {**os.environ, "_HFVER_COMPLETE": "complete_bash", "COMP_WORDS": "hfver re", "COMP_CWORD": "1"}
    program = "from hfver.cli import main; import sys; sys.argv = ['hfver']; main()"
    done = subprocess.run([sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=False)
    assert "release" in done.stdout


def test_diff_and_changelog(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    hub, folder = str(local_hub.path), checkpoint()
    assert main(["release", str(folder), "--repo", REPO, "--hub", hub, "--smoke", "off", "-m", "The first"]) == 0
    move_weights(folder, 1)
    assert main(["release", str(folder), "--repo", REPO, "--hub", hub, "--smoke", "off", "-m", "The second"]) == 0
    capsys.readouterr()
    code, found, _ = run(capsys, "diff", f"{REPO}@1.0.0", f"{REPO}@1.1.0", "--hub", hub)
    assert (code, found["level"]) == (0, "minor")
    assert (found["from"], found["to"]) == (f"{REPO}@1.0.0", f"{REPO}@1.1.0")
    assert set(found["changes"][0]) == {"rule", "level", "where", "before", "after", "message"}
    assert [change["level"] for change in found["changes"]] == sorted(
        (change["level"] for change in found["changes"]), key=["major", "minor", "patch"].index
    )
    assert main(["diff", f"{REPO}@1.0.0", str(folder), "--hub", hub, "--fail-on", "minor"]) == 1
    assert main(["diff", f"{REPO}@1.0.0", str(folder), "--hub", hub, "--fail-on", "major"]) == 0
    assert "MINOR" in capsys.readouterr().out
    assert main(["changelog", REPO, "--hub", hub, "--from", "1.0.0"]) == 0
    told = capsys.readouterr().out
    assert "The second" in told
    assert "The first" not in told
    assert main(["changelog", REPO, "--hub", hub, "--to", "1.0.0"]) == 0
    assert "The second" not in capsys.readouterr().out


def test_an_interrupted_release_says_how_to_go_on(checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = checkpoint()
    (folder / "optimizer.pt").write_bytes(b"stays at home, and is told of before the model is run")
    command = [sys.executable, "-m", "hfver", "release", str(folder), "--repo", REPO, "--hub", str(tmp_path / "hub")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as run:
        assert run.stderr is not None
        assert "Leaving out optimizer.pt" in run.stderr.readline()
        run.send_signal(signal.SIGINT)
        told = run.stderr.read()
    assert run.returncode == 130
    assert "it goes on" in told
