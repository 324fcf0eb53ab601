"""A Hub that nobody should believe: every answer is checked, and the token goes nowhere else."""

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
from tests.hostile.building import REPO, config, listing, model
from tests.hostile.doctoring import Lie, doctored

TREE, REFS, BATCH = r"/tree/", r"/refs\?", r"/objects/batch"
COMMIT = "a" * 40


def as_json(value: Any, **headers: str) -> Lie:
    return Lie(json.dumps(value).encode(), 200, {"content-type": "application/json", **headers})


def with_entry(**change: Any) -> Callable[[bytes], bytes]:
    """Change the first file of a listing."""

    def lie(body: bytes) -> bytes:
        entries = json.loads(body)
        first = next(entry for entry in entries if entry["type"] == "file")
        first.update(change)
        return json.dumps(entries).encode()

    return lie


def with_ref(**change: Any) -> Callable[[bytes], bytes]:
    """Change the first branch."""

    def lie(body: bytes) -> bytes:
        refs = json.loads(body)
        refs["branches"][0].update(change)
        return json.dumps(refs).encode()

    return lie


def with_object(**change: Any) -> Callable[[bytes], bytes]:
    """Change how the first LFS object is to be transferred."""

    def lie(body: bytes) -> bytes:
        answer = json.loads(body)
        for item in answer["objects"][:1]:
            item.update(change)
        return json.dumps(answer).encode()

    return lie


READING: dict[str, tuple[str, Any, int]] = {
    "refs that are no JSON": (REFS, Lie(b"<html>Log in</html>"), 4),
    "refs that are empty": (REFS, Lie(b""), 4),
    "refs that are a list": (REFS, as_json([]), 4),
    "refs that are null": (REFS, as_json(None), 4),
    "refs that are a number of 10,000 digits": (REFS, Lie(b"9" * 10_000), 4),
    "refs nested too deeply": (REFS, Lie(b"[" * 200_000), 4),
    "refs without names": (REFS, as_json({"branches": [{}]}), 4),
    "branches that are no list": (REFS, as_json({"branches": 7}), 4),
    "a branch that is a number": (REFS, with_ref(name=7), 4),
    "a branch of half a surrogate": (REFS, with_ref(name="\ud800"), 4),
    "a commit that climbs": (REFS, with_ref(targetCommit="../../../../outside/x"), 4),
    "a commit that is null": (REFS, with_ref(targetCommit=None), 4),
    "a commit that is a list": (REFS, with_ref(targetCommit=[COMMIT]), 4),
    "a pull request without a number": (REFS, as_json({"pullRequests": [{"ref": "x", "targetCommit": COMMIT}]}), 4),
    "a repo without main": (REFS, as_json({"branches": []}), 4),
    "a listing that is an object": (TREE, as_json({}), 3),
    "a listing of strings": (TREE, as_json(["model.safetensors"]), 4),
    "a listing without types": (TREE, as_json([{"path": "a"}]), 4),
    "a path that climbs": (TREE, with_entry(path="../../../outside/x"), 4),
    "a path that is absolute": (TREE, with_entry(path="/etc/x"), 4),
    "a path with backslashes": (TREE, with_entry(path="..\\..\\x"), 4),
    "a path with control characters": (TREE, with_entry(path="\x1b[2Jx"), 4),
    "a path into .git": (TREE, with_entry(path=".git/hooks/post-checkout"), 4),
    "a path that is null": (TREE, with_entry(path=None), 4),
    "a path of half a surrogate": (TREE, with_entry(path="\udc80"), 4),
    "a negative size": (TREE, with_entry(size=-1), 4),
    "a size that is text": (TREE, with_entry(size="1"), 4),
    "a size beyond all disks": (TREE, with_entry(size=2**70), 4),
    "a blob id that climbs": (TREE, with_entry(oid="../../x"), 4),
    "an object id that climbs": (TREE, with_entry(lfs={"oid": "../../../outside/x", "size": 1}), 4),
    "a file more than released": (TREE, with_entry(path="other.bin"), 3),
    "an endless listing": (TREE, as_json([], link='</api/models/acme/bot/tree/x>; rel="next"'), 4),
    "a listing that goes on at another host": (TREE, as_json([], link='<{other}/api/more>; rel="next"'), 3),
    "a redirect to another host": (TREE, Lie(b"", 307, {"location": "{other}/api/more"}), 3),
    "a redirect without end": (REFS, Lie(b"", 307, {"location": "/api/models/acme/bot/refs?x"}), 4),
    "a redirect to a file": (REFS, Lie(b"", 307, {"location": "file:///etc/passwd"}), 4),
    "a refusal with escapes": (REFS, Lie(b"", 403, {"x-error-message": "\x1b]0;x\x07\x1b[2J no"}), 4),
    "a warning with escapes": (REFS, as_json({"branches": []}, **{"x-hf-warning": "x; \x1b[2J\x9b2J\x07 hi"}), 4),
    "a refusal of ten megabytes": (REFS, Lie(b"x" * 10_000_000, 400), 4),
    "a status that nobody knows": (REFS, Lie(b"", 299), 4),
    "a manifest that is a page": (r"/resolve/.*manifest\.json", Lie(b"<html>"), 3),
    "a ledger that is a page": (r"/resolve/.*releases\.jsonl", Lie(b"<html>\n"), 3),
    "a body that is not what its encoding says": (REFS, Lie(b"{}", 200, {"content-encoding": "gzip"}), 4),
    "other weights": (r"/resolve/.*model\.safetensors", lambda body: bytes(len(body)), 3),
    "fewer weights": (r"/resolve/.*model\.safetensors", lambda body: body[:100], 0),
    "a file at another host": (r"/resolve/.*config\.json", Lie(b"", 302, {"location": "{other}/config.json"}), 4),
}

WRITING: dict[str, tuple[str, Any, int]] = {
    "a user that is a list": (r"/whoami", as_json([]), 4),
    "a user that is a number": (r"/whoami", as_json({"name": 7}), 4),
    "a repo that is created with nonsense": (r"/repos/create", as_json({}), 4),
    "modes that are null": (r"/preupload/", as_json(None), 4),
    "modes without files": (r"/preupload/", as_json({"files": [{}]}), 4),
    "a commit without an id": (r"/commit/", as_json({}), 4),
    "a commit whose id climbs": (r"/commit/", as_json({"commitOid": "../../x"}), 4),
    "a batch that is null": (BATCH, as_json(None), 4),
    "a batch without objects": (BATCH, as_json({}), 4),
    "an upload to a file": (BATCH, with_object(actions={"upload": {"href": "file:///etc/x"}}), 4),
    "an upload to nowhere": (BATCH, with_object(actions={"upload": {}}), 4),
    "an upload of javascript": (BATCH, with_object(actions={"upload": {"href": "javascript:1"}}), 4),
    "an object with another name": (BATCH, with_object(oid="../x"), 4),
    "a copy into a folder of ours": (
        BATCH,
        lambda body: json.dumps({**json.loads(body), "transfer": "hfver-copy"}).encode(),
        4,
    ),
    "an error with escapes": (BATCH, with_object(error={"code": 422, "message": "\x1b[2J\x07no"}), 4),
}


@pytest.fixture
def fresh(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """An empty Hugging Face cache, a small limit of pages, and no waiting between tries."""
    cache = tmp_path / "cache" / "hf"
    monkeypatch.setenv("HFVER_CACHE", str(tmp_path / "cache" / "hfver"))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("hfver.hub.client.MAX_PAGES", 5)
    monkeypatch.setattr("time.sleep", lambda _: None)
    return cache


@pytest.fixture(scope="module")
def released(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalHub]:
    """One honest release for all: nothing here can change it."""
    folder = tmp_path_factory.mktemp("released")
    with LocalHub(folder / "hub") as hub:
        hfver.release(model(folder / "model"), REPO, hub=hub, smoke="off")
        yield hub


def run(token: str, capsys: pytest.CaptureFixture[str], *arguments: str) -> tuple[int, str]:
    """Run the command with a token; whatever it says is fit for a terminal, and has no token in it."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("HF_TOKEN", token)
        code = main(list(arguments))
    told = capsys.readouterr()
    said = told.out + told.err
    assert token not in said
    assert not set(said) & set("\x1b\x07\x9b")
    assert "InternalError" not in said
    assert "did not expect" not in said
    assert len(said) < 5000
    return code, said


def made(hub: LocalHub) -> bool:
    """Tell whether the repo exists."""
    return Hub(hub.url, hub.token).repo(REPO).find_refs() is not None


@pytest.mark.parametrize("name", READING)
def test_reading_from_a_liar(
    name: str, released: LocalHub, tmp_path: Path, fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, lie, expected = READING[name]
    (tmp_path / "outside").mkdir()
    before = listing(tmp_path / "outside"), set(tmp_path.iterdir())
    with doctored(released.url, path, lie) as hub:
        code, said = run(released.token, capsys, "pull", REPO, str(tmp_path / "target"), "--hub", hub.url)
        assert code == expected, said
        assert (tmp_path / "target").exists() is (code == 0)
        assert not [one for one in hub.strayed if one[1]]
    assert (listing(tmp_path / "outside"), set(tmp_path.iterdir()) - {fresh.parent, tmp_path / "target"}) == before


@pytest.mark.parametrize("name", READING)
def test_loading_from_a_liar(
    name: str, released: LocalHub, tmp_path: Path, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A load refuses before any library is asked to build a model: here there is none."""
    path, lie, expected = READING[name]
    for library in ("torch", "transformers"):
        monkeypatch.setitem(sys.modules, library, None)
    with doctored(released.url, path, lie) as hub, pytest.raises(HfverError) as caught:
        hfver.load(REPO, hub=hub.url, token=released.token, device="cpu", lock=False)
    assert caught.value.exit_code == (expected or UsageError.exit_code), caught.value
    assert ("torch" in str(caught.value)) is (expected == 0)
    assert not [one for one in hub.strayed if one[1]]
    assert set(tmp_path.iterdir()) <= {fresh.parent}


PORTAL = Lie(b"<!doctype html><title>Welcome to the airport</title>", 200, {"content-type": "text/html"})
ANYWHERE = "^/"
ASKING: dict[str, tuple[str, list[str]]] = {
    "versions": (ANYWHERE, ["versions", REPO]),
    "show": (ANYWHERE, ["show", REPO]),
    "diff": (ANYWHERE, ["diff", REPO, f"{REPO}@1.0.0"]),
    "pull": (ANYWHERE, ["pull", REPO]),
    "verify": (ANYWHERE, ["verify", REPO]),
    "smoke": (ANYWHERE, ["smoke", REPO, "--device", "cpu"]),
    "changelog": (ANYWHERE, ["changelog", REPO]),
    "lock": (ANYWHERE, ["lock", REPO]),
    "yank": (ANYWHERE, ["yank", f"{REPO}@1.0.0", "--reason", "x"]),
    "adopt": (ANYWHERE, ["adopt", REPO]),
    "audit": (ANYWHERE, ["audit", REPO]),
    "an audit's objects": (BATCH, ["audit", REPO]),
    "an audit's git": (r"git-upload-pack", ["audit", REPO]),
    "finish": (ANYWHERE, ["release", "--finish", f"{REPO}#1"]),
    "finish's thread": (r"/discussions", ["release", "--finish", f"{REPO}#1"]),
    "release": (ANYWHERE, ["release", "model", "--repo", REPO, "--smoke", "off"]),
    "review": (
        r"/discussions",
        ["release", "model", "--repo", REPO, "--smoke", "off", "--review", "--version", "9.0.0"],
    ),
}


@pytest.mark.parametrize("name", ASKING)
def test_a_page_where_an_answer_should_be(
    name: str,
    released: LocalHub,
    tmp_path: Path,
    fresh: Path,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path, arguments = ASKING[name]
    monkeypatch.chdir(tmp_path)
    if "model" in arguments:
        config(model(tmp_path / "model"), vocab_size=9)
    with doctored(released.url, path, PORTAL) as hub:
        code, said = run(released.token, capsys, *arguments, "--hub", hub.url, "--json")
    assert code == 4, said
    error = json.JSONDecoder().raw_decode(said)[0]["error"]
    assert error["hint"], said


def test_a_page_is_no_name(released: LocalHub, fresh: Path) -> None:
    with doctored(released.url, "expand=sha", PORTAL) as hub, pytest.raises(HubError, match="is not one of a Hub"):
        Hub(hub.url, released.token).repo(REPO).find_name()


@pytest.mark.parametrize("name", WRITING)
def test_writing_to_a_liar(
    name: str, local_hub: LocalHub, tmp_path: Path, fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path, lie, expected = WRITING[name]
    folder = model(tmp_path / "model")
    before = listing(folder)
    with doctored(local_hub.url, path, lie) as hub:
        arguments = ["release", str(folder), "--repo", REPO, "--smoke", "off", "--hub", hub.url]
        code, said = run(local_hub.token, capsys, *arguments)
        assert code == expected, said
        assert not [one for one in hub.strayed if one[1]]
    assert listing(folder) == before
    if code and made(local_hub):
        assert hfver.versions(REPO, hub=local_hub).releases == ()


def test_an_object_is_not_confirmed_to_another_host(
    local_hub: LocalHub, tmp_path: Path, fresh: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    lie = with_object(actions={"upload": {"href": "http://localhost:1/x"}, "verify": {"href": "http://localhost:1/v"}})
    with doctored(local_hub.url, BATCH, lie) as hub:
        folder = str(model(tmp_path / "model"))
        code, said = run(local_hub.token, capsys, "release", folder, "--repo", REPO, "--smoke", "off", "--hub", hub.url)
    assert code == 4
    assert "a different host (localhost)" in said


@pytest.mark.parametrize("gone", ["config.json", MANIFEST])
def test_a_listing_that_changes_after_it_was_believed(gone: str, released: LocalHub, fresh: Path) -> None:
    lying = False

    def lie(body: bytes) -> bytes:
        return json.dumps([one for one in json.loads(body) if one["path"] != gone]).encode() if lying else body

    with doctored(released.url, TREE, lie) as hub:
        hfver.resolve(REPO, hub=hub.url, token=released.token)
        lying = True
        with pytest.raises(FileMissing, match=gone):
            hfver.pull(REPO, hub=hub.url, token=released.token)


def test_an_answer_of_any_size_has_an_end(
    released: LocalHub, fresh: Path, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr("hfver.hub.session.MAX_ANSWER", 1_000_000)
    bombs = {
        "plain": Lie(b" " * 1_100_000),
        "zipped": Lie(gzip.compress(bytes(30_000_000)), 200, {"content-encoding": "gzip"}),
    }
    for lie in bombs.values():
        with doctored(released.url, REFS, lie) as hub, pytest.raises(HubError, match="more than"):
            Hub(hub.url, released.token).repo(REPO).refs()


def test_a_long_listing_is_read_page_by_page(local_hub: LocalHub, fresh: Path) -> None:
    """The next page is asked for where this one came from, also when a proxy has changed the Hub's own address."""
    from huggingface_hub import CommitOperationAdd, HfApi

    notes = [CommitOperationAdd(f"note-{number}.txt", b"x") for number in range(1010)]
    api = HfApi(local_hub.url, local_hub.token)
    api.create_repo(REPO)
    api.create_commit(REPO, notes, commit_message="notes")
    with doctored(local_hub.url, "never", Lie()) as hub:
        reader = Hub(hub.url, local_hub.token)
        repo = reader.repo(REPO)
        assert len(repo.tree(repo.refs().main)) > 1010
