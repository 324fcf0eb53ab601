"""The metadata block, as the reader of huggingface_hub sees it."""

from __future__ import annotations

from typing import Any

import pytest
from huggingface_hub.repocard_data import eval_results_to_model_index, model_index_to_eval_results

from hfver.core.licenses import license_names
from hfver.errors import BadConfig
from hfver.model.card import render_card

from .conftest import Make, metadata_of
from .gallery import EXAMPLES


def _data(make: Make, readme: str | None = None, **more: Any) -> dict[str, Any]:
    return metadata_of(render_card(make(readme, **more)).decode())


@pytest.mark.parametrize("name", sorted(EXAMPLES))
def test_the_hubs_library_reads_every_example(name: str) -> None:
    facts = EXAMPLES[name]()
    data = metadata_of(render_card(facts).decode())
    assert data["library_name"] == facts.checkpoint.library_name
    assert data["pipeline_tag"] == facts.checkpoint.pipeline_tag
    assert "hfver" in data["tags"]


def test_the_base_and_the_datasets_are_hub_ids(make: Make) -> None:
    data = _data(make)
    assert data["base_model"] == "openai-community/gpt2"
    assert data["base_model_relation"] == "finetune"
    assert data["datasets"] == ["acme/support-tickets"]


def test_a_base_that_is_not_a_repo_is_omitted(make: Make) -> None:
    data = _data(make, lineage={"base_model": {"name": "out", "source": "./out", "relation": "finetune"}})
    assert "base_model" not in data
    assert "base_model_relation" not in data


def test_a_local_dataset_is_omitted(make: Make) -> None:
    data = _data(make, lineage={"training": {"dataset": {"name": "a b.jsonl", "hash": "sha256:00"}}})
    assert "datasets" not in data


def test_results_have_the_hubs_form(make: Make) -> None:
    index = _data(make)["model-index"]
    name, results = model_index_to_eval_results(index)
    assert eval_results_to_model_index(name, results) == index
    assert {(r.metric_type, r.metric_value) for r in results} == {
        ("loss", 1.71225),
        ("perplexity", 5.5414),
        ("accuracy", 0.874),
    }
    assert {r.dataset_type for r in results} == {"unknown", "helpdesk"}


def test_an_unknown_license_is_omitted(make: Make) -> None:
    for written in ("license: unknown", "licence: license", "license: ''"):
        assert not {"license", "licence"} & _data(make, f"---\n{written}\n---\n", lineage={}).keys()


def test_the_authors_values_win_and_other_keys_are_kept(make: Make) -> None:
    readme = "---\nlicense: mit\npipeline_tag: summarization\nlanguage: no\nco2: {emissions: 3}\n---\nHi\n"
    data = _data(make, readme)
    assert (data["license"], data["pipeline_tag"], data["language"]) == ("mit", "summarization", ["no"])
    assert data["co2"] == {"emissions": 3}


def test_the_authors_results_are_kept_and_ours_are_replaced(make: Make) -> None:
    theirs = (
        "---\nmodel-index:\n- name: x\n  results:\n"
        "  - {task: {type: t}, dataset: {type: d, name: D}, metrics: [{type: f1, value: 0.5}]}\n---\n"
    )
    once = render_card(make(theirs, lineage={"evaluation": {"metrics": {"loss": 2.0}}})).decode()
    index = _data(make, once, lineage={"evaluation": {"metrics": {"loss": 1.0}}})["model-index"]
    values = [metric["value"] for result in index[0]["results"] for metric in result["metrics"]]
    assert values == [0.5, 1.0]


def test_an_incomplete_result_is_dropped(make: Make) -> None:
    readme = "---\nmodel-index:\n- name: x\n  results: [{task: {type: t}}, 3]\n- 4\n---\n"
    assert "model-index" not in _data(make, readme, lineage={})


def test_broken_metadata_is_named(make: Make) -> None:
    for block in ("a: [", "a: &x 1\nb: *x", "a: 1\na: 2"):
        with pytest.raises(BadConfig, match=r"README\.md"):
            render_card(make(f"---\n{block}\n---\nHi\n"))


@pytest.mark.parametrize(
    ("written", "fields"),
    [
        ("license: Apache-2.0", {"license": "apache-2.0"}),
        ("license: CC BY 4.0", {"license": "cc-by-4.0"}),
        ("license: proprietary", {"license": "other", "license_name": "proprietary"}),
        ("license: gpl-2.0-or-later", {"license": "other", "license_name": "gpl-2.0-or-later"}),
        ("license: Acme Model License 1.0", {"license": "other", "license_name": "acme-model-license-1.0"}),
        ("license: [mit, proprietary]", {"license": ["mit", "other"], "license_name": "proprietary"}),
        (
            "license: https://acme.example/terms",
            {"license": "other", "license_name": "terms", "license_link": "https://acme.example/terms"},
        ),
        (
            "license: proprietary\nlicense_name: acme\nlicense_link: TERMS.md",
            {"license": "other", "license_name": "acme", "license_link": "TERMS.md"},
        ),
        ("license: other\nlicense_name: Mine", {"license": "other", "license_name": "Mine"}),
        ("license: 専有", {"license": "other", "license_name": "custom"}),
    ],
)
def test_a_license_that_the_hub_does_not_list_is_named(make: Make, written: str, fields: dict[str, Any]) -> None:
    data = _data(make, f"---\n{written}\n---\n", lineage={})
    assert {key: value for key, value in data.items() if key.startswith("license")} == fields


def test_the_license_of_the_lineage_is_named_too(make: Make) -> None:
    data = _data(make, lineage={"license": "proprietary"})
    assert (data["license"], data["license_name"]) == ("other", "proprietary")
    # What was written is read back as the license that it stands for.
    assert license_names(data) == license_names({"license": "Proprietary"}) == ("proprietary",)
