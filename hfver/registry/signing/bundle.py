"""Signature bundles: making a release's ``model.sig`` from its manifest, checking it, and explaining a failure."""

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
"""Maximum size of a bundle."""

_DO_NOT_USE = "Do not use this release until somebody with write access to the repo has explained this."


@dataclass(frozen=True)
class Bundle:
    """What a bundle says about itself. Nothing of it is trusted before the bundle was verified.

    Attributes:
        kind: How it was signed: ``key``, ``certificate chain`` or ``sigstore``.
        hint: The name of the public key, as `key_hint` makes it; None if the bundle has none.
        certificate: The sigstore certificate, in DER form.
        method: How files were hashed: by ``files`` or ``shards``, and the hash function.
        files: The SHA-256 of every signed file, by path.
    """

    kind: str
    hint: str | None
    certificate: bytes | None
    method: tuple[str, str]
    files: Mapping[str, str]


def sign_manifest(manifest: Manifest, data: bytes, signer: Signer) -> bytes:
    """Sign a release by the hashes in its manifest, without reading its files again.

    Args:
        manifest: The release's manifest.
        data: The manifest's bytes as they will be stored.
        signer: The signer.

    Returns:
        The bundle: the content of ``model.sig``.

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
            f"Sigstore did not sign {name}: {_first_line(error)}",
            "Check the network connection and your login, or sign with a key: --sign key:PATH",
        ) from error


def check_bundle(data: bytes, files: Mapping[str, str], trusted: TrustedSigner, where: str) -> None:
    """Check that a trusted signer signed exactly these files.

    Args:
        data: The bundle.
        files: The SHA-256 (64 hex digits) of every file that must be signed, by path.
        trusted: The signer that is trusted.
        where: Names the release in error messages.

    Raises:
        BadConfig: The key cannot be used, or the extra ``signing`` is not installed.
        SignatureInvalid: The bundle is broken, was signed by somebody else, or covers different files.
    """
    check_installed()
    bundle = _parse(data, where)
    _check_signer(bundle, trusted, where)
    if not _verify(data, files, trusted, where):
        raise _different_files(bundle, files, trusted, where)


def _verify(data: bytes, files: Mapping[str, str], trusted: TrustedSigner, where: str) -> bool:
    from hfver.registry.signing.model_signing import verify

    try:
        return verify(data, files, trusted)
    except Exception as error:
        if isinstance(trusted, TrustedIdentity):
            message = f"{where}: sigstore does not confirm that {trusted} signed it: {_first_line(error)}"
            hint = "Check the network connection, which sigstore's own keys are loaded over, and run the command again."
            raise SignatureInvalid(message, hint) from error
        raise SignatureInvalid(
            f"{where}: {trusted} did not make its signature, or the signature was altered.", _DO_NOT_USE
        ) from error


def _parse(data: bytes, where: str) -> Bundle:
    try:
        return _decode(data)
    except (ValueError, KeyError, TypeError, AttributeError, IndexError) as error:
        raise SignatureInvalid(
            f"{where}: its signature is not a Model Signing bundle ({type(error).__name__}: {_first_line(error)}).",
            _DO_NOT_USE,
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
    raise ValueError("it does not name a signer")


def _signed(payload: Any) -> tuple[tuple[str, str], dict[str, str]]:
    predicate = payload["predicate"]
    serialization = predicate["serialization"]
    files = {str(resource["name"]): str(resource["digest"]) for resource in predicate["resources"]}
    return (str(serialization["method"]), str(serialization["hash_type"])), files


def _check_signer(bundle: Bundle, trusted: TrustedSigner, where: str) -> None:
    """Compare who the bundle says signed it with who is trusted.

    This proves nothing, but it needs no network and its message names the signer. The cryptography comes afterwards.
    """
    expected_kind = "key" if isinstance(trusted, TrustedKey) else "sigstore"
    if bundle.kind != expected_kind:
        raise SignatureInvalid(f"{where}: it is signed by {bundle.kind}, not by {trusted}.", _how_to_check(bundle))
    if isinstance(trusted, TrustedKey):
        expected = key_hint(load_public_key(trusted.path))
        if bundle.hint and bundle.hint != expected:
            raise SignatureInvalid(
                f"{where}: it is signed with key {bundle.hint[:16]}, not with {trusted} ({expected[:16]}).",
                _DO_NOT_USE,
            )
        return
    found = _identities(bundle.certificate or b"", where)
    if found and (trusted.identity, trusted.issuer) not in found:
        names = ", ".join(f"{identity} ({issuer})" for identity, issuer in found)
        raise SignatureInvalid(f"{where}: it is signed by {names}, not by {trusted}.", _DO_NOT_USE)


def _how_to_check(bundle: Bundle) -> str:
    options = {"key": "--public-key PATH", "sigstore": "--identity WHO --issuer URL"}
    if bundle.kind not in options:
        return "Check it with model-signing: hfver does not check certificate chains."
    return f"Check it with {options[bundle.kind]}."


def _identities(certificate: bytes, where: str) -> list[tuple[str, str]]:
    """Read the identities of a sigstore certificate, with their issuers; empty if they are in an unknown form."""
    from cryptography import x509

    try:
        parsed = x509.load_der_x509_certificate(certificate)
        names = parsed.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        issuers = [issuer for issuer in map(_issuer, parsed.extensions) if issuer]
    except (ValueError, x509.ExtensionNotFound) as error:
        raise SignatureInvalid(
            f"{where}: the certificate of its signature is invalid: {_first_line(error)}", _DO_NOT_USE
        ) from None
    people = names.get_values_for_type(x509.RFC822Name) + names.get_values_for_type(x509.UniformResourceIdentifier)
    return [(name, issuer) for name in people for issuer in dict.fromkeys(issuers)]


def _issuer(extension: Any) -> str | None:
    """Read the issuer from one of Fulcio's two extensions for it.

    Source: Fulcio's certificate specification (docs/oid-info.md): .1.1 holds the raw string, .1.8 a DER UTF8String,
    whose header is one byte for the tag and one or more for the length.
    """
    raw: bytes = getattr(extension.value, "value", b"")
    if extension.oid.dotted_string == "1.3.6.1.4.1.57264.1.1":
        return raw.decode("utf-8", "replace")
    if extension.oid.dotted_string == "1.3.6.1.4.1.57264.1.8":
        header = 2 if len(raw) < 2 or raw[1] < 0x80 else 2 + (raw[1] & 0x7F)
        return raw[header:].decode("utf-8", "replace")
    return None


def _different_files(bundle: Bundle, files: Mapping[str, str], trusted: TrustedSigner, where: str) -> SignatureInvalid:
    """Return the error for a valid signature of a trusted signer over something else."""
    if bundle.method != ("files", "sha256"):
        return SignatureInvalid(
            f"{where}: {trusted} signed {bundle.method[1]} hashes of {bundle.method[0]}; "
            "hfver checks sha256 hashes of files.",
            "Sign it again with the defaults of model_signing sign.",
        )
    differences = [
        ("lacks", files.keys() - bundle.files.keys()),
        ("also covers", bundle.files.keys() - files.keys()),
        ("has different hashes of", {path for path in files if bundle.files.get(path, files[path]) != files[path]}),
    ]
    listed = "; ".join(f"{what} {_listed(paths)}" for what, paths in differences if paths)
    return SignatureInvalid(f"{where}: {trusted} signed a different set of files: the signature {listed}.", _DO_NOT_USE)


def _listed(paths: set[str]) -> str:
    names = sorted(paths)
    return ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")


def _first_line(error: Exception) -> str:
    return (str(error).splitlines() or [type(error).__name__])[0][:300] if str(error) else type(error).__name__
