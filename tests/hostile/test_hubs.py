"""A Hub whose answers are false or malformed: each of them is checked, and the token goes to no other host."""

from __future__ import annotations

import gzip
import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

import hfver
from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.manifest import MANIFEST
from hfver.errors import FileMissing, HfverError, HubError, UsageError
from hfver.hub import Hub
from tests.hostile.checkpoints import REPO, config, listing, model
from tests.hostile.lying_proxy import Answer, lying_proxy

TREE, REFS, BATCH = r"/tree/", r"/refs\?", r"/objects/batch"
COMMIT = "a" * 40


def as_json(value: Any, **headers: str) -> Answer:
    return Answer(json.dumps(value).encode(), 200, {"content-type": "application/json", **headers})


def with_entry(**change: Any) -> Callable[[bytes], bytes]:
    """Change the first file of a tree listing."""

    def alter(body: bytes) -> bytes:
        entries = json.loads(body)
        first = next(entry for entry in entries if entry["type"] == "file")
        first.update(change)
        return json.dumps(entries).encode()

    return alter


def with_ref(**change: Any) -> Callable[[bytes], bytes]:
    """Change the first branch of the refs."""

    def alter(body: bytes) -> bytes:
        refs = json.loads(body)
        refs["branches"][0].update(change)
        return json.dumps(refs).encode()

    return alter


def with_object(**change: Any) -> Callable[[bytes], bytes]:
    """Change the transfer instructions of the first LFS object."""

    def alter(body: bytes) -> bytes:
        answer = json.loads(body)
        for item in answer["objects"][:1]:
            item.update(change)
        return json.dumps(answer).encode()

    return alter


PULL_ANSWERS: dict[str, tuple[str, Any, int]] = {
    "refs that are not JSON": (REFS, Answer(b"<html>Log in</html>"), 4),
    "refs that are empty": (REFS, Answer(b""), 4),
    "refs that are a list": (REFS, as_json([]), 4),
    "refs that are null": (REFS, as_json(None), 4),
    "refs that are a number of 10,000 digits": (REFS, Answer(b"9" * 10_000), 4),
    "refs nested too deeply": (REFS, Answer(b"[" * 200_000), 4),
    "refs without names": (REFS, as_json({"branches": [{}]}), 4),
    "branches that are not a list": (REFS, as_json({"branches": 7}), 4),
    "a branch that is a number": (REFS, with_ref(name=7), 4),
    "a branch with a lone surrogate": (REFS, with_ref(name="\ud800"), 4),
    "a commit that leaves the folder": (REFS, with_ref(targetCommit="../../../../outside/x"), 4),
    "a commit that is null": (REFS, with_ref(targetCommit=None), 4),
    "a commit that is a list": (REFS, with_ref(targetCommit=[COMMIT]), 4),
    "a pull request without a number": (REFS, as_json({"pullRequests": [{"ref": "x", "targetCommit": COMMIT}]}), 4),
    "a repo without main": (REFS, as_json({"branches": []}), 4),
    "a listing that is an object": (TREE, as_json({}), 3),
    "a listing of strings": (TREE, as_json(["model.safetensors"]), 4),
    "a listing without types": (TREE, as_json([{"path": "a"}]), 4),
    "a path that leaves the folder": (TREE, with_entry(path="../../../outside/x"), 4),
    "a path that is absolute": (TREE, with_entry(path="/etc/x"), 4),
    "a path with backslashes": (TREE, with_entry(path="..\\..\\x"), 4),
    "a path with control characters": (TREE, with_entry(path="\x1b[2Jx"), 4),
    "a path into .git": (TREE, with_entry(path=".git/hooks/post-checkout"), 4),
    "a path that is null": (TREE, with_entry(path=None), 4),
    "a path with a lone surrogate": (TREE, with_entry(path="\udc80"), 4),
    "a negative size": (TREE, with_entry(size=-1), 4),
    "a size that is text": (TREE, with_entry(size="1"), 4),
    "a size of 2**70 bytes": (TREE, with_entry(size=2**70), 4),
    "a blob id that leaves the folder": (TREE, with_entry(oid="../../x"), 4),
    "an object id that leaves the folder": (TREE, with_entry(lfs={"oid": "../../../outside/x", "size": 1}), 4),
    "a file that was not released": (TREE, with_entry(path="other.bin"), 3),
    "an endless listing": (TREE, as_json([], link='</api/models/acme/bot/tree/x>; rel="next"'), 4),
    "a listing that continues on another host": (TREE, as_json([], link='<{other}/api/more>; rel="next"'), 4),
    "a redirect to another host": (TREE, Answer(b"", 307, {"location": "{other}/api/more"}), 4),
    "a redirect of the refs": (REFS, Answer(b"", 307, {"location": "{other}/api/models/acme/bot/refs"}), 4),
    "an endless redirect": (REFS, Answer(b"", 307, {"location": "/api/models/acme/bot/refs?x"}), 4),
    "a redirect to a file": (REFS, Answer(b"", 307, {"location": "file:///etc/passwd"}), 4),
    "an error with escapes": (REFS, Answer(b"", 403, {"x-error-message": "\x1b]0;x\x07\x1b[2J no"}), 4),
    "a warning with escapes": (REFS, as_json({"branches": []}, **{"x-hf-warning": "x; \x1b[2J\x9b2J\x07 hi"}), 4),
    "an error of ten megabytes": (REFS, Answer(b"x" * 10_000_000, 400), 4),
    "an unknown status": (REFS, Answer(b"", 299), 4),
    "a manifest that is an HTML page": (r"/resolve/.*manifest\.json", Answer(b"<html>"), 3),
    "a ledger that is an HTML page": (r"/resolve/.*releases\.jsonl", Answer(b"<html>\n"), 3),
    "a body that is not encoded as declared": (REFS, Answer(b"{}", 200, {"content-encoding": "gzip"}), 4),
    "changed weights": (r"/resolve/.*model\.safetensors", lambda body: bytes(len(body)), 3),
    "truncated weights": (r"/resolve/.*model\.safetensors", lambda body: body[:100], 0),
    "a file on another host": (r"/resolve/.*config\.json", Answer(b"", 302, {"location": "{other}/config.json"}), 4),
}

RELEASE_ANSWERS: dict[str, tuple[str, Any, int]] = {
    "a user that is a list": (r"/whoami", as_json([]), 4),
    "a user that is a number": (r"/whoami", as_json({"name": 7}), 4),
    "a repo created with a malformed answer": (r"/repos/create", as_json({}), 4),
    "upload modes that are null": (r"/preupload/", as_json(None), 4),
    "upload modes without paths": (r"/preupload/", as_json({"files": [{}]}), 4),
    "a commit without an id": (r"/commit/", as_json({}), 4),
    "a commit whose id leaves the folder": (r"/commit/", as_json({"commitOid": "../../x"}), 4),
    "a batch that is null": (BATCH, as_json(None), 4),
    "a batch without objects": (BATCH, as_json({}), 4),
    "an upload to a file": (BATCH, with_object(actions={"upload": {"href": "file:///etc/x"}}), 4),
    "an upload to nowhere": (BATCH, with_object(actions={"upload": {}}), 4),
    "an upload to a javascript URL": (BATCH, with_object(actions={"upload": {"href": "javascript:1"}}), 4),
    "an object with a changed id": (BATCH, with_object(oid="../x"), 4),
    "a local copy offered by a remote Hub": (
        BATCH,
        lambda body: json.dumps({**json.loads(body), "transfer": "hfver-copy"}).encode(),
        4,
    ),
    "an error with escapes": (BATCH, with_object(error={"code": 422, "message": "\x1b[2J\x07no"}), 4),
}


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty Hugging Face cache, a low limit of pages, and no pause between retries."""
    cache = tmp_path / "cache" / "hf"
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "cache" / "hfver"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("hfver.hub.client.MAX_PAGES", 5)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return cache


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """One valid release for all tests: none of them changes it."""
    folder = tmp_path_factory.mktemp("released")
    with LocalHub(folder / "hub") as hub:
        hfver.release(model(folder / "model"), REPO, hub=hub, smoke="off")
        yield hub


def run(token: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run a command with a token; its output must be safe for a terminal, short, and without the token."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", token)
        code = main(list(arguments))
    shown = capsys.readouterr()
    output = shown.out + shown.err
    assert token not in output
    assert not set(output) & set("\x1b\x07\x9b")
    assert "InternalError" not in output
    assert "did not expect" not in output
    assert len(output) < 5000
    return code, output


def repo_exists(hub: LocalHub) -> bool:
    return Hub(hub.url, hub.token).repo(REPO).find_refs() is not None


@pytest.mark.parametrize("name", PULL_ANSWERS)
def test_pull_from_a_lying_hub(
    name: str, released: LocalHub, tmp_path: Path, fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, lie, expected = PULL_ANSWERS[name]
    (tmp_path / "outside").mkdir()
    before = listing(tmp_path / "outside"), set(tmp_path.iterdir())
    with lying_proxy(released.url, path, lie) as hub:
        code, output = run(released.token, capsys, "pull", REPO, str(tmp_path / "target"), "--hub", hub.url)
        assert code == expected, output
        assert (tmp_path / "target").exists() is (code == 0)
        assert not [request for request in hub.strayed if request[1]]
    assert (listing(tmp_path / "outside"), set(tmp_path.iterdir()) - {fresh.parent, tmp_path / "target"}) == before


@pytest.mark.parametrize("name", PULL_ANSWERS)
def test_load_from_a_lying_hub(
    name: str, released: LocalHub, tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The release is refused before a library is imported: here none is installed."""
    path, lie, expected = PULL_ANSWERS[name]
    for library in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, library, None)
    with lying_proxy(released.url, path, lie) as hub, pytest.raises(HfverError) as caught:
        hfver.load(REPO, hub=hub.url, token=released.token, device="cpu", lock=False)
    assert caught.value.exit_code == (expected or UsageError.exit_code), caught.value
    assert ("torch" in str(caught.value)) is (expected == 0)
    assert not [request for request in hub.strayed if request[1]]
    assert set(tmp_path.iterdir()) <= {fresh.parent}


PORTAL = Answer(b"<!doctype html><title>Welcome to the airport</title>", 200, {"content-type": "text/html"})
ANY_PATH = "^/"
COMMANDS: dict[str, tuple[str, list[str]]] = {
    "versions": (ANY_PATH, ["versions", REPO]),
    "show": (ANY_PATH, ["show", REPO]),
    "diff": (ANY_PATH, ["diff", REPO, f"{REPO}@1.0.0"]),
    "pull": (ANY_PATH, ["pull", REPO]),
    "verify": (ANY_PATH, ["verify", REPO]),
    "smoke": (ANY_PATH, ["smoke", REPO, "--device", "cpu"]),
    "changelog": (ANY_PATH, ["changelog", REPO]),
    "lock": (ANY_PATH, ["lock", REPO]),
    "yank": (ANY_PATH, ["yank", f"{REPO}@1.0.0", "--reason", "x"]),
    "adopt": (ANY_PATH, ["adopt", REPO]),
    "audit": (ANY_PATH, ["audit", REPO]),
    "audit, LFS objects": (BATCH, ["audit", REPO]),
    "audit, git": (r"git-upload-pack", ["audit", REPO]),
    "finish": (ANY_PATH, ["release", "--finish", f"{REPO}#1"]),
    "finish, discussion": (r"/discussions", ["release", "--finish", f"{REPO}#1"]),
    "release": (ANY_PATH, ["release", "model", "--repo", REPO, "--smoke", "off"]),
    "review": (
        r"/discussions",
        ["release", "model", "--repo", REPO, "--smoke", "off", "--review", "--version", "9.0.0"],
    ),
}


@pytest.mark.parametrize("name", COMMANDS)
def test_an_html_page_instead_of_an_answer(
    name: str,
    released: LocalHub,
    tmp_path: Path,
    fresh: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, arguments = COMMANDS[name]
    monkeypatch.chdir(tmp_path)
    if "model" in arguments:
        config(model(tmp_path / "model"), vocab_size=9)
    with lying_proxy(released.url, path, PORTAL) as hub:
        code, output = run(released.token, capsys, *arguments, "--hub", hub.url, "--json")
    assert code == 4, output
    error = json.JSONDecoder().raw_decode(output)[0]["error"]
    assert error["hint"], output


def test_an_html_page_is_not_a_repo_name(released: LocalHub, fresh: Path) -> None:
    with lying_proxy(released.url, "expand=sha", PORTAL) as hub, pytest.raises(HubError, match="is not one of a Hub"):
        Hub(hub.url, released.token).repo(REPO).find_name()


@pytest.mark.parametrize("name", RELEASE_ANSWERS)
def test_release_to_a_lying_hub(
    name: str, local_hub: LocalHub, tmp_path: Path, fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, lie, expected = RELEASE_ANSWERS[name]
    folder = model(tmp_path / "model")
    before = listing(folder)
    with lying_proxy(local_hub.url, path, lie) as hub:
        arguments = ["release", str(folder), "--repo", REPO, "--smoke", "off", "--hub", hub.url]
        code, output = run(local_hub.token, capsys, *arguments)
        assert code == expected, output
        assert not [request for request in hub.strayed if request[1]]
    assert listing(folder) == before
    if code and repo_exists(local_hub):
        assert hfver.versions(REPO, hub=local_hub).releases == ()


def test_an_upload_is_not_verified_at_another_host(
    local_hub: LocalHub, tmp_path: Path, fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lie = with_object(actions={"upload": {"href": "http://localhost:1/x"}, "verify": {"href": "http://localhost:1/v"}})
    with lying_proxy(local_hub.url, BATCH, lie) as hub:
        folder = str(model(tmp_path / "model"))
        release = ["release", folder, "--repo", REPO, "--smoke", "off", "--hub", hub.url]
        code, output = run(local_hub.token, capsys, *release)
    assert code == 4
    assert "a different host (localhost)" in output


@pytest.mark.parametrize("gone", ["config.json", MANIFEST])
def test_a_listing_that_changes_after_it_was_checked(gone: str, released: LocalHub, fresh: Path) -> None:
    lying = False

    def change(body: bytes) -> bytes:
        return json.dumps([one for one in json.loads(body) if one["path"] != gone]).encode() if lying else body

    with lying_proxy(released.url, TREE, change) as hub:
        hfver.resolve(REPO, hub=hub.url, token=released.token)
        lying = True
        with pytest.raises(FileMissing, match=gone):
            hfver.pull(REPO, hub=hub.url, token=released.token)


def test_the_size_of_an_answer_is_bounded(
    released: LocalHub, fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hfver.hub.session.MAX_ANSWER", 1_000_000)
    bombs = {
        "plain": Answer(b" " * 1_100_000),
        "zipped": Answer(gzip.compress(bytes(30_000_000)), 200, {"content-encoding": "gzip"}),
    }
    for lie in bombs.values():
        with lying_proxy(released.url, REFS, lie) as hub, pytest.raises(HubError, match="more than"):
            Hub(hub.url, released.token).repo(REPO).refs()


def test_a_long_listing_is_read_page_by_page(local_hub: LocalHub, fresh: Path) -> None:
    """The next page is requested from the host of this one, even if a proxy has changed the Hub's own address."""
    from huggingface_hub import CommitOperationAdd, HfApi

    notes = [CommitOperationAdd(f"note-{number}.txt", b"x") for number in range(1010)]
    api = HfApi(local_hub.url, local_hub.token)
    api.create_repo(REPO)
    api.create_commit(REPO, notes, commit_message="notes")
    with lying_proxy(local_hub.url, "never", Answer()) as hub:
        reader = Hub(hub.url, local_hub.token)
        repo = reader.repo(REPO)
        assert len(repo.tree(repo.refs().main)) > 1010
