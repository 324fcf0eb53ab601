from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.importers.git import GitCheckout, public_address
from hfver.model.lineage.record import Code


def _git(folder: Path, *command: str) -> str:
    who = ["-c", "user.name=T", "-c", "user.email=private@example.com"]
    done = subprocess.run(["git", "-C", str(folder), *who, *command], check=True, capture_output=True, text=True)
    return done.stdout.strip()


def _code(folder: Path) -> Code | None:
    return GitCheckout().read_checkpoint(Checkpoint(folder, "model", {}, (), ())).code


@pytest.fixture
def checkout(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A repository with one commit, a remote with a password in it, and an ignored folder of runs."""
    top = tmp_path / "code"
    (top / "out").mkdir(parents=True)
    _git(top, "init", "-q")
    (top / "train.py").write_text("print()\n")
    (top / ".gitignore").write_text("out\n")
    _git(top, "add", "-A")
    _git(top, "commit", "-qm", "one")
    _git(top, "remote", "add", "origin", "https://user:s3cret@example.com/acme/code.git?token=x")
    monkeypatch.chdir(tmp_path)
    return top


def test_the_checkout_around_the_folder(checkout: Path) -> None:
    code = _code(checkout / "out")
    assert code is not None
    assert code.repository == "https://example.com/acme/code.git"
    assert code.commit == _git(checkout, "rev-parse", "HEAD")
    assert (code.dirty, code.entrypoint) == (False, None)


def test_an_uncommitted_change_is_dirty_and_a_new_file_is_not(checkout: Path) -> None:
    (checkout / "notes.txt").write_text("x")
    code = _code(checkout / "out")
    assert code is not None
    assert code.dirty is False
    (checkout / "train.py").write_text("print(1)\n")
    code = _code(checkout / "out")
    assert code is not None
    assert code.dirty is True


def test_the_current_directory_is_used_if_the_folder_is_in_no_checkout(
    checkout: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _code(tmp_path) is None
    monkeypatch.chdir(checkout)
    code = _code(tmp_path)
    assert code is not None
    assert code.commit == _git(checkout, "rev-parse", "HEAD")


def test_a_clone_of_the_model_repo_is_not_the_code(checkout: Path) -> None:
    assert _code(checkout) is None


def test_a_repository_without_a_commit_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    _git(tmp_path, "init", "-q")
    monkeypatch.chdir(tmp_path)
    (tmp_path / "out").mkdir()
    assert _code(tmp_path / "out") is None


@pytest.mark.parametrize(("committed", "dirty"), [("train.py", False), ("new.py", True)])
def test_the_running_program_is_the_entrypoint(checkout: Path, committed: str, dirty: bool) -> None:
    program = (
        "from pathlib import Path\nfrom hfver.model.lineage.importers.git import GitCheckout\n"
        "from hfver.model.checkpoint import Checkpoint\n"
        "checkpoint = Checkpoint(Path('out'), 'model', {}, (), ())\n"
        "code = GitCheckout().read_checkpoint(checkpoint).code\nprint(code.entrypoint, code.dirty)\n"
    )
    (checkout / committed).write_text(program)
    if committed == "train.py":
        _git(checkout, "commit", "-qam", "two")
    done = subprocess.run([sys.executable, committed], cwd=checkout, check=True, capture_output=True, text=True)
    assert done.stdout == f"{committed} {dirty}\n"


def test_a_git_config_that_names_a_program_runs_nothing(checkout: Path, tmp_path: Path) -> None:
    script = tmp_path / "evil.sh"
    script.write_text(f"#!/bin/sh\ntouch {tmp_path}/ran\n")
    script.chmod(0o755)
    _git(checkout, "config", "core.fsmonitor", str(script))
    assert _code(checkout / "out") is not None
    assert not (tmp_path / "ran").exists()


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://ghp_x@github.com/a/b.git", "https://github.com/a/b.git"),
        ("https://u:p@h.example:8443/a/b#f", "https://h.example:8443/a/b"),
        ("git@github.com:a/b.git", "ssh://github.com/a/b.git"),
        ("ssh://git@github.com/a/b.git", "ssh://github.com/a/b.git"),
        ("/home/me/secret/b.git", "b"),
        ("file:///home/me/b.git", "b"),
        ("C:\\Users\\me\\b.git", "b"),
        ("../b", "b"),
    ],
)
def test_urls_are_published_without_private_parts(url: str, shown: str) -> None:
    assert public_address(url) == shown
