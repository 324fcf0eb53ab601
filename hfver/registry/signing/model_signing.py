"""The only caller of model-signing: it signs and verifies, and is handed hashes where it would read a folder."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from contextlib import redirect_stdout
from pathlib import Path, PurePosixPath
from tempfile import TemporaryDirectory
from typing import Any

from model_signing import hashing, manifest, signing, verifying

# The one underscored name: a manifest item needs a digest, and no public function makes one from a known value.
from model_signing._hashing.hashing import Digest

from hfver.registry.signing.keys import KeySigner, Signer, TrustedKey, TrustedSigner, password_for
from hfver.registry.signing.signed_set import IGNORED

__all__ = ["sign", "verify"]


class KnownHashes(hashing.Config):
    """Stands where model-signing hashes a folder, and answers with hashes that are known already."""

    def __init__(self, name: str, files: Mapping[str, str]) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.name, self.files, self.asked = name, files, False

    def hash(self, model_path: Any, *, files_to_hash: Any = None) -> manifest.Manifest:  # noqa: ARG002
        """Give the manifest of the known files, whatever the path."""
        self.asked = True
        way = manifest.SerializationType.from_args(
            {"method": "files", "hash_type": "sha256", "allow_symlinks": False, "ignore_paths": list(IGNORED)}
        )
        items = [_item(path, sha256) for path, sha256 in self.files.items()]
        return manifest.Manifest(self.name, items, way)


def sign(files: Mapping[str, str], name: str, signer: Signer) -> bytes:
    """Make a bundle over files, by path and SHA-256; ``name`` says in it what was signed."""
    config = signing.Config().set_hashing_config(KnownHashes(name, files))  # type: ignore[no-untyped-call]
    if isinstance(signer, KeySigner):
        # Its annotation says str; what it hands the password to takes bytes only.
        config.use_elliptic_key_signer(private_key=signer.path, password=password_for(signer.path))  # type: ignore[arg-type]
    else:
        config.use_sigstore_signer(use_ambient_credentials=True)
    with TemporaryDirectory(prefix="hfver-") as scratch, redirect_stdout(sys.stderr):
        target = Path(scratch) / "model.sig"
        config.sign(scratch, target)
        return target.read_bytes()


def verify(bundle: bytes, files: Mapping[str, str], trusted: TrustedSigner) -> bool:
    """Check a bundle: True if the trusted one signed exactly these files, False if it signed others.

    Raises:
        Exception: The trusted one did not sign this bundle, or that cannot be found out; model-signing raises
            whatever it meets.
    """
    known = KnownHashes("release", files)
    config = _verifier(trusted).set_hashing_config(known)
    with TemporaryDirectory(prefix="hfver-") as scratch, redirect_stdout(sys.stderr):
        path = Path(scratch) / "model.sig"
        path.write_bytes(bundle)
        try:
            config.verify(Path(scratch), path)
        except Exception:
            # It asks for the hashes after it has checked who signed.
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
