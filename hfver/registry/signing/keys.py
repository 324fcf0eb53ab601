"""Who signs and who is trusted: private and public keys in files, and sigstore identities."""

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
"""Environment variable with the password of the private key: a command line is seen by every process."""

CURVES = ("secp256r1", "secp384r1", "secp521r1")
"""What Model Signing knows; openssl's names are prime256v1, secp384r1 and secp521r1."""

_MAKE_ONE = "Make a pair: openssl ecparam -name prime256v1 -genkey -noout -out key.pem"
_PUBLIC = "Write its public half: openssl ec -in key.pem -pubout -out key.pub"


@dataclass(frozen=True)
class KeySigner:
    """Signs with a private elliptic curve key in a PEM file."""

    path: Path


@dataclass(frozen=True)
class SigstoreSigner:
    """Signs as whoever logs in, or as the CI job that runs, with a certificate of a minute and a public log."""


Signer = KeySigner | SigstoreSigner


@dataclass(frozen=True)
class TrustedKey:
    """Trusts signatures that a public elliptic curve key in a PEM file verifies."""

    path: Path

    @property
    def fingerprint(self) -> str:
        """Name the key file's very bytes; under this name a verdict is remembered."""
        return f"key:{hashlib.sha256(_read(self.path)).hexdigest()}"

    def __str__(self) -> str:
        return f"key {self.path}"


@dataclass(frozen=True)
class TrustedIdentity:
    """Trusts signatures that sigstore certified to be made by somebody, as an identity provider knows them."""

    identity: str
    issuer: str

    @property
    def fingerprint(self) -> str:
        """Name identity and issuer; under this name a verdict is remembered."""
        return f"identity:{hashlib.sha256(json.dumps([self.identity, self.issuer]).encode()).hexdigest()}"

    def __str__(self) -> str:
        return f"{self.identity} ({self.issuer})"


TrustedSigner = TrustedKey | TrustedIdentity
_WORD = 20  # characters; no private key is as short


def parse_signer(text: str) -> Signer:
    """Read ``key:PATH`` or ``sigstore``.

    Raises:
        BadConfig: It is neither, the key cannot be used, or the extra is not installed.
    """
    check_installed()
    kind, _, path = text.partition(":")
    if text == "sigstore":
        return SigstoreSigner()
    if kind == "key" and path:
        signer = KeySigner(Path(path).expanduser())
        load_private_key(signer.path)
        return signer
    raise _no_way(text)


def _no_way(text: str) -> BadConfig:
    """Repeat what was typed only if it is short or names a file: it may be the key itself."""
    named = os.path.isfile(text)  # noqa: PTH113  # Path.is_file fails for what is too long to be a name
    said = f"{text!r} names" if named or len(text) <= _WORD else "sign names"
    key = text if named or (len(text) <= _WORD and text.endswith((".pem", ".key"))) else "PATH"
    return BadConfig(f"{said} no known way to sign.", f"Write --sign key:{key}, or --sign sigstore.")


def parse_trusted(
    public_key: str | os.PathLike[str] | None, identity: str | None, issuer: str | None
) -> TrustedSigner | None:
    """Read whom to trust: a public key's file, or an identity and who vouches for it; None if nothing was named.

    Raises:
        BadConfig: Both were named, or half of an identity.
    """
    # An empty name is one that a script failed to fill in, not the wish to trust anybody.
    if public_key is not None and (identity is not None or issuer is not None):
        raise BadConfig("A public key and an identity cannot both be asked for.", "Name one of them.")
    if public_key is not None:
        return TrustedKey(Path(public_key).expanduser())
    if identity is None and issuer is None:
        return None
    if not identity or not issuer:
        raise BadConfig(
            "An identity is only known together with who vouches for it.",
            "Name both, such as: --identity me@example.com --issuer https://accounts.google.com",
        )
    return TrustedIdentity(identity, issuer)


def check_installed() -> None:
    """Make sure that signatures can be made and checked.

    Raises:
        BadConfig: The extra is not installed.
    """
    if find_spec("cryptography") is None or find_spec("model_signing") is None:
        raise BadConfig("Signatures need model-signing.", "Run: pip install 'hfver[signing]'")


def password_for(path: Path) -> bytes | None:
    """Read a private key's password from the environment; None for a key that has none."""
    return os.environ.get(PASSWORD, "").encode() or None if _is_encrypted(_read(path)) else None


def load_private_key(path: Path) -> EllipticCurvePrivateKey:
    """Read a private key.

    Raises:
        BadConfig: There is none, it is of another kind, or its password is missing or wrong.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePrivateKey
    from cryptography.hazmat.primitives.serialization import load_pem_private_key

    pem, password = _read(path), password_for(path)
    if _is_encrypted(pem) and password is None:
        raise BadConfig(f"{path} has a password.", f"Put it into the environment variable {PASSWORD}.")
    try:
        key = load_pem_private_key(pem, password)
    except (ValueError, TypeError, UnsupportedAlgorithm):
        if password:
            raise BadConfig(f"{path}: {PASSWORD} is not its password.", "Set the right one.") from None
        raise BadConfig(f"{path} is no private key in PEM form.", _MAKE_ONE) from None
    if not isinstance(key, EllipticCurvePrivateKey) or key.curve.name not in CURVES:
        raise BadConfig(f"{path} is no elliptic curve key on P-256, P-384 or P-521.", _MAKE_ONE)
    return key


def load_public_key(path: Path) -> EllipticCurvePublicKey:
    """Read a public key.

    Raises:
        BadConfig: There is none, or it is of another kind.
    """
    from cryptography.exceptions import UnsupportedAlgorithm
    from cryptography.hazmat.primitives.asymmetric.ec import EllipticCurvePublicKey
    from cryptography.hazmat.primitives.serialization import load_pem_public_key

    pem = _read(path)
    try:
        key = load_pem_public_key(pem)
    except (ValueError, UnsupportedAlgorithm):
        what = "a private key, which nobody but its owner should see" if b"PRIVATE KEY" in pem else "no public key"
        raise BadConfig(f"{path} is {what}.", _PUBLIC) from None
    if not isinstance(key, EllipticCurvePublicKey) or key.curve.name not in CURVES:
        raise BadConfig(f"{path} is no elliptic curve key on P-256, P-384 or P-521.", _PUBLIC)
    return key


def key_hint(key: EllipticCurvePublicKey) -> str:
    """Name a public key as bundles do: SHA-256 over its PEM form, 64 hex digits."""
    from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

    return hashlib.sha256(key.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)).hexdigest()


def _is_encrypted(pem: bytes) -> bool:
    """Tell by what both of OpenSSL's forms write above the key."""
    return b"ENCRYPTED" in pem


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise BadConfig(f"{path} cannot be read: {error.strerror}.", "Name the PEM file of a key.") from None
