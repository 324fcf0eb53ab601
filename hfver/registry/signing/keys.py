"""Signers and trusted signers: private and public keys in files, and sigstore identities."""

from __future__ import annotations

import hashlib
import json
import os
from dataclasses import dataclass
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.errors import BadConfig

if TYPE_CHECKING:
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey, EllipticCurvePublicKey

__all__ = [
    "PASSWORD",
    "KeySigner",
    "Signer",
    "SigstoreSigner",
    "TrustedIdentity",
    "TrustedKey",
    "TrustedSigner",
    "check_installed",
    "key_hint",
    "load_private_key",
    "load_public_key",
    "parse_signer",
    "parse_trusted",
    "password_for",
]

PASSWORD = "HFVER_SIGNING_PASSWORD"  # noqa: S105 - the name of a variable
"""The environment variable with the password of the private key. Other users can read command lines."""

CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""The curves that Model Signing supports. OpenSSL calls the first one prime256v1."""

_CREATE_KEY = "Create a key: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
_WRITE_PUBLIC_KEY = "Write the public key: openssl ec -in key.pem -pubout -out key.pub"


@dataclass(frozen=True)
class KeySigner:
    """Signs with a private elliptic curve key in a PEM file."""

    path: Path


@dataclass(frozen=True)
class SigstoreSigner:
    """Signs as the user who logs in, or as the CI job that runs, with a short-lived certificate and a public log."""


Signer = KeySigner | SigstoreSigner


@dataclass(frozen=True)
class TrustedKey:
    """Trusts signatures made with the private key that belongs to a public elliptic curve key in a PEM file."""

    path: Path

    @property
    def fingerprint(self) -> str:
        """An id of the key file's bytes, under which a verdict is remembered: a replaced key has no verdicts."""
        return f"key:{hashlib.sha256(_read(self.path)).hexdigest()}"

    def __str__(self) -> str:
        return f"key {self.path}"


@dataclass(frozen=True)
class TrustedIdentity:
    """Trusts signatures that sigstore certified for an identity, as an identity provider (the issuer) knows it."""

    identity: str
    issuer: str

    @property
    def fingerprint(self) -> str:
        """An id of identity and issuer, under which a verdict is remembered."""
        return f"identity:{hashlib.sha256(json.dumps([self.identity, self.issuer]).encode()).hexdigest()}"

    def __str__(self) -> str:
        return f"{self.identity} ({self.issuer})"


TrustedSigner = TrustedKey | TrustedIdentity

SHORTER_THAN_ANY_KEY = 20
"""Characters; a text of this length cannot be a private key."""


def parse_signer(text: str) -> Signer:
    """Parse ``key:PATH`` or ``sigstore``.

    Raises:
        BadConfig: It is neither, the key cannot be used, or the extra ``signing`` is not installed.
    """
    check_installed()
    kind, _, path = text.partition(":")
    if text == "sigstore":
        return SigstoreSigner()
    if kind == "key" and path:
        signer = KeySigner(Path(path).expanduser())
        load_private_key(signer.path)
        return signer
    raise _unknown_signer(text)


def _unknown_signer(text: str) -> BadConfig:
    # The text may be the key itself, so it is repeated only if it is too short for one, or names a file.
    is_file = os.path.isfile(text)  # noqa: PTH113  # Path.is_file fails for what is too long to be a name
    short = len(text) <= SHORTER_THAN_ANY_KEY
    given = f" {text!r}" if is_file or short else ""
    key = text if is_file or (short and text.endswith((".pem", ".key"))) else "PATH"
    return BadConfig(
        f"The value{given} of sign is neither key:PATH nor sigstore.", f"Write --sign key:{key}, or --sign sigstore."
    )


def parse_trusted(
    public_key: str | os.PathLike[str] | None, identity: str | None, issuer: str | None
) -> TrustedSigner | None:
    """Parse who is trusted: a public key's file, or an identity and its issuer; None if nothing is named.

    Raises:
        BadConfig: Both a key and an identity are named, or an identity without its issuer.
    """
    # An empty string counts as named: a script failed to fill it in, and must not end up trusting anybody.
    if public_key is not None and (identity is not None or issuer is not None):
        raise BadConfig("A public key and an identity cannot be combined.", "Name only one of them.")
    if public_key is not None:
        return TrustedKey(Path(public_key).expanduser())
    if identity is None and issuer is None:
        return None
    if not identity or not issuer:
        raise BadConfig(
            "An identity and its issuer belong together, and one of them is missing.",
            "Name both, such as --identity me@example.com --issuer https://accounts.google.com",
        )
    return TrustedIdentity(identity, issuer)


def check_installed() -> None:
    """Check that model-signing is installed.

    Raises:
        BadConfig: The extra ``signing`` is not installed.
    """
    if find_spec("cryptography") is None or find_spec("model_signing") is None:
        raise BadConfig(
            "Signatures need the package model-signing, which is not installed.",
            "Install it: pip install 'hfver[signing]'",
        )


def password_for(path: Path) -> bytes | None:
    """Read a private key's password from the environment; None for a key without a password."""
    return os.environ.get(PASSWORD, "").encode() or None if _is_encrypted(_read(path)) else None


def load_private_key(path: Path) -> EllipticCurvePrivateKey:
    """Load a private key.

    Raises:
        BadConfig: The file is not a usable private key, or its password is missing or wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem, password = _read(path), password_for(path)
    if _is_encrypted(pem) and password is None:
        raise BadConfig(
            f"{path} is encrypted with a password.", f"Put the password in the environment variable {PASSWORD}."
        )
    try:
        key = load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if password:
            raise BadConfig(
                f"{path} cannot be decrypted with the password in {PASSWORD}.",
                f"Put the right password in the environment variable {PASSWORD}.",
            ) from None
        raise BadConfig(f"{path} is not a private key in PEM form.", _CREATE_KEY) from None
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise BadConfig(f"{path} is not an elliptic curve key on P-256, P-384 or P-521.", _CREATE_KEY)
    return key


def load_public_key(path: Path) -> EllipticCurvePublicKey:
    """Load a public key.

    Raises:
        BadConfig: The file is not a usable public key.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pem = _read(path)
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        kind = "a private key, which only its owner should have" if b"PRIVATE KEY" in pem else "not a public key"
        raise BadConfig(f"{path} is {kind}.", _WRITE_PUBLIC_KEY) from None
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise BadConfig(f"{path} is not an elliptic curve key on P-256, P-384 or P-521.", _WRITE_PUBLIC_KEY)
    return key


def key_hint(key: EllipticCurvePublicKey) -> str:
    """Return the name of a public key in bundles: the SHA-256 of its PEM form, 64 hex digits."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _is_encrypted(pem: bytes) -> bool:
    # PKCS#8 writes BEGIN ENCRYPTED PRIVATE KEY, and OpenSSL's older form Proc-Type: 4,ENCRYPTED.
    return b"ENCRYPTED" in pem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", "Name a key file in PEM form.") from None
