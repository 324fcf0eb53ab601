"""What the real Hub is known to do, and the embedded one does not: its other names, its quotas, its other branches."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import HubError, Refused
from hfver.hub.redirects import on_endpoint
from tests.conftest import MakeCheckpoint
from tests.faults.proxy import Proxy, answer
from tests.hostile.checkpoints import REPO, model
from tests.hostile.lying_proxy import lying_proxy


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "hfver"))
    monkeypatch.setenv("HFVER_HTTP_PAUSE", "0.01")
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf"))


@pytest.mark.parametrize(
    ("endpoint", "url", "expected"),
    [
        ("https://huggingface.co", "https://hf.co/a/b?c=1", "https://huggingface.co/a/b?c=1"),
        ("https://hf.co", "https://huggingface.co/a", "https://hf.co/a"),
        ("https://huggingface.co", "http://huggingface.co/a", "https://huggingface.co/a"),
        ("https://hub.example:8443", "http://hub.example/a", "https://hub.example:8443/a"),
        ("https://huggingface.co", "https://huggingface.co.evil.example/a", None),
        ("https://huggingface.co", "https://hub-ci.huggingface.co/a", None),
        ("https://huggingface.co", "https://hf.co@evil.example/a", None),
        ("https://hub.example", "https://hf.co/a", None),
        ("https://huggingface.co", "/a", None),
    ],
)
def test_the_token_goes_to_the_endpoint_alone(endpoint: str, url: str, expected: str | None) -> None:
    assert on_endpoint(endpoint, url) == expected


def test_an_upload_is_verified_at_the_endpoint_whatever_port_the_link_names(
    local_hub: LocalHub, tmp_path: Path
) -> None:
    def other_port(body: bytes) -> bytes:
        found = json.loads(body)
        for item in found["objects"]:
            for name, action in (item.get("actions") or {}).items():
                if name == "verify":
                    action["href"] = re.sub(r"127.0.0.1:\d+", "127.0.0.1:1", action["href"])
        return json.dumps(found).encode()

    with lying_proxy(local_hub.url, "/info/lfs/objects/batch", other_port) as hub:
        done = hfver.release(model(tmp_path / "model"), REPO, hub=hub.url, token=local_hub.token, smoke="off")
        assert done.version == "1.0.0"
        assert not hub.strayed


def test_a_merge_into_another_branch_is_not_published(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    proposed = hfver.release(checkpoint(1), REPO, hub=local_hub, smoke="off", review=True)
    assert proposed.review is not None
    HfApi(local_hub.url, token=local_hub.token).merge_pull_request(REPO, proposed.review.number)

    def elsewhere(body: bytes) -> bytes:
        found = json.loads(body)
        found["changes"]["base"] = "refs/heads/experiment"
        return json.dumps(found).encode()

    with (
        lying_proxy(local_hub.url, r"/discussions/\d+", elsewhere) as hub,
        pytest.raises(Refused, match="refs/heads/experiment, not into main"),
    ):
        hfver.finish(f"{REPO}#{proposed.review.number}", hub=hub.url, token=local_hub.token)
    assert hfver.versions(REPO, hub=local_hub).releases == ()
    assert hfver.finish(f"{REPO}#{proposed.review.number}", hub=local_hub).version == "1.0.0"


def test_pull_requests_of_every_status_are_asked_for(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    with Proxy(local_hub.url) as proxy:
        hfver.release(checkpoint(1), REPO, hub=proxy.url, token=local_hub.token, smoke="off", review=True)
        listed = proxy.seen(r"GET /api/models/[^/]+/[^/]+/discussions\?")
        assert listed
        assert all("status=all" in one.path for one in listed)


def test_large_content_is_asked_for_by_range(local_hub: LocalHub, tmp_path: Path) -> None:
    hfver.release(model(tmp_path / "model"), REPO, hub=local_hub, smoke="off")
    with Proxy(local_hub.url) as proxy:
        hfver.pull(REPO, hub=proxy.url, token=local_hub.token)
        hfver.audit(REPO, deep=True, hub=proxy.url, token=local_hub.token)
        content = proxy.seen(r"GET /.*/resolve/.*\.safetensors")
        assert len(content) == 2
        assert [one.headers.get("range") for one in content] == ["bytes=0-", "bytes=0-"]
        assert [one.status for one in content] == [206, 206]


def test_a_commit_quota_is_said_to_be_hourly(local_hub: LocalHub, tmp_path: Path) -> None:
    folder = model(tmp_path / "model")
    with Proxy(local_hub.url) as proxy:
        proxy.on("POST .*/commit/", answer(429), times=None)
        with pytest.raises(HubError) as caught:
            hfver.release(folder, REPO, hub=proxy.url, token=local_hub.token, smoke="off")
        assert "by the hour" in caught.value.hint
        proxy.clear()
        proxy.on("GET .*/refs", answer(429), times=None)
        with pytest.raises(HubError) as caught:
            hfver.versions(REPO, hub=proxy.url, token=local_hub.token)
        assert "by the hour" not in caught.value.hint
        proxy.clear()
        assert hfver.release(folder, REPO, hub=proxy.url, token=local_hub.token, smoke="off").version == "1.0.0"
