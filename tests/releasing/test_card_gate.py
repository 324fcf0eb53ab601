"""A card that the Hub would refuse at the commit is found before anything is sent, and an old one blocks nothing."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.front_matter import split_front_matter
from hfver.errors import HubNotFound, Refused
from tests.building import Importer, bare_repo
from tests.conftest import MakeCheckpoint
from tests.releasing.test_adopt import files_of

REPO = "acme/bot"
UPLOADS = ("/commit/", "/lfs/", "/repos/create", "/branch/", "/tag/", "/preupload/")


def with_card(folder: Path, metadata: str) -> Path:
    (folder / "README.md").write_text(f"---\n{metadata}\n---\n# Bot\n")
    return folder


def card_on(hub: LocalHub, repo: str, revision: str = "main") -> dict[str, object]:
    path = HfApi(hub.url, token=hub.token).hf_hub_download(repo, "README.md", revision=revision, force_download=True)
    return split_front_matter(Path(path).read_text(), path)[0]


@pytest.mark.parametrize(
    ("metadata", "said", "advice"),
    [
        ("language: English", 'language[0] with value "English" is not valid', "ISO 639"),
        ("license: mit\nlicense_name: [a]", "license_name must be a string", "Change license_name in the metadata"),
        ("metrics: {a: b}", "metrics must be one of [string, array]", "README.md"),
    ],
)
@pytest.mark.parametrize("by_url", [False, True])
@pytest.mark.parametrize("dry_run", [False, True])
def test_a_card_that_the_hub_would_refuse_stops_the_release_before_anything_is_sent(
    local_hub: LocalHub,
    checkpoint: MakeCheckpoint,
    requests: list[str],
    metadata: str,
    said: str,
    advice: str,
    dry_run: bool,
    by_url: bool,
) -> None:
    folder = with_card(checkpoint(1), metadata)
    with pytest.raises(Refused) as caught:
        if by_url:
            hfver.release(folder, REPO, hub=local_hub.url, token=local_hub.token, smoke="off", dry_run=dry_run)
        else:
            hfver.release(folder, REPO, hub=local_hub, smoke="off", dry_run=dry_run)
    assert said in caught.value.message
    assert advice in caught.value.hint
    assert not [sent for sent in requests if any(part in sent for part in UPLOADS)]
    with pytest.raises(HubNotFound):
        hfver.versions(REPO, hub=local_hub)


def test_a_license_that_the_hub_does_not_list_is_released_by_its_name(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, requests: list[str]
) -> None:
    folder = with_card(checkpoint(1), "license: proprietary")
    (folder / "LICENSE").write_text("Ask us.\n")
    hfver.release(folder, REPO, hub=local_hub.url, token=local_hub.token, smoke="off")
    assert [sent for sent in requests if "validate-yaml" in sent] == ["POST /api/validate-yaml"]
    card = card_on(local_hub, REPO)
    assert (card["license"], card["license_name"], card["license_link"]) == ("other", "proprietary", "LICENSE")
    lineage = hfver.pull(REPO, hub=local_hub).path / "lineage.yaml"
    assert "license: proprietary" in lineage.read_text()


def test_the_card_of_a_release_is_a_folders_card_again(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path
) -> None:
    hfver.release(with_card(checkpoint(1), "license: proprietary"), REPO, hub=local_hub, smoke="off")
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    folder = checkpoint(2)
    (folder / "README.md").write_bytes((pulled / "README.md").read_bytes())
    done = hfver.release(folder, REPO, hub=local_hub, smoke="off")
    assert done.bump == "minor"
    assert not [
        change
        for change in hfver.diff(f"{REPO}@1.0.0", f"{REPO}@{done.version}", hub=local_hub).changes
        if change.rule.startswith("license")
    ]
    assert "license: proprietary" in (hfver.pull(REPO, hub=local_hub).path / "lineage.yaml").read_text()


@pytest.mark.parametrize("metadata", ["license: proprietary", "license: mit\nlanguage: English"])
def test_an_old_card_that_the_hub_would_refuse_now_blocks_nothing(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, metadata: str
) -> None:
    # A push is not judged, and neither was a commit before the Hub had these rules.
    HfApi(local_hub.url, token=local_hub.token).create_repo(REPO)
    with Importer(bare_repo(local_hub, REPO)) as importer:
        old = files_of(with_card(checkpoint(1), metadata), local_hub)
        commit = importer.commit("refs/heads/main", old | {".gitattributes": b"*.safetensors filter=lfs\n"})
        importer.tag("v1.0.0", commit, "old")
    hfver.adopt(REPO, hub=local_hub)
    card = metadata.replace("English", "en")
    done = hfver.release(with_card(checkpoint(2), card), REPO, hub=local_hub, smoke="off")
    rules = {change.rule for change in hfver.diff(f"{REPO}@1.0.0", f"{REPO}@{done.version}", hub=local_hub).changes}
    assert not {rule for rule in rules if rule.startswith("license")}
    # main shows the old release again, with a card that the Hub accepts.
    hfver.yank(f"{REPO}@{done.version}", reason="Broken.", hub=local_hub)
    assert card_on(local_hub, REPO).get("license") in ("other", None)
    text = (Path(HfApi(local_hub.url, token=local_hub.token).hf_hub_download(REPO, "README.md"))).read_text()
    assert "Yanked versions" in text
    assert "# Bot" in text
    hfver.yank(f"{REPO}@{done.version}", undo=True, hub=local_hub)
    assert hfver.pull(f"{REPO}@1.0.0", hub=local_hub).release.version == "1.0.0"
    assert "main differs" not in json.dumps(hfver.audit(REPO, hub=local_hub).to_json())
