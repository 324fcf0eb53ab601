"""A request is defined once, and has the same identity on every machine and in every version of hfver."""

from __future__ import annotations

import inspect
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.errors import BadConfig, ReleaseExists
from hfver.hub.memory import Memory
from hfver.releasing.request import ReleaseRequest, option
from tests.conftest import MakeCheckpoint

FIXTURES = Path(__file__).parents[1] / "fixtures"
REPO = "acme/support-bot"


def test_the_function_has_every_option_and_says_what_each_is() -> None:
    parameters = inspect.signature(hfver.release).parameters
    assert set(ReleaseRequest.options()) < set(parameters)
    text = inspect.getdoc(hfver.release) or ""
    assert all(f"    {name}: " in text for name in parameters)
    positional = [name for name, one in parameters.items() if one.kind is one.POSITIONAL_OR_KEYWORD]
    assert positional == ["directory", "repo"]


def test_an_option_that_a_later_version_adds_changes_no_identity() -> None:
    @dataclass(frozen=True, kw_only=True)
    class Later(ReleaseRequest):
        announce: str | None = option(None, "Where to announce it.")

    asked = {"bump": "minor", "message": "More data", "datasets": ("a/b@main",), "review": True}
    assert Later("here", REPO, **asked).identity() == ReleaseRequest("there", REPO, **asked).identity()  # type: ignore[arg-type]


def test_the_identity_of_a_request_stays_the_same() -> None:
    """Later versions must find the pull requests that this version opened, so this digest must not change."""
    request = ReleaseRequest("out", REPO, bump="minor", message="Grüße", datasets=["a/b"])
    assert request.identity() == "sha256:a4581fc8a44c7712b48c4f7e51e6da57cf5937309b4677a708c728720ca1b84f"


@pytest.mark.parametrize("one", [one for one in fields(ReleaseRequest) if one.metadata.get("identity")])
def test_each_option_changes_the_identity_of_a_request(tmp_path: Path, one: object) -> None:
    name = one.name  # type: ignore[attr-defined]
    (tmp_path / "file.json").write_text("{}")
    other = {
        "bump": "major",
        "smoke": "off",
        "allow": ("no-tokenizer",),
        "datasets": ("a/b",),
        "metrics": tmp_path / "file.json",
        "lineage": tmp_path / "file.json",
    }
    value = other.get(name, True if one.default is False else "other")  # type: ignore[attr-defined]
    needed: dict[str, Any] = {"because": "why"} if name == "allow" else {}
    changed = ReleaseRequest("out", REPO, **{name: value}, **needed)  # type: ignore[arg-type]
    assert changed.identity() != ReleaseRequest("out", REPO, **needed).identity()


def test_a_file_counts_by_its_content(tmp_path: Path) -> None:
    first, second = tmp_path / "a.json", tmp_path / "b.json"
    first.write_text('{"mmlu": 0.6}')
    second.write_text('{"mmlu": 0.6}')
    before = ReleaseRequest("out", REPO, metrics=first).identity()
    assert ReleaseRequest("out", REPO, metrics=second).identity() == before
    second.write_text('{"mmlu": 0.7}')
    assert ReleaseRequest("out", REPO, metrics=second).identity() != before
    with pytest.raises(BadConfig, match=r"missing\.json cannot be read"):
        ReleaseRequest("out", REPO, metrics=tmp_path / "missing.json").identity()


def test_a_wrong_value_is_refused_at_once() -> None:
    with pytest.raises(BadConfig, match="bump cannot be 'huge'"):
        ReleaseRequest("out", REPO, bump="huge")  # type: ignore[arg-type]


def test_a_receipt_of_an_older_version_is_ignored(local_hub: hfver.LocalHub, checkpoint: MakeCheckpoint) -> None:
    """At worst, the command fails with the name of the release that the folder equals; nothing is published twice."""
    folder = checkpoint()
    first = hfver.release(folder, REPO, hub=local_hub, smoke="off")
    assert hfver.release(folder, REPO, hub=local_hub, smoke="off").commit == first.commit
    memory = Memory(local_hub.identity, REPO)
    memory.remember_receipt(str(first.content_digest), (FIXTURES / "receipt-0.1.0.txt").read_bytes())
    with pytest.raises(ReleaseExists, match=f"equals {REPO}@1.0.0"):
        hfver.release(folder, REPO, hub=local_hub, smoke="off")
    assert len(hfver.versions(REPO, hub=local_hub).releases) == 1


def test_a_second_release_sends_no_request_twice(
    local_hub: hfver.LocalHub, checkpoint: MakeCheckpoint, requests: list[str]
) -> None:
    hfver.release(checkpoint(), REPO, hub=local_hub, smoke="off")
    requests.clear()
    hfver.release(checkpoint(1), REPO, hub=local_hub, smoke="off")
    assert len(requests) == len(set(requests)) <= 20, requests
