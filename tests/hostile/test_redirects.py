"""Redirects: no token goes to another origin by any transport, and a renamed repo is found all the same."""

from __future__ import annotations

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.errors import HubError
from hfver.hub import Hub
from hfver.hub.git.clone import with_clone
from hfver.hub.redirects import check_redirect
from tests.conftest import MakeCheckpoint
from tests.hostile.lying_proxy import Answer, lying_proxy

REPO = "acme/bot"


@pytest.fixture
def hub(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> LocalHub:
    hfver.release(checkpoint(1), REPO, hub=local_hub, smoke="off")
    return local_hub


@pytest.mark.parametrize("status", [301, 302, 307, 308])
def test_git_follows_no_redirect_with_the_token(
    status: int, hub: LocalHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("HF_TOKEN", str(hub.token))
    moved = Answer(b"", status, {"location": "{other}/acme/bot/info/refs?service=git-upload-pack"})
    with lying_proxy(hub.url, r"/info/refs", moved) as proxy:
        assert main(["audit", REPO, "--hub", proxy.url]) == 4
        assert proxy.strayed == []
    assert "git could not fetch" in capsys.readouterr().err


@pytest.mark.parametrize("path", [r"/refs", r"expand=sha", r"/repos/create", r"/preupload/", r"/commit/", r"/batch"])
def test_a_release_follows_no_redirect_to_another_host(path: str, hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    away = Answer(b"", 307, {"location": "{other}/api/x"})
    with lying_proxy(hub.url, path, away) as proxy:
        try:
            hfver.release(checkpoint(2), f"{REPO}-2", hub=proxy.url, token=hub.token, smoke="off")
        except HubError as error:
            assert "redirects to a different place" in error.message
        else:
            assert path == "expand=sha"  # which no first release asks for
        assert proxy.strayed == []


def test_content_from_another_host_is_requested_without_the_token(hub: LocalHub) -> None:
    away = Answer(b"", 302, {"location": "{other}/config.json"})
    with lying_proxy(hub.url, r"/resolve/.*config\.json", away) as proxy:
        repo = Hub(proxy.url, hub.token).repo(REPO)
        assert repo.read(repo.refs().branches["main"], "config.json") == b"{}"
        assert proxy.strayed == [("/config.json", None)]


@pytest.mark.parametrize(
    ("method", "target", "followed"),
    [
        ("GET", "https://cdn.example/x", True),
        ("GET", "http://cdn.example/x", False),
        ("GET", "http://127.0.0.1/x", False),
        ("GET", "http://hub.example/x", False),
        ("GET", "https://hub.example:443/x", True),
        ("POST", "https://cdn.example/x", False),
    ],
)
def test_where_content_may_come_from(method: str, target: str, followed: bool) -> None:
    url = "https://hub.example/acme/bot/resolve/main/x"
    if followed:
        check_redirect(method, url, target, "x")
    else:
        with pytest.raises(HubError, match="redirects to a different place"):
            check_redirect(method, url, target, "x")


def test_git_finds_a_renamed_repo(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    api = HfApi(endpoint=hub.url, token=hub.token)
    api.move_repo(REPO, "acme/new")
    monkeypatch.setenv("HF_TOKEN", str(hub.token))
    code = main(["audit", REPO, "--hub", hub.url])
    output = capsys.readouterr()
    assert "git could not fetch" not in output.err, (code, output)
    repo = Hub(hub.url, hub.token).repo(REPO)
    assert with_clone(repo, lambda clone: clone.branches["main"]) == repo.refs().branches["main"]
    assert repo.git_url == f"{hub.url}/acme/new"
