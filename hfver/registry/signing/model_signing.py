"""The only caller of the library model-signing, which is given known hashes instead of a folder to read."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from model_signing import hashing, manifest, signing, verifying

# A private name: a manifest item needs a digest, and no public function makes one from a known value.
from model_signing._hashing.hashing import Digest

from hfver.registry.signing.keys import KeySigner, Signer, TrustedKey, TrustedSigner, password_for
from hfver.registry.signing.signed_set import IGNORED

__all__ = ["sign", "verify"]


class KnownHashes(hashing.Config):
    """A hashing configuration that returns known hashes instead of hashing a folder."""

    def __init__(self, name: str, files: Mapping[str, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.name, self.files, self.asked = name, files, False

    def hash(self, model_path: Any, *, files_to_hash: Any = None) -> manifest.Manifest:  # noqa: ARG002
        """Return the manifest of the known files, whatever the path."""
        self.asked = True
        serialization = manifest.SerializationType.from_args(
            {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": list(IGNORED)}
        )
        items = [_item(path, sha256) for path, sha256 in self.files.items()]
        return manifest.Manifest(self.name, items, serialization)


def sign(files: Mapping[str, str], name: str, signer: Signer) -> bytes:
    """Return a bundle over files, given by path and SHA-256; ``name`` is what the bundle calls them."""
    config = signing.Config().set_hashing_config(KnownHashes(name, files))  # type: ignore[no-untyped-call]
    if isinstance(signer, KeySigner):
        # The annotation says str, but cryptography, which gets the password, only accepts bytes.
        config.use_elliptic_key_signer(private_key=signer.path, password=password_for(signer.path))  # type: ignore[arg-type]
    else:
        config.use_sigstore_signer(use_ambient_credentials=True)
    with TemporaryDirectory(prefix="hfver-") as scratch, redirect_stdout(sys.stderr):
        target = Path(scratch) / "model.sig"
        config.sign(scratch, target)
        return target.read_bytes()


def verify(bundle: bytes, files: Mapping[str, str], trusted: TrustedSigner) -> bool:
    """Verify a bundle of a trusted signer.

    Returns:
        Whether the signer signed exactly these files; False if the signature is valid, but covers different files.

    Raises:
        Exception: The signer did not make this bundle, or that cannot be determined; model-signing raises errors of
            many kinds.
    """
    known = KnownHashes("release", files)
    config = _verifier(trusted).set_hashing_config(known)
    with TemporaryDirectory(prefix="hfver-") as scratch, redirect_stdout(sys.stderr):
        path = Path(scratch) / "model.sig"
        path.write_bytes(bundle)
        try:
            config.verify(Path(scratch), path)
        except Exception:
            # model-signing asks for the hashes only after it has verified the signer.
            if known.asked:
                return False
            raise
    return known.asked


def _verifier(trusted: TrustedSigner) -> verifying.Config:
    config: verifying.Config = verifying.Config()  # type: ignore[no-untyped-call]
    if isinstance(trusted, TrustedKey):
        return config.use_elliptic_key_verifier(public_key=trusted.path)
    return config.use_sigstore_verifier(identity=trusted.identity, oidc_issuer=trusted.issuer)


def _item(path: str, sha256: str) -> manifest.FileManifestItem:
    return manifest.FileManifestItem(path=PurePosixPath(path), digest=Digest("sha256", bytes.fromhex(sha256)))
