"""Publish as somebody would with huggingface_hub alone: ``python -m benchmarks.upload HOW REPO DIR VERSION``."""

from __future__ import annotations

import sys
from pathlib import Path

from huggingface_hub import CommitOperationAdd, HfApi


def main(how: str, repo: str, folder: str, version: str) -> None:
    """Upload by ``upload_folder`` or ``create_commit``, then tag."""
    api = HfApi()
    api.create_repo(repo, exist_ok=True, private=True)
    if how == "upload_folder":
        commit = api.upload_folder(repo_id=repo, folder_path=folder, commit_message=version)
    else:
        additions = [CommitOperationAdd(path.name, path) for path in sorted(Path(folder).iterdir())]
        commit = api.create_commit(repo, additions, commit_message=version)
    api.create_tag(repo, tag=f"v{version}", revision=commit.oid)


if __name__ == "__main__":
    main(*sys.argv[1:])
