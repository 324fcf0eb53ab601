"""Repos that existed before hfver: their tags become releases, and nothing that they have changes."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.ledger import Ledger
from hfver.core.manifest import ADOPTED, LEDGER
from hfver.errors import FileMissing, HubDenied, ManifestMismatch, Refused, ReleaseReplayed, TagMoved
from tests.building import LINK, Importer, bare_repo, build_releases, pointer, store
from tests.conftest import MakeCheckpoint

REPO = "acme/old"


def git(hub: LocalHub, *arguments: str, repo: str = REPO) -> str:
    done = subprocess.run(["git", "-C", bare_repo(hub, repo), *arguments], capture_output=True, check=True)
    return done.stdout.decode().strip()


def files_of(folder: Path, hub: LocalHub) -> dict[str, bytes | None]:
    """Read a checkpoint as git holds it: weights as LFS objects, the rest as it is."""
    return {
        path.name: pointer(store(hub, path.read_bytes())) if path.suffix == ".safetensors" else path.read_bytes()
        for path in folder.iterdir()
    }


@pytest.fixture
def hub(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> LocalHub:
    """A Hub with a repo of commits and tags that hfver did not make: v1.0.0, v1.1.0, and others."""
    HfApi(local_hub.url, token=local_hub.token).create_repo(REPO)
    with Importer(bare_repo(local_hub, REPO)) as importer:
        first = files_of(checkpoint(1), local_hub)
        second = files_of(checkpoint(2), local_hub) | {"lineage.yaml": b"a: [", "CHANGELOG.md": b"Fixed things.\n"}
        one = importer.commit("refs/heads/main", first | {".gitattributes": b"*.safetensors filter=lfs\n"})
        importer.tag("v1.0.0", one, "first")
        two = importer.commit("refs/heads/main", second)
        importer.tag("v1.1.0", two, "second")
        importer.tag("v1.1.1", two, "the same again")
        importer.tag("nightly", two, "no version")
        importer.tag("v2", two, "no version either")
        linked = importer.commit("refs/heads/other", first | {"evil": LINK + b"/etc/passwd"})
        importer.tag("v3.0.0", linked, "a link")
        importer.tag("v3.0.1", importer.commit("refs/heads/other", first | {"CON:x": b"1"}), "unsafe")
        importer.tag("v3.0.2", importer.commit("refs/heads/other", first | {"CONFIG.json": b"1"}), "collides")
    return local_hub


def test_a_dry_run_reports_and_writes_nothing(hub: LocalHub) -> None:
    before = git(hub, "for-each-ref")
    plan = hfver.adopt(REPO, dry_run=True, hub=hub)
    assert [one.version for one in plan.adopted] == ["1.0.0", "1.1.0", "1.1.1"]
    assert {skipped.tag: skipped.reason.split(" ")[0] for skipped in plan.skipped} == {
        "v3.0.0": "evil",
        "v3.0.1": "unsafe",
        "v3.0.2": "'CONFIG.json'",
    }
    assert plan.left == ("nightly", "v2")
    assert git(hub, "for-each-ref") == before


def test_adopted_releases_are_releases(hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    before = git(hub, "for-each-ref", "refs/tags")
    main_before = git(hub, "rev-parse", "main")
    done = hfver.adopt(REPO, hub=hub)
    assert [one.version for one in done.adopted] == ["1.0.0", "1.1.0", "1.1.1"]
    assert git(hub, "for-each-ref", "refs/tags") == before
    assert git(hub, "rev-parse", "main^") == main_before
    assert git(hub, "diff", "--name-only", "main^", "main").splitlines() == [
        *(f"{ADOPTED}{version}.json" for version in ("1.0.0", "1.1.0", "1.1.1")),
        LEDGER,
    ]
    listed = hfver.versions(REPO, hub=hub)
    assert [(row.version, row.bump, row.adopted) for row in listed.releases] == [
        ("1.1.1", "patch", True),
        ("1.1.0", "minor", True),
        ("1.0.0", "major", True),
    ]
    for version in ("1.0.0", "1.1.0", "1.1.1", "1.1.0"):
        assert hfver.resolve(f"{REPO}@{version}", hub=hub).version == version
    pulled = hfver.pull(f"{REPO}@1.0.0", tmp_path / "out", hub=hub)
    assert (pulled.path / "model.safetensors").read_bytes() == (
        tmp_path / "checkpoint-1/model.safetensors"
    ).read_bytes()
    assert hfver.verify(str(pulled.path), hub=hub).evidence == "ledger"
    assert hfver.verify(str(pulled.path), offline=True).evidence == "manifest"
    assert hfver.verify(f"{REPO}@^1", hub=hub).version == "1.1.1"
    assert hfver.pull(f"{REPO}@{pulled.release.commit}", hub=hub).release.version == "1.0.0"
    assert hfver.diff(f"{REPO}@1.0.0", f"{REPO}@1.1.0", hub=hub).level is not None
    assert not hfver.diff(f"{REPO}@1.0.0", str(checkpoint(1, name="again")), hub=hub).changes
    found = hfver.audit(REPO, hub=hub)
    assert found.clean
    assert [verdict.status for verdict in found.verdicts] == ["pending"] * 3 + ["ok"] * 3


def test_the_next_release_follows_an_adopted_one(hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    hfver.adopt(REPO, hub=hub)
    made = hfver.release(checkpoint(3), REPO, hub=hub, smoke="off")
    assert (made.version, made.adopted) == ("1.2.0", False)
    assert [verdict.status for verdict in hfver.audit(REPO, hub=hub).verdicts] == ["pending"] * 3 + ["ok"] * 4
    # What lies on main for the adopted ones stays there, and is in no release.
    assert hfver.pull(f"{REPO}@1.1.1", hub=hub).release.adopted
    assert ADOPTED not in git(hub, "ls-tree", "-r", "--name-only", "v1.2.0")
    assert f"{ADOPTED}1.0.0.json" in git(hub, "ls-tree", "-r", "--name-only", "main")


def test_adopting_again_only_adds_later_tags(hub: LocalHub) -> None:
    hfver.adopt(REPO, hub=hub)
    head = git(hub, "rev-parse", "main")
    assert hfver.adopt(REPO, hub=hub).adopted == ()
    assert git(hub, "rev-parse", "main") == head
    git(hub, "tag", "v0.9.0", "v1.0.0^{commit}")
    assert [one.version for one in hfver.adopt(REPO, hub=hub).adopted] == ["0.9.0"]
    assert hfver.resolve(f"{REPO}@0.9.0", hub=hub).bump == "major"
    assert hfver.audit(REPO, hub=hub).clean


def test_changes_of_adopted_releases_are_detected(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hfver.adopt(REPO, hub=hub)
    path = f"{ADOPTED}1.0.0.json"
    raw = subprocess.run(
        ["git", "-C", bare_repo(hub, REPO), "show", f"main:{path}"], capture_output=True, check=True
    ).stdout
    git(hub, "tag", "-f", "v1.1.1", "v1.0.0^{commit}")
    with Importer(bare_repo(hub, REPO)) as importer:
        importer.commit("refs/heads/main", {path: raw.replace(b'"1.0.0"', b'"1.0.1"')}, "refs/heads/main^0", keep=True)
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "another-machine"))
    with pytest.raises(ManifestMismatch):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    with pytest.raises(TagMoved):
        hfver.resolve(f"{REPO}@1.1.1", hub=hub)
    kinds = {
        verdict.version: [finding.error for finding in verdict.findings]
        for verdict in hfver.audit(REPO, hub=hub).verdicts
    }
    assert kinds["1.0.0"] == ["ManifestMismatch", "ReleaseReplayed"]
    assert kinds["1.1.1"] == ["TagMoved"]
    assert kinds["1.1.0"] == []
    with Importer(bare_repo(hub, REPO)) as importer:
        importer.commit("refs/heads/main", {path: None}, "refs/heads/main^0", keep=True)
    with pytest.raises(FileMissing, match="missing from main"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)


def test_a_tag_whose_weights_are_missing_is_skipped(hub: LocalHub) -> None:
    oid = git(hub, "show", "v1.0.0^{commit}:model.safetensors").split("sha256:")[1][:64]
    (hub.path / "lfs" / "objects" / oid[:2] / oid[2:4] / oid).unlink()
    done = hfver.adopt(REPO, hub=hub)
    assert [one.version for one in done.adopted] == ["1.1.0", "1.1.1"]
    assert "model.safetensors" in {skipped.tag: skipped.reason for skipped in done.skipped}["v1.0.0"]


def test_a_copy_of_a_release_is_not_adopted(local_hub: LocalHub) -> None:
    build_releases(local_hub, "acme/bot", 1)
    HfApi(local_hub.url, token=local_hub.token).create_repo(REPO)
    source = str(bare_repo(local_hub, "acme/bot"))
    git(local_hub, "fetch", "-q", source, "+refs/tags/*:refs/tags/*")
    (skipped,) = hfver.adopt(REPO, hub=local_hub).skipped
    assert skipped.tag == "v1.0.0"
    assert ".hfver/manifest.json" in skipped.reason


def test_adopting_needs_write_access(hub: LocalHub) -> None:
    with pytest.raises(HubDenied):
        hfver.adopt(REPO, hub=hub.url)
    assert hfver.adopt(REPO, hub=hub.url, dry_run=True).adopted


def test_a_repo_that_was_moved(local_hub: LocalHub) -> None:
    build_releases(local_hub, "acme/bot", 2)
    HfApi(local_hub.url, token=local_hub.token).move_repo("acme/bot", "acme/assistant")
    with pytest.raises(ReleaseReplayed, match="belongs to acme/bot") as caught:
        hfver.resolve("acme/assistant@1.0.0", hub=local_hub)
    assert "--renamed-from acme/bot" in caught.value.hint
    assert hfver.adopt("acme/assistant", renamed_from="acme/bot", hub=local_hub).renamed_from == "acme/bot"
    assert hfver.resolve("acme/assistant@1.0.0", hub=local_hub).version == "1.0.0"
    assert hfver.audit("acme/assistant", hub=local_hub).clean
    hfver.adopt("acme/assistant", renamed_from="acme/bot", hub=local_hub)
    raw = git(local_hub, "show", f"main:{LEDGER}", repo="acme/assistant") + "\n"
    assert [line.event for line in Ledger.decode(raw.encode(), "acme/assistant").lines] == [
        "release",
        "release",
        "rename",
    ]


def test_a_copy_is_not_a_move(local_hub: LocalHub) -> None:
    build_releases(local_hub, "acme/bot", 1)
    HfApi(local_hub.url, token=local_hub.token).create_repo("evil/bot")
    git(local_hub, "fetch", "-q", "--force", str(bare_repo(local_hub, "acme/bot")), "+refs/*:refs/*", repo="evil/bot")
    with pytest.raises(Refused, match="a copy"):
        hfver.adopt("evil/bot", renamed_from="acme/bot", hub=local_hub)
    with pytest.raises(ReleaseReplayed):
        hfver.adopt("evil/bot", renamed_from="acme/other", hub=local_hub)


def test_the_command(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    folder = str(hub.path)
    assert main(["adopt", REPO, "--hub", folder, "--dry-run"]) == 0
    out = capsys.readouterr().out
    assert "to adopt" in out
    assert "nightly, v2" in out
    assert main(["adopt", REPO, "--hub", folder, "--json"]) == 0
    answer = json.loads(capsys.readouterr().out)
    assert [one["version"] for one in answer["adopted"]] == ["1.0.0", "1.1.0", "1.1.1"]
    assert main(["versions", REPO, "--hub", folder]) == 0
    assert "adopted" in capsys.readouterr().out
    assert main(["adopt", REPO, "--hub", folder, "--dry-run", "--renamed-from", "a/b"]) == 2
