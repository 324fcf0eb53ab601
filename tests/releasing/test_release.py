"""Releases on a real Hub: what they write, what they refuse, and how an interrupted run is completed."""

from __future__ import annotations

import json
import os
import subprocess
import threading
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

import hfver
from hfver.api.hubs import LocalHub, open_hub
from hfver.core.manifest import ATTRIBUTES, LEDGER, MANIFEST
from hfver.core.policy import Policy
from hfver.errors import BadCheckpoint, Conflict, HfverError, ReleaseExists, ReleaseReplayed, SmokeFailed
from hfver.registry.state import read_state
from hfver.releasing.candidate import commit_candidate
from hfver.releasing.publish import tag_candidate
from hfver.releasing.request import ReleaseRequest
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"


def release(directory: Path, hub: LocalHub, **options: Any) -> Any:
    return hfver.release(directory, REPO, hub=hub, **({"smoke": "off"} | options))


def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token)


def tree(hub: LocalHub, revision: str) -> dict[str, Any]:
    found: list[Any] = list(api(hub).list_repo_tree(REPO, recursive=True, revision=revision))
    return {item.path: item for item in found if hasattr(item, "blob_id")}


def ledger(hub: LocalHub) -> list[dict[str, Any]]:
    path = api(hub).hf_hub_download(REPO, LEDGER, force_download=True)
    return [json.loads(line) for line in Path(path).read_text().splitlines()]


def test_the_first_release_is_one_commit_one_tag_one_line(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    done = release(checkpoint(), local_hub, message="First one")
    refs = api(local_hub).list_repo_refs(REPO)
    assert (done.version, done.tag, done.bump) == ("1.0.0", "v1.0.0", "major")
    assert {tag.name: tag.target_commit for tag in refs.tags} == {"v1.0.0": done.commit}
    assert [branch.name for branch in refs.branches] == ["main"]
    (line,) = ledger(local_hub)
    assert (line["version"], line["commit"], line["digest"]) == ("1.0.0", done.commit, done.digest)
    assert api(local_hub).repo_info(REPO).private is True


def test_the_tree_is_exactly_the_manifest(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    (folder / "stale.txt").write_text("of the first version only")
    release(folder, local_hub)
    (folder / "stale.txt").unlink()
    move_weights(folder, 3)
    done = release(folder, local_hub)
    found = tree(local_hub, done.commit)
    listed = {file["path"]: file for file in done.files}
    assert set(found) == {*listed, MANIFEST, ATTRIBUTES}
    assert all(found[path].size == file["size"] for path, file in listed.items())
    assert found["model.safetensors"].lfs.sha256 == listed["model.safetensors"]["sha256"]
    assert set(tree(local_hub, "main")) == {*found, LEDGER}


def test_the_change_decides_the_bump(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    release(folder, local_hub)
    config = json.loads((folder / "config.json").read_text())
    (folder / "config.json").write_text(json.dumps(config))
    assert release(folder, local_hub).version == "1.0.1"
    move_weights(folder, 5)
    assert release(folder, local_hub).version == "1.1.0"
    move_weights(folder, 5, extra=True)
    made = release(folder, local_hub)
    assert made.version == "2.0.0"
    assert "extra.weight" in made.why[0]
    move_weights(folder, 6)
    assert release(folder, local_hub, bump="major").version == "3.0.0"
    move_weights(folder, 7)
    assert release(folder, local_hub, version="1.1.1", because="a backport").bump == "patch"
    assert [line["version"] for line in ledger(local_hub)] == ["1.0.0", "1.0.1", "1.1.0", "2.0.0", "3.0.0", "1.1.1"]


def test_a_backport_and_a_prerelease_leave_main_alone(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(1), local_hub)
    newest = release(checkpoint(2), local_hub, version="2.0.0")
    release(checkpoint(3), local_hub, version="1.0.1", because="a fix for those who stay on 1.0")
    release(checkpoint(4), local_hub, version="2.1.0-rc.1")
    shown = tree(local_hub, "main")["model.safetensors"].lfs.sha256
    assert shown == next(file["sha256"] for file in newest.files if file["path"] == "model.safetensors")
    assert hfver.resolve(REPO, hub=local_hub).version == "2.0.0"
    final = release(checkpoint(4, name="again"), local_hub, version="2.1.0")
    assert final.version == "2.1.0"


def test_only_missing_objects_are_sent(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    first = checkpoint(1)
    assert release(first, local_hub).bytes_sent == (first / "model.safetensors").stat().st_size
    (first / "notes.txt").write_text("a word more")
    assert release(first, local_hub).bytes_sent == 0


def test_git_clone_brings_the_same_bytes(local_hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    folder = checkpoint()
    (folder / "with space.txt").write_bytes(b"\x00\xff" * 6_000_000)
    release(folder, local_hub)
    url = local_hub.url.replace("http://", f"http://user:{local_hub.token}@")
    clone = tmp_path / "clone"
    for command in (["git", "lfs", "install", "--local"], ["git", "lfs", "pull"]):
        if not clone.exists():
            subprocess.run(["git", "clone", "-q", "-b", "v1.0.0", f"{url}/{REPO}", clone], check=True, env=no_smudge())
        subprocess.run(command, check=True, cwd=clone, capture_output=True)
    for path in folder.iterdir():
        assert (clone / path.name).read_bytes() == path.read_bytes()
    listed = subprocess.run(["git", "lfs", "ls-files"], check=True, cwd=clone, capture_output=True, text=True).stdout
    assert "model.safetensors" in listed
    assert "with space.txt" in listed


def no_smudge() -> dict[str, str]:
    import os

    return {**os.environ, "GIT_LFS_SKIP_SMUDGE": "1"}


def test_a_card_on_an_embedded_hub_does_not_link_to_huggingface(
    local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    hfver.release(checkpoint(1), "acme/base", hub=local_hub, smoke="off")
    planned = hfver.release(checkpoint(2), REPO, hub=local_hub, smoke="off", base="acme/base@1.0.0", dry_run=True)
    assert "acme/base" in str(planned.card)
    assert "huggingface.co" not in str(planned.card)


def test_a_dry_run_writes_nothing(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint(1)
    planned = release(folder, local_hub, dry_run=True)
    assert not api(local_hub).repo_exists(REPO)
    assert planned.version == "1.0.0"
    assert planned.bytes_sent == (folder / "model.safetensors").stat().st_size
    assert "library_name: transformers" in planned.card
    done = release(folder, local_hub)
    assert [file["path"] for file in planned.files] == [file["path"] for file in done.files]
    again = release(checkpoint(2), local_hub, dry_run=True)
    assert (again.version, again.bump, again.commit) == ("1.1.0", "minor", "")
    assert [line["version"] for line in ledger(local_hub)] == ["1.0.0"]


def test_a_dry_run_treats_a_missing_hub_as_empty(checkpoint: MakeCheckpoint, tmp_path: Path) -> None:
    planned = hfver.release(checkpoint(), REPO, hub=tmp_path / "hub", smoke="off", dry_run=True)
    assert planned.version == "1.0.0"
    assert not (tmp_path / "hub").exists()


def test_an_unchanged_folder_is_refused(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub, message="one")
    with pytest.raises(ReleaseExists, match=f"{REPO}@1.0.0"):
        release(checkpoint(name="copy"), local_hub, message="another command")


def test_the_same_command_again_finds_its_release(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder = checkpoint()
    first = release(folder, local_hub, message="one")
    again = release(folder, local_hub, message="one")
    assert (again.commit, again.version) == (first.commit, "1.0.0")
    assert "already" in again.note
    assert release(folder, local_hub, version="1.0.0").commit == first.commit


def test_a_version_never_changes(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    with pytest.raises(ReleaseExists, match="different content"):
        release(checkpoint(1), local_hub, version="1.0.0")


def test_a_broken_model_is_not_released(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    import torch
    from safetensors.torch import load_file, save_file

    folder = checkpoint()
    tensors = load_file(folder / "model.safetensors")
    tensors["model.norm.weight"] = torch.full_like(tensors["model.norm.weight"], float("nan"))
    save_file(tensors, folder / "model.safetensors", metadata={"format": "pt"})
    with pytest.raises(SmokeFailed, match="weights-finite"):
        release(folder, local_hub, smoke="auto")
    assert not api(local_hub).repo_exists(REPO)


def test_require_runs_the_model_as_downloaded_from_the_hub(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    done = release(checkpoint(), local_hub, smoke="require")
    assert done.smoke.status == "passed"
    assert done.smoke.content_digest == done.content_digest
    assert ledger(local_hub)[0]["smoke"]["status"] == "passed"


def test_training_leftovers_are_not_published(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    folder, said = checkpoint(), list[str]()
    for name in ("training_args.bin", "optimizer.pt", "rng_state.pth"):
        (folder / name).write_bytes(b"pickle")
    done = release(folder, local_hub, say=said.append)
    assert not {"training_args.bin", "optimizer.pt", "rng_state.pth"} & {file["path"] for file in done.files}
    assert sum("Leaving out" in line for line in said) == 3


def test_a_folder_without_a_checkpoint_is_refused(local_hub: LocalHub, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(BadCheckpoint):
        release(tmp_path / "empty", local_hub)
    with pytest.raises(BadCheckpoint):
        release(tmp_path / "nowhere", local_hub)
    assert not api(local_hub).repo_exists(REPO)


def test_a_folder_that_changes_during_the_release_is_refused(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = checkpoint()

    def meddle(label: str, done: int, total: int) -> None:
        if label == "uploading" and done == 0:
            move_weights(folder, 9)

    with pytest.raises(HfverError):
        release(folder, local_hub, progress=meddle)
    assert api(local_hub).list_repo_refs(REPO).tags == []


def pending(hub: LocalHub, folder: Path) -> str:
    """Release up to the tag, and stop there as a killed process would."""
    from hfver.model.checkpoint import read_checkpoint
    from hfver.releasing.draft import prepare_draft

    with open_hub(hub) as client:
        repo = client.repo(REPO)
        repo.create(private=True)
        state = read_state(repo)
        draft = prepare_draft(repo, state, read_checkpoint(folder), None, None, ReleaseRequest(folder, REPO), Policy())
        candidate = commit_candidate(state, draft, lambda *_: None)
        tag_candidate(repo, candidate)
        return candidate.commit


def test_a_tag_without_a_ledger_line_is_not_a_version(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    pending(local_hub, checkpoint(1))
    listed = hfver.versions(REPO, hub=local_hub)
    assert (listed.releases, listed.pending) == ((), ("v1.0.0",))
    with pytest.raises(HfverError, match="pending") as caught:
        hfver.resolve(f"{REPO}@1.0.0", hub=local_hub)
    assert caught.value.exit_code == 1
    with pytest.raises(HfverError, match="no hfver releases"):
        hfver.resolve(f"{REPO}@^1", hub=local_hub)


@pytest.mark.parametrize(
    ("change", "brings"),
    [
        ({"smoke": {"status": "odd"}}, {}),
        ({"ledger_head": "sha256:" + "0" * 64}, {}),
        ({"previous": "sha256:" + "0" * 64}, {}),
        ({}, {LEDGER: b"{}\n"}),
        ({}, {".hfver/stages.json": b"{}\n"}),
    ],
)
def test_what_would_break_the_ledger_stays_pending(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, change: dict[str, Any], brings: dict[str, bytes]
) -> None:
    done = release(checkpoint(1), local_hub)
    client = api(local_hub)
    client.create_branch(REPO, branch="forged", revision=done.commit)
    manifest = json.loads(Path(client.hf_hub_download(REPO, MANIFEST, revision=done.commit)).read_bytes())
    brought = {path: {"size": len(data), "sha256": sha256(data).hexdigest()} for path, data in brings.items()}
    manifest |= {"version": "1.0.1", "files": manifest["files"] | brought, **change}
    forged = {MANIFEST: json.dumps(manifest).encode(), **brings}
    operations = [CommitOperationAdd(path, data) for path, data in forged.items()]
    made = client.create_commit(REPO, operations, commit_message="forge", revision="forged")
    client.create_tag(REPO, tag="v1.0.1", revision=str(made.oid))
    hfver.yank(f"{REPO}@1.0.0", "broken", hub=local_hub)
    assert hfver.versions(REPO, hub=local_hub).pending == ("v1.0.1",)
    assert [line["event"] for line in ledger(local_hub)] == ["release", "yank"]


def test_the_next_writer_completes_pending_releases(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    commit = pending(local_hub, checkpoint(1))
    done = release(checkpoint(2), local_hub)
    assert done.version == "1.1.0"
    assert [line["commit"] for line in ledger(local_hub)] == [commit, done.commit]


def test_tags_made_without_hfver_stay_unchanged(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(1), local_hub)
    api(local_hub).create_tag(REPO, tag="v1.1.0", revision="main")
    assert release(checkpoint(2), local_hub).version == "1.2.0"
    with pytest.raises(ReleaseExists, match="not an hfver release"):
        release(checkpoint(3), local_hub, version="1.1.0")
    with pytest.raises(ReleaseReplayed, match=r"its manifest is the one of acme/bot@1\.0\.0"):
        hfver.resolve(f"{REPO}@1.1.0", hub=local_hub)


def test_four_writers_at_once_all_get_a_version(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    release(checkpoint(), local_hub)
    folders = [checkpoint(seed) for seed in range(1, 5)]
    outcomes: list[Any] = []

    def work(folder: Path) -> None:
        try:
            outcomes.append(release(folder, local_hub).version)
        except Conflict as conflict:
            outcomes.append(conflict)

    threads = [threading.Thread(target=work, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    published = [line["version"] for line in ledger(local_hub)][1:]
    assert sorted(map(str, outcomes)) == sorted(published)
    assert len(set(published)) == 4
    assert len(hfver.versions(REPO, hub=local_hub).releases) == 5


def test_a_release_over_plain_http(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    """The Hub of another process shares no folder, so the bytes go by Git-LFS, without any environment variable."""
    import sys

    folder = checkpoint(1)
    serve = [sys.executable, "-m", "hfver", "hub", "serve", "--root", str(local_hub.path)]
    users = {**os.environ, "HFVER_HUB_USERS": "acme:hf_secret"}
    with subprocess.Popen(serve, stdout=subprocess.PIPE, text=True, env=users) as server:
        assert server.stdout is not None
        url = server.stdout.readline().strip()
        try:
            done = hfver.release(folder, REPO, hub=url, token="hf_secret", smoke="off")
            assert done.bytes_sent == (folder / "model.safetensors").stat().st_size
            loaded = hfver.load(f"{REPO}@^1", hub=url, token="hf_secret", device="cpu")
            assert loaded.release.commit == done.commit
            with pytest.raises(HfverError) as caught:
                hfver.release(folder, "other/bot", hub=url, token="hf_secret", smoke="off")
            assert caught.value.exit_code == 4
        finally:
            server.terminate()


def test_pickled_weights_are_refused_or_converted(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    import torch
    from safetensors.torch import load_file

    folder = checkpoint()
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    with pytest.raises(BadCheckpoint) as caught:
        release(folder, local_hub)
    assert "--convert" in caught.value.hint
    done = release(folder, local_hub, convert=True, smoke="auto")
    paths = {file["path"] for file in done.files}
    assert "model.safetensors" in paths
    assert "pytorch_model.bin" not in paths
    assert (folder / "pytorch_model.bin").exists()
    assert not (folder / "model.safetensors").exists()


def test_a_sharded_model(local_hub: LocalHub, chat_model: Path, tmp_path: Path) -> None:
    from transformers import AutoModelForCausalLM, AutoTokenizer

    model = AutoModelForCausalLM.from_pretrained(chat_model)
    model.save_pretrained(tmp_path / "sharded", max_shard_size="100KB")
    AutoTokenizer.from_pretrained(chat_model).save_pretrained(tmp_path / "sharded")
    done = release(tmp_path / "sharded", local_hub, smoke="require")
    assert sum(file["path"].endswith(".safetensors") for file in done.files) > 1
    hfver.release(chat_model, REPO, hub=local_hub, smoke="off")
    assert hfver.versions(REPO, hub=local_hub).releases[0].bump == "patch"


def test_sentence_transformers(local_hub: LocalHub, tmp_path: Path) -> None:
    from sentence_transformers import SentenceTransformer

    from tests.model.smoke import tiny

    folder, words = tmp_path / "sentence", tiny.word_tokenizer()
    plain = tiny.save(tiny.encoder(words), words, tmp_path / "plain")
    with tiny.hushed():
        SentenceTransformer(str(plain), device="cpu").save_pretrained(str(folder))
    done = release(folder, local_hub, smoke="require")
    assert done.smoke.status == "passed"
    assert hfver.load(REPO, hub=local_hub, device="cpu").release.commit == done.commit
    card = (hfver.pull(REPO, hub=local_hub).path / "README.md").read_text()
    assert "pipeline_tag: sentence-similarity" in card
