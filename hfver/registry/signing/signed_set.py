"""Which files a release's signature covers, with their hashes."""

from __future__ import annotations

from pathlib import PurePosixPath

from hfver.core.manifest import MANIFEST, SIGNATURE, Manifest

__all__ = ["IGNORED", "signed_set"]

IGNORED = (SIGNATURE, ".git", ".gitattributes", ".github", ".gitignore", ".cache/huggingface")
"""What is not signed. model-signing ignores git's files by default, and ``hf download --local-dir`` adds files of its
own. Those that belong to the release are covered indirectly: by the manifest, which is signed."""


def signed_set(manifest: Manifest, digest: str) -> dict[str, str]:
    """Return what a release's signature covers: the SHA-256 (64 hex digits) of each file, and of the manifest, by path.

    Args:
        manifest: The release's manifest.
        digest: The digest of the manifest's bytes as they are stored.
    """
    files = {path: entry.sha256 for path, entry in manifest.files.items() if not _is_ignored(path)}
    return {**files, MANIFEST: digest.removeprefix("sha256:")}


def _is_ignored(path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(ignored) for ignored in IGNORED)
