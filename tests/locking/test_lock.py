"""A project's lock: it is written once, checked every time, and applies to everything that loads."""

from __future__ import annotations

import json
import shutil
import tomllib
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import CommitOperationAdd, HfApi

import hfver
from hfver.api.hubs import LocalHub, open_hub
from hfver.cli import main
from hfver.core.lockfile import LOCK, read_lock
from hfver.core.manifest import LEDGER, MANIFEST, digest_of
from hfver.errors import (
    BadConfig,
    BadRef,
    CommitGone,
    DigestMismatch,
    FileUnexpected,
    HfverError,
    HubNotFound,
    LedgerBroken,
    LedgerRewritten,
    PolicyViolation,
    Refused,
    UsageError,
    VerificationError,
)
from hfver.loading.base import fetch_base
from hfver.model.lineage.record import BaseModelLink
from tests.conftest import MakeCheckpoint, move_weights

REPO = "acme/bot"


@pytest.fixture(scope="module")
def chat_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny Llama that was never trained: it is loaded, but not run."""
    from tests.model.smoke import tiny

    words = tiny.byte_tokenizer(chat_template=tiny.CHATML)
    return tiny.save(tiny.llama(words), words, tmp_path_factory.mktemp("made") / "chat")


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty project folder to work in, and an empty Hugging Face cache."""
    folder = tmp_path / "project"
    folder.mkdir()
    monkeypatch.chdir(folder)
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "hf-cache"))
    return folder


@pytest.fixture(scope="module")
def three_releases(chat_model: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a Hub with 1.0.0, 1.1.0 and 2.0.0 of one repo."""
    folder = tmp_path_factory.mktemp("three")
    shutil.copytree(chat_model, folder / "checkpoint")
    for seed, version in enumerate(("1.0.0", "1.1.0", "2.0.0"), 1):
        move_weights(folder / "checkpoint", seed)
        hfver.release(folder / "checkpoint", REPO, version=version, hub=folder / "hub", smoke="off")
    return folder / "hub"


@pytest.fixture
def hub(three_releases: Path, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[LocalHub]:
    """A copy of that Hub, as on a machine that has never read it."""
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "hfver-cache"))
    shutil.copytree(three_releases, tmp_path / "hub")
    with LocalHub(tmp_path / "hub") as served:
        yield served


def api(hub: LocalHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=hub.token)


def another_machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Forget everything that was read and downloaded, but keep the project with its lock."""
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "another-machine"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "another-hf-cache"))


def spoil(path: Path) -> None:
    data = bytearray(path.read_bytes())
    data[-1] ^= 1
    path.write_bytes(bytes(data))


def test_lock_sync_load(hub: LocalHub, project: Path) -> None:
    done = hfver.lock(f"{REPO}@^1.0", hub=hub)
    assert (done.path, done.written) == (project / LOCK, True)
    assert [change.to_json() for change in done.changes] == [
        {"repo": REPO, "change": "added", "from": None, "to": "1.1.0", "bump": None}
    ]
    released = hfver.resolve(f"{REPO}@1.1.0", hub=hub, lock=False)
    table = tomllib.loads((project / LOCK).read_text())["package"][0]
    assert (table["repo"], table["hub"], table["spec"]) == (REPO, hub.identity, "^1.0")
    assert (table["version"], table["commit"], table["digest"]) == ("1.1.0", released.commit, released.digest)
    assert table["files"] == {file.pop("path"): file for file in released.files}
    synced = hfver.sync(hub=hub)
    folder = synced.folders[0][1]
    assert {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()} >= {*table["files"]}
    assert hfver.resolve(REPO, hub=hub).version == "1.1.0"
    assert hfver.resolve(REPO, hub=hub, lock=False).version == "2.0.0"
    assert hfver.resolve(REPO, hub=hub, lock=project / LOCK).version == "1.1.0"
    assert hfver.load(REPO, hub=hub, device="cpu").release.version == "1.1.0"


def test_a_locked_version_stays_until_it_is_upgraded(hub: LocalHub, project: Path, checkpoint: MakeCheckpoint) -> None:
    hfver.lock(f"{REPO}@^1.0", hub=hub)
    before = (project / LOCK).read_bytes()
    hfver.release(checkpoint(4), REPO, version="1.2.0", hub=hub, smoke="off")
    again = hfver.lock(hub=hub)
    assert (again.written, again.changes) == (False, ())
    assert hfver.lock(REPO, hub=hub).written is False
    assert (project / LOCK).read_bytes() == before
    upgraded = hfver.lock(upgrade=True, hub=hub)
    assert [change.to_json() for change in upgraded.changes] == [
        {"repo": REPO, "change": "upgraded", "from": "1.1.0", "to": "1.2.0", "bump": "minor"}
    ]
    assert read_lock(project / LOCK).packages[0].spec == "^1.0"
    wider = hfver.lock(f"{REPO}@>=1", hub=hub)
    assert (wider.changes, wider.lock.packages[0].version, wider.lock.packages[0].spec) == ((), "1.2.0", ">=1")
    assert hfver.lock(f"{REPO}@^2", hub=hub).changes[0].bump == "major"
    assert hfver.lock(f"{REPO}@1.0.0", hub=hub).changes[0].kind == "changed"
    assert hfver.lock(remove=["acme/BOT"], hub=hub).changes[0].kind == "removed"
    assert read_lock(project / LOCK).packages == ()


def test_upgrading_one_of_two(local_hub: LocalHub, project: Path, checkpoint: MakeCheckpoint) -> None:
    for repo in ("acme/a", "acme/b"):
        hfver.release(checkpoint(1, name=f"{repo[-1]}1"), repo, hub=local_hub, smoke="off")
    hfver.lock("acme/a@^1", "acme/b@^1", hub=local_hub)
    for repo in ("acme/a", "acme/b"):
        hfver.release(checkpoint(2, name=f"{repo[-1]}2"), repo, hub=local_hub, smoke="off")
    assert [one.repo for one in hfver.lock("acme/b", upgrade=True, hub=local_hub).changes] == ["acme/b"]
    assert [one.repo for one in hfver.lock(upgrade=True, hub=local_hub).changes] == ["acme/a"]


def test_a_locked_and_verified_release_needs_no_request(hub: LocalHub, requests: list[str]) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    hfver.sync(hub=hub)
    requests.clear()
    for spec in ("", "@latest", "@^1", "@1.1.0"):
        assert hfver.pull(f"{REPO}{spec}", hub=hub).release.version == "1.1.0"
    assert hfver.load(REPO, hub=hub, device="cpu").release.version == "1.1.0"
    hfver.sync(offline=True)
    assert requests == []
    assert hfver.resolve(f"{REPO}@2.0.0", hub=hub).version == "2.0.0"
    assert requests
    requests.clear()
    hfver.sync(hub=hub)
    assert requests == [f"GET /api/models/{REPO}/refs"]


def test_the_cache_and_the_lock_suffice_without_a_request(
    hub: LocalHub, requests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As in a container image with the cache and the lock, but without hfver's memory."""
    hfver.lock(f"{REPO}@^1", hub=hub)
    folder = hfver.sync(hub=hub).folders[0][1]
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "another-machine"))
    requests.clear()
    assert hfver.pull(REPO, hub=hub).path == folder
    assert requests == []
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "a-third-machine"))
    spoil((folder / MANIFEST).resolve())
    with pytest.raises(DigestMismatch, match=r"manifest"):
        hfver.sync(offline=True)


def test_offline_needs_every_file_intact(hub: LocalHub, tmp_path: Path, requests: list[str]) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    requests.clear()
    with pytest.raises(Refused, match="is not in the cache") as caught:
        hfver.sync(offline=True)
    assert "hfver sync" in caught.value.hint
    folder = hfver.sync(hub=hub).folders[0][1]
    requests.clear()
    hfver.sync(offline=True)
    spoil((folder / "model.safetensors").resolve())
    with pytest.raises(DigestMismatch, match=r"model\.safetensors"):
        hfver.sync(offline=True)
    assert requests == []


@pytest.mark.parametrize(
    ("spec", "version"), [("", "1.1.0"), ("@latest", "1.1.0"), ("@1.x", "1.1.0"), ("@1.0.0", "1.0.0")]
)
def test_what_a_reference_means_under_a_lock(hub: LocalHub, spec: str, version: str) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    assert hfver.resolve(f"{REPO}{spec}", hub=hub).version == version


def test_a_range_outside_the_lock_is_refused(hub: LocalHub, project: Path) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    with pytest.raises(Refused) as caught:
        hfver.pull(f"{REPO}@^2", hub=hub)
    assert caught.value.message == f"acme/bot@^2 was requested, but {project / LOCK} has 1.1.0 (for ^1)."
    assert "hfver lock 'acme/bot@^2'" in caught.value.hint
    assert hfver.resolve(f"{REPO}@^2", hub=hub, lock=False).version == "2.0.0"
    assert main(["show", f"{REPO}@^2", "--hub", str(hub.path)]) == 1
    assert main(["show", f"{REPO}@^2", "--hub", str(hub.path), "--no-lock"]) == 0


def test_requirements_that_contradict_each_other(hub: LocalHub, project: Path) -> None:
    (project / "hfver.toml").write_text(f'[models]\n"{REPO}" = "^1"\n')
    with pytest.raises(Refused) as caught:
        hfver.lock(f"{REPO}@^2", hub=hub)
    assert caught.value.message == (
        "acme/bot: no release satisfies ^2 (the command line) and ^1 (hfver.toml) at the same time."
    )
    assert caught.value.hint == "Change one of them. Releases: 1.0.0, 1.1.0, 2.0.0"
    with pytest.raises(Refused, match=r"satisfies \^2 \(the command line\) and ~1.0 \(the command line\) and"):
        hfver.lock(f"{REPO}@^2", f"{REPO}@~1.0", hub=hub)
    with pytest.raises(Refused, match=rf"commit {'0' * 40} cannot be combined with \^1 \(hfver\.toml\)"):
        hfver.lock(f"{REPO}@{'0' * 40}", hub=hub)
    assert not (project / LOCK).exists()
    both = hfver.lock(f"{REPO}@<1.1", hub=hub)
    assert (both.lock.packages[0].version, both.lock.packages[0].spec) == ("1.0.0", "^1")
    (project / "hfver.toml").write_text(f'[models]\n"{REPO}" = "^3"\n')
    with pytest.raises(HubNotFound, match=r"no release \^3\. It is required by hfver\.toml") as missing:
        hfver.lock(hub=hub)
    assert "2.0.0" in missing.value.hint


def test_two_ranges_are_combined(hub: LocalHub) -> None:
    done = hfver.lock(f"{REPO}@>=1", f"{REPO}@<2", hub=hub)
    assert (done.lock.packages[0].version, done.lock.packages[0].spec) == ("1.1.0", ">=1, <2")
    assert hfver.lock(hub=hub).written is False


def test_the_requirements_of_hfver_toml(hub: LocalHub, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (project / "hfver.toml").write_text(f'[models]\n"{REPO}" = "^1"\n')
    (project / "src").mkdir()
    monkeypatch.chdir(project / "src")
    for frozen, offline in ((True, False), (False, True)):
        with pytest.raises(Refused, match=r"acme/bot@\^1") as caught:
            hfver.sync(frozen=frozen, offline=offline, hub=hub)
        assert caught.value.hint == "Run: hfver lock"
    assert not list(project.rglob(LOCK))
    assert hfver.sync(hub=hub).folders[0][0].version == "1.1.0"
    raw = (project / LOCK).read_bytes()
    assert hfver.sync(frozen=True, hub=hub).folders[0][0].version == "1.1.0"
    assert (project / LOCK).read_bytes() == raw
    with pytest.raises(UsageError, match=r"hfver\.toml requires"):
        hfver.lock(remove=[REPO], hub=hub)
    (project / "hfver.toml").write_text(f'[models]\n"{REPO}" = "^2"\n')
    with pytest.raises(Refused, match=r"does not contain acme/bot@\^2"):
        hfver.sync(frozen=True, hub=hub)
    assert (project / LOCK).read_bytes() == raw
    assert hfver.lock(hub=hub).lock.packages[0].version == "2.0.0"


def test_an_invalid_hfver_toml_is_named(project: Path) -> None:
    for text in ('[models]\n"acme/bot" = "main"\n', '[models]\n"../x" = "^1"\n', '[models]\n"a/b" = 1\n'):
        (project / "hfver.toml").write_text(text)
        with pytest.raises(BadConfig, match=r"hfver\.toml: models\."):
            hfver.lock()


def test_outdated(hub: LocalHub, checkpoint: MakeCheckpoint, capsys: pytest.CaptureFixture[str]) -> None:
    hfver.lock(f"{REPO}@^1.0", hub=hub)
    hfver.release(checkpoint(4), REPO, version="1.1.1", hub=hub, smoke="off", because="for the test")
    capsys.readouterr()
    assert main(["outdated", "--hub", str(hub.path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packages"] == [
        {
            "repo": REPO,
            "spec": "^1.0",
            "locked": "1.1.0",
            "allowed": "1.1.1",
            "newest": "2.0.0",
            "bump": "patch",
            "newest_bump": "major",
            "yanked": None,
        }
    ]
    hfver.yank(f"{REPO}@1.1.0", reason="wrong tokenizer", hub=hub)
    assert main(["outdated", "--hub", str(hub.path)]) == 0
    assert "wrong tokenizer" in capsys.readouterr().out


def test_outdated_refuses_a_lock_of_a_different_hub(
    hub: LocalHub, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    hfver.lock(f"{REPO}@^1.0", hub=hub)
    capsys.readouterr()
    with LocalHub(tmp_path / "another") as other:
        assert main(["outdated", "--hub", other.url]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert "is on a different Hub" in told.err
    assert "hfver outdated --hub DIR" in told.err


def test_a_yanked_release_stays_locked_with_a_warning(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    hfver.yank(f"{REPO}@1.1.0", reason="wrong tokenizer", hub=hub)
    again = hfver.lock(hub=hub)
    assert again.written is False
    assert again.notes == ("acme/bot@1.1.0 was yanked: wrong tokenizer",)
    assert hfver.sync(hub=hub).notes == again.notes
    with pytest.warns(UserWarning, match="wrong tokenizer"):
        assert hfver.load(REPO, hub=hub, device="cpu").release.version == "1.1.0"
    assert hfver.lock(upgrade=True, hub=hub).lock.packages[0].version == "1.0.0"
    with pytest.raises(Refused, match="at the same time"):
        hfver.lock(f"{REPO}@^1", f"{REPO}@>1.0", hub=hub)
    assert hfver.lock(f"{REPO}@1.1.0", hub=hub).lock.packages[0].version == "1.1.0"


def change_main(hub: LocalHub, ledger: bytes) -> None:
    from huggingface_hub import CommitOperationAdd

    api(hub).create_commit(REPO, [CommitOperationAdd(LEDGER, ledger)], commit_message="tamper")


def ledger_lines(hub: LocalHub) -> list[bytes]:
    return Path(api(hub).hf_hub_download(REPO, LEDGER, force_download=True)).read_bytes().splitlines(keepends=True)


def rechained(lines: list[bytes]) -> bytes:
    """Write a ledger with these lines and an intact chain of hashes."""
    from hfver.core.ledger import Ledger, Line

    ledger = Ledger.empty()
    for line in lines:
        ledger = ledger.append(Line.model_validate_json(line))
    return ledger.raw


def test_a_ledger_that_was_rewritten_consistently_is_detected(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    *before, last = ledger_lines(hub)
    change_main(hub, rechained([*before, last.replace(b'"author":"', b'"author":"not ')]))
    another_machine(tmp_path, monkeypatch)
    assert hfver.resolve(f"{REPO}@1.1.0", hub=hub, lock=False).version == "1.1.0"
    for look in (lambda: hfver.sync(hub=hub), lambda: hfver.lock(hub=hub), lambda: hfver.outdated(hub=hub)):
        with pytest.raises(LedgerBroken, match=r"hfver\.lock"):
            look()


def test_a_missing_last_line_is_detected(hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    change_main(hub, b"".join(ledger_lines(hub)[:-1]))
    another_machine(tmp_path, monkeypatch)
    with pytest.raises(LedgerBroken, match=r"hfver\.lock"):
        hfver.load(REPO, hub=hub)


def test_a_name_that_was_taken_over_is_detected(
    hub: LocalHub, checkpoint: MakeCheckpoint, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    api(hub).delete_repo(REPO)
    another_machine(tmp_path, monkeypatch)
    hfver.release(checkpoint(7), REPO, version="1.1.0", hub=hub, smoke="off")
    assert hfver.resolve(f"{REPO}@^1", hub=hub, lock=False).version == "1.1.0"
    for look in (
        lambda: hfver.load(f"{REPO}@^1", hub=hub),
        lambda: hfver.pull(REPO, hub=hub),
        lambda: hfver.sync(hub=hub),
        lambda: hfver.lock(hub=hub),
        lambda: hfver.lock(upgrade=True, hub=hub),
    ):
        with pytest.raises(VerificationError) as caught:
            look()
        assert caught.value.exit_code == 3
    hfver.lock(remove=[REPO], hub=hub)
    assert hfver.lock(f"{REPO}@^1", hub=hub).lock.packages[0].version == "1.1.0"


@pytest.mark.parametrize("key", ["digest", "version", "file"])
def test_an_edited_lock_is_detected(hub: LocalHub, project: Path, key: str) -> None:
    package = hfver.lock(f"{REPO}@^1", hub=hub).lock.packages[0]
    text = (project / LOCK).read_text()
    edits = {
        "digest": (str(package.digest), f"sha256:{'0' * 64}"),
        "version": ('version = "1.1.0"', 'version = "1.2.0"'),
        "file": (package.files["model.safetensors"].sha256, "0" * 64),
    }
    (project / LOCK).write_text(text.replace(*edits[key]))
    for look in (lambda: hfver.pull(REPO, hub=hub), lambda: hfver.sync(hub=hub), lambda: hfver.lock(hub=hub)):
        with pytest.raises(DigestMismatch, match=r"hfver\.lock records"):
            look()


def test_code_is_allowed_for_one_commit(hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    with pytest.raises(UsageError, match="models that are named"):
        hfver.lock(trust_remote_code=True, hub=hub)
    allowed = hfver.lock(f"{REPO}@^1", trust_remote_code=True, hub=hub)
    assert allowed.lock.packages[0].allow_code
    assert hfver.lock(hub=hub).lock.packages[0].allow_code
    hfver.release(checkpoint(4), REPO, version="1.2.0", hub=hub, smoke="off")
    upgraded = hfver.lock(upgrade=True, hub=hub)
    assert not upgraded.lock.packages[0].allow_code
    assert "hfver lock --trust-remote-code acme/bot" in upgraded.notes[0]


def test_packages_on_a_different_hub_stay_unchanged(
    hub: LocalHub, project: Path, tmp_path: Path, checkpoint: MakeCheckpoint
) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    with LocalHub(tmp_path / "second") as second:
        hfver.release(checkpoint(8), REPO, version="1.5.0", hub=second, smoke="off")
        with pytest.warns(UserWarning, match=r"hfver\.lock locks acme/bot on hub-"):
            assert hfver.resolve(REPO, hub=second).version == "1.5.0"
        hfver.lock(f"{REPO}@^1", hub=second)
        assert sorted(str(one.version) for one in read_lock(project / LOCK).packages) == ["1.1.0", "1.5.0"]
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            assert hfver.resolve(REPO, hub=second).version == "1.5.0"
            assert hfver.resolve(REPO, hub=hub).version == "1.1.0"
        with pytest.raises(Refused, match="on a different Hub") as caught:
            hfver.sync(hub=second)
        assert "hfver sync --hub DIR" in caught.value.hint
        hfver.pull(REPO, hub=hub)
        assert len(hfver.sync(hub=second).folders) == 2


def test_a_commit_that_hfver_did_not_make(hub: LocalHub, project: Path, requests: list[str]) -> None:
    client = api(hub)
    client.create_repo("acme/raw")
    made = client.upload_file(path_or_fileobj=b"{}", path_in_repo="config.json", repo_id="acme/raw")
    done = hfver.lock(f"acme/raw@{made.oid}", hub=hub)
    package = done.lock.packages[0]
    assert (package.version, package.digest, package.files["config.json"].size) == (None, None, 2)
    hfver.sync(hub=hub)
    requests.clear()
    pulled = hfver.pull("acme/raw", hub=hub)
    assert (pulled.path / "config.json").read_bytes() == b"{}"
    hfver.sync(offline=True)
    assert requests == []
    assert hfver.lock(hub=hub).written is False
    text = (project / LOCK).read_text()
    (project / LOCK).write_text(text.replace(package.files["config.json"].sha256, "0" * 64))
    for look in (lambda: hfver.pull("acme/raw", hub=hub), lambda: hfver.sync(hub=hub), lambda: hfver.lock(hub=hub)):
        with pytest.raises(VerificationError, match=r"config\.json"):
            look()


def test_a_commit_that_does_not_exist_anymore(hub: LocalHub) -> None:
    for content in (b"{}", b"[]"):
        api(hub).delete_repo("acme/raw", missing_ok=True)
        api(hub).create_repo("acme/raw")
        made = api(hub).upload_file(path_or_fileobj=content, path_in_repo="config.json", repo_id="acme/raw")
        if content == b"{}":
            hfver.lock(f"acme/raw@{made.oid}", hub=hub)
    with pytest.raises(CommitGone):
        hfver.lock(hub=hub)


def test_what_cannot_be_locked(hub: LocalHub) -> None:
    with pytest.raises(BadRef, match="pull request"):
        hfver.lock(f"{REPO}@refs/pr/1", hub=hub)
    with pytest.raises(UsageError, match="nothing to fetch in"):
        hfver.sync(hub=hub)
    with pytest.raises(BadConfig, match="cannot be read"):
        hfver.outdated(hub=hub)
    with pytest.raises(UsageError, match="is not in"):
        hfver.lock(remove=["acme/none"], hub=hub)
    with pytest.raises(HfverError) as caught:
        hfver.lock(f"{REPO}@{'0' * 40}", hub=hub)
    assert caught.value.exit_code == 3


def test_the_commands(hub: LocalHub, project: Path, capsys: pytest.CaptureFixture[str]) -> None:
    place = ["--hub", str(hub.path)]
    capsys.readouterr()
    assert main(["lock", f"{REPO}@^1", *place]) == 0
    told = capsys.readouterr()
    assert "1.1.0" in told.out
    assert "1 package" in told.err
    assert main(["sync", "--frozen", *place]) == 0
    told = capsys.readouterr()
    name, path = told.out.strip().split("\t")
    assert name == f"{REPO}@1.1.0"
    assert Path(path).is_dir()
    assert main(["sync", "--offline", "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["packages"][0]["path"] == path
    assert main(["lock", "--upgrade", "--json", *place]) == 0
    told = capsys.readouterr()
    assert json.loads(told.out)["written"] is False
    assert main(["outdated", *place]) == 0
    assert "2.0.0" in capsys.readouterr().out
    (project / LOCK).write_text("<<<<<<< HEAD\n")
    for command in ("lock", "sync", "outdated"):
        assert main([command, *place, "--json"]) == 2
        found = json.loads(capsys.readouterr().out)["error"]
        assert "line 1 is a conflict marker of a git merge" in found["message"]
    assert main(["lock", "--lock", "other.lock", f"{REPO}@1.0.0", *place]) == 0
    assert read_lock(project / "other.lock").packages[0].version == "1.0.0"


@pytest.fixture
def adapter(checkpoint: MakeCheckpoint, local_hub: LocalHub, tmp_path: Path, project: Path) -> Path:
    """A LoRA adapter for a base that is released twice."""
    import torch
    from peft import LoraConfig, TaskType, get_peft_model
    from transformers import AutoModelForCausalLM

    hfver.release(checkpoint(1), "acme/base", hub=local_hub, smoke="off")
    hfver.release(checkpoint(2), "acme/base", hub=local_hub, smoke="off")
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        loaded: Any = AutoModelForCausalLM.from_pretrained(tmp_path / "checkpoint-1")
        lora = LoraConfig(task_type=TaskType.CAUSAL_LM, r=2, target_modules=["q_proj"])
        model = get_peft_model(loaded, lora)
        for name, parameter in model.named_parameters():
            if "lora_B" in name:
                torch.nn.init.normal_(parameter)
        model.save_pretrained(str(tmp_path / "adapter"))
    return tmp_path / "adapter"


def test_the_base_of_an_adapter_is_locked_too(
    local_hub: LocalHub, adapter: Path, requests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "train.jsonl"
    data.write_text('{"text": "x"}\n')
    hfver.release(adapter, "acme/lora", hub=local_hub, smoke="off", base="acme/base@1.0.0", datasets=[str(data)])
    lock = hfver.lock("acme/lora@^1", hub=local_hub).lock
    base, lora = lock.packages
    assert (base.repo, base.version, base.spec) == ("acme/base", "1.0.0", None)
    assert lora.base == base.id
    assert lora.datasets[0].hash
    assert lock.commit_of("acme/base") == base.commit
    assert hfver.resolve("acme/base", hub=local_hub).version == "1.1.0"
    assert len(hfver.sync(hub=local_hub).folders) == 2
    requests.clear()
    assert hfver.load("acme/lora", hub=local_hub, device="cpu").release.version == "1.0.0"
    assert requests == []
    link = BaseModelLink(
        name="base", source=base.repo, version="1.0.0", revision=base.commit, digest="sha256:" + "0" * 64
    )
    with open_hub(local_hub) as client, pytest.raises(DigestMismatch, match="names acme/base@1.0.0 with digest"):
        fetch_base(client, link, "acme/lora")
    both = hfver.lock("acme/base@^1.1", hub=local_hub).lock
    assert [(one.repo, one.version) for one in both.packages] == [
        ("acme/base", "1.1.0"),
        ("acme/base", "1.0.0"),
        ("acme/lora", "1.0.0"),
    ]
    one = hfver.lock("acme/base@1.0.0", hub=local_hub).lock
    assert [(package.repo, package.spec) for package in one.packages] == [("acme/base", "1.0.0"), ("acme/lora", "^1")]
    alone = hfver.lock(remove=["acme/lora"], hub=local_hub).lock
    assert [package.repo for package in alone.packages] == ["acme/base"]


@pytest.mark.filterwarnings("ignore::DeprecationWarning")  # the client's own, of a plain Git-LFS upload
def test_an_adapter_on_a_base_that_hfver_did_not_release(
    local_hub: LocalHub, adapter: Path, checkpoint: MakeCheckpoint, requests: list[str], project: Path
) -> None:
    from unittest import mock

    import huggingface_hub.constants

    api(local_hub).create_repo("other/base")
    with mock.patch.object(huggingface_hub.constants, "HF_HUB_DISABLE_XET", new=True):
        folder = checkpoint(4, name="plain")
        (folder / "notes.md").write_text("not needed to load")
        made = api(local_hub).upload_folder(repo_id="other/base", folder_path=folder)
    hfver.release(adapter, "acme/lora", hub=local_hub, base=f"other/base@{made.oid}", smoke="off")
    base = next(one for one in hfver.lock("acme/lora", hub=local_hub).lock.packages if one.repo == "other/base")
    assert (base.version, base.commit) == (None, made.oid)
    assert "model.safetensors" in base.files
    assert "notes.md" not in base.files
    hfver.sync(hub=local_hub)
    requests.clear()
    assert hfver.load("acme/lora", hub=local_hub, device="cpu").release.version == "1.0.0"
    assert requests == []
    text = (project / LOCK).read_text()
    (project / LOCK).write_text(text.replace(base.files["model.safetensors"].sha256, "0" * 64))
    with pytest.raises(DigestMismatch, match=r"model\.safetensors"):
        hfver.load("acme/lora", hub=local_hub, device="cpu")


def test_a_lock_in_a_pulled_release_is_not_used(hub: LocalHub, project: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    hfver.lock(f"{REPO}@1.0.0", hub=hub)
    inside = hfver.pull(REPO, project / "pulled", hub=hub).path / "inside"
    inside.mkdir()
    (project / LOCK).rename(inside / LOCK)
    shutil.copy(inside / LOCK, inside.parent / LOCK)
    for folder in (inside, inside.parent):
        monkeypatch.chdir(folder)
        assert hfver.resolve(REPO, hub=hub).version == "2.0.0"
    shutil.copy(inside / LOCK, project / LOCK)
    assert hfver.resolve(REPO, hub=hub).version == "1.0.0"


def test_a_lock_does_not_make_a_candidate_a_release(
    hub: LocalHub, project: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (package,) = hfver.lock(f"{REPO}@1.0.0", hub=hub).lock.packages
    client = api(hub)
    client.create_branch(REPO, branch="forged", revision=package.commit)
    manifest = json.loads(Path(client.hf_hub_download(REPO, MANIFEST, revision=package.commit)).read_bytes())
    raw = json.dumps(manifest | {"created_by": "mallory"}).encode()
    made = client.create_commit(REPO, [CommitOperationAdd(MANIFEST, raw)], commit_message="x", revision="forged")
    text = (project / LOCK).read_text().replace(package.commit, str(made.oid))
    (project / LOCK).write_text(text.replace(str(package.digest), digest_of(raw)))
    another_machine(tmp_path, monkeypatch)
    with pytest.raises(LedgerRewritten, match="which is not in the ledger"):
        hfver.pull(REPO, hub=hub)


def test_an_unexpected_file_is_detected_offline(hub: LocalHub) -> None:
    hfver.lock(f"{REPO}@1.0.0", hub=hub)
    ((_, folder),) = hfver.sync(hub=hub).folders
    (folder / "modeling_evil.py").write_text("import os\n")
    with pytest.raises(FileUnexpected, match=r"modeling_evil\.py"):
        hfver.sync(offline=True)


def test_the_lock_stays_unchanged_when_locking_fails(hub: LocalHub, project: Path, checkpoint: MakeCheckpoint) -> None:
    hfver.lock(f"{REPO}@^1", hub=hub)
    before = (project / LOCK).read_bytes()
    folder = checkpoint(1, name="other")
    move_weights(folder, 9)
    hfver.release(folder, "acme/other", hub=hub, smoke="off")
    shutil.rmtree(hub.path / "repos" / "models" / "acme" / "other.git")
    with pytest.raises(HfverError):
        hfver.lock("acme/other", f"{REPO}@^2", hub=hub)
    assert (project / LOCK).read_bytes() == before


def test_code_runs_only_where_the_lock_allows_it(
    local_hub: LocalHub, checkpoint: MakeCheckpoint, project: Path
) -> None:
    folder = checkpoint(1)
    settings = json.loads((folder / "config.json").read_text())
    settings["auto_map"] = {"AutoModelForCausalLM": "modeling_own.OwnModel"}
    (folder / "config.json").write_text(json.dumps(settings))
    (folder / "modeling_own.py").write_text("from transformers import LlamaForCausalLM as OwnModel\n")
    hfver.release(folder, REPO, hub=local_hub, smoke="off", trust_remote_code=True)
    hfver.lock(REPO, hub=local_hub)
    for look in (lambda: hfver.sync(hub=local_hub), lambda: hfver.pull(REPO, hub=local_hub)):
        with pytest.raises(PolicyViolation, match="auto_map"):
            look()
    with pytest.raises(PolicyViolation, match="auto_map"):
        hfver.sync(offline=True)
    hfver.lock(REPO, hub=local_hub, trust_remote_code=True)
    assert hfver.sync(hub=local_hub).folders
    assert hfver.sync(offline=True).folders
    assert hfver.pull(REPO, hub=local_hub).path.is_dir()
    with pytest.raises(PolicyViolation, match="auto_map"):
        hfver.pull(REPO, hub=local_hub, lock=False)
