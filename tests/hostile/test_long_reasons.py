"""A reason of nearly a megabyte is not printed whole."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.ledger import Ledger, Line
from hfver.core.manifest import LEDGER
from hfver.core.shorten import MAX_SHOWN, shortened
from hfver.hub import Hub
from tests.conftest import MakeCheckpoint

REPO = "acme/bot"


def _yank_by_hand(hub: LocalHub, reason: str) -> None:
    """Append to the ledger without hfver, which refuses a reason of that length."""
    repo = Hub(hub.url, hub.token).repo(REPO)
    ledger = Ledger.decode(repo.read(repo.refs().branches["main"], LEDGER), REPO)
    day = datetime(2026, 1, 1, tzinfo=UTC)
    line = Line(event="yank", repo=REPO, version="1.0.0", reason=reason, date=day, author="acme")
    HfApi(endpoint=hub.url, token=hub.token).upload_file(
        path_or_fileobj=ledger.append(line).raw, path_in_repo=LEDGER, repo_id=REPO, commit_message="by hand"
    )


def test_what_is_shown_says_how_much_there_is() -> None:
    assert shortened("x" * MAX_SHOWN) == "x" * MAX_SHOWN
    assert shortened("x" * 900_000) == "x" * MAX_SHOWN + "… (900000 characters)"


@pytest.mark.filterwarnings("always")
def test_a_long_reason_is_shortened(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", str(local_hub.token))
    hfver.release(checkpoint(1), REPO, hub=local_hub, smoke="off")
    _yank_by_hand(local_hub, "x" * 900_000)
    capfd.readouterr()
    for arguments in (
        ["versions", REPO],
        ["pull", f"{REPO}@1.0.0"],
        ["pull", f"{REPO}@^1"],
        ["verify", f"{REPO}@1.0.0"],
    ):
        main([*arguments, "--hub", local_hub.url])
        shown = capfd.readouterr()
        assert "xxx" in shown.out + shown.err, arguments
        assert len(shown.out) + len(shown.err) < 10_000, arguments
    assert main(["versions", REPO, "--json", "--hub", local_hub.url]) == 0
    assert "x" * 900_000 in json.dumps(json.loads(capfd.readouterr().out))
