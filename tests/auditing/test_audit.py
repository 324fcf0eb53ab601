"""Each way to tamper with a repo, carried out with git on a real one, is reported by the audit under its own error."""

from __future__ import annotations

import json
import shlex
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
    """Make this machine forget what it saw of the Hub, as if it were a new one."""
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
    """Write a ledger to main: in a further commit, or as the only commit of a new history."""
    with Importer(bare_repo(hub, REPO)) as importer:
        if by_force:
            files = {
                path: data
                for path in git(hub, "ls-tree", "-r", "--name-only", "main").splitlines()
                for data in [blob(hub, f"main:{path}")]
            }
            importer.commit("refs/heads/new", files | {LEDGER: ledger})
        else:
            importer.commit("refs/heads/new", {LEDGER: ledger}, "refs/heads/main^0", keep=True)
    git(hub, "update-ref", "refs/heads/main", "refs/heads/new")
    git(hub, "update-ref", "-d", "refs/heads/new")


def blob(hub: LocalHub, name: str) -> bytes:
    return subprocess.run(["git", "-C", bare_repo(hub, REPO), "show", name], capture_output=True, check=True).stdout


def rewrite(hub: LocalHub, version: str, **changes: Any) -> bytes:
    """Change a line of the ledger and recompute the hash chain, so that the ledger alone looks valid."""
    ledger = Ledger.empty()
    for line in ledger_of(hub).lines:
        ledger = ledger.append(line.model_copy(update=changes) if line.version == version else line)
    return ledger.raw


def forge(hub: LocalHub, version: str, changes: dict[str, bytes | None], **line: Any) -> None:
    """Replace the commit of a release: move its tag (same message), change its ledger line, rewrite main's history."""
    message = message_of(hub, version)
    with Importer(bare_repo(hub, REPO)) as importer:
        made = importer.commit("refs/heads/forged", changes, f"refs/tags/v{version}^0", keep=True)
        importer.tag(f"v{version}", made, message)
    git(hub, "update-ref", "-d", "refs/heads/forged")
    put_on_main(hub, rewrite(hub, version, commit=made, **line), by_force=True)


def audit(hub: LocalHub, **options: Any) -> Audit:
    return hfver.audit(REPO, hub=hub, **options)


def errors(report: Audit, version: str) -> list[str | None]:
    (verdict,) = (verdict for verdict in report.verdicts if verdict.version == version)
    assert (verdict.status == "tampered") == bool(verdict.findings)
    return [finding.error for finding in verdict.findings]


def test_real_releases_are_clean(local_hub: LocalHub, checkpoint: MakeCheckpoint) -> None:
    for seed, version in enumerate(("1.0.0", "1.1.0", "2.0.0-rc.1"), 1):
        hfver.release(checkpoint(seed), REPO, version=version, hub=local_hub, smoke="off")
    hfver.yank(f"{REPO}@1.0.0", "answers in French", hub=local_hub)
    report = audit(local_hub, deep=True)
    assert report.clean
    assert report.remarks == ()
    assert [(verdict.version, verdict.status, verdict.reason) for verdict in report.verdicts] == [
        ("2.0.0-rc.1", "ok", None),
        ("1.1.0", "ok", None),
        ("1.0.0", "yanked", "answers in French"),
    ]
    assert report.checked["files_by_name_alone"] == 0
    assert report.checked["objects_downloaded"] == report.checked["objects_asked_for"] == 3
    assert report.checked["objects_on_trust"] == 0
    assert all(verdict.remarks == () for verdict in report.verdicts)


def test_a_second_audit_sends_two_requests(hub: LocalHub, requests: list[str]) -> None:
    assert audit(hub).clean
    requests.clear()
    report = audit(hub)
    assert report.clean
    assert report.checked["files_by_content"] == 21
    assert len(requests) == 2, requests


def test_fifty_releases_take_two_requests_and_four_fetches(
    local_hub: LocalHub, requests: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    build_releases(local_hub, REPO, 50)
    monkeypatch.setenv("GIT_TRACE", str(tmp_path / "trace"))
    requests.clear()
    report = audit(local_hub)
    assert report.clean
    assert report.checked["releases"] == 50
    assert len(requests) == 2, requests
    trace = (tmp_path / "trace").read_text()
    assert trace.count("built-in: git fetch") == 4
    requests.clear()
    assert len(hfver.versions(REPO, hub=local_hub).releases) == 50
    assert hfver.resolve(f"{REPO}@^1.2", hub=local_hub).version == "1.49.0"
    assert len(requests) <= 5, requests


@pytest.mark.parametrize(
    ("tamper", "expected"),
    [
        (lambda hub: git(hub, "tag", "-d", "v1.1.0"), "is missing"),
        (lambda hub: git(hub, "tag", "-fam", message_of(hub, "1.1.0"), "v1.1.0", commit_of(hub, "1.0.0")), "points to"),
        (lambda hub: git(hub, "tag", "-fam", "retagged", "v1.1.0", commit_of(hub, "1.1.0")), "names no digest"),
        (
            lambda hub: git(hub, "tag", "-fam", message_of(hub, "1.0.0"), "v1.1.0", commit_of(hub, "1.1.0")),
            "names sha256:",
        ),
    ],
)
def test_a_tag_that_was_replaced(
    hub: LocalHub, tamper: Callable[[LocalHub], Any], expected: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for who in ("AUTHOR", "COMMITTER"):
        monkeypatch.setenv(f"GIT_{who}_NAME", "m")
        monkeypatch.setenv(f"GIT_{who}_EMAIL", "m@example.com")
    tamper(hub)
    report = audit(hub)
    assert errors(report, "1.1.0") == ["TagMoved"]
    assert expected in report.tampered[0].findings[0].message
    assert errors(report, "1.0.0") == errors(report, "1.2.0") == []


@pytest.mark.parametrize("commit", ["1.1.0", "1.0.0"])
def test_a_tag_without_a_message_is_a_remark_if_its_commit_is_right(hub: LocalHub, commit: str) -> None:
    git(hub, "tag", "-f", "v1.1.0", commit_of(hub, commit))
    report = audit(hub)
    assert errors(report, "1.1.0") == ([] if commit == "1.1.0" else ["TagMoved"])
    assert report.clean is (commit == "1.1.0")
    verdict = next(one for one in report.verdicts if one.version == "1.1.0")
    assert "tag v1.1.0 has no message" in verdict.remarks[0].message


def test_a_tag_recreated_with_the_same_commit_and_message_is_clean(hub: LocalHub) -> None:
    with Importer(bare_repo(hub, REPO)) as importer:
        importer.tag("v1.1.0", commit_of(hub, "1.1.0"), message_of(hub, "1.1.0"))
    assert audit(hub).clean


@pytest.mark.parametrize(
    ("changes", "error", "expected"),
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
def test_a_release_whose_commit_was_replaced(
    hub: LocalHub, changes: dict[str, bytes | None], error: str, expected: str, forget: Forget
) -> None:
    forge(hub, "1.1.0", changes)
    forget()
    report = audit(hub)
    assert error in errors(report, "1.1.0")
    assert expected in " ".join(finding.message for verdict in report.tampered for finding in verdict.findings)
    assert errors(report, "1.0.0") == []
    # The next release's manifest records the ledger before it, so rewriting a line also breaks that release.
    assert errors(report, "1.2.0") == ["LedgerRewritten"]


def test_a_release_replayed_under_another_version(hub: LocalHub, forget: Forget) -> None:
    first = ledger_of(hub).lines[0]
    with Importer(bare_repo(hub, REPO)) as importer:
        importer.tag("v1.9.0", commit_of(hub, "1.0.0"), message_of(hub, "1.0.0"))
    put_on_main(hub, ledger_of(hub).append(first.model_copy(update={"version": "1.9.0"})).raw)
    forget()
    report = audit(hub)
    assert "ReleaseReplayed" in errors(report, "1.9.0")
    assert errors(report, "1.2.0") == []


def test_releases_of_an_edited_ledger_are_checked_against_the_last_intact_one(hub: LocalHub, forget: Forget) -> None:
    raw = ledger_of(hub).raw
    put_on_main(hub, raw.replace(b'"major"', b'"minor"'))
    forget()
    report = audit(hub)
    assert not report.clean
    assert report.findings[0].error == "LedgerBroken"
    assert [verdict.status for verdict in report.verdicts] == ["ok", "ok", "ok"]


def test_a_removed_ledger_line_is_found_in_the_history(hub: LocalHub, forget: Forget) -> None:
    put_on_main(hub, b"".join(ledger_of(hub).raw.splitlines(keepends=True)[:-1]))
    forget()
    report = audit(hub)
    assert [finding.error for finding in report.findings] == ["LedgerTruncated"]
    assert [verdict.status for verdict in report.verdicts] == ["pending", "ok", "ok"]


def test_a_rewritten_ledger_is_found_in_the_history(hub: LocalHub, forget: Forget) -> None:
    put_on_main(hub, rewrite(hub, "1.2.0", author="mallory"))
    forget()
    report = audit(hub)
    assert [finding.error for finding in report.findings] == ["LedgerRewritten"]
    assert "line 3" in report.findings[0].message
    assert "mallory" in report.findings[0].message


def test_a_replaced_history_is_found_only_by_memory_or_lock(hub: LocalHub, forget: Forget, tmp_path: Path) -> None:
    lock = tmp_path / "hfver.lock"
    hfver.lock(f"{REPO}@1.2.0", path=lock, hub=hub)
    put_on_main(hub, rewrite(hub, "1.2.0", author="mallory"), by_force=True)
    assert [finding.error for finding in audit(hub).findings] == ["LedgerRewritten"]
    forget()
    assert audit(hub).clean
    forget()
    assert [finding.error for finding in audit(hub, lock=lock).findings] == ["LedgerRewritten"]


def test_a_missing_commit(hub: LocalHub, forget: Forget) -> None:
    git(hub, "tag", "-d", "v1.1.0")
    git(hub, "gc", "--quiet", "--prune=now")
    forget()
    assert errors(audit(hub), "1.1.0") == ["TagMoved", "CommitGone"]


def object_file(hub: LocalHub, version: str) -> Path:
    oid = blob(hub, f"v{version}:{WEIGHTS}").decode().split("sha256:")[1][:64]
    return hub.path / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def test_a_missing_lfs_object(hub: LocalHub) -> None:
    object_file(hub, "1.1.0").unlink()
    report = audit(hub)
    assert errors(report, "1.1.0") == ["ObjectGone"]
    assert errors(report, "1.2.0") == []


def test_an_lfs_object_with_other_content_is_found_by_a_deep_audit(hub: LocalHub) -> None:
    file = object_file(hub, "1.1.0")
    file.write_bytes(file.read_bytes()[::-1])
    assert audit(hub).clean
    report = audit(hub, deep=True)
    assert errors(report, "1.1.0") == ["DigestMismatch"]
    assert report.checked["objects_downloaded"] == 3


def test_pending_tags_and_leftover_branches_are_remarks(hub: LocalHub) -> None:
    with Importer(bare_repo(hub, REPO)) as importer:
        plain = importer.commit("refs/heads/hfver/0123456789ab", {"config.json": b"{}"})
        importer.tag("v7.0.0", plain, "by hand")
        importer.commit("refs/heads/main", {"README.md": b"edited on the web page"}, "refs/heads/main^0", keep=True)
    report = audit(hub)
    assert report.clean
    remarks = {verdict.version: verdict.remarks[0].message for verdict in report.verdicts if verdict.remarks}
    assert "hfver adopt" in remarks["7.0.0"]
    assert [verdict.version for verdict in report.verdicts if verdict.status == "pending"] == ["7.0.0"]
    branch, main_files, _ = (remark.message for remark in report.remarks)
    assert "hfver/0123456789ab" in branch
    assert "README.md" in main_files


def test_a_replayed_tag_without_a_ledger_line_is_tampering(hub: LocalHub) -> None:
    commit = commit_of(hub, "1.0.0")
    with Importer(bare_repo(hub, REPO)) as importer:
        importer.tag("v8.0.0", commit, "forged")
    report = audit(hub)
    assert [verdict.version for verdict in report.tampered] == ["8.0.0"]
    assert errors(report, "8.0.0") == ["ReleaseReplayed"]


def test_a_branch_with_the_name_of_a_released_tag_is_tampering(hub: LocalHub) -> None:
    """``git clone -b v1.1.0`` takes the branch, whatever a server does."""
    with Importer(bare_repo(hub, REPO)) as importer:
        other = importer.commit("refs/heads/v1.1.0", {"model.safetensors": b"other weights"})
    report = audit(hub)
    assert not report.clean
    (finding,) = report.findings
    assert finding.error == "TagMoved"
    assert f"branch v1.1.0 (commit {other[:12]})" in finding.message
    assert "git clone -b v1.1.0" in finding.message
    assert all(verdict.status == "ok" for verdict in report.verdicts)
    assert hfver.pull(f"{REPO}@1.1.0", hub=hub).release.commit == commit_of(hub, "1.1.0")
    command = shlex.split(finding.hint.partition("delete it: ")[2])
    subprocess.run(command, check=True)
    assert audit(hub).clean


def test_the_branch_is_deleted_by_a_push_if_the_hub_is_an_address(
    hub: LocalHub, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HF_TOKEN", hub.token)
    git(hub, "branch", "v1.1.0", "main")
    (finding,) = hfver.audit(REPO, hub=hub.url).findings
    assert f"git push {hub.url}/{REPO} :refs/heads/v1.1.0" in finding.hint


def test_other_refs_that_can_be_taken_for_versions_are_remarks(hub: LocalHub) -> None:
    git(hub, "branch", "v1.0.0", "refs/tags/v1.0.0^0")
    git(hub, "branch", "v9.0.0", "main")
    git(hub, "branch", "v1", "main")
    git(hub, "tag", "main", "refs/tags/v1.0.0^0")
    report = audit(hub)
    assert report.clean
    messages = [remark.message for remark in report.remarks]
    assert any("branch v1.0.0" in message and "same commit" in message for message in messages)
    assert any("branch v9.0.0" in message and "no release" in message for message in messages)
    assert any("tag main" in message for message in messages)
    assert not any("branch v1 " in message for message in messages)


def test_an_audit_says_what_it_took_on_trust(hub: LocalHub) -> None:
    quick, deep = audit(hub), audit(hub, deep=True)
    (remark,) = quick.remarks
    assert remark.message.startswith("3 LFS objects (")
    assert "taken on trust" in remark.message
    assert f"hfver audit {REPO} --deep" in remark.hint
    assert (quick.checked["objects_on_trust"], deep.checked["objects_on_trust"]) == (3, 0)
    assert deep.remarks == ()


def test_a_copied_repo_is_clean_only_with_mirror_of(hub: LocalHub) -> None:
    HfApi(hub.url, token=hub.token).create_repo("evil/bot", private=True)
    source = str(bare_repo(hub, REPO))
    git(hub, "fetch", "-q", "--force", source, "+refs/*:refs/*", repo="evil/bot")
    report = hfver.audit("evil/bot", hub=hub)
    assert [finding.error for finding in report.findings] == ["ReleaseReplayed"]
    assert hfver.audit("evil/bot", hub=hub, mirror_of=REPO).clean


def test_git_gets_neither_the_users_configuration_nor_a_visible_token(
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
def test_a_damaged_clone_is_replaced(hub: LocalHub, damage: str) -> None:
    assert audit(hub).clean
    clone = Memory(hub.identity, REPO).folder / "clone.git"
    files = list((clone / "objects" / "pack").glob("*.pack")) if damage == "pack" else [clone / damage]
    for file in files:
        file.chmod(0o600)
        file.write_bytes(b"\0" * 100)
    assert audit(hub).clean


def test_a_missing_repo(local_hub: LocalHub) -> None:
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


def test_the_command_does_not_call_a_repo_without_releases_clean(
    local_hub: LocalHub, capsys: pytest.CaptureFixture[str]
) -> None:
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    api.create_repo(REPO)
    command = ["audit", REPO, "--hub", str(local_hub.path)]
    assert main(command) == 0
    out = capsys.readouterr().out
    assert "nothing to check" in out
    assert "hfver release DIR" in out
    assert "clean" not in out
    api.create_tag(REPO, tag="v1.0.0")
    assert main(command) == 0
    out = capsys.readouterr().out
    assert f"hint: Make releases of the tags that hfver did not make: hfver adopt {REPO}" in out
    assert all(line == line.rstrip() for line in out.splitlines())
    assert main(["versions", *command[1:]]) == 0
    assert f"hfver adopt {REPO}" in capsys.readouterr().err
