"""What a Hub holds is shown as text: no escape of its reaches the terminal, and no markup of ours is obeyed."""

from __future__ import annotations

from pathlib import Path

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.cli.rendering.basics import print_json, shown
from tests.hostile.building import REPO, model

EVIL = "x\x1b[2J\x9b31m\x07\u202e[bold]y[/bold][link=http://evil]"
UNSEEN = set("\x1b\x07\x9b\u202e")


def test_no_escape_reaches_the_terminal(
    local_hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hfver.release(model(tmp_path / "model"), REPO, hub=local_hub, smoke="off")
    hfver.yank(f"{REPO}@1.0.0", EVIL, hub=local_hub)
    hub, exact = ["--hub", str(local_hub.path)], f"{REPO}@1.0.0"
    asked = [["versions", REPO], ["show", exact], ["pull", exact], ["audit", REPO], ["changelog", REPO], ["pull", REPO]]
    for arguments in asked:
        for options in ([], ["--json"]):
            main([*arguments, *hub, *options])
            told = capsys.readouterr()
            assert not UNSEEN & set(told.out + told.err), (arguments, told)
    main(["versions", REPO, *hub])
    assert "[bold]y[/bold][link=http://evil]" in capsys.readouterr().out


def test_a_changelog_is_text(capsys: pytest.CaptureFixture[str]) -> None:
    assert shown(f"# 1.0.0\n\n\t- {EVIL}\n") == "# 1.0.0\n\n\t- x[2J31m[bold]y[/bold][link=http://evil]\n"
    print_json({"changelog": EVIL})
    assert not UNSEEN & set(capsys.readouterr().out)
