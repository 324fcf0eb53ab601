"""Resolving references to commits, and every manipulation that must be detected on the way."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, CommitOperationDelete, HfApi

import hfver
from hfver.api.hubs import LocalHub, open_hub
from hfver.core.ledger import Ledger, Line
from hfver.core.manifest import LEDGER, MANIFEST
from hfver.core.ref import parse_ref
from hfver.errors import (
    BadRef,
    CommitGone,
    DigestMismatch,
    FileMissing,
    FileUnexpected,
    HfverError,
    HubNotFound,
    LedgerBroken,
    LedgerRewritten,
    LedgerTruncated,
    ManifestMismatch,
    ObjectGone,
    Refused,
    ReleaseReplayed,
    TagMoved,
    VerificationError,
)
from hfver.hub.cache import snapshot_folder
from hfver.registry.resolve import resolve
from hfver.registry.state import TrustOptions
from tests.conftest import MakeCheckpoint

REPO = "acme/bot"


@pytest.fixture
def hub(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> LocalHub:
    """A Hub with a repo that has 1.0.0, 1.1.0 and 2.0.0-rc.1."""
    for seed, version in enumerate(("1.0.0", "1.1.0", "2.0.0-rc.1"), 1):
        hfver.release(checkpoint(seed), REPO, version=version, hub=local_hub, smoke="off")
    return local_hub


def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token)


@pytest.fixture
def forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """Return a function that forgets everything, as on a machine that has never read this Hub."""

    def fresh() -> None:
        monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "another-machine"))

    return fresh


@pytest.mark.parametrize(
    ("spec", "version"),
    [
        ("", "1.1.0"),
        ("@latest", "1.1.0"),
        ("@1.0.0", "1.0.0"),
        ("@v1.0.0", "1.0.0"),
        ("@^1.0", "1.1.0"),
        ("@~1.0.0", "1.0.0"),
        ("@>=1,<1.1", "1.0.0"),
        ("@1.x", "1.1.0"),
        ("@2.0.0-rc.1", "2.0.0-rc.1"),
        ("@^2.0.0-rc.0", "2.0.0-rc.1"),
    ],
)
def test_what_a_reference_means(hub: LocalHub, spec: str, version: str) -> None:
    assert hfver.resolve(f"{REPO}{spec}", hub=hub).version == version


def test_a_commit_names_its_release(hub: LocalHub) -> None:
    released = hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    assert hfver.resolve(f"{REPO}@{released.commit}", hub=hub).version == "1.0.0"


@pytest.mark.parametrize("spec", ["^3", "3.0.0", "production", "refs/pr/9", "0" * 40, "2.x"])
def test_what_does_not_exist(hub: LocalHub, spec: str) -> None:
    with pytest.raises(HubNotFound) as caught:
        hfver.resolve(f"{REPO}@{spec}", hub=hub)
    assert caught.value.hint


def test_main_is_never_a_release(hub: LocalHub) -> None:
    with pytest.raises(BadRef):
        hfver.resolve(f"{REPO}@main", hub=hub)
    head = api(hub).repo_info(REPO).sha
    with pytest.raises(FileUnexpected, match="releases.jsonl"):
        hfver.resolve(f"{REPO}@{head}", hub=hub)


def test_a_pull_request_is_a_candidate(hub: LocalHub) -> None:
    released = hfver.resolve(f"{REPO}@1.1.0", hub=hub)
    repo = hub.path / "repos" / "models" / "acme" / "bot.git"
    subprocess.run(["git", "-C", repo, "update-ref", "refs/pr/3", released.commit], check=True)
    assert hfver.resolve(f"{REPO}@refs/pr/3", hub=hub).commit == released.commit
    other = api(hub).create_commit(
        REPO, [CommitOperationAdd("x.txt", b"x")], commit_message="x", revision="main", create_pr=False
    )
    subprocess.run(["git", "-C", repo, "update-ref", "refs/pr/4", str(other.oid)], check=True)
    with pytest.raises(VerificationError):
        hfver.resolve(f"{REPO}@refs/pr/4", hub=hub)


def test_resolving_needs_four_requests_at_first_and_then_one(hub: LocalHub, requests: list[str], forget: Any) -> None:
    forget()
    hfver.resolve(f"{REPO}@1.1.0", hub=hub)
    assert len(requests) == 4, requests
    requests.clear()
    found = hfver.resolve(f"{REPO}@^1", hub=hub)
    assert requests == [f"GET /api/models/{REPO}/refs"]
    requests.clear()
    hfver.resolve(f"{REPO}@{found.commit}", hub=hub)
    assert requests == []


def test_repo_ids_are_compared_without_case(hub: LocalHub) -> None:
    assert hfver.resolve("ACME/Bot@1.0.0", hub=hub).version == "1.0.0"


def test_a_moved_tag(hub: LocalHub) -> None:
    other = hfver.resolve(f"{REPO}@1.1.0", hub=hub).commit
    api(hub).delete_tag(REPO, tag="v1.0.0")
    with pytest.raises(TagMoved, match="is missing"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    api(hub).create_tag(REPO, tag="v1.0.0", revision=other)
    with pytest.raises(TagMoved, match=other):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    with pytest.raises(TagMoved):
        hfver.versions(REPO, hub=hub)


def change_main(hub: LocalHub, ledger: bytes) -> None:
    api(hub).create_commit(REPO, [CommitOperationAdd(LEDGER, ledger)], commit_message="tamper")


def lines(hub: LocalHub) -> list[bytes]:
    path = api(hub).hf_hub_download(REPO, LEDGER, force_download=True)
    return Path(path).read_bytes().splitlines(keepends=True)


def test_an_edited_ledger(hub: LocalHub, forget: Any) -> None:
    first, second, *rest = lines(hub)
    forget()
    change_main(hub, first.replace(b'"major"', b'"minor"') + second + b"".join(rest))
    with pytest.raises(LedgerBroken, match="does not continue"):
        hfver.resolve(f"{REPO}@1.1.0", hub=hub)


def test_a_truncated_ledger_is_detected_by_a_machine_that_knows_it(hub: LocalHub, forget: Any) -> None:
    change_main(hub, b"".join(lines(hub)[:-1]))
    with pytest.raises(LedgerTruncated, match="had 3 lines .* has 2"):
        hfver.resolve(f"{REPO}@1.1.0", hub=hub)
    forget()
    assert hfver.resolve(f"{REPO}@1.1.0", hub=hub).version == "1.1.0"


def forge(hub: LocalHub, version: str, changes: list[Any], forget: Any) -> None:
    """Point a version's tag and ledger line to a commit that was made by hand."""
    released = hfver.resolve(f"{REPO}@{version}", hub=hub)
    client = api(hub)
    client.create_branch(REPO, branch="forged", revision=released.commit)
    made = client.create_commit(REPO, changes, commit_message="forge", revision="forged")
    client.delete_tag(REPO, tag=f"v{version}")
    client.create_tag(REPO, tag=f"v{version}", revision=str(made.oid))
    line = json.loads(lines(hub)[0]) | {"commit": made.oid}
    change_main(hub, json.dumps(line).encode() + b"\n")
    forget()


def test_an_added_file(hub: LocalHub, forget: Any) -> None:
    forge(hub, "1.0.0", [CommitOperationAdd("modeling_evil.py", b"import os")], forget)
    with pytest.raises(FileUnexpected, match="modeling_evil.py"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)


def test_a_missing_file(hub: LocalHub, forget: Any) -> None:
    forge(hub, "1.0.0", [CommitOperationDelete("config.json")], forget)
    with pytest.raises(FileMissing, match="config.json"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)


def test_an_edited_file(hub: LocalHub, forget: Any) -> None:
    released = hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    size = next(file["size"] for file in released.files if file["path"] == "config.json")
    forge(hub, "1.0.0", [CommitOperationAdd("config.json", b"{" + b" " * (size - 2) + b"}")], forget)
    with pytest.raises(DigestMismatch, match="config.json"):
        hfver.pull(f"{REPO}@1.0.0", hub=hub)


def test_an_edited_manifest(hub: LocalHub, forget: Any) -> None:
    forge(hub, "1.0.0", [CommitOperationAdd(".hfver/manifest.json", b'{"schema": 1}')], forget)
    with pytest.raises(ManifestMismatch, match="the ledger says sha256:"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)


def test_a_release_under_another_version(hub: LocalHub, forget: Any) -> None:
    old = json.loads(lines(hub)[0])
    api(hub).create_tag(REPO, tag="v1.2.0", revision=old["commit"])
    change_main(hub, json.dumps(old | {"version": "1.2.0"}).encode() + b"\n")
    forget()
    with pytest.raises(ReleaseReplayed, match="the one of acme/bot@1.0.0"):
        hfver.resolve(f"{REPO}@^1", hub=hub)


def test_a_deleted_object(hub: LocalHub) -> None:
    released = hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    oid = next(file["sha256"] for file in released.files if file["path"] == "model.safetensors")
    (hub.path / "lfs" / "objects" / oid[:2] / oid[2:4] / oid).unlink()
    (snapshot_folder(REPO, released.commit).parent.parent / "blobs" / oid).unlink(missing_ok=True)
    with pytest.raises(ObjectGone, match="model.safetensors") as caught:
        hfver.pull(f"{REPO}@1.0.0", hub=hub)
    assert caught.value.exit_code == 3


def git(hub: LocalHub, *words: str) -> str:
    """Change the repo in ways that need a shell on the Hub's machine."""
    folder = hub.path / "repos" / "models" / "acme" / "bot.git"
    who = ["-c", "user.name=mallory", "-c", "user.email=mallory@example.com"]
    return subprocess.run(
        ["git", "-C", folder, *who, *words], check=True, capture_output=True, text=True
    ).stdout.strip()


def test_a_commit_without_its_manifest(hub: LocalHub, forget: Any) -> None:
    forge(hub, "1.0.0", [CommitOperationDelete(MANIFEST)], forget)
    with pytest.raises(CommitGone, match="which the repo does not have"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)


def test_a_tag_recreated_with_the_old_message(hub: LocalHub, forget: Any) -> None:
    message = git(hub, "for-each-ref", "--format=%(contents)", "refs/tags/v1.0.0")
    git(hub, "tag", "-f", "-a", "-m", message, "v1.0.0", "v1.1.0^{commit}")
    forget()
    with pytest.raises(TagMoved, match="points to"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)


def test_a_forged_tag_is_not_chosen_by_a_range(hub: LocalHub, forget: Any) -> None:
    api(hub).create_tag(REPO, tag="v1.9.9", revision="v1.0.0")
    forget()
    assert hfver.resolve(f"{REPO}@^1", hub=hub).version == "1.1.0"
    with pytest.raises(ReleaseReplayed, match=f"its manifest is the one of {REPO}@1.0.0") as caught:
        hfver.resolve(f"{REPO}@1.9.9", hub=hub)
    assert caught.value.exit_code == 3


def test_a_tag_on_the_commit_of_another_repo_is_replayed(hub: LocalHub, forget: Any) -> None:
    copy_repo(hub, "mallory/bot")
    api(hub).delete_file(LEDGER, "mallory/bot")
    forget()
    with pytest.raises(ReleaseReplayed, match=f"its manifest is the one of {REPO}@1.0.0"):
        hfver.resolve("mallory/bot@1.0.0", hub=hub)


def test_a_tag_made_by_hand_is_pending(hub: LocalHub, forget: Any) -> None:
    git(hub, "tag", "-a", "-m", "by hand", "v7.0.0", git(hub, "commit-tree", "-m", "x", git(hub, "mktree")))
    forget()
    with pytest.raises(Refused, match="pending"):
        hfver.resolve(f"{REPO}@7.0.0", hub=hub)


def chained(*lines: dict[str, Any]) -> bytes:
    """Write a ledger with these lines and an intact chain of hashes."""
    ledger = Ledger.empty()
    for line in lines:
        ledger = ledger.append(Line.model_validate(line))
    return ledger.raw


def test_a_ledger_rewritten_consistently_is_detected_by_a_machine_that_knows_it(hub: LocalHub, forget: Any) -> None:
    first, second, third = (json.loads(line) for line in lines(hub))
    change_main(hub, chained(first, second | {"author": "mallory"}, third))
    with pytest.raises(LedgerRewritten, match="line 2 of the 3 lines that this machine read last is different now"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)
    forget()
    assert hfver.resolve(f"{REPO}@1.0.0", hub=hub).version == "1.0.0"


def test_a_ledger_rewritten_consistently_is_detected_by_later_releases(hub: LocalHub, forget: Any) -> None:
    first, second, third = (json.loads(line) for line in lines(hub))
    change_main(hub, chained(first, second | {"author": "mallory"}, third))
    forget()
    with pytest.raises(LedgerRewritten, match="it was made when the ledger ended with"):
        hfver.resolve(f"{REPO}@2.0.0-rc.1", hub=hub)


def test_a_ledger_line_with_a_wrong_content_digest(hub: LocalHub, forget: Any) -> None:
    first, *_ = (json.loads(line) for line in lines(hub))
    change_main(hub, chained(first | {"content_digest": "sha256:" + "0" * 64}))
    forget()
    with pytest.raises(ManifestMismatch, match="the ledger says content digest sha256:0000"):
        hfver.resolve(f"{REPO}@1.0.0", hub=hub)


def test_a_removed_yank_is_detected_by_a_machine_that_knows_it(hub: LocalHub) -> None:
    whole = b"".join(lines(hub))
    hfver.yank(f"{REPO}@1.1.0", "broken", hub=hub)
    change_main(hub, whole)
    with pytest.raises(LedgerTruncated, match="had 4 lines"):
        hfver.versions(REPO, hub=hub)


def test_a_namespace_taken_over_is_detected_by_a_machine_that_knows_it(
    hub: LocalHub, checkpoint: MakeCheckpoint, forget: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine = os.environ["HFVER_CACHE"]
    api(hub).delete_repo(REPO)
    forget()
    hfver.release(checkpoint(7), REPO, version="1.1.0", hub=hub, smoke="off")
    monkeypatch.setenv("HFVER_CACHE", machine)
    with pytest.raises(LedgerRewritten):
        hfver.resolve(f"{REPO}@1.1.0", hub=hub)


def test_a_lock_detects_what_a_new_machine_cannot(hub: LocalHub, forget: Any) -> None:
    *before, _ = (json.loads(line) for line in lines(hub))
    head = Ledger.decode(b"".join(lines(hub)), REPO).head
    change_main(hub, chained(*before))
    forget()
    with open_hub(hub) as client, pytest.raises(LedgerRewritten, match="hfver.lock recorded"):
        resolve(client, parse_ref(f"{REPO}@1.0.0"), TrustOptions(ledger_head=head, recorded_by="hfver.lock"))


def copy_repo(hub: LocalHub, name: str) -> None:
    """Copy the repo's history to another name, as a plain git mirror does."""
    api(hub).create_repo(name)
    source, target = (hub.path / "repos" / "models" / f"{repo}.git" for repo in (REPO, name))
    refs = ["+refs/heads/main:refs/heads/main", "+refs/tags/*:refs/tags/*"]
    subprocess.run(["git", "-C", target, "fetch", "-q", source, *refs], check=True)


def test_a_release_in_a_copied_repo(hub: LocalHub) -> None:
    copy_repo(hub, "mallory/bot")
    with pytest.raises(ReleaseReplayed, match="belongs to acme/bot") as caught:
        hfver.resolve("mallory/bot@1.0.0", hub=hub)
    assert "--mirror-of acme/bot" in caught.value.hint
    found = hfver.resolve("mallory/bot@^1", hub=hub, mirror_of=REPO)
    assert (found.repo, found.version) == ("mallory/bot", "1.1.0")
    with pytest.raises(ReleaseReplayed):  # mirror_of allows it for one call only
        hfver.resolve(f"mallory/bot@{found.commit}", hub=hub)
    with pytest.raises(ReleaseReplayed):
        hfver.resolve("mallory/bot@1.0.0", hub=hub, mirror_of="acme/other")


def test_a_ledger_of_two_repos(hub: LocalHub, forget: Any) -> None:
    first, second, third = (json.loads(line) for line in lines(hub))
    change_main(hub, chained(first, second | {"repo": "mallory/bot"}, third))
    forget()
    with pytest.raises(LedgerBroken, match="line 2 is about mallory/bot"):
        hfver.versions(REPO, hub=hub)


def test_a_hub_that_does_not_exist() -> None:
    with pytest.raises(HfverError) as caught:
        hfver.resolve(REPO, hub="http://127.0.0.1:9")
    assert caught.value.exit_code == 4
    assert "127.0.0.1:9" in caught.value.message
