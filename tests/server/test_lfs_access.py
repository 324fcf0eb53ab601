"""Knowing the hash of a private object does not give access to it."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpx
import pygit2
import pytest
from pygit2.enums import ObjectType

from hfver.server import EmbeddedHub
from hfver.server.storage.pointers import Pointer

from .tools import batch, file_line, git, header, lfs_line, post_commit, sha256, upload_object

SECRET = b"secret weights " * 5_000
OID = sha256(SECRET)
POINTER = Pointer(OID, len(SECRET))
BOBS = "bob/open"


def _client(hub: EmbeddedHub, user: str) -> httpx.Client:
    return httpx.Client(base_url=hub.url, headers={"Authorization": f"Bearer {user}-token"}, timeout=20)


def _create(http: httpx.Client, repo: str, **more: object) -> httpx.Response:
    return http.post("/api/repos/create", json={"name": repo, **more})


@pytest.fixture
def ann(hub: EmbeddedHub) -> Iterator[httpx.Client]:
    """The user whose private repo holds SECRET."""
    with _client(hub, "ann") as http:
        assert _create(http, "ann/secret", private=True).status_code == 200
        upload_object(http, SECRET, repo="ann/secret")
        line = lfs_line("w.bin", OID, size=len(SECRET))
        assert post_commit(http, header(), line, repo="ann/secret").status_code == 200
        yield http


@pytest.fixture
def bob(hub: EmbeddedHub, ann: httpx.Client) -> Iterator[httpx.Client]:
    """The user who knows its hash and size."""
    with _client(hub, "bob") as http:
        assert _create(http, BOBS).status_code == 200
        yield http


def _actions(http: httpx.Client, repo: str, operation: str = "upload") -> dict[str, dict[str, str]]:
    (item,) = batch(http, OID, len(SECRET), operation, repo=repo).json()["objects"]
    return dict(item.get("actions", {}))


def _can_read(http: httpx.Client, repo: str = BOBS) -> bool:
    link = _actions(http, repo, "download").get("download")
    by_lfs = link is not None and httpx.get(link["href"]).content == SECRET
    return by_lfs or http.get(f"/{repo}/resolve/main/w.bin").content == SECRET


def test_a_commit_cannot_claim_by_hash(bob: httpx.Client) -> None:
    assert set(_actions(bob, BOBS)) == {"upload", "verify"}
    for line in (
        lfs_line("w.bin", OID, size=len(SECRET)),
        lfs_line("w.bin", OID),
        file_line("w.bin", POINTER.encode()),
    ):
        answer = post_commit(bob, header(), line, repo=BOBS)
        assert answer.status_code == 422
        assert str(len(SECRET)) not in answer.text
    assert not _can_read(bob)


def test_a_pull_request_cannot_claim_by_hash(ann: httpx.Client, bob: httpx.Client) -> None:
    assert _create(ann, "ann/open").status_code == 200
    line = lfs_line("w.bin", OID, size=len(SECRET))
    assert post_commit(bob, header(), line, repo="ann/open", query="?create_pr=1").status_code == 422


def test_a_first_commit_cannot_claim_by_hash(bob: httpx.Client) -> None:
    files = [{"path": "w.bin", "content": POINTER.encode().decode()}]
    assert _create(bob, "bob/other", files=files).status_code == 422
    assert bob.get("/bob/other/resolve/main/w.bin").status_code == 404


def test_no_response_reveals_that_the_object_is_stored(bob: httpx.Client) -> None:
    (known,) = batch(bob, OID, 5, repo=BOBS).json()["objects"]
    (unknown,) = batch(bob, "0" * 64, 5, repo=BOBS).json()["objects"]
    assert set(known) == set(unknown)
    href = _actions(bob, BOBS)["verify"]["href"]
    assert httpx.post(href, json={"oid": OID, "size": len(SECRET)}).status_code == 404
    upload = _actions(bob, BOBS)["upload"]["href"]
    assert httpx.put(upload, content=SECRET[:-1]).status_code == 422
    assert httpx.put(upload, content=b"x" * len(SECRET)).status_code == 422
    assert not _can_read(bob)


def test_a_link_for_one_repo_does_not_work_for_another(ann: httpx.Client, bob: httpx.Client) -> None:
    upload = _actions(bob, BOBS)["upload"]["href"]
    number = httpx.URL(upload).params["repo"]
    forged = upload.replace(f"repo={number}", "repo=1")
    assert forged != upload
    assert httpx.put(forged, content=SECRET).status_code == 403


def _clone(hub: EmbeddedHub, home: Path) -> Path:
    home.mkdir()
    (home / ".gitconfig").write_text("[user]\nname = n\nemail = n@example.com\n")
    address = f"http://bob:bob-token@{hub.url.removeprefix('http://')}/{BOBS}"
    git("clone", "-q", address, "clone", cwd=home)
    return home / "clone"


@pytest.mark.parametrize("ending", [b"", b"\n"], ids=["canonical", "without a newline"])
def test_a_push_cannot_claim_by_hash(hub: EmbeddedHub, bob: httpx.Client, tmp_path: Path, ending: bytes) -> None:
    clone = _clone(hub, tmp_path / "home")
    (clone / "w.txt").write_bytes(POINTER.encode().removesuffix(ending))
    git("add", "-A", cwd=clone)
    git("commit", "-qm", "claim", cwd=clone)
    done = git("push", "--no-verify", "origin", "HEAD", cwd=clone, check=False)
    assert done.returncode != 0
    assert "is missing" in done.stderr
    assert bob.get(f"/{BOBS}/resolve/main/w.txt").status_code == 404


def test_pushed_objects_that_no_ref_reaches_are_checked_too(
    hub: EmbeddedHub, bob: httpx.Client, tmp_path: Path
) -> None:
    """All objects of a pack become part of the repo, so a pointer could hide among the unreachable ones."""
    clone = _clone(hub, tmp_path / "home")
    old = git("rev-parse", "HEAD", cwd=clone).stdout.strip()
    repo = pygit2.Repository(str(clone))
    hidden = repo.create_blob(POINTER.encode())
    tree = repo.get(old).tree_id  # type: ignore[union-attr]
    text = f"tree {tree}\nparent {old}\nauthor n <e> 1 +0000\ncommitter n <e> 1 +0000\n\nx".encode()
    new = repo.write(ObjectType.COMMIT, text)
    pack = subprocess.run(
        ["git", "pack-objects", "--stdout", "-q"], cwd=clone, input=f"{new}\n{hidden}\n".encode(),
        capture_output=True, check=True,
    ).stdout  # fmt: skip
    update = f"{old} {new} refs/heads/main\0 report-status".encode()
    body = b"%04x" % (len(update) + 4) + update + b"0000" + pack
    kind = {"Content-Type": "application/x-git-receive-pack-request"}
    answer = bob.post(f"/{BOBS}.git/git-receive-pack", content=body, headers=kind)
    assert b"pre-receive hook declined" in answer.content
    assert not _can_read(bob)
    assert post_commit(bob, header(), lfs_line("w.bin", OID, size=len(SECRET)), repo=BOBS).status_code == 422


def test_honest_uploads_of_the_same_bytes_work(hub: EmbeddedHub, bob: httpx.Client) -> None:
    upload_object(bob, SECRET, repo=BOBS)
    assert _actions(bob, BOBS) == {}
    assert list((hub.root / "lfs" / "incoming").iterdir()) == []
    assert post_commit(bob, header(), lfs_line("w.bin", OID, size=len(SECRET)), repo=BOBS).status_code == 200
    assert _can_read(bob)
    assert sum(1 for path in (hub.root / "lfs" / "objects").rglob("*") if path.is_file()) == 1


def test_an_honest_push_of_the_same_bytes_works(hub: EmbeddedHub, bob: httpx.Client, tmp_path: Path) -> None:
    clone = _clone(hub, tmp_path / "home")
    git("lfs", "install", "--local", cwd=clone)
    (clone / "w.bin").write_bytes(SECRET)
    git("add", "-A", cwd=clone)
    git("commit", "-qm", "mine too", cwd=clone)
    git("push", "-q", "origin", "HEAD", cwd=clone)
    assert _can_read(bob)


def test_an_uploaded_object_is_unreadable_until_it_is_committed(bob: httpx.Client) -> None:
    upload_object(bob, SECRET, repo=BOBS)
    assert not _can_read(bob)


def test_within_one_namespace_nothing_is_sent_twice(ann: httpx.Client) -> None:
    assert _create(ann, "ann/second").status_code == 200
    assert _actions(ann, "ann/second") == {}
    assert post_commit(ann, header(), lfs_line("w.bin", OID), repo="ann/second").status_code == 200
    assert _can_read(ann, "ann/second")


def test_the_owner_of_the_hub_may_link_every_object(http: httpx.Client, ann: httpx.Client) -> None:
    assert _create(http, "demo/free").status_code == 200
    assert _actions(http, "demo/free") == {}
    assert post_commit(http, header(), lfs_line("w.bin", OID), repo="demo/free").status_code == 200
    assert _can_read(http, "demo/free")


def test_a_moved_repo_keeps_its_objects(hub: EmbeddedHub, bob: httpx.Client) -> None:
    upload_object(bob, SECRET, repo=BOBS)
    assert bob.post("/api/repos/move", json={"fromRepo": BOBS, "toRepo": "bob/moved"}).status_code == 200
    assert _actions(bob, "bob/moved") == {}
    assert post_commit(bob, header(), lfs_line("w.bin", OID), repo="bob/moved").status_code == 200


def test_a_repo_without_upload_records_keeps_the_objects_of_its_history(hub: EmbeddedHub, ann: httpx.Client) -> None:
    """Folders of earlier versions have no records."""
    (record,) = hub.root.glob("repos/models/ann/secret.git/lfs-uploaded/*")
    record.unlink()
    assert _actions(ann, "ann/secret") == {}
    assert post_commit(ann, header(), lfs_line("copy.bin", OID), repo="ann/secret").status_code == 200


def test_a_recreated_repo_has_no_objects_of_the_old_one(bob: httpx.Client) -> None:
    upload_object(bob, SECRET, repo=BOBS)
    assert bob.request("DELETE", "/api/repos/delete", json={"name": BOBS}).status_code == 200
    assert _create(bob, BOBS).status_code == 200
    assert set(_actions(bob, BOBS)) == {"upload", "verify"}
