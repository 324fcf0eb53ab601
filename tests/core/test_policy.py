from __future__ import annotations

from pathlib import Path

import pytest

from hfver.core.policy import Policy, metric_breaches
from hfver.core.settings import resolve_policy
from hfver.core.version import Bump
from hfver.errors import BadConfig

TOML = """
[metrics.accuracy]
max_drop = 0.01
min = 0.6

[metrics.perplexity]
higher_is_better = false
max_drop = 0.5
max = 20

[rules]
sampling = "patch"
"""


@pytest.fixture
def policy(tmp_path: Path) -> Policy:
    (tmp_path / "hfver.toml").write_text(TOML)
    return resolve_policy(start=tmp_path)


def test_it_is_found_upward_and_in_pyproject(tmp_path: Path, policy: Policy) -> None:
    below = tmp_path / "a" / "b"
    below.mkdir(parents=True)
    assert resolve_policy(start=below) == policy
    (below / "pyproject.toml").write_text("[tool.hfver.rules]\nweights = 'major'\n")
    assert resolve_policy(start=below).rules == {"weights": Bump.MAJOR}
    (below / "pyproject.toml").write_text("[project]\nname = 'x'\n")
    assert resolve_policy(start=below) == policy


def test_it_can_be_handed_over_as_a_file_or_a_value(tmp_path: Path, policy: Policy) -> None:
    file = tmp_path / "hfver.toml"
    assert resolve_policy(file) == resolve_policy(str(file)) == policy
    assert resolve_policy(policy) is policy
    assert resolve_policy(None, start=tmp_path).file == policy.file == file
    assert Policy().file is None
    with pytest.raises(BadConfig, match="cannot be read"):
        resolve_policy(tmp_path / "missing.toml")
    project = tmp_path / "pyproject.toml"
    project.write_text("[project]\nname = 'x'\n")
    with pytest.raises(BadConfig, match=r"no \[tool\.hfver\]"):
        resolve_policy(project)
    project.write_text("[tool.hfver.rules]\nweights = 'major'\n")
    assert resolve_policy(project).rules == {"weights": Bump.MAJOR}


@pytest.mark.parametrize(
    ("before", "after", "named"),
    [
        ({"accuracy": 0.62, "perplexity": 12.0}, {"accuracy": 0.61, "perplexity": 12.5}, []),
        ({"accuracy": 0.62, "perplexity": 12.0}, {"accuracy": 0.609, "perplexity": 12.0}, ["0.62 to 0.609"]),
        ({"accuracy": 0.6, "perplexity": 12.0}, {"accuracy": 0.599, "perplexity": 12.0}, ["below its minimum 0.6"]),
        ({"perplexity": 12.0}, {"accuracy": 0.9, "perplexity": 12.6}, ["perplexity went from 12 to 12.6"]),
        ({}, {"accuracy": 0.9, "perplexity": 21}, ["above its maximum 20"]),
        ({}, {"accuracy": 0.9}, ["perplexity has a budget and was not measured"]),
    ],
)
def test_budgets(policy: Policy, before: dict[str, float], after: dict[str, float], named: list[str]) -> None:
    found = [breach.message for breach in metric_breaches(policy, before, after)]
    assert len(found) == len(named)
    assert all(part in message for part, message in zip(named, found, strict=True))


def test_no_policy_refuses_nothing(tmp_path: Path) -> None:
    assert metric_breaches(Policy(), {"a": 1.0}, {"a": 0.0}) == ()


@pytest.mark.parametrize("text", ["[metrics", "[metric.a]\nmin=1", "[metrics.a]\nmn=1", "[rules]\nx='huge'", "x=1"])
def test_a_wrong_policy_is_named(tmp_path: Path, text: str) -> None:
    (tmp_path / "hfver.toml").write_text(text)
    with pytest.raises(BadConfig, match=r"hfver\.toml"):
        resolve_policy(start=tmp_path)


def test_a_setting_that_is_not_there_is_told_with_its_neighbour(tmp_path: Path) -> None:
    for text, said, page in (
        ("[signature]\npublc_key='x'", "signature.publc_key: no such setting; did you mean public_key?", "signing"),
        ("[metrics.a]\nmax_dorp=1", "metrics.a.max_dorp: no such setting; did you mean max_drop?", "versioning"),
        ("x=1", "x: no such setting.", "settings"),
    ):
        (tmp_path / "hfver.toml").write_text(text)
        with pytest.raises(BadConfig) as caught:
            resolve_policy(start=tmp_path)
        assert caught.value.message.endswith(said)
        assert f"docs/{page}.md" in caught.value.hint
