"""A tour of the client's API against an embedded Hub; runs under huggingface_hub 1.x and 2.x.

HF_HUB_DISABLE_XET=1 python client_tour.py URL TOKEN WORKDIR
"""

from __future__ import annotations

import sys
from pathlib import Path

from huggingface_hub import CommitOperationAdd, CommitOperationCopy, CommitOperationDelete, HfApi
from huggingface_hub.errors import (
    EntryNotFoundError,
    HfHubHTTPError,
    RepositoryNotFoundError,
    RevisionNotFoundError,
)

WEIGHTS = bytes(range(256)) * 5000


def tour(api: HfApi, work: Path, repo: str = "tour/model") -> None:
    """Do what publishers and readers do."""
    assert api.whoami()["type"] == "user"
    assert api.create_repo(repo, private=True).repo_id == repo
    api.create_repo(repo, exist_ok=True)
    first = _publish(api, work, repo)
    _refs(api, repo, first)
    _read(api, work, repo, first)
    _change(api, repo, first)
    _errors(api, repo, first)
    api.update_repo_settings(repo, private=False)
    api.move_repo(repo, f"{repo}-moved")
    assert api.model_info(repo).id == f"{repo}-moved"
    api.delete_repo(f"{repo}-moved")
    assert not api.repo_exists(repo)


def _publish(api: HfApi, work: Path, repo: str) -> str:
    weights = work / "model.safetensors"
    weights.write_bytes(WEIGHTS)
    additions = [
        CommitOperationAdd("model.safetensors", str(weights)),
        CommitOperationAdd("README.md", b"---\nlicense: mit\n---\n# Hello\n"),
        CommitOperationAdd("nested/config.json", b"{}"),
    ]
    api.preupload_lfs_files(repo, additions[:1])
    commit = api.create_commit(repo, additions, commit_message="First", commit_description="With words")
    assert commit.oid == api.model_info(repo).sha
    assert api.list_repo_commits(repo)[0].message == "With words"
    return str(commit.oid)


def _refs(api: HfApi, repo: str, commit: str) -> None:
    api.create_tag(repo, tag="v1.0.0", tag_message="One", revision=commit)
    api.create_branch(repo, branch="hfver/abc", revision="v1.0.0")
    refs = api.list_repo_refs(repo, include_pull_requests=True)
    assert [(tag.name, tag.target_commit) for tag in refs.tags] == [("v1.0.0", commit)]
    assert {branch.name for branch in refs.branches} == {"main", "hfver/abc"}
    api.delete_branch(repo, branch="hfver/abc")
    api.create_tag(repo, tag="other")
    api.delete_tag(repo, tag="other")


def _read(api: HfApi, work: Path, repo: str, commit: str) -> None:
    tree = {item.path: item for item in api.list_repo_tree(repo, recursive=True, revision="v1.0.0", expand=True)}
    assert set(tree) == {".gitattributes", "README.md", "model.safetensors", "nested", "nested/config.json"}
    assert [item.path for item in api.get_paths_info(repo, ["nested", "absent", "README.md"])] == [
        "nested",
        "README.md",
    ]
    info = api.model_info(repo, files_metadata=True)
    sizes = {sibling.rfilename: sibling.size for sibling in info.siblings or []}
    assert sizes["model.safetensors"] == len(WEIGHTS)
    path = api.hf_hub_download(repo, "model.safetensors", revision="v1.0.0", cache_dir=work / "cache")
    assert Path(path).read_bytes() == WEIGHTS
    folder = api.snapshot_download(repo, revision=commit, cache_dir=work / "cache")
    assert (Path(folder) / "nested" / "config.json").read_text() == "{}"


def _change(api: HfApi, repo: str, first: str) -> None:
    operations: list[CommitOperationAdd | CommitOperationCopy | CommitOperationDelete] = [
        CommitOperationCopy("model.safetensors", "copy.safetensors"),
        CommitOperationCopy("README.md", "COPY.md"),
        CommitOperationDelete("nested/"),
    ]
    api.create_commit(repo, operations, commit_message="Second", parent_commit=first)
    assert set(api.list_repo_files(repo)) == {
        ".gitattributes",
        "README.md",
        "COPY.md",
        "copy.safetensors",
        "model.safetensors",
    }
    request = api.create_commit(
        repo, [CommitOperationAdd("proposal.txt", b"?")], commit_message="Propose", create_pr=True
    )
    assert request.pr_revision == "refs/pr/1"
    assert "proposal.txt" in api.list_repo_files(repo, revision="refs/pr/1")
    assert "proposal.txt" not in api.list_repo_files(repo)


def _errors(api: HfApi, repo: str, stale: str) -> None:
    _expect(
        412,
        lambda: api.create_commit(
            repo, [CommitOperationAdd("late", b"late")], commit_message="Late", parent_commit=stale
        ),
    )
    _expect(409, lambda: api.create_tag(repo, tag="v1.0.0"))
    _expect(409, lambda: api.create_repo(repo))
    for kind, call in (
        (RevisionNotFoundError, lambda: api.model_info(repo, revision="absent")),
        (EntryNotFoundError, lambda: api.hf_hub_download(repo, "absent")),
        (RepositoryNotFoundError, lambda: api.model_info(f"{repo}-absent")),
    ):
        try:
            call()
        except kind:
            continue
        raise AssertionError(f"no {kind.__name__}")


def _expect(status: int, call: object) -> None:
    assert callable(call)
    try:
        call()
    except HfHubHTTPError as error:
        assert error.response.status_code == status, error
        return
    raise AssertionError(f"no {status}")


if __name__ == "__main__":
    tour(HfApi(endpoint=sys.argv[1], token=sys.argv[2]), Path(sys.argv[3]))
    import huggingface_hub

    print("tour done with huggingface_hub", huggingface_hub.__version__)
