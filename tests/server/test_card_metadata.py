"""The metadata that the embedded Hub reads from a README."""

from __future__ import annotations

import subprocess
from pathlib import Path

import httpx
import pytest
from huggingface_hub import HfApi, ModelCard

from hfver.core.licenses import HUB_LICENSES
from hfver.server import EmbeddedHub
from hfver.server.storage.card_metadata import CardError, read_metadata
from hfver.server.storage.card_rules import LICENSES, judge_card
from tests.front_matter_cases import FRONT_MATTER_CASES, FrontMatterCase
from tests.locked import needs_locked

from .tools import REPO, file_line, git, head_of, header, post_commit


@pytest.mark.parametrize("case", FRONT_MATTER_CASES, ids=lambda case: case.name)
def test_front_matter_is_read_as_on_the_hub(case: FrontMatterCase) -> None:
    if case.valid:
        assert read_metadata(case.text) == (case.expected or {})
        return
    with pytest.raises(CardError):
        read_metadata(case.text)


def test_the_client_knows_the_licenses_of_the_hub() -> None:
    assert set(LICENSES) == HUB_LICENSES


JUDGED = {
    "license: apache-2.0": None,
    "license: [mit, gpl-3.0]": None,
    "license: other\nlicense_name: our-own\nlicense_link: LICENSE": None,
    "license: proprietary": '"license" must be one of [apache-2.0, mit, ',
    "license: gpl-2.0-or-later": '"license" must be one of [',
    "license: MIT": '"license" must be one of [',
    "license: [mit, mine]": '"license[1]" must be one of [',
    "license: {a: b}": '"license" must be one of [',
    "language: en": None,
    "language: no": None,
    "language: [de, yue, multilingual]": None,
    "language:": None,
    "language: noinfo": '"language" with value "noinfo" is not valid. ',
    "language: [en, zh-CN]": '"language[1]" with value "zh-CN" is not valid. ',
    "base_model: ns/name": None,
    "base_model: /workspace/out": '"base_model" with value "/workspace/out" is not valid. Use a model id from ',
    "datasets: [squad, ns/name]": None,
    "datasets: [librispeech 960h]": '"datasets[0]" with value "librispeech 960h" is not valid. If possible, ',
    "tags: [a, b]": None,
    "tags: {a: b}": '"tags" must be one of [string, array]',
    "pipeline_tag: [a]": '"pipeline_tag" must be a string',
    "model-index: x": '"model-index" must be an array',
    "model-index: [{name: a}]": '"model-index[0].results" is required',
    "model-index: [{name: a, results: [{task: {type: t}, dataset: {type: d, name: D}, metrics: 1}]}]": (
        '"model-index[0].results[0].metrics" must be an array'
    ),
    "model-index: [{name: a, results: [{task: {type: t}, dataset: {type: d, name: D, config: {}}, metrics: []}]}]": (
        '"model-index[0].results[0].dataset.config" must be a string'
    ),
    "license: [": "Invalid YAML in README.md: ",
}


@pytest.mark.parametrize("front", JUDGED)
def test_a_card_is_judged_as_on_the_hub(front: str) -> None:
    found, expected = judge_card(f"---\n{front}\n---\n# Title\n", "models"), JUDGED[front]
    assert len(found) == (expected is not None)
    assert all(message.startswith(expected or "") for message in found)


def test_a_card_is_judged_at_the_commit(http: httpx.Client, api: HfApi, repo: str) -> None:
    before = head_of(api)
    answer = post_commit(http, header(), file_line("README.md", b"---\nlicense: proprietary\n---\n"))
    assert (answer.status_code, head_of(api)) == (400, before)
    assert answer.json()["errors"][0]["message"].startswith('"license" must be one of [')
    assert post_commit(http, header(), file_line("docs/README.md", b"---\nlicense: mine\n---\n")).status_code == 200


def test_clients_show_what_is_wrong_with_a_card(
    hub: EmbeddedHub, api: HfApi, repo: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    needs_locked("huggingface-hub")  # older versions ask huggingface.co, whatever the endpoint
    monkeypatch.setattr("huggingface_hub.constants.ENDPOINT", hub.url)
    with pytest.raises(ValueError, match=r'- Error: "license" must be one of \['):
        ModelCard("---\nlicense: proprietary\n---\n").validate()
    ModelCard("---\nlicense: mit\n---\n").validate()


def _push(clone: Path, card: str) -> subprocess.CompletedProcess[str]:
    (clone / "README.md").write_text(card)
    git("add", ".", cwd=clone)
    git("-c", "user.name=n", "-c", "user.email=e", "commit", "-qm", "pushed", cwd=clone)
    return git("push", "-q", "origin", "HEAD:main", cwd=clone, check=False)


def test_a_push_is_judged_as_a_commit_is(hub: EmbeddedHub, api: HfApi, repo: str, tmp_path: Path) -> None:
    url = hub.url.replace("http://", f"http://me:{hub.token}@")
    git("clone", "-q", f"{url}/{REPO}", "clone", cwd=tmp_path)
    clone, head = tmp_path / "clone", head_of(api)
    refused = _push(clone, "---\nlicense: asdf\n---\n# Card\n")
    assert refused.returncode != 0
    assert "rejected during YAML metadata verification" in refused.stderr
    assert '- Error: "license" must be one of' in refused.stderr
    assert head_of(api) == head
    assert _push(clone, "---\nlicense: mit\n---\n# Card\n").returncode == 0
    assert head_of(api) != head
