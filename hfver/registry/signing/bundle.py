"""Bundles: a release's ``model.sig`` is made from its manifest, and checked with an answer to what is wrong."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from hfver.core.manifest import Manifest, digest_of, load_json
from hfver.errors import Refused, SignatureInvalid
from hfver.registry.signing.keys import (
    Signer,
    SigstoreSigner,
    TrustedIdentity,
    TrustedKey,
    TrustedSigner,
    check_installed,
    key_hint,
    load_public_key,
)
from hfver.registry.signing.signed_set import signed_set

__all__ = ["check_bundle", "sign_manifest"]

MAX_BYTES = 64 * 1024 * 1024
_DO_NOT_USE = "Do not use this release before you know why; ask who has write access."


@dataclass(frozen=True)
class Bundle:
    """What a bundle says of itself; nothing of it is believed before it was verified."""

    kind: str
    """``key``, ``certificate chain`` or ``sigstore``."""
    hint: str | None
    certificate: bytes | None
    method: tuple[str, str]
    """How files were hashed: by ``files`` or ``shards``, and with what."""
    files: Mapping[str, str]


def sign_manifest(manifest: Manifest, data: bytes, signer: Signer) -> bytes:
    """Sign a release from its manifest: nothing is read again.

    Args:
        manifest: The release's manifest.
        data: The manifest's bytes as they will be stored.
        signer: Who signs.

    Raises:
        BadConfig: The key cannot be used.
        Refused: Sigstore did not sign.
    """
    from hfver.registry.signing.model_signing import sign

    files = signed_set(manifest, digest_of(data))
    name = f"{manifest.repo}@{manifest.version}"
    if not isinstance(signer, SigstoreSigner):
        return sign(files, name, signer)
    try:
        return sign(files, name, signer)
    except Exception as error:
        raise Refused(
            f"Sigstore did not sign {name}: {_said(error)}",
            "Check the network and that you can log in, or sign with a key: --sign key:PATH",
        ) from error


def check_bundle(data: bytes, files: Mapping[str, str], trusted: TrustedSigner, where: str) -> None:
    """Check that the trusted one signed exactly these files.

    Args:
        data: The bundle.
        files: Path to SHA-256 (64 hex digits) of what must be signed.
        trusted: Who must have signed.
        where: Names the release in errors.

    Raises:
        BadConfig: The key cannot be used, or the extra is not installed.
        SignatureInvalid: The bundle is broken, was signed by somebody else, or covers other files.
    """
    check_installed()
    bundle = _parse(data, where)
    _check_signer(bundle, trusted, where)
    if not _verify(data, files, trusted, where):
        raise _other_files(bundle, files, trusted, where)


def _verify(data: bytes, files: Mapping[str, str], trusted: TrustedSigner, where: str) -> bool:
    from hfver.registry.signing.model_signing import verify

    try:
        return verify(data, files, trusted)
    except Exception as error:
        if isinstance(trusted, TrustedIdentity):
            message = f"{where}: sigstore does not confirm that {trusted} signed it: {_said(error)}"
            raise SignatureInvalid(message, "Sigstore's own keys come from the network: is it there?") from error
        raise SignatureInvalid(
            f"{where}: its signature is not one that {trusted} made: it, or what it signs, was altered.", _DO_NOT_USE
        ) from error


def _parse(data: bytes, where: str) -> Bundle:
    try:
        return _decode(data)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise SignatureInvalid(
            f"{where}: its signature is no Model Signing bundle ({type(error).__name__}: {_said(error)}).", _DO_NOT_USE
        ) from None


def _decode(data: bytes) -> Bundle:
    raw = load_json(data, limit=MAX_BYTES)
    material = raw["verificationMaterial"]
    payload = load_json(base64.b64decode(raw["dsseEnvelope"]["payload"], validate=True), limit=MAX_BYTES)
    if "publicKey" in material:
        return Bundle("key", material["publicKey"].get("hint"), None, *_signed(payload))
    if "certificate" in material:
        certificate = base64.b64decode(material["certificate"]["rawBytes"], validate=True)
        return Bundle("sigstore", None, certificate, *_signed(payload))
    if "x509CertificateChain" in material:
        return Bundle("certificate chain", None, None, *_signed(payload))
    raise ValueError("it does not say who signed")


def _signed(payload: Any) -> tuple[tuple[str, str], dict[str, str]]:
    predicate = payload["predicate"]
    way = predicate["serialization"]
    files = {str(resource["name"]): str(resource["digest"]) for resource in predicate["resources"]}
    return (str(way["method"]), str(way["hash_type"])), files


def _check_signer(bundle: Bundle, trusted: TrustedSigner, where: str) -> None:
    """Say early, and without the network, that somebody else signed; that the right one did is verified later."""
    wanted = "key" if isinstance(trusted, TrustedKey) else "sigstore"
    if bundle.kind != wanted:
        raise SignatureInvalid(f"{where}: it is signed by {bundle.kind}, not by {trusted}.", _how(bundle))
    if isinstance(trusted, TrustedKey):
        expected = key_hint(load_public_key(trusted.path))
        if bundle.hint and bundle.hint != expected:
            raise SignatureInvalid(
                f"{where}: it is signed with another key ({bundle.hint[:16]}), not with {trusted} ({expected[:16]}).",
                _DO_NOT_USE,
            )
        return
    found = _identities(bundle.certificate or b"", where)
    if found and (trusted.identity, trusted.issuer) not in found:
        names = ", ".join(f"{identity} ({issuer})" for identity, issuer in found)
        raise SignatureInvalid(f"{where}: it is signed by {names}, not by {trusted}.", _DO_NOT_USE)


def _how(bundle: Bundle) -> str:
    ways = {"key": "--public-key PATH", "sigstore": "--identity WHO --issuer URL"}
    return f"Check it with {ways[bundle.kind]}." if bundle.kind in ways else "Check it with model-signing itself."


def _identities(certificate: bytes, where: str) -> list[tuple[str, str]]:
    """Read who a sigstore certificate says it is for, and who vouches; empty if it says so in a way not known here."""
    from cryptography import x509

    try:
        parsed = x509.load_der_x509_certificate(certificate)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issuers = [issuer for issuer in map(_issuer, parsed.extensions) if issuer]
    except (ValueError, x509.ExtensionNotFound) as error:
        raise SignatureInvalid(f"{where}: its signature's certificate is broken: {_said(error)}", _DO_NOT_USE) from None
    people = names.get_values_for_type(x509.RFC822Name) + names.get_values_for_type(x509.UniformResourceIdentifier)
    return [(name, issuer) for name in people for issuer in dict.fromkeys(issuers)]


def _issuer(extension: Any) -> str | None:
    """Read Fulcio's two ways to name the issuer: plain bytes, and a DER string with a header of two bytes or more."""
    raw: bytes = getattr(extension.value, "value", b"")
    if extension.oid.dotted_string == "1.3.6.1.4.1.57264.1.1":
        return raw.decode("utf-8", "replace")
    if extension.oid.dotted_string == "1.3.6.1.4.1.57264.1.8":
        header = 2 if len(raw) < 2 or raw[1] < 0x80 else 2 + (raw[1] & 0x7F)
        return raw[header:].decode("utf-8", "replace")
    return None


def _other_files(bundle: Bundle, files: Mapping[str, str], trusted: TrustedSigner, where: str) -> SignatureInvalid:
    if bundle.method != ("files", "sha256"):
        return SignatureInvalid(
            f"{where}: {trusted} signed it by {' and '.join(bundle.method)}; hfver compares files by sha256.",
            "Sign it again: model_signing sign hashes so by default.",
        )
    reasons = [
        ("lacks", files.keys() - bundle.files.keys()),
        ("names others", bundle.files.keys() - files.keys()),
        ("has another content of", {path for path in files if bundle.files.get(path, files[path]) != files[path]}),
    ]
    told = "; ".join(f"{what} {_listed(paths)}" for what, paths in reasons if paths)
    return SignatureInvalid(
        f"{where}: {trusted} signed another set of files than this release: it {told}.", _DO_NOT_USE
    )


def _listed(paths: set[str]) -> str:
    names = sorted(paths)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _said(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300] if str(error) else type(error).__name__
