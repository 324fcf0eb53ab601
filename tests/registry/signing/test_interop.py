"""model-signing's own verifier takes what hfver signed, and hfver takes what model-signing signed."""

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


def theirs(directory: Path, pair: Pair, *, links: bool = False) -> None:
    """Have model-signing's own verifier look whether a folder is what its signature says."""
    config = verifying.Config().use_elliptic_key_verifier(public_key=pair.public)  # type: ignore[no-untyped-call]
    if links:
        ours = hashing.Config().set_allow_symlinks(True)  # type: ignore[no-untyped-call]
        config.set_hashing_config(ours.set_ignored_paths(paths=[SIGNATURE]))
    config.verify(directory, directory / SIGNATURE)


def test_theirs_takes_ours(local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path) -> None:
    release(folder(), local_hub, sign=pair.sign)
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    assert not (pulled / ATTRIBUTES).exists()
    key = "--signature", pulled / SIGNATURE, "--public_key", pair.public
    done = model_signing("verify", "key", pulled, *key)
    assert done.returncode == 0, done.stderr

    # A clone has git's own files as well, and the cache has links: both are the same release.
    (pulled / ATTRIBUTES).write_text("*.safetensors filter=lfs\n")
    (pulled / ".cache" / "huggingface").mkdir(parents=True)
    (pulled / ".cache" / "huggingface" / "notes").write_text("hf download leaves this")
    theirs(pulled, pair)
    snapshot = hfver.pull(REPO, hub=local_hub).path
    assert (snapshot / SIGNATURE).is_symlink()
    theirs(snapshot, pair, links=True)
    assert hfver.verify(str(snapshot), hub=local_hub, public_key=pair.public).signed_by

    (pulled / "config.json").write_text("{}")
    with pytest.raises(ValueError, match="Hash mismatch for 'config.json'"):
        theirs(pulled, pair)


def test_ours_takes_theirs(local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path) -> None:
    """The release was published unsigned; whoever pulled it signs it with model-signing."""
    release(folder(), local_hub)
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    signature, key = pulled / SIGNATURE, ("--private_key", pair.private)
    done = model_signing("sign", "key", pulled, "--signature", signature, *key)
    assert done.returncode == 0, done.stderr
    assert hfver.verify(str(pulled), hub=local_hub, public_key=pair.public).signed_by
    theirs(pulled, pair)

    config = signing.Config().use_elliptic_key_signer(private_key=pair.private)  # type: ignore[no-untyped-call]
    part = hashing.Config().set_ignored_paths(paths=["model.safetensors", SIGNATURE])  # type: ignore[no-untyped-call]
    config.set_hashing_config(part).sign(pulled, signature)
    with pytest.raises(SignatureInvalid, match="lacks model.safetensors"):
        hfver.verify(str(pulled), hub=local_hub, public_key=pair.public)


def test_other_ways_to_hash_are_named(local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path) -> None:
    """model-signing can also hash by shards or by BLAKE; hfver knows SHA-256 of files, and says so."""
    release(folder(), local_hub)
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub).path
    config = signing.Config().use_elliptic_key_signer(private_key=pair.private)  # type: ignore[no-untyped-call]
    shards = hashing.Config().use_shard_serialization()  # type: ignore[no-untyped-call]
    config.set_hashing_config(shards).sign(pulled, tmp_path / SIGNATURE)
    (tmp_path / SIGNATURE).rename(pulled / SIGNATURE)
    with pytest.raises(SignatureInvalid, match="by shards and sha256"):
        hfver.verify(str(pulled), hub=local_hub, public_key=pair.public)
