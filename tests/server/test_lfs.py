"""The LFS store and its batch endpoint."""

from __future__ import annotations

import os
import shutil
import socket
import time
from pathlib import Path
from urllib.parse import unquote, urlsplit

import httpx
import pytest
from huggingface_hub import HfApi

from hfver.server import EmbeddedHub
from hfver.server.storage.pointers import Pointer

from .tools import REPO, batch, git, header, lfs_line, post_commit, sha256, upload_object, write

DATA = b"weights" * 100_000


def _item(answer: httpx.Response) -> dict[str, object]:
    assert answer.status_code == 200, answer.text
    (item,) = answer.json()["objects"]
    assert isinstance(item, dict)
    return item


def _href(item: dict[str, object], action: str) -> str:
    actions = item["actions"]
    assert isinstance(actions, dict)
    return str(actions[action]["href"])


def _object(hub: EmbeddedHub, oid: str) -> Path:
    return hub.root / "lfs" / "objects" / oid[:2] / oid[2:4] / oid


def test_an_object_is_stored_under_its_hash(hub: EmbeddedHub, http: httpx.Client, repo: str) -> None:
    oid = upload_object(http, DATA)
    assert _object(hub, oid).read_bytes() == DATA
    assert list((hub.root / "lfs" / "incoming").iterdir()) == []
    assert "actions" not in _item(batch(http, oid, len(DATA)))


def test_a_link_needs_no_credentials_and_verify_confirms(http: httpx.Client, repo: str) -> None:
    oid = sha256(DATA)
    item = _item(batch(http, oid, len(DATA), transfers=["basic", "multipart"]))
    facts = {"oid": oid, "size": len(DATA)}
    assert httpx.post(_href(item, "verify"), json=facts).status_code == 404
    assert httpx.put(_href(item, "upload"), content=DATA).status_code == 200
    assert httpx.post(_href(item, "verify"), json=facts).status_code == 200
    assert httpx.post(_href(item, "verify"), json={**facts, "size": 1}).status_code == 422


@pytest.mark.parametrize(
    "data", [DATA[:-1], DATA + b"x", b"", b"x" * len(DATA)], ids=["short", "long", "empty", "other"]
)
def test_other_content_is_refused_and_leaves_nothing(
    hub: EmbeddedHub, http: httpx.Client, repo: str, data: bytes
) -> None:
    oid = sha256(DATA)
    item = _item(batch(http, oid, len(DATA)))
    assert httpx.put(_href(item, "upload"), content=data).status_code == 422
    assert not _object(hub, oid).exists()
    assert list((hub.root / "lfs" / "incoming").iterdir()) == []


def test_an_interrupted_upload_leaves_nothing(hub: EmbeddedHub, http: httpx.Client, repo: str) -> None:
    item = _item(batch(http, sha256(DATA), len(DATA)))
    target = urlsplit(_href(item, "upload"))
    with socket.create_connection((target.hostname, target.port)) as raw:
        raw.sendall(
            f"PUT {target.path}?{target.query} HTTP/1.1\r\n"
            f"Host: localhost\r\nContent-Length: {len(DATA)}\r\n\r\n".encode()
        )
        raw.sendall(DATA[: len(DATA) // 2])
        time.sleep(0.1)
        assert len(list((hub.root / "lfs" / "incoming").iterdir())) == 1
    deadline = time.monotonic() + 5
    while list((hub.root / "lfs" / "incoming").iterdir()) and time.monotonic() < deadline:
        time.sleep(0.01)
    assert list((hub.root / "lfs" / "incoming").iterdir()) == []


def test_a_link_permits_one_thing_only(http: httpx.Client, repo: str) -> None:
    href = _href(_item(batch(http, sha256(DATA), len(DATA))), "upload")
    other = sha256(b"other")
    for forged in (
        href.replace(sha256(DATA), other),
        href.replace(f"size={len(DATA)}", "size=5"),
        href.replace("expires=", "expires=9"),
        href[:-1] + ("0" if href[-1] != "0" else "1"),
        href.partition("?")[0],
        href.replace("signature=", "signature=%ff%00"),
        href.replace("/lfs-objects/", "/lfs-objects/..%2f"),
    ):
        assert httpx.put(forged, content=b"other").status_code == 403, forged
    assert httpx.get(href).status_code == 403


def test_download_links_serve_ranges(http: httpx.Client, api: HfApi, repo: str) -> None:
    write(api, {"w.bin": DATA})
    href = _href(_item(batch(http, sha256(DATA), len(DATA), "download")), "download")
    assert httpx.get(href).content == DATA
    assert httpx.get(href, headers={"Range": "bytes=5-9"}).content == DATA[5:10]
    assert httpx.get(href, headers={"Range": "bytes=99999999-"}).status_code == 416


def test_only_objects_that_the_repo_refers_to_can_be_downloaded(http: httpx.Client, repo: str) -> None:
    oid = upload_object(http, DATA)
    assert "error" in _item(batch(http, oid, len(DATA), "download"))
    assert post_commit(http, header(), lfs_line("w.bin", oid, size=len(DATA))).status_code == 200
    assert "actions" in _item(batch(http, oid, len(DATA), "download"))


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 400),
        ({"operation": "steal", "objects": []}, 400),
        ({"operation": "upload"}, 400),
        ({"operation": "upload", "objects": [5]}, 400),
        ({"operation": "upload", "objects": {}}, 400),
        ({"operation": "upload", "objects": [{"oid": "x", "size": 1}]}, 422),
        ({"operation": "upload", "objects": [{"oid": "../" * 21 + "x", "size": 1}]}, 422),
        ({"operation": "upload", "objects": [{"oid": "0" * 64, "size": "1"}]}, 422),
        ({"operation": "upload", "objects": [{"oid": "0" * 64, "size": -1}]}, 422),
        ({"operation": "upload", "objects": [{"oid": "0" * 64, "size": 2**70}]}, 422),
        ({"operation": "upload", "objects": [{"oid": "F" * 64, "size": 1}]}, 422),
        ({"operation": "upload", "objects": [], "hash_algo": "md5"}, 409),
    ],
)
def test_malformed_batches_are_refused(http: httpx.Client, repo: str, body: object, status: int) -> None:
    answer = http.post(f"/{REPO}.git/info/lfs/objects/batch", json=body)
    assert answer.status_code == status
    assert answer.json()["message"] == answer.json()["error"]


def test_a_wrong_size_is_distinguished_from_a_missing_object(http: httpx.Client, repo: str) -> None:
    oid = upload_object(http, DATA)
    item = _item(batch(http, oid, 5))
    assert item["error"] == {"code": 422, "message": f"The object has {len(DATA)} bytes, not 5"}


def test_javascript_clients_get_basic(http: httpx.Client, repo: str) -> None:
    answer = batch(http, sha256(DATA), len(DATA), transfers=["basic", "multipart", "xet"], hash_algo="sha_256")
    assert answer.json()["transfer"] == "basic"


def test_the_process_of_the_hub_copies_instead_of_sending(
    hub: EmbeddedHub, http: httpx.Client, repo: str, tmp_path: Path
) -> None:
    oid, facts = sha256(DATA), {"oid": sha256(DATA), "size": len(DATA)}
    answer = batch(http, oid, len(DATA), transfers=["hfver-copy", "basic"])
    assert answer.json()["transfer"] == "hfver-copy"
    item = _item(answer)
    place = Path(unquote(urlsplit(_href(item, "upload")).path))
    assert place.parent == hub.root / "lfs" / "incoming"
    assert httpx.post(_href(item, "verify"), json=facts).status_code == 422
    (tmp_path / "weights").write_bytes(DATA)
    shutil.copy(tmp_path / "weights", place)
    assert httpx.post(_href(item, "verify"), json=facts).status_code == 200
    assert httpx.post(_href(item, "verify"), json=facts).status_code == 200
    assert _object(hub, oid).read_bytes() == DATA
    assert post_commit(http, header(), lfs_line("w.bin", oid, size=len(DATA))).status_code == 200
    item = _item(batch(http, oid, len(DATA), "download", transfers=["hfver-copy"]))
    assert Path(unquote(urlsplit(_href(item, "download")).path)) == _object(hub, oid)


def test_a_copy_must_be_a_regular_file_of_the_announced_size(
    hub: EmbeddedHub, http: httpx.Client, repo: str, tmp_path: Path
) -> None:
    item = _item(batch(http, sha256(DATA), len(DATA), transfers=["hfver-copy"]))
    place = Path(unquote(urlsplit(_href(item, "upload")).path))
    facts = {"oid": sha256(DATA), "size": len(DATA)}
    place.write_bytes(DATA[:-1])
    assert httpx.post(_href(item, "verify"), json=facts).status_code == 422
    place.unlink()
    (tmp_path / "elsewhere").write_bytes(DATA)
    place.symlink_to(tmp_path / "elsewhere")
    assert httpx.post(_href(item, "verify"), json=facts).status_code == 422
    assert not _object(hub, sha256(DATA)).exists()


def test_other_users_may_not_copy(hub: EmbeddedHub) -> None:
    HfApi(endpoint=hub.url, token="ann-token").create_repo("ann/x")
    with httpx.Client(base_url=hub.url, headers={"Authorization": "Bearer ann-token"}) as ann:
        answer = batch(ann, sha256(DATA), len(DATA), repo="ann/x", transfers=["hfver-copy"])
        assert answer.json()["transfer"] == "basic"
        assert _href(_item(answer), "upload").startswith("http://")


def test_old_leftovers_are_removed_at_the_next_start(tmp_path: Path) -> None:
    with EmbeddedHub(tmp_path / "hub"):
        pass
    old, new = (tmp_path / "hub" / "lfs" / "incoming" / name for name in ("old", "new"))
    for path in (old, new):
        path.write_bytes(b"x")
    os.utime(old, (time.time() - 2 * 86400,) * 2)
    with EmbeddedHub(tmp_path / "hub"):
        assert not old.exists()
        assert new.exists()


def test_a_lost_object_is_reported_as_missing(hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str) -> None:
    write(api, {"w.bin": DATA})
    _object(hub, sha256(DATA)).unlink()
    answer = http.get(f"/{REPO}/resolve/main/w.bin")
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "EntryNotFound")
    assert api.model_info(repo).safetensors is None


def _copy_in(http: httpx.Client, data: bytes, oid: str | None = None) -> httpx.Response:
    """Copy bytes as an object, as a client in the Hub's own process does; returns the answer to its confirmation."""
    oid = oid or sha256(data)
    item = _item(batch(http, oid, len(data), transfers=["hfver-copy"]))
    Path(unquote(urlsplit(_href(item, "upload")).path)).write_bytes(data)
    return httpx.post(_href(item, "verify"), json={"oid": oid, "size": len(data)})


def test_a_copy_of_other_content_is_refused_and_leaves_nothing(hub: EmbeddedHub, http: httpx.Client, repo: str) -> None:
    answer = _copy_in(http, b"x" * len(DATA), oid=sha256(DATA))
    assert (answer.status_code, "SHA-256 mismatch" in answer.json()["error"]) == (422, True)
    assert not _object(hub, sha256(DATA)).exists()
    assert list((hub.root / "lfs" / "incoming").iterdir()) == []
    assert _copy_in(http, DATA).status_code == 200
    assert _object(hub, sha256(DATA)).read_bytes() == DATA


def test_a_copy_with_a_second_name_is_refused(hub: EmbeddedHub, http: httpx.Client, repo: str, tmp_path: Path) -> None:
    item = _item(batch(http, sha256(DATA), len(DATA), transfers=["hfver-copy"]))
    place = Path(unquote(urlsplit(_href(item, "upload")).path))
    (place.parent / "mine").write_bytes(DATA)
    os.link(place.parent / "mine", place)
    assert httpx.post(_href(item, "verify"), json={"oid": sha256(DATA), "size": len(DATA)}).status_code == 422
    assert not _object(hub, sha256(DATA)).exists()


def _damage(path: Path, data: bytes) -> None:
    path.chmod(0o644)
    path.write_bytes(data)


@pytest.mark.parametrize("damaged", [b"x" * len(DATA), DATA[:-1], b""], ids=["other", "short", "empty"])
def test_a_damaged_object_is_set_aside_and_can_be_uploaded_again(
    hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str, damaged: bytes
) -> None:
    write(api, {"w.bin": DATA})
    oid = sha256(DATA)
    _damage(_object(hub, oid), damaged)
    assert "actions" in _item(batch(http, oid, len(DATA)))
    (aside,) = (hub.root / "lfs" / "damaged").iterdir()
    assert (aside.name.partition("-")[0], aside.read_bytes()) == (oid, damaged)
    assert not _object(hub, oid).exists()
    assert upload_object(http, DATA) == oid
    assert _object(hub, oid).read_bytes() == DATA
    assert "actions" not in _item(batch(http, oid, len(DATA)))


def test_an_upload_replaces_a_damaged_object_that_nobody_noticed(
    hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str
) -> None:
    oid = sha256(DATA)
    item = _item(batch(http, oid, len(DATA)))
    write(api, {"w.bin": DATA})
    _damage(_object(hub, oid), b"x" * len(DATA))
    assert httpx.put(_href(item, "upload"), content=DATA).status_code == 200
    assert _object(hub, oid).read_bytes() == DATA


def test_a_damaged_object_cannot_be_committed_or_pushed(
    hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str, tmp_path: Path
) -> None:
    oid = upload_object(http, DATA)
    _damage(_object(hub, oid), b"x" * len(DATA))
    assert post_commit(http, header(), lfs_line("w.bin", oid, size=len(DATA))).status_code == 422
    _object(hub, oid).parent.mkdir(parents=True, exist_ok=True)
    _object(hub, oid).write_bytes(b"x" * len(DATA))
    url = hub.url.replace("http://", f"http://me:{hub.token}@")
    git("clone", "-q", f"{url}/{REPO}", "clone", cwd=tmp_path)
    clone = tmp_path / "clone"
    (clone / "w.bin").write_bytes(Pointer(oid, len(DATA)).encode())
    identity = ("-c", "user.name=n", "-c", "user.email=e", "-c", "filter.lfs.clean=cat", "-c", "filter.lfs.required=0")
    git(*identity, "add", ".", cwd=clone)
    git(*identity, "commit", "-qm", "pointer", cwd=clone)
    pushed = git("push", "-q", "--no-verify", "origin", "main", cwd=clone, check=False)
    assert pushed.returncode != 0
    assert f"LFS object {oid} is missing" in pushed.stderr


def test_an_object_is_hashed_once_for_as_long_as_it_is_the_same_file(
    hub: EmbeddedHub, http: httpx.Client, repo: str
) -> None:
    oid = upload_object(http, DATA)
    path, noted = _object(hub, oid), hub.root / "lfs" / "verified" / oid[:2] / oid[2:]
    found = path.stat()
    identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    assert tuple(map(int, noted.read_text().split())) == identity
    # What is noted decides: bytes that are damaged and noted as whole are not read, ...
    _damage(path, b"x" * len(DATA))
    found = path.stat()
    identity = (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)
    noted.write_text(" ".join(map(str, identity)) + "\n")
    assert "actions" not in _item(batch(http, oid, len(DATA)))
    with EmbeddedHub(hub.root) as again, httpx.Client(base_url=again.url) as client:  # ... by no later process either
        client.headers["Authorization"] = f"Bearer {again.token}"
        assert "actions" not in _item(batch(client, oid, len(DATA)))
        # ... until the file is another one, or the note is gone.
        os.utime(path)
        assert "actions" in _item(batch(client, oid, len(DATA)))


def test_a_store_without_notes_works(hub: EmbeddedHub, http: httpx.Client, api: HfApi, repo: str) -> None:
    """As an earlier version left it; nobody has to upload anything again."""
    write(api, {"w.bin": DATA})
    shutil.rmtree(hub.root / "lfs" / "verified")
    assert "actions" not in _item(batch(http, sha256(DATA), len(DATA)))
    assert httpx.get(f"{hub.url}/{REPO}/resolve/main/w.bin").content == DATA
