"""The signed set: which files a release's signature covers, with their hashes."""

from __future__ import annotations

from pathlib import PurePosixPath

from hfver.core.manifest import MANIFEST, SIGNATURE, Manifest

__all__ = ["IGNORED", "signed_set"]

IGNORED = (SIGNATURE, ".git", ".gitattributes", ".github", ".gitignore", ".cache/huggingface")
"""What is not signed: model-signing leaves out git's files by itself, and ``hf download --local-dir`` leaves its own
notes beside a model. Those that are files of the release are bound through the manifest, which is signed."""


def signed_set(manifest: Manifest, digest: str) -> dict[str, str]:
    """List what a release's signature covers: path to SHA-256 (64 hex digits), the manifest among them.

    Args:
        manifest: The release's manifest.
        digest: The digest of the manifest's bytes as they are stored.
    """
    files = {path: entry.sha256 for path, entry in manifest.files.items() if not _is_ignored(path)}
    return {**files, MANIFEST: digest.removeprefix("sha256:")}


def _is_ignored(path: str) -> bool:
    return any(PurePosixPath(path).is_relative_to(ignored) for ignored in IGNORED)
