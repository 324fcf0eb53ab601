"""Every lie that a repo can tell, done by git to a real one, shows in the audit by its own name."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.audit_report import Audit
from hfver.core.ledger import Ledger
from hfver.core.manifest import LEDGER, MANIFEST, FileEntry
from hfver.errors import HubDenied, HubNotFound
from hfver.hub.memory import Memory
from tests.building import LINK, WEIGHTS, Importer, bare_repo, build_releases, pointer
from tests.conftest import MakeCheckpoint

REPO = "acme/bot"
Forget = Callable[[], None]


@pytest.fixture
def hub(local_hub: LocalHub) -> LocalHub:
    """A Hub with 1.0.0, 1.1.0 and 1.2.0 of one repo."""
    build_releases(local_hub, REPO, 3)
    return local_hub


@pytest.fixture
def forget(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Forget:
    """Look at the Hub as a machine would that has never seen it."""
    return lambda: monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "another-machine"))


def git(hub: LocalHub, *arguments: str, repo: str = REPO) -> str:
    done = subprocess.run(["git", "-C", bare_repo(hub, repo), *arguments], capture_output=True, check=True)
    return done.stdout.decode().strip()


def commit_of(hub: LocalHub, version: str) -> str:
    return git(hub, "rev-parse", f"v{version}^{{commit}}")


def message_of(hub: LocalHub, version: str) -> str:
    return git(hub, "for-each-ref", "--format=%(contents)", f"refs/tags/v{version}")


def ledger_of(hub: LocalHub) -> Ledger:
    return Ledger.decode((git(hub, "show", f"main:{LEDGER}") + "\n").encode(), REPO)


def put_on_main(hub: LocalHub, ledger: bytes, *, by_force: bool = False) -> None:
    """Write a ledger: as one more commit, or as a history of main that knows no other."""
    with Importer(bare_repo(hub, REPO)) as importer:
        if by_force:
            files = {
                path: data
                for path in git(hub, "ls-tree", "-r", "--name-only", "main").splitlines()
                for data in [blob(hub, f"main:{path}")]
            }
            importer.commit("refs/heads/anew", files | {LEDGER: ledger})
        else:
            importer.commit("refs/heads/anew", {LEDGER: ledger}, "refs/heads/main^0", keep=True)
    git(hub, "update-ref", "refs/heads/main", "refs/heads/anew")
    git(hub, "update-ref", "-d", "refs/heads/anew")


def blob(hub: LocalHub, name: str) -> bytes:
    return subprocess.run(["git", "-C", bare_repo(hub, REPO), "show", name], capture_output=True, check=True).stdout


def rewrite(hub: LocalHub, version: str, **changes: Any) -> bytes:
    """Change a line of the ledger and chain all of it anew: nothing is wrong with the ledger in itself."""
    ledger = Ledger.empty()
    for line in ledger_of(hub).lines:
        ledger = ledger.append(line.model_copy(update=changes) if line.version == version else line)
    return ledger.raw


def forge(hub: LocalHub, version: str, changes: dict[str, bytes | None], **line: Any) -> None:
    """Put another commit in a release's place: its tag with the old message, its ledger line, the history of main."""
    message = message_of(hub, version)
    with Importer(bare_repo(hub, REPO)) as importer:
        made = importer.commit("refs/heads/forged", changes, f"refs/tags/v{version}^0", keep=True)
        importer.tag(f"v{version}", made, message)
    git(hub, "update-ref", "-d", "refs/heads/forged")
    put_on_main(hub, rewrite(hub, version, commit=made, **line), by_force=True)


def audit(hub: LocalHub, **options: Any) -> Audit:
    return hfver.audit(REPO, hub=hub, **options)


def errors(found: Audit, version: str) -> list[str | None]:
    (verdict,) = (verdict for verdict in found.verdicts if verdict.version == version)
    assert (verdict.status == "tampered") == bool(verdict.findings)
    return [finding.error for finding in verdict.findings]


def test_real_releases_are_clean(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    for seed, version in enumerate(("1.0.0", "1.1.0", "2.0.0-rc.1"), 1):
        hfver.release(checkpoint(seed), REPO, version=version, hub=local_hub, smoke="off")
    hfver.yank(f"{REPO}@1.0.0", "answers in French", hub=local_hub)
    found = audit(local_hub, deep=True)
    assert found.clean
    assert found.remarks == ()
    assert [(verdict.version, verdict.status, verdict.reason) for verdict in found.verdicts] == [
        ("2.0.0-rc.1", "ok", None),
        ("1.1.0", "ok", None),
        ("1.0.0", "yanked", "answers in French"),
    ]
    assert found.checked["files_by_name_alone"] == 0
    assert found.checked["objects_downloaded"] == found.checked["objects_asked_for"] == 3
    assert all(verdict.remarks == () for verdict in found.verdicts)


def test_a_built_repo_is_clean_and_audited_again_for_little(hub: LocalHub, requests: list[str]) -> None:
    assert audit(hub).clean
    requests.clear()
    found = audit(hub)
    assert found.clean
    assert found.checked["files_by_content"] == 21
    assert len(requests) == 2, requests


def test_fifty_releases_cost_a_handful_of_requests(
    local_hub: LocalHub, requests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_releases(local_hub, REPO, 50)
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    requests.clear()
    found = audit(local_hub)
    assert found.clean
    assert found.checked["releases"] == 50
    assert len(requests) == 2, requests
    trace = (tmp_path / "trace").read_text()
    assert trace.count("built-in: git fetch") == 4
    requests.clear()
    assert len(hfver.versions(REPO, hub=local_hub).releases) == 50
    assert hfver.resolve(f"{REPO}@^1.2", hub=local_hub).version == "1.49.0"
    assert len(requests) <= 5, requests


@pytest.mark.parametrize(
    ("tamper", "says"),
    [
        (lambda hub: git(hub, "tag", "-d", "v1.1.0"), "is gone"),
        (lambda hub: git(hub, "tag", "-fam", message_of(hub, "1.1.0"), "v1.1.0", commit_of(hub, "1.0.0")), "points to"),
        (lambda hub: git(hub, "tag", "-f", "v1.1.0", commit_of(hub, "1.1.0")), "not annotated"),
        (lambda hub: git(hub, "tag", "-fam", "anew", "v1.1.0", commit_of(hub, "1.1.0")), "names no digest"),
        (
            lambda hub: git(hub, "tag", "-fam", message_of(hub, "1.0.0"), "v1.1.0", commit_of(hub, "1.1.0")),
            "names sha256:",
        ),
    ],
)
def test_a_tag_that_is_not_the_one_that_was_made(
    hub: LocalHub, tamper: Callable[[LocalHub], Any], says: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "m")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "m@example.com")
    tamper(hub)
    found = audit(hub)
    assert errors(found, "1.1.0") == ["TagMoved"]
    assert says in found.tampered[0].findings[0].message
    assert errors(found, "1.0.0") == errors(found, "1.2.0") == []


def test_a_tag_that_was_made_anew_just_as_it_was_is_no_lie(hub: LocalHub) -> None:
    with Importer(bare_repo(hub, REPO)) as importer:
        importer.tag("v1.1.0", commit_of(hub, "1.1.0"), message_of(hub, "1.1.0"))
    assert audit(hub).clean


@pytest.mark.parametrize(
    ("changes", "error", "says"),
    [
        ({"modeling_evil.py": b"import os"}, "FileUnexpected", "modeling_evil.py"),
        ({"evil": LINK + b"/etc/passwd"}, "FileUnexpected", "a symbolic link"),
        ({"config.json": None}, "FileMissing", "config.json"),
        ({"VERSION": b"9.9.9\n"}, "DigestMismatch", "VERSION"),
        ({"tokenizer.json": b"{}"}, "DigestMismatch", "tokenizer.json has 2 bytes"),
        ({WEIGHTS: pointer(FileEntry(size=72, sha256="0" * 64))}, "DigestMismatch", WEIGHTS),
        ({MANIFEST: b'{"schema": 1}'}, "ManifestMismatch", "the ledger says"),
        ({MANIFEST: None}, "FileMissing", "lacks its manifest"),
    ],
)
def test_another_commit_in_a_releases_place(
    hub: LocalHub, changes: dict[str, bytes | None], error: str, says: str, forget: Forget
) -> None:
    forge(hub, "1.1.0", changes)
    forget()
    found = audit(hub)
    assert error in errors(found, "1.1.0")
    assert says in " ".join(finding.message for verdict in found.tampered for finding in verdict.findings)
    assert errors(found, "1.0.0") == []
    # Whoever rewrites the line of one release breaks what the next one's manifest remembers.
    assert errors(found, "1.2.0") == ["LedgerRewritten"]


def test_a_release_under_another_version(hub: LocalHub, forget: Forget) -> None:
    first = ledger_of(hub).lines[0]
    with Importer(bare_repo(hub, REPO)) as importer:
        importer.tag("v1.9.0", commit_of(hub, "1.0.0"), message_of(hub, "1.0.0"))
    put_on_main(hub, ledger_of(hub).append(first.model_copy(update={"version": "1.9.0"})).raw)
    forget()
    found = audit(hub)
    assert "ReleaseReplayed" in errors(found, "1.9.0")
    assert errors(found, "1.2.0") == []


def test_a_ledger_that_was_edited_is_judged_by_the_last_that_was_whole(hub: LocalHub, forget: Forget) -> None:
    raw = ledger_of(hub).raw
    put_on_main(hub, raw.replace(b'"major"', b'"minor"'))
    forget()
    found = audit(hub)
    assert not found.clean
    assert found.findings[0].error == "LedgerBroken"
    assert [verdict.status for verdict in found.verdicts] == ["ok", "ok", "ok"]


def test_a_line_that_was_removed_shows_in_the_history(hub: LocalHub, forget: Forget) -> None:
    put_on_main(hub, b"".join(ledger_of(hub).raw.splitlines(keepends=True)[:-1]))
    forget()
    found = audit(hub)
    assert [finding.error for finding in found.findings] == ["LedgerTruncated"]
    assert [verdict.status for verdict in found.verdicts] == ["pending", "ok", "ok"]


def test_a_ledger_that_was_rewritten_shows_in_the_history(hub: LocalHub, forget: Forget) -> None:
    put_on_main(hub, rewrite(hub, "1.2.0", author="mallory"))
    forget()
    found = audit(hub)
    assert [finding.error for finding in found.findings] == ["LedgerRewritten"]
    assert "line 3" in found.findings[0].message
    assert "mallory" in found.findings[0].message


def test_what_only_memory_or_a_lock_can_show(hub: LocalHub, forget: Forget, tmp_path: Path) -> None:
    lock = tmp_path / "hfver.lock"
    hfver.lock(f"{REPO}@1.2.0", path=lock, hub=hub)
    put_on_main(hub, rewrite(hub, "1.2.0", author="mallory"), by_force=True)
    assert [finding.error for finding in audit(hub).findings] == ["LedgerRewritten"]
    forget()
    assert audit(hub).clean
    forget()
    assert [finding.error for finding in audit(hub, lock=lock).findings] == ["LedgerRewritten"]


def test_a_commit_that_is_gone(hub: LocalHub, forget: Forget) -> None:
    git(hub, "tag", "-d", "v1.1.0")
    git(hub, "gc", "--quiet", "--prune=now")
    forget()
    assert errors(audit(hub), "1.1.0") == ["TagMoved", "CommitGone"]


def object_file(hub: LocalHub, version: str) -> Path:
    oid = blob(hub, f"v{version}:{WEIGHTS}").decode().split("sha256:")[1][:64]
    return hub.path / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def test_an_object_that_is_gone(hub: LocalHub) -> None:
    object_file(hub, "1.1.0").unlink()
    found = audit(hub)
    assert errors(found, "1.1.0") == ["ObjectGone"]
    assert errors(found, "1.2.0") == []


def test_an_object_that_is_another_one_is_seen_by_whoever_downloads_it(hub: LocalHub) -> None:
    file = object_file(hub, "1.1.0")
    file.write_bytes(file.read_bytes()[::-1])
    assert audit(hub).clean
    found = audit(hub, deep=True)
    assert errors(found, "1.1.0") == ["DigestMismatch"]
    assert found.checked["objects_downloaded"] == 3


def test_what_is_pending_or_left_over_is_told_and_no_tampering(hub: LocalHub) -> None:
    commit = commit_of(hub, "1.0.0")
    with Importer(bare_repo(hub, REPO)) as importer:
        plain = importer.commit("refs/heads/hfver/0123456789ab", {"config.json": b"{}"})
        importer.tag("v7.0.0", plain, "by hand")
        importer.tag("v8.0.0", commit, "forged")
        importer.commit("refs/heads/main", {"README.md": b"edited on the web page"}, "refs/heads/main^0", keep=True)
    found = audit(hub)
    assert found.clean
    remarks = {verdict.version: verdict.remarks[0].message for verdict in found.verdicts if verdict.remarks}
    assert "hfver adopt" in remarks["7.0.0"]
    assert "will not get one" in remarks["8.0.0"]
    assert [verdict.version for verdict in found.verdicts if verdict.status == "pending"] == ["8.0.0", "7.0.0"]
    branch, main_files = (remark.message for remark in found.remarks)
    assert "hfver/0123456789ab" in branch
    assert "README.md" in main_files


def test_a_repo_that_was_copied(hub: LocalHub) -> None:
    HfApi(hub.url, token=hub.token).create_repo("evil/bot", private=True)
    source = str(bare_repo(hub, REPO))
    git(hub, "fetch", "-q", "--force", source, "+refs/*:refs/*", repo="evil/bot")
    found = hfver.audit("evil/bot", hub=hub)
    assert [finding.error for finding in found.findings] == ["ReleaseReplayed"]
    assert hfver.audit("evil/bot", hub=hub, mirror_of=REPO).clean


def test_no_token_and_no_setting_of_the_users_gets_in(
    hub: LocalHub, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "evil").write_text('[url "http://127.0.0.1:9/"]\n\tinsteadOf = http://\n[fetch]\n\tfsckObjects = x\n')
    monkeypatch.setenv("GIT_CONFIG_GLOBAL", str(tmp_path / "evil"))
    monkeypatch.setenv("GIT_DIR", "/nonexistent")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'http.proxy=http://127.0.0.1:9'")
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    assert audit(hub).clean
    assert hub.token not in (tmp_path / "trace").read_text()
    for file in (tmp_path / "hfver-cache").rglob("*"):
        assert not file.is_file() or hub.token.encode() not in file.read_bytes()


@pytest.mark.parametrize("damage", ["HEAD", "pack", "config"])
def test_a_damaged_clone_is_made_again(hub: LocalHub, damage: str) -> None:
    assert audit(hub).clean
    clone = Memory(hub.identity, REPO).folder / "clone.git"
    files = list((clone / "objects" / "pack").glob("*.pack")) if damage == "pack" else [clone / damage]
    for file in files:
        file.chmod(0o600)
        file.write_bytes(b"\0" * 100)
    assert audit(hub).clean


def test_a_repo_that_is_not_there(local_hub: LocalHub) -> None:
    with pytest.raises((HubNotFound, HubDenied)):
        audit(local_hub)


def test_a_repo_without_releases_is_clean(local_hub: LocalHub) -> None:
    HfApi(local_hub.url, token=local_hub.token).create_repo(REPO)
    assert audit(local_hub).to_json()["releases"] == []


def test_the_command(hub: LocalHub, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["audit", REPO, "--hub", hub.url]) in (0, 4)
    capsys.readouterr()
    object_file(hub, "1.1.0").unlink()
    with_folder = str(hub.path)
    assert main(["audit", REPO, "--hub", with_folder]) == 3
    out = capsys.readouterr().out
    assert "1.2.0" in out
    assert "ObjectGone" in out
    assert main(["audit", REPO, "--hub", with_folder, "--json"]) == 3
    answer = json.loads(capsys.readouterr().out)
    assert answer["clean"] is False
    assert [row["status"] for row in answer["releases"]] == ["ok", "tampered", "ok"]
    assert answer["releases"][1]["findings"][0]["error"] == "ObjectGone"


def test_without_releases_there_is_nothing_to_call_clean(
    local_hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    api.create_repo(REPO)
    command = ["audit", REPO, "--hub", str(local_hub.path)]
    assert main(command) == 0
    told = capsys.readouterr().out
    assert "nothing to check" in told
    assert "hfver release DIR" in told
    assert "clean" not in told
    api.create_tag(REPO, tag="v1.0.0")
    assert main(command) == 0
    told = capsys.readouterr().out
    assert f"hint: Make releases of the tags that hfver did not make: hfver adopt {REPO}" in told
    assert all(line == line.rstrip() for line in told.splitlines())
    assert main(["versions", *command[1:]]) == 0
    assert f"hfver adopt {REPO}" in capsys.readouterr().err
