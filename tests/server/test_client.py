"""The unmodified client: huggingface_hub against the Hub."""

from __future__ import annotations

import json
import struct
import warnings
from pathlib import Path

import pytest
from huggingface_hub import HfApi, HfFileSystem, metadata_load
from huggingface_hub.errors import RepositoryNotFoundError

from hfver.server import EmbeddedHub

from .client_tour import tour
from .tools import REPO, ROOT, head_of, last_commit, lfs_oid, python, sha256, write


def test_the_tour_runs(api: HfApi, tmp_path: Path) -> None:
    tour(api, tmp_path)


def test_the_tour_runs_as_a_program(hub: EmbeddedHub, tmp_path: Path) -> None:
    program = (ROOT / "tests" / "server" / "client_tour.py").read_text()
    done = python(program, hub.url, hub.token, str(tmp_path), HF_HUB_DISABLE_XET="1", HF_HOME=str(tmp_path / "home"))
    assert done.returncode == 0, done.stderr
    assert "tour done" in done.stdout


@pytest.mark.parametrize("kind", ["model", "dataset", "space"])
def test_every_kind_of_repo_takes_files(api: HfApi, kind: str, tmp_path: Path) -> None:
    api.create_repo("demo/thing", repo_type=kind, space_sdk="static" if kind == "space" else None)
    api.upload_file(path_or_fileobj=b"\0" * 100, path_in_repo="a.bin", repo_id="demo/thing", repo_type=kind)
    path = api.hf_hub_download("demo/thing", "a.bin", repo_type=kind, cache_dir=tmp_path)
    assert Path(path).read_bytes() == b"\0" * 100
    assert api.repo_info("demo/thing", repo_type=kind).id == "demo/thing"


def test_upload_folder_and_snapshot_give_the_same_files(api: HfApi, repo: str, tmp_path: Path) -> None:
    source = tmp_path / "source"
    (source / "deep" / "er").mkdir(parents=True)
    contents = {"model.safetensors": b"w" * 300_000, "deep/er/ünïcode name.txt": "é".encode(), "empty.txt": b""}
    for name, data in contents.items():
        (source / name).write_bytes(data)
    api.upload_folder(repo_id=repo, folder_path=source)
    snapshot = Path(api.snapshot_download(repo, cache_dir=tmp_path / "cache"))
    assert {name: (snapshot / name).read_bytes() for name in contents} == contents


def test_an_lfs_file_without_a_rule_gets_one(api: HfApi, repo: str) -> None:
    write(api, {"odd name[1].weird": b"\0" * 100})
    (info,) = api.get_paths_info(repo, ["odd name[1].weird"])
    assert lfs_oid(info) == sha256(b"\0" * 100)
    rules = Path(api.hf_hub_download(repo, ".gitattributes")).read_text()
    assert r"odd[[:space:]]name\[1\].weird filter=lfs diff=lfs merge=lfs -text" in rules


def test_unchanged_files_are_dropped_by_the_client(api: HfApi, repo: str) -> None:
    files = {"a.txt": b"same", "model.safetensors": b"same"}
    assert write(api, files) == head_of(api)
    before = len(api.list_repo_commits(repo))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        write(api, files)
    assert len(api.list_repo_commits(repo)) == before


def test_a_gitignore_in_the_repo_keeps_files_out(api: HfApi, repo: str) -> None:
    write(api, {".gitignore": b"*.log\ncache/\n!keep.log\n"})
    write(api, {"a.log": b"1", "keep.log": b"1", "cache/x": b"1", "b.txt": b"1"})
    assert set(api.list_repo_files(repo)) == {".gitattributes", ".gitignore", "keep.log", "b.txt"}


def test_a_long_listing_is_paged(api: HfApi, repo: str) -> None:
    write(api, {f"many/{number:04}.txt": b"x" for number in range(1050)})
    assert len(list(api.list_repo_tree(repo, "many"))) == 1050
    expanded = list(api.list_repo_tree(repo, "many", expand=True))
    assert len(expanded) == 1050
    assert all(last_commit(item).title == "write" for item in expanded)


def test_last_commit_is_that_of_the_path(api: HfApi, repo: str) -> None:
    first = write(api, {"old.txt": b"1", "folder/a": b"1"})
    second = write(api, {"new.txt": b"1", "folder/b": b"1"})
    items = {item.path: item for item in api.get_paths_info(repo, ["old.txt", "new.txt", "folder"], expand=True)}
    found = {path: last_commit(item).oid for path, item in items.items()}
    assert found == {"old.txt": first, "new.txt": second, "folder": second}


def _safetensors(**tensors: tuple[str, list[int]]) -> bytes:
    facts = {name: {"dtype": dtype, "shape": shape, "data_offsets": [0, 0]} for name, (dtype, shape) in tensors.items()}
    text = json.dumps({"__metadata__": {"format": "pt"}, **facts}).encode()
    return struct.pack("<Q", len(text)) + text


def test_model_info_counts_parameters(api: HfApi, repo: str) -> None:
    write(api, {"model.safetensors": _safetensors(a=("F32", [3, 4]), b=("BF16", [5]), c=("F32", []))})
    safetensors = api.model_info(repo).safetensors
    assert safetensors is not None
    assert (safetensors.parameters, safetensors.total) == ({"BF16": 5, "F32": 13}, 18)


def test_parameters_of_shards_add_up(api: HfApi, repo: str) -> None:
    shard, names = _safetensors(a=("F16", [7])), ["model-1.safetensors", "model-2.safetensors"]
    index = json.dumps({"metadata": {}, "weight_map": {"a": names[0], "b": names[1]}}).encode()
    write(
        api, {"model.safetensors.index.json": index, "consolidated.safetensors": shard, **dict.fromkeys(names, shard)}
    )
    safetensors = api.model_info(repo, expand=["safetensors"]).safetensors
    assert safetensors is not None
    assert safetensors.total == 14


def test_malformed_safetensors_headers_are_ignored(api: HfApi, repo: str) -> None:
    for number, data in enumerate((b"", b"\xff" * 8, struct.pack("<Q", 2**40), b"\2\0\0\0\0\0\0\0[]", b"\0" * 20)):
        write(api, {"model.safetensors": data + bytes([number])})
        assert api.model_info(repo).safetensors is None


def test_model_info_contains_the_metadata_of_the_card(api: HfApi, repo: str) -> None:
    card = (
        b"---\nlicense: mit\npipeline_tag: text-generation\nlibrary_name: peft\ntags: [a, 1]\ndate: 2024-01-01\n---\n"
    )
    write(api, {"README.md": card})
    info = api.model_info(repo)
    assert (info.pipeline_tag, info.library_name) == ("text-generation", "peft")
    assert info.card_data is not None
    assert info.card_data.license == "mit"
    assert "license:mit" in (info.tags or [])
    assert [model.id for model in api.list_models(search="demo", full=True)] == [REPO]


def test_private_repos_are_not_listed_for_others(hub: EmbeddedHub, api: HfApi, repo: str) -> None:
    api.create_repo("ann/secret", private=True)
    for token, expected in (
        (hub.token, {"ann/secret", repo}),
        ("ann-token", {"ann/secret", repo}),
        ("bob-token", {repo}),
    ):
        assert {model.id for model in HfApi(endpoint=hub.url, token=token).list_models()} == expected
    assert [model.id for model in api.list_models(author="ANN")] == ["ann/secret"]
    assert len(list(api.list_models(limit=1))) == 1


def test_ids_ignore_case_and_moved_repos_redirect(api: HfApi, repo: str) -> None:
    write(api, {"a.txt": b"1"})
    assert api.model_info("Demo/MODEL").id == repo
    api.move_repo(repo, "Demo/Renamed")
    assert api.model_info(repo).id == "Demo/Renamed"
    assert Path(api.hf_hub_download(repo, "a.txt")).read_bytes() == b"1"
    api.create_repo(repo)
    assert api.model_info(repo).id == repo
    with pytest.raises(RepositoryNotFoundError):
        api.model_info("demo/nothing")


def test_a_recreated_repo_is_empty(api: HfApi, repo: str) -> None:
    write(api, {"a.txt": b"1"})
    api.delete_repo(repo)
    api.create_repo(repo)
    assert api.list_repo_files(repo) == [".gitattributes"]


def test_the_file_system_interface_reads_and_writes(hub: EmbeddedHub, repo: str) -> None:
    files = HfFileSystem(endpoint=hub.url, token=hub.token, skip_instance_cache=True)
    with files.open(f"{repo}/made.txt", "wb") as file:
        file.write(b"hello")
    assert files.cat_file(f"{repo}/made.txt") == b"hello"
    assert files.read_block(f"{repo}/made.txt", 1, 3) == b"ell"
    assert f"{repo}/made.txt" in files.ls(repo, detail=False)


def test_a_card_is_validated(api: HfApi, repo: str, tmp_path: Path) -> None:
    write(api, {"README.md": b"---\nlicense: mit\n---\n"})
    assert metadata_load(api.hf_hub_download(repo, "README.md")) == {"license": "mit"}
    with pytest.raises(ValueError, match="aliases"):
        write(api, {"README.md": b"---\na: &x [1]\nb: *x\n---\n"})
    with pytest.raises(ValueError, match="Invalid metadata"):
        write(api, {"README.md": b"---\n{[\n---\n"})
