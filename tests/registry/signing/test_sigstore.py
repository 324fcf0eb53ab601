"""Signatures by identity: the signer is named offline; making and proving a signature needs sigstore, in public."""

from __future__ import annotations

import base64
import json
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding

import hfver
from hfver.api.hubs import LocalHub
from hfver.errors import SignatureInvalid
from hfver.registry.signing import KeySigner, sign_manifest
from hfver.releasing.draft import Draft
from tests.registry.signing.conftest import REPO, MakeFolder, Pair, publish_with, release

ISSUER = "https://accounts.example.com"
FULCIO = {
    "plain": ("1.3.6.1.4.1.57264.1.1", ISSUER.encode()),
    "der": ("1.3.6.1.4.1.57264.1.8", b"\x0c" + bytes([len(ISSUER)]) + ISSUER.encode()),
    "long der": ("1.3.6.1.4.1.57264.1.8", b"\x0c\x81" + bytes([len(ISSUER)]) + ISSUER.encode()),
}


def certificate(name: x509.GeneralName, extension: tuple[str, bytes]) -> bytes:
    """Make a certificate in the form of sigstore's authority, but self-signed."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    issuer = x509.UnrecognizedExtension(x509.ObjectIdentifier(extension[0]), extension[1])
    made = (
        x509.CertificateBuilder()
        .subject_name(x509.Name([]))
        .issuer_name(x509.Name([]))
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now)
        .not_valid_after(now + timedelta(minutes=10))
        .add_extension(x509.SubjectAlternativeName([name]), critical=True)
        .add_extension(issuer, critical=False)
        .sign(key, hashes.SHA256())
    )
    return made.public_bytes(Encoding.DER)


def with_certificate(draft: Draft, pair: Pair, der: bytes) -> bytes:
    """Replace the key's hint in a bundle by a certificate."""
    bundle = json.loads(sign_manifest(draft.manifest, draft.manifest_bytes, KeySigner(pair.private)))
    raw = base64.b64encode(der).decode()
    bundle["verificationMaterial"] = {"certificate": {"rawBytes": raw}, "tlogEntries": []}
    return json.dumps(bundle).encode()


@pytest.mark.parametrize("form", FULCIO)
def test_an_untrusted_identity(local_hub: LocalHub, folder: MakeFolder, pair: Pair, form: str) -> None:
    name = x509.RFC822Name("somebody@example.com")
    der = certificate(name, FULCIO[form])
    ref = publish_with(local_hub, folder(), lambda draft: with_certificate(draft, pair, der))
    named = rf"signed by somebody@example\.com \({ISSUER}\), not by"
    with pytest.raises(SignatureInvalid, match=named):
        hfver.verify(ref, hub=local_hub, identity="me@example.com", issuer=ISSUER)
    with pytest.raises(SignatureInvalid, match=named):
        hfver.verify(ref, hub=local_hub, identity="somebody@example.com", issuer="https://evil.example.com")
    with pytest.raises(SignatureInvalid, match="signed by sigstore, not by key") as caught:
        hfver.verify(ref, hub=local_hub, public_key=pair.public)
    assert "--identity" in caught.value.hint


def test_a_ci_job_is_identified_by_its_address(local_hub: LocalHub, folder: MakeFolder, pair: Pair) -> None:
    job = "https://github.com/acme/bot/.github/workflows/release.yml@refs/heads/main"
    der = certificate(x509.UniformResourceIdentifier(job), FULCIO["der"])
    ref = publish_with(local_hub, folder(), lambda draft: with_certificate(draft, pair, der))
    with pytest.raises(SignatureInvalid, match="workflows/release.yml"):
        hfver.verify(ref, hub=local_hub, identity=job.replace("acme", "evil"), issuer=ISSUER)


def test_a_malformed_certificate(local_hub: LocalHub, folder: MakeFolder, pair: Pair) -> None:
    ref = publish_with(local_hub, folder(), lambda draft: with_certificate(draft, pair, b"\x30\x03abc"))
    with pytest.raises(SignatureInvalid, match="the certificate of its signature is invalid"):
        hfver.verify(ref, hub=local_hub, identity="me@example.com", issuer=ISSUER)


@pytest.mark.sigstore
def test_a_self_made_certificate_proves_nothing(local_hub: LocalHub, folder: MakeFolder, pair: Pair) -> None:
    """It has the right name, but sigstore's keys, which come from the network, show that it is forged."""
    der = certificate(x509.RFC822Name("me@example.com"), FULCIO["plain"])
    ref = publish_with(local_hub, folder(), lambda draft: with_certificate(draft, pair, der))
    with pytest.raises(SignatureInvalid, match="does not confirm"):
        hfver.verify(ref, hub=local_hub, identity="me@example.com", issuer=ISSUER)


@pytest.mark.sigstore
def test_sigstore_signs_and_verifies(local_hub: LocalHub, folder: MakeFolder) -> None:
    """Log in when prompted, or run it in a CI job that has an identity."""
    release(folder(), local_hub, sign="sigstore")
    with pytest.raises(SignatureInvalid, match="it is signed by (?P<who>.*), not by") as caught:
        hfver.verify(REPO, hub=local_hub, identity="nobody", issuer="https://nowhere.example.com")
    identity, issuer = caught.value.message.partition(" is signed by ")[2].partition("), not by")[0].split(" (", 1)
    assert hfver.verify(REPO, hub=local_hub, identity=identity, issuer=issuer).signed_by
