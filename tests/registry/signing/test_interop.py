"""model-signing's own verifier accepts what hfver signed, and hfver accepts what model-signing signed."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest
from model_signing import hashing, signing, verifying

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import ATTRIBUTES, SIGNATURE
from hfver.errors import SignatureInvalid
from tests.registry.signing.conftest import REPO, MakeFolder, Pair, release


def model_signing(*words: object) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "model_signing", *map(str, words)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def verify_with_library(directory: Path, pair: Pair, *, links: bool = False) -> None:
    """Check a folder against its signature with model-signing's own verifier."""
    config = verifying.Config().use_elliptic_key_verifier(public_key=pair.public)  # type: ignore[no-untyped-call]
    if links:
        ours = hashing.Config().set_allow_symlinks(True)  # type: ignore[no-untyped-call]
        config.set_hashing_config(ours.set_ignored_paths(paths=[SIGNATURE]))
    config.verify(directory, directory / SIGNATURE)


def test_model_signing_accepts_what_hfver_signed(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path
) -> None:
    release(folder(), local_hub, sign=pair.sign)
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    assert not (pulled / ATTRIBUTES).exists()
    key = "--signature", pulled / SIGNATURE, "--public_key", pair.public
    done = model_signing("verify", "key", pulled, *key)
    assert done.returncode == 0, done.stderr

    # A clone also has git's own files, and the cache has links: both are the same release.
    (pulled / ATTRIBUTES).write_text("*.safetensors filter=lfs\n")
    (pulled / ".cache" / "huggingface").mkdir(parents=True)
    (pulled / ".cache" / "huggingface" / "notes").write_text("hf download leaves this")
    verify_with_library(pulled, pair)
    snapshot = hfver.pull(REPO, hub=local_hub).path
    assert (snapshot / SIGNATURE).is_symlink()
    verify_with_library(snapshot, pair, links=True)
    assert hfver.verify(str(snapshot), hub=local_hub, public_key=pair.public).signed_by

    (pulled / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="Hash mismatch for 'config.json'"):
        verify_with_library(pulled, pair)


def test_hfver_accepts_what_model_signing_signed(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path
) -> None:
    """The release was published without a signature; somebody who pulled it signs it with model-signing."""
    release(folder(), local_hub)
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    signature, key = pulled / SIGNATURE, ("--private_key", pair.private)
    done = model_signing("sign", "key", pulled, "--signature", signature, *key)
    assert done.returncode == 0, done.stderr
    assert hfver.verify(str(pulled), hub=local_hub, public_key=pair.public).signed_by
    verify_with_library(pulled, pair)

    config = signing.Config().use_elliptic_key_signer(private_key=pair.private)  # type: ignore[no-untyped-call]
    part = hashing.Config().set_ignored_paths(paths=["model.safetensors", SIGNATURE])  # type: ignore[no-untyped-call]
    config.set_hashing_config(part).sign(pulled, signature)
    with pytest.raises(SignatureInvalid, match="lacks model.safetensors"):
        hfver.verify(str(pulled), hub=local_hub, public_key=pair.public)


def test_unsupported_ways_to_hash_are_named(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path
) -> None:
    """model-signing can also hash shards, or with BLAKE; hfver only supports SHA-256 of files, and says so."""
    release(folder(), local_hub)
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    config = signing.Config().use_elliptic_key_signer(private_key=pair.private)  # type: ignore[no-untyped-call]
    shards = hashing.Config().use_shard_serialization()  # type: ignore[no-untyped-call]
    config.set_hashing_config(shards).sign(pulled, tmp_path / SIGNATURE)
    (tmp_path / SIGNATURE).rename(pulled / SIGNATURE)
    with pytest.raises(SignatureInvalid, match="signed sha256 hashes of shards"):
        hfver.verify(str(pulled), hub=local_hub, public_key=pair.public)
