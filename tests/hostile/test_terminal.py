"""Text from a Hub is printed as text: no escape sequence reaches the terminal, and no Rich markup is interpreted."""

from __future__ import annotations

from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.cli.rendering.basics import print_json, shown
from tests.hostile.checkpoints import REPO, model

EVIL = "x\x1b[2J\x9b31m\x07\u202e[bold]y[/bold][link=http://evil]"
CONTROL_CHARACTERS = set("\x1b\x07\x9b\u202e")


def test_no_escape_reaches_the_terminal(
    local_hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hfver.release(model(tmp_path / "model"), REPO, hub=local_hub, smoke="off")
    hfver.yank(f"{REPO}@1.0.0", EVIL, hub=local_hub)
    hub, exact = ["--hub", str(local_hub.path)], f"{REPO}@1.0.0"
    commands = [["versions", REPO], ["show", exact], ["pull", exact], ["audit", REPO]]
    commands += [["changelog", REPO], ["pull", REPO]]
    for arguments in commands:
        for options in ([], ["--json"]):
            main([*arguments, *hub, *options])
            shown_text = capsys.readouterr()
            assert not CONTROL_CHARACTERS & set(shown_text.out + shown_text.err), arguments
    main(["versions", REPO, *hub])
    assert "[bold]y[/bold][link=http://evil]" in capsys.readouterr().out


def test_a_changelog_is_printed_as_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(f"# 1.0.0\n\n\t- {EVIL}\n") == "# 1.0.0\n\n\t- x[2J31m[bold]y[/bold][link=http://evil]\n"
    print_json({"changelog": EVIL})
    assert not CONTROL_CHARACTERS & set(capsys.readouterr().out)
