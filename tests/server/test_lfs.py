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

from .tools import REPO, batch, header, lfs_line, post_commit, sha256, upload_object, write

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
