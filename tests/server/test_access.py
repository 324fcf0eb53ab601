"""Rights: what callers may do, and what they can find out about repos of others."""

from __future__ import annotations

import base64
import json
import sqlite3
from contextlib import closing

import httpx
import pytest
from huggingface_hub import HfApi
from huggingface_hub.errors import GatedRepoError, HfHubHTTPError, RepositoryNotFoundError

from hfver.server import EmbeddedHub

from .tools import batch, file_line, header, upload_object


@pytest.fixture
def ann(hub: EmbeddedHub) -> HfApi:
    return HfApi(endpoint=hub.url, token="ann-token")


@pytest.fixture
def bob(hub: EmbeddedHub) -> HfApi:
    return HfApi(endpoint=hub.url, token="bob-token")


@pytest.fixture
def nobody(hub: EmbeddedHub) -> HfApi:
    return HfApi(endpoint=hub.url, token=False)


def _status(call: object) -> int:
    assert callable(call)
    with pytest.raises(HfHubHTTPError) as caught:
        call()
    return int(caught.value.response.status_code)


def test_a_user_owns_the_namespace_of_that_name_only(ann: HfApi, bob: HfApi, nobody: HfApi) -> None:
    assert ann.whoami()["name"] == "ann"
    assert ann.create_repo("mine").repo_id == "ann/mine"
    ann.create_repo("ANN/also-mine")
    assert _status(lambda: bob.create_repo("ann/theirs")) == 403
    assert _status(lambda: nobody.create_repo("ann/theirs")) == 401
    for foreign, status in ((bob, 403), (nobody, 401)):
        assert foreign.model_info("ann/mine").id == "ann/mine"
        assert (
            _status(lambda api=foreign: api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id="ann/mine"))
            == status
        )
        assert _status(lambda api=foreign: api.create_tag("ann/mine", tag="v1")) == status
        assert _status(lambda api=foreign: api.create_branch("ann/mine", branch="b")) == status
        assert _status(lambda api=foreign: api.update_repo_settings("ann/mine", private=True)) == status
        assert _status(lambda api=foreign: api.delete_repo("ann/mine")) == status
        assert _status(lambda api=foreign: api.move_repo("ann/mine", "bob/mine")) == status
    assert _status(lambda: ann.move_repo("ann/mine", "bob/mine")) == 403


def test_a_private_repo_does_not_exist_for_others(ann: HfApi, bob: HfApi, nobody: HfApi) -> None:
    ann.create_repo("ann/secret", private=True)
    assert ann.model_info("ann/secret").private
    ann.auth_check("ann/secret")
    for foreign, status in ((bob, 404), (nobody, 401)):
        for secret in ("ann/secret", "ann/absent"):
            with pytest.raises(RepositoryNotFoundError) as caught:
                foreign.model_info(secret)
            assert caught.value.response is not None
            assert caught.value.response.status_code == status
        assert not foreign.repo_exists("ann/secret")
        assert _status(lambda api=foreign: api.delete_repo("ann/secret")) == (404 if status == 404 else 401)
    ann.update_repo_settings("ann/secret", private=False)
    assert nobody.model_info("ann/secret").private is False


def test_a_redirect_does_not_reveal_a_private_repo(ann: HfApi, bob: HfApi) -> None:
    ann.create_repo("ann/secret", private=True)
    ann.move_repo("ann/secret", "ann/hidden")
    assert ann.model_info("ann/secret").id == "ann/hidden"
    assert not bob.repo_exists("ann/secret")


def test_a_gated_repo_shows_metadata_but_no_files(ann: HfApi, bob: HfApi, nobody: HfApi) -> None:
    ann.create_repo("ann/gated")
    ann.update_repo_settings("ann/gated", gated="auto")
    assert bob.model_info("ann/gated").gated == "auto"
    for foreign in (bob, nobody):
        with pytest.raises(GatedRepoError):
            foreign.hf_hub_download("ann/gated", ".gitattributes")
        with pytest.raises(GatedRepoError):
            foreign.auth_check("ann/gated")
    assert ann.hf_hub_download("ann/gated", ".gitattributes")
    ann.update_repo_settings("ann/gated", gated=False)
    bob.auth_check("ann/gated")


@pytest.mark.parametrize(
    "value", ["Bearer wrong", "Bearer", "Basic !!!", "Basic " + "A" * 40, "Digest x", "x", "Basic /w=="]
)
def test_wrong_credentials_are_401(hub: EmbeddedHub, repo: str, value: str) -> None:
    answer = httpx.get(f"{hub.url}/api/models/{repo}", headers={"Authorization": value})
    assert answer.status_code == 401
    assert answer.headers["X-Error-Message"] == "Invalid credentials in Authorization header"
    assert "X-Error-Code" not in answer.headers
    assert answer.headers["WWW-Authenticate"].startswith("Basic")


def test_a_password_is_a_token(hub: EmbeddedHub) -> None:
    for user in ("anything", ""):
        value = "Basic " + base64.b64encode(f"{user}:ann-token".encode()).decode()
        assert httpx.get(f"{hub.url}/api/whoami-v2", headers={"Authorization": value}).json()["name"] == "ann"
    assert httpx.get(f"{hub.url}/api/whoami-v2").status_code == 401


def test_tokens_are_nowhere_in_the_folder(hub: EmbeddedHub, api: HfApi, repo: str) -> None:
    api.upload_file(path_or_fileobj=b"x", path_in_repo="x", repo_id=repo)
    files = [path for path in hub.root.rglob("*") if path.is_file()]
    assert files
    for path in files:
        data = path.read_bytes()
        assert hub.token.encode() not in data
        assert b"ann-token" not in data
    for name in ("hub.db", "secret"):
        assert (hub.root / name).stat().st_mode & 0o077 == 0


def test_a_user_has_one_token_and_who_is_not_named_any_more_has_none(hub: EmbeddedHub) -> None:
    with EmbeddedHub(hub.root, users={"ann": "new-token"}) as second:
        for url in (hub.url, second.url):
            assert httpx.get(f"{url}/api/whoami-v2", headers={"Authorization": "Bearer new-token"}).status_code == 200
            assert httpx.get(f"{url}/api/whoami-v2", headers={"Authorization": "Bearer ann-token"}).status_code == 401
            assert httpx.get(f"{url}/api/whoami-v2", headers={"Authorization": "Bearer bob-token"}).status_code == 401
        owner = {"Authorization": f"Bearer {hub.token}"}
        assert httpx.get(f"{second.url}/api/whoami-v2", headers=owner).status_code == 401
    with closing(sqlite3.connect(hub.root / "hub.db")) as db, db:
        assert db.execute("SELECT count(*) FROM tokens").fetchone() == (1,)
    db.close()


def test_knowing_a_hash_is_not_enough_to_read(hub: EmbeddedHub, http: httpx.Client, ann: HfApi, bob: HfApi) -> None:
    ann.create_repo("ann/secret", private=True)
    bob.create_repo("bob/open")
    oid = upload_object(http, b"secret weights", repo="ann/secret")
    with httpx.Client(base_url=hub.url, headers={"Authorization": "Bearer bob-token"}) as theirs:
        (item,) = batch(theirs, oid, 14, "download", repo="bob/open").json()["objects"]
        assert item["error"]["code"] == 404
        assert batch(theirs, oid, 14, "download", repo="ann/secret").status_code == 404


def test_every_user_may_propose_but_not_anonymously(hub: EmbeddedHub, ann: HfApi, bob: HfApi) -> None:
    ann.create_repo("ann/open")
    url = f"{hub.url}/api/models/ann/open/commit/main?create_pr=1"
    body = b"\n".join(json.dumps(line).encode() for line in (header(), file_line("idea.txt")))
    assert httpx.post(url, content=body).status_code == 401
    assert httpx.post(url, content=body, headers={"Authorization": "Bearer bob-token"}).status_code == 200
    assert "idea.txt" in bob.list_repo_files("ann/open", revision="refs/pr/1")
    assert "idea.txt" not in bob.list_repo_files("ann/open")


NAMES = [
    "..",
    ".",
    "a/b/c",
    "../x",
    "a..b",
    "a--b",
    "-a",
    "a-",
    ".a",
    "a.",
    "a.git",
    "A.GIT",
    "a b",
    "a\\b",
    "a\x00b",
    "ü",
    "x" * 97,
    "",
    "a/..",
    "a%2fb",
    "a\n",
    "x.ipynb",
    "x.lock",
    "a/",
    "/a",
]


@pytest.mark.parametrize("name", NAMES, ids=range(len(NAMES)))
def test_a_bad_repo_name_is_refused(hub: EmbeddedHub, http: httpx.Client, name: str) -> None:
    for body in ({"name": name, "organization": "demo"}, {"name": "x", "organization": name or "-"}):
        answer = http.post("/api/repos/create", json=body)
        assert answer.status_code == 400, (body, answer.text)
    assert list((hub.root / "repos").glob("*/*/*.git")) == []


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"name": 5},
        {"name": "x", "type": "kernel"},
        {"name": "x", "type": []},
        {"name": "x", "private": "yes"},
        {"name": "x", "visibility": "open"},
        {"name": "x", "organization": {}},
        {"name": "x", "files": {"a": 1}},
        {"name": "x", "files": [{"path": "a", "content": "!", "encoding": "base64"}]},
        {"name": "x", "sdk": 1},
        {"name": "x", "organization": "api"},
        {"name": "x", "organization": "datasets"},
        [],
        "x",
    ],
)
def test_a_bad_request_for_a_repo_is_refused(http: httpx.Client, body: object) -> None:
    assert http.post("/api/repos/create", json=body).status_code == 400


def test_creating_a_repo_again_returns_its_url(http: httpx.Client, hub: EmbeddedHub) -> None:
    body = {"name": "x", "organization": "Demo"}
    assert http.post("/api/repos/create", json=body).json()["url"] == f"{hub.url}/Demo/x"
    again = http.post("/api/repos/create", json={**body, "organization": "demo"})
    assert (again.status_code, again.json()["url"]) == (409, f"{hub.url}/demo/x")


@pytest.mark.parametrize(
    "path",
    [
        "/api/models/gpt2",
        "/gpt2/resolve/main/x",
        "/api/models/a/b/tree/main",
        "/a/b/resolve/main/x",
        "/api/datasets/squad",
    ],
)
def test_a_repo_that_does_not_exist_is_not_found(http: httpx.Client, anonymous: httpx.Client, path: str) -> None:
    answer, stranger = http.get(path), anonymous.get(path)
    assert (answer.status_code, answer.headers["X-Error-Code"]) == (404, "RepoNotFound")
    assert (stranger.status_code, stranger.headers["X-Error-Code"]) == (401, "RepoNotFound")


@pytest.mark.parametrize("body", [{"gated": 1}, {"gated": "yes"}, {"private": 1}, {"visibility": 5}, []])
def test_bad_settings_are_refused(http: httpx.Client, repo: str, body: object) -> None:
    assert http.put(f"/api/models/{repo}/settings", json=body).status_code == 400
