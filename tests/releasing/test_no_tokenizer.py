"""A text model without its tokenizer: said and counted wherever a verdict is shown."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli.app import app
from hfver.core.manifest import MANIFEST, Manifest
from hfver.core.smoke_report import SmokeSummary
from hfver.errors import BadConfig, PolicyViolation
from tests.conftest import MakeCheckpoint


def without_tokenizer(folder: Path) -> Path:
    for path in [*folder.glob("*token*"), *folder.glob("*.jinja"), *folder.glob("vocab*"), *folder.glob("merges*")]:
        path.unlink()
    return folder


def test_skipped_checks_are_counted_wherever_a_verdict_is_shown(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    folder = without_tokenizer(checkpoint(1))
    run = CliRunner()
    done = run.invoke(app, ["release", str(folder), "--repo", "acme/bot", "--hub", str(local_hub.path)])
    assert done.exit_code == 0, done.output
    assert "has no tokenizer" in done.output
    shown = run.invoke(app, ["show", "acme/bot", "--hub", str(local_hub.path)])
    listed = run.invoke(app, ["versions", "acme/bot", "--hub", str(local_hub.path)])
    for output in (done.output, shown.output, listed.output):
        assert " skipped" in " ".join(output.split()), output
    told = json.loads(run.invoke(app, ["show", "acme/bot", "--hub", str(local_hub.path), "--json"]).stdout)
    assert told["smoke"]["skipped"] > 0
    card = (hfver.pull("acme/bot", hub=local_hub).path / "README.md").read_text()
    assert f"{told['smoke']['checks']} checks, {told['smoke']['skipped']} skipped" in card
    assert "AutoTokenizer" not in card
    assert "# has no tokenizer" in card


def test_a_summary_of_an_old_ledger_says_nothing_of_skipped_checks() -> None:
    old = SmokeSummary.model_validate({"status": "passed", "device": "cpu", "dtype": "float32", "checks": 11})
    assert old.skipped is None
    assert old.verdict is None
    assert old.in_words == "passed"
    assert "skipped" not in old.model_dump(mode="json", exclude_none=True)


def test_a_tokenizer_that_is_gone_is_refused_unless_allowed(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    hfver.release(checkpoint(1), "acme/bot", hub=local_hub, smoke="off")
    folder = without_tokenizer(checkpoint(2))
    with pytest.raises(PolicyViolation, match="no-tokenizer") as caught:
        hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")
    assert "--allow no-tokenizer" in caught.value.hint
    with pytest.raises(PolicyViolation, match="no-tokenizer"):
        hfver.release(folder, "acme/bot", hub=local_hub, smoke="off", because="a reason alone overrides nothing")
    done = hfver.release(
        folder, "acme/bot", hub=local_hub, smoke="off", allow=["no-tokenizer"], because="It takes token ids."
    )
    assert done.bump == "major"
    data = (hfver.pull("acme/bot", hub=local_hub).path / MANIFEST).read_bytes()
    manifest = Manifest.decode(data, "acme/bot")
    assert (manifest.allowed, manifest.because) == (("no-tokenizer",), "It takes token ids.")
    assert json.loads(data)["allowed"] == ["no-tokenizer"]
    assert manifest.encode() == data


@pytest.mark.parametrize(("allow", "because"), [(["no-tokenizer"], None), (["everything"], "why")])
def test_an_override_needs_a_known_name_and_a_reason(
    allow: list[str], because: str | None, local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    with pytest.raises(BadConfig):
        hfver.release(checkpoint(1), "acme/bot", hub=local_hub, smoke="off", allow=allow, because=because)


def test_a_manifest_without_overrides_is_encoded_as_before(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    hfver.release(checkpoint(1), "acme/bot", hub=local_hub, smoke="off")
    assert b"allowed" not in (hfver.pull("acme/bot", hub=local_hub).path / MANIFEST).read_bytes()


@pytest.mark.parametrize(
    ("code", "needs"),
    [
        ('AutoTokenizer.from_pretrained("acme/bot", revision="v1.0.0")', True),
        ("pipeline('text-generation', model='acme/bot')", True),
        ('AutoTokenizer.from_pretrained("acme/base")', False),
        ('AutoModelForCausalLM.from_pretrained("acme/bot")', False),
    ],
)
def test_a_card_whose_code_needs_the_missing_tokenizer_is_refused(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, code: str, *, needs: bool
) -> None:
    folder = without_tokenizer(checkpoint(1))
    (folder / "README.md").write_text(f"# Bot\n\n```python\n{code}\n```\n")
    if needs:
        with pytest.raises(PolicyViolation, match=r"in its card needs one \(no-tokenizer\)"):
            hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")
    allow, because = (["no-tokenizer"], "It takes token ids.") if needs else ([], None)
    hfver.release(folder, "acme/bot", hub=local_hub, smoke="off", allow=allow, because=because)
    assert (b'"allowed"' in (hfver.pull("acme/bot", hub=local_hub).path / MANIFEST).read_bytes()) == needs


def test_a_sentence_transformer_without_a_tokenizer_is_refused(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    folder = without_tokenizer(checkpoint(1))
    modules = [{"idx": 0, "name": "0", "path": "", "type": "sentence_transformers.models.Transformer"}]
    (folder / "modules.json").write_text(json.dumps(modules))
    with pytest.raises(PolicyViolation, match="SentenceTransformer in its card needs one"):
        hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")


def test_a_tokenizer_that_is_added_later_is_explained_in_one_sentence(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    hfver.release(without_tokenizer(checkpoint(1)), "acme/bot", hub=local_hub, smoke="off")
    done = hfver.release(checkpoint(1, name="with"), "acme/bot", hub=local_hub, smoke="off")
    changes = [
        one for one in hfver.diff("acme/bot@1.0.0", "acme/bot@2.0.0", hub=local_hub).changes if one.rule != "docs"
    ]
    assert [(one.rule, str(one.level)) for one in changes] == [("token-ids", "major"), ("chat-template", "major")]
    assert changes[0].message.startswith("A tokenizer was added where there was none: ")
    assert done.bump == "major"
    changelog = (hfver.pull("acme/bot", hub=local_hub).path / "CHANGELOG.md").read_text()
    assert changelog.count("A tokenizer was added where there was none") == 1
    assert "could not be read" not in changelog
    # Nothing of a tokenizer that was there before is passed over.
    back = hfver.release(
        without_tokenizer(checkpoint(1, name="back")),
        "acme/bot",
        hub=local_hub,
        smoke="off",
        allow=["no-tokenizer"],
        because="It takes token ids.",
    )
    assert back.bump == "major"
