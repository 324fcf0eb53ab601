"""Releases to a Hub that edits ``.gitattributes`` in the commits that it makes."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.lfs import lfs_attributes
from hfver.errors import VerificationError
from tests.faults.conftest import TOKEN, write_checkpoint
from tests.faults.plain_attributes import LFS, PlainAttributes
from tests.faults.proxy import Proxy

LARGE = 11_000_000


def write_large(folder: Path, *names: str) -> Path:
    write_checkpoint(folder)
    for name in names:
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_text("{}" + " " * LARGE)
    return folder


def attributes(hub: LocalHub, repo: str, revision: str) -> str:
    api = HfApi(hub.url, token=hub.token)
    return Path(api.hf_hub_download(repo, ".gitattributes", revision=revision)).read_text()


def release(folder: Path, repo: str, proxy: Proxy, **options: str) -> hfver.Release:
    return hfver.release(folder, repo, hub=proxy.url, token=TOKEN, smoke="off", **options)  # type: ignore[arg-type]


def test_a_large_file_is_released_to_a_hub_that_knows_only_plain_patterns(
    proxy: Proxy, busy_hub: LocalHub, tmp_path: Path
) -> None:
    plain = PlainAttributes()
    proxy.on(r"POST .*/commit/", plain, times=None)
    folder = write_large(tmp_path / "model", "tokenizer.json", "training notes.txt")
    assert release(folder, "acme/plain", proxy).version == "1.0.0"
    assert plain.added == []  # what hfver writes is what the Hub writes
    (folder / "README.txt").write_text("more\n")
    again = release(write_checkpoint(folder), "acme/plain", proxy)
    pulled = hfver.pull(f"acme/plain@{again.version}", tmp_path / "pulled", hub=proxy.url, token=TOKEN)
    assert (pulled.path / "tokenizer.json").stat().st_size == LARGE + 2
    assert hfver.audit("acme/plain", hub=busy_hub, token=TOKEN).findings == ()


def test_rules_that_the_hub_appends_are_accepted(proxy: Proxy, busy_hub: LocalHub, tmp_path: Path) -> None:
    rule = f"model[[:space:]]weights.bin {LFS}\n"
    proxy.on(r"POST .*/commit/", PlainAttributes(extra=rule), times=None)
    folder = write_large(tmp_path / "model", "tokenizer.json")
    done = release(folder, "acme/appended", proxy)
    sent = lfs_attributes(["model.safetensors", "tokenizer.json"]).decode()
    assert attributes(busy_hub, "acme/appended", done.commit) == sent + rule
    assert attributes(busy_hub, "acme/appended", "main").startswith(sent + rule)
    assert hfver.verify("acme/appended@1.0.0", hub=busy_hub, token=TOKEN)


@pytest.mark.parametrize(
    "extra",
    [
        "*.json filter=evil\n",
        "*.json text working-tree-encoding=UTF-16\n",
        f"*.json {LFS} eol=crlf\n",
        f"{LFS}\n",
        f"[attr]lfs {LFS}\n",
        "*.safetensors !filter !diff !merge text\n",
        f'"/tokenizer.json" {LFS}\n\n*.md -diff\n',
    ],
)
def test_other_rules_that_the_hub_adds_are_not_accepted(
    proxy: Proxy, busy_hub: LocalHub, tmp_path: Path, extra: str
) -> None:
    proxy.on(r"POST .*/commit/", PlainAttributes(extra=extra), times=None)
    name = f"acme/refused-{abs(hash(extra))}"
    with pytest.raises(VerificationError, match=r"\.gitattributes"):
        release(write_checkpoint(tmp_path / "model"), name, proxy)
    assert hfver.versions(name, hub=busy_hub, token=TOKEN).releases == ()


def test_a_changed_file_that_became_binary_is_stored_in_lfs(proxy: Proxy, busy_hub: LocalHub, tmp_path: Path) -> None:
    folder = write_checkpoint(tmp_path / "model")
    (folder / "vocab.txt").write_text("a\nb\n")
    release(folder, "acme/binary", proxy)
    (folder / "vocab.txt").write_bytes(b"\x00\xff" * 100)
    done = release(folder, "acme/binary", proxy)
    api = HfApi(busy_hub.url, token=busy_hub.token)
    (found,) = api.get_paths_info("acme/binary", ["vocab.txt"], revision=done.commit)
    assert getattr(found, "lfs", None) is not None
    assert f"\nvocab.txt {LFS}\n" in attributes(busy_hub, "acme/binary", done.commit)


def test_files_of_the_same_name_are_stored_alike_so_that_a_clone_is_clean(
    proxy: Proxy, busy_hub: LocalHub, tmp_path: Path
) -> None:
    names = ("tokenizer.json", "manifest.json", "releases.jsonl", "[odd] #1.txt", "#hash.txt", "!not.txt")
    folder = write_large(tmp_path / "model", *names)
    (folder / "small").mkdir()
    (folder / "small" / "tokenizer.json").write_text("{}")
    release(folder, "acme/names", proxy)
    clone = tmp_path / "clone"
    address = busy_hub.url.replace("://", f"://user:{busy_hub.token}@")
    git = ["git", "-c", "filter.lfs.smudge=git-lfs smudge -- %f", "-c", "filter.lfs.clean=git-lfs clean -- %f"]
    git += ["-c", "filter.lfs.process=git-lfs filter-process", "-c", "filter.lfs.required=true"]
    subprocess.run([*git, "clone", "-q", f"{address}/acme/names", clone], check=True)
    assert {name: (clone / name).stat().st_size for name in names} == dict.fromkeys(names, LARGE + 2)
    (clone / "config.json").touch()
    subprocess.run(["git", "-C", clone, "update-index", "-q", "--really-refresh"], check=False)
    for path in clone.rglob("*"):
        if path.is_file() and ".git" not in path.parts:
            path.touch()
    status = subprocess.run([*git, "-C", clone, "status", "--short"], capture_output=True, text=True, check=True)
    assert status.stdout == ""
