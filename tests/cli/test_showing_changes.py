"""``hfver diff`` and ``hfver changelog`` as people see them, in a terminal and in a pipe."""

from __future__ import annotations

import os
import pty
import subprocess
import sys
from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.cli.rendering.markdown import as_plain_text
from tests.building import build_releases
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"


def in_terminal(*arguments: str) -> str:
    """Run a command in a terminal of its own, and return what it shows."""
    ours, theirs = pty.openpty()
    with subprocess.Popen([sys.executable, "-m", "hfver", *arguments], stdout=theirs, stderr=theirs) as running:
        os.close(theirs)
        shown = b""
        try:
            while part := os.read(ours, 65536):
                shown += part
        except OSError:  # Linux reports the end of a terminal as an error
            pass
        running.wait()
    os.close(ours)
    assert running.returncode == 0, shown
    return shown.decode().replace("\r\n", "\n")


@pytest.mark.parametrize(
    ("markdown", "plain"),
    [
        (r"declare under \[rules\] in hfver.toml", "declare under [rules] in hfver.toml"),
        ("&lt;b&gt; &amp;amp; &#60;", "<b> &amp; <"),
        (r"`a\_b` and a\_b and ``x` \*``", r"`a\_b` and a_b and ``x` \*``"),
        (r"| `a\|b` | \*c\* |", "| `a|b` | *c* |"),
        ("```\na\\_b &lt;\n```\nc\\_d\n", "```\na\\_b &lt;\n```\nc_d\n"),
        (r"C:\new \a \\ end", "C:\\new \\a \\ end"),
        ("no `unclosed \\_ span\n", "no `unclosed _ span\n"),
    ],
)
def test_markdown_as_plain_text(markdown: str, plain: str) -> None:
    assert as_plain_text(markdown) == plain


def test_a_changelog_has_no_escapes_in_a_terminal_and_is_markdown_in_a_pipe(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]
) -> None:
    hfver.release(checkpoint(), REPO, hub=local_hub, smoke="off", message="Knows [rules] and <b>\x1b[2J")
    hub = str(local_hub.path)
    assert main(["changelog", REPO, "--hub", hub]) == 0
    piped = capsys.readouterr().out
    assert r"Knows \[rules\] and &lt;b&gt;[2J" in piped.replace(r"\[2J", "[2J")
    assert piped == hfver.changelog(REPO, hub=local_hub)
    shown = in_terminal("changelog", REPO, "--hub", hub)
    assert "Knows [rules] and <b>[2J" in shown
    assert "\x1b" not in shown


def test_a_changelog_marks_yanked_versions(local_hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    build_releases(local_hub, REPO, 3)
    hfver.yank(f"{REPO}@1.2.0", "wrong [data]", hub=local_hub)
    hub = str(local_hub.path)
    assert main(["changelog", REPO, "--hub", hub]) == 0
    assert "## [1.2.0] - 2026-01-01 [YANKED]" in capsys.readouterr().out
    assert "Yanked: wrong [data]\n" in in_terminal("changelog", REPO, "--hub", hub)


def test_a_changelog_without_newer_versions_says_so(local_hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    build_releases(local_hub, REPO, 2)
    hub = str(local_hub.path)
    assert main(["changelog", REPO, "--hub", hub, "--from", "1.1.0"]) == 0
    assert f"{REPO} has no version that is newer than 1.1.0." in capsys.readouterr().err
    assert main(["changelog", REPO, "--hub", hub, "--from", "1.1.0", "--to", "1.0.0"]) == 0
    assert f"{REPO} has no version that is newer than 1.1.0 and not newer than 1.0.0." in capsys.readouterr().err
    assert main(["changelog", REPO, "--hub", hub, "--from", "1.0.0"]) == 0
    assert not capsys.readouterr().err


def test_a_difference_is_readable(checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]) -> None:
    one, other = checkpoint(), checkpoint(name="other")
    assert main(["diff", str(one), str(other)]) == 0
    assert capsys.readouterr().out == f"NO CHANGE {one} → {other}\n"
    move_weights(other, 1)
    Path(other / "labels.csv").write_text("a")
    assert main(["diff", str(one), str(other)]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert lines[0] == f"MINOR {one} → {other}"
    assert lines[2].split() == ["level", "rule", "where", "what", "it", "means"]
    assert " ".join(lines[4].split()).startswith("minor weights model.safetensors 21 of 21 tensors changed")
    assert lines[-2] == "100.0% of the weights changed (21 of 21 tensors)."
    assert lines[-1].startswith("Unmeasured so far: ")
