"""Signed releases: what is written, how it is checked, and every way in which a signature can be wrong."""

from __future__ import annotations

import base64
import json
import subprocess
import sys
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat, PublicFormat
from huggingface_hub import CommitOperationDelete, HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import MANIFEST, SIGNATURE, FileEntry, Manifest, content_digest, digest_of
from hfver.errors import BadConfig, SignatureInvalid
from hfver.registry.signing import KeySigner, TrustedKey, check_bundle, sign_manifest
from hfver.registry.signing.signed_set import signed_set
from hfver.releasing.draft import Draft
from tests.registry.signing.conftest import REPO, MakeFolder, MakePair, Pair, publish_with, release, unpublish

WHO = {"created_at": datetime(2026, 1, 1, tzinfo=UTC), "created_by": "acme"}


def payload(bundle: bytes) -> dict[str, dict[str, list[dict[str, str]]]]:
    envelope = json.loads(bundle)["dsseEnvelope"]
    found: dict[str, dict[str, list[dict[str, str]]]] = json.loads(base64.b64decode(envelope["payload"]))
    return found


def resources(bundle: bytes) -> dict[str, str]:
    return {item["name"]: item["digest"] for item in payload(bundle)["predicate"]["resources"]}


def test_a_signed_release_holds_a_bundle_over_exactly_its_files(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair
) -> None:
    done = release(folder(), local_hub, sign=pair.sign)
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    assert SIGNATURE in api.list_repo_files(REPO, revision=done.commit)
    pulled = hfver.pull(f"{REPO}@1.0.0", hub=local_hub)
    signed = resources((pulled.path / SIGNATURE).read_bytes())
    listed = {file["path"]: file["sha256"] for file in done.files if file["path"] != ".gitignore"}
    assert signed == {**listed, MANIFEST: done.digest.removeprefix("sha256:")}
    assert SIGNATURE not in {file["path"] for file in done.files}


@pytest.mark.parametrize("curve", [ec.SECP256R1, ec.SECP384R1, ec.SECP521R1])
def test_the_key_verifies_a_release_and_a_pulled_folder(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, tmp_path: Path, curve: type[ec.EllipticCurve]
) -> None:
    pair = make_pair(curve=curve)
    release(folder(), local_hub, sign=pair.sign)
    checked = hfver.verify(f"{REPO}@1.0.0", hub=local_hub, public_key=pair.public)
    assert checked.signed_by == f"key {pair.public}"
    assert hfver.verify(f"{REPO}@1.0.0", hub=local_hub).signed_by is None
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub)
    assert hfver.verify(str(pulled.path), hub=local_hub, public_key=pair.public).evidence == "ledger"
    assert hfver.verify(str(pulled.path), offline=True, public_key=pair.public).signed_by


def test_a_signature_is_made_from_hashes_alone(pair: Pair) -> None:
    """There is no file to read: the manifest has all hashes."""
    files = {"model.safetensors": FileEntry(size=10**12, sha256="ab" * 32)}
    manifest = Manifest(repo=REPO, version="1.0.0", content_digest=content_digest(files), files=files, **WHO)
    bundle = sign_manifest(manifest, manifest.encode(), KeySigner(pair.private))
    check_bundle(bundle, signed_set(manifest, digest_of(manifest.encode())), TrustedKey(pair.public), REPO)
    assert resources(bundle)["model.safetensors"] == "ab" * 32


def test_an_audit_accepts_the_signature_as_part_of_a_release(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair
) -> None:
    release(folder(1), local_hub, sign=pair.sign)
    release(folder(2), local_hub)
    assert hfver.audit(REPO, hub=local_hub).clean


def test_no_signature(local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path) -> None:
    release(folder(), local_hub)
    with pytest.raises(SignatureInvalid, match="has no signature"):
        hfver.verify(REPO, hub=local_hub, public_key=pair.public)
    pulled = hfver.pull(REPO, tmp_path / "pulled", hub=local_hub)
    with pytest.raises(SignatureInvalid, match="has no signature"):
        hfver.verify(str(pulled.path), offline=True, public_key=pair.public)


def test_an_untrusted_key(local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair) -> None:
    release(folder(), local_hub, sign=make_pair("mine").sign)
    with pytest.raises(SignatureInvalid, match=r"signed with key [0-9a-f]{16}, not with key "):
        hfver.verify(REPO, hub=local_hub, public_key=make_pair("other").public)


def test_a_key_instead_of_the_expected_identity(local_hub: LocalHub, folder: MakeFolder, pair: Pair) -> None:
    release(folder(), local_hub, sign=pair.sign)
    with pytest.raises(SignatureInvalid, match="signed by key, not by me@example.com") as caught:
        hfver.verify(REPO, hub=local_hub, identity="me@example.com", issuer="https://accounts.example.com")
    assert "--public-key" in caught.value.hint


def signed_as(draft: Draft, pair: Pair, files: Mapping[str, FileEntry]) -> bytes:
    lie = draft.manifest.model_copy(update={"files": files})
    return sign_manifest(lie, draft.manifest_bytes, KeySigner(pair.private))


def without_weights(draft: Draft, pair: Pair) -> bytes:
    kept = {path: entry for path, entry in draft.manifest.files.items() if path != "model.safetensors"}
    return signed_as(draft, pair, kept)


def with_more(draft: Draft, pair: Pair) -> bytes:
    more = {**draft.manifest.files, "more.txt": draft.manifest.files["config.json"]}
    return signed_as(draft, pair, more)


def with_other_weights(draft: Draft, pair: Pair) -> bytes:
    files = {**draft.manifest.files, "model.safetensors": draft.manifest.files["config.json"]}
    return signed_as(draft, pair, files)


def with_another_manifest(draft: Draft, pair: Pair) -> bytes:
    return sign_manifest(draft.manifest, draft.manifest_bytes + b" ", KeySigner(pair.private))


@pytest.mark.parametrize(
    ("signature", "reason"),
    [
        (without_weights, "lacks model.safetensors"),
        (with_more, "also covers more.txt"),
        (with_other_weights, "has different hashes of model.safetensors"),
        (with_another_manifest, f"has different hashes of {MANIFEST}"),
    ],
)
def test_a_signature_over_other_files(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, signature: Callable[[Draft, Pair], bytes], reason: str
) -> None:
    ref = publish_with(local_hub, folder(), lambda draft: signature(draft, pair))
    with pytest.raises(SignatureInvalid, match=reason):
        hfver.verify(ref, hub=local_hub, public_key=pair.public)


def good(draft: Draft, pair: Pair) -> dict[str, dict[str, object]]:
    made: dict[str, dict[str, object]] = json.loads(
        sign_manifest(draft.manifest, draft.manifest_bytes, KeySigner(pair.private))
    )
    return made


def altered(draft: Draft, pair: Pair) -> bytes:
    """Change the signed content after it was signed, and keep the key's hint."""
    bundle = good(draft, pair)
    inside = payload(json.dumps(bundle).encode())
    inside["predicate"]["resources"][0]["digest"] = "0" * 64
    bundle["dsseEnvelope"]["payload"] = base64.b64encode(json.dumps(inside).encode()).decode()
    return json.dumps(bundle).encode()


def cut_short(draft: Draft, pair: Pair) -> bytes:
    return json.dumps(good(draft, pair)).encode()[:-100]


def unsigned(draft: Draft, pair: Pair) -> bytes:
    bundle = good(draft, pair)
    bundle["dsseEnvelope"]["signatures"] = []
    return json.dumps(bundle).encode()


def nameless(draft: Draft, pair: Pair) -> bytes:
    bundle = good(draft, pair)
    bundle["verificationMaterial"] = {"tlogEntries": []}
    return json.dumps(bundle).encode()


def bomb(draft: Draft, pair: Pair) -> bytes:
    return b"[" * 100_000


@pytest.mark.parametrize("signature", [altered, cut_short, unsigned, nameless, bomb])
def test_a_broken_bundle(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, signature: Callable[[Draft, Pair], bytes]
) -> None:
    ref = publish_with(local_hub, folder(), lambda draft: signature(draft, pair))
    with pytest.raises(SignatureInvalid, match="altered|not a Model Signing bundle"):
        hfver.verify(ref, hub=local_hub, public_key=pair.public)


def test_a_signature_of_another_release_does_not_stay_in_a_pulled_folder(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, tmp_path: Path
) -> None:
    release(folder(1), local_hub, sign=pair.sign)
    release(folder(2), local_hub)
    pulled = hfver.pull(f"{REPO}@1.0.0", tmp_path / "pulled", hub=local_hub)
    assert (pulled.path / SIGNATURE).is_file()
    hfver.pull(f"{REPO}@1.1.0", pulled.path, hub=local_hub)
    assert not (pulled.path / SIGNATURE).exists()
    assert SIGNATURE not in HfApi(endpoint=local_hub.url, token=local_hub.token).list_repo_files(REPO)


def test_a_model_sig_in_the_checkpoint_is_not_released(local_hub: LocalHub, folder: MakeFolder) -> None:
    made = folder()
    (made / SIGNATURE).write_text("of what it was made from")
    done = release(made, local_hub)
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    assert SIGNATURE not in api.list_repo_files(REPO, revision=done.commit)


def test_a_key_with_a_password(
    local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    pair, made = make_pair(password="correct horse"), folder()
    with pytest.raises(BadConfig, match="is encrypted with a password") as caught:
        release(made, local_hub, sign=pair.sign)
    assert "HFVER_SIGNING_PASSWORD" in caught.value.hint
    monkeypatch.setenv("HFVER_SIGNING_PASSWORD", "wrong")
    with pytest.raises(BadConfig, match="cannot be decrypted with the password in HFVER_SIGNING_PASSWORD"):
        release(made, local_hub, sign=pair.sign)
    monkeypatch.setenv("HFVER_SIGNING_PASSWORD", "correct horse")
    release(made, local_hub, sign=pair.sign)
    assert hfver.verify(REPO, hub=local_hub, public_key=pair.public).signed_by
    assert release(folder(2), local_hub, sign=make_pair("open").sign).version == "1.1.0"


def test_keys_that_cannot_be_used(local_hub: LocalHub, folder: MakeFolder, make_pair: MakePair, tmp_path: Path) -> None:
    made, pair = folder(), make_pair()
    large = rsa.generate_private_key(65537, 2048)
    (tmp_path / "rsa.pem").write_bytes(large.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    (tmp_path / "rsa.pub").write_bytes(large.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo))
    odd = make_pair("odd", curve=ec.SECP256K1)
    (tmp_path / "noise").write_bytes(b"\x00\xff")
    wrong = [f"key:{tmp_path / name}" for name in ("rsa.pem", "rsa.pub", "noise", "none", "key.pub")]
    for sign in [*wrong, odd.sign, f"key:{tmp_path}", "key:", "gpg:me", "", str(pair.private)]:
        with pytest.raises(BadConfig) as caught:
            release(made, local_hub, sign=sign)
        assert caught.value.hint
    assert not HfApi(endpoint=local_hub.url, token=local_hub.token).repo_exists(REPO)
    release(made, local_hub, sign=pair.sign)
    for public in (pair.private, tmp_path / "rsa.pub", odd.public, tmp_path / "noise", tmp_path / "none", ""):
        with pytest.raises(BadConfig) as caught:
            hfver.verify(REPO, hub=local_hub, public_key=public)
        assert caught.value.hint


def test_without_the_extra_the_error_names_it(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = folder()
    release(made, local_hub, sign=pair.sign)
    monkeypatch.setitem(sys.modules, "model_signing", None)
    for sign in (pair.sign, "sigstore"):
        with pytest.raises(BadConfig, match="need the package model-signing") as caught:
            release(made, local_hub, sign=sign, version="1.0.1")
        assert "hfver[signing]" in caught.value.hint
    with pytest.raises(BadConfig, match="need the package model-signing"):
        hfver.verify(REPO, hub=local_hub, public_key=pair.public)
    with pytest.raises(BadConfig, match="need the package model-signing"):
        hfver.verify(REPO, hub=local_hub, identity="me@example.com", issuer="https://accounts.example.com")


def test_a_trusted_signer_is_one_key_or_one_whole_identity(tmp_path: Path) -> None:
    named = [(None, "me", None), (None, None, "https://x"), ("k", "me", "https://x"), (None, "", "")]
    for key, identity, issuer in named:
        with pytest.raises(BadConfig):
            hfver.verify("acme/bot@1.0.0", hub=tmp_path, public_key=key, identity=identity, issuer=issuer)


def test_a_pending_release_keeps_its_signature(
    local_hub: LocalHub, folder: MakeFolder, pair: Pair, fresh: Callable[[], None]
) -> None:
    """A run stopped after its tag. The next release completes it, without needing the key."""
    release(folder(1), local_hub, sign=pair.sign)
    unpublish(local_hub)
    fresh()
    assert hfver.versions(REPO, hub=local_hub).pending == ("v1.0.0",)
    assert release(folder(2), local_hub).version == "1.1.0"
    assert hfver.verify(f"{REPO}@1.0.0", hub=local_hub, public_key=pair.public).signed_by
    with pytest.raises(SignatureInvalid, match="has no signature"):
        hfver.verify(f"{REPO}@1.1.0", hub=local_hub, public_key=pair.public)


def test_removing_the_signature_is_detected(local_hub: LocalHub, folder: MakeFolder, pair: Pair) -> None:
    release(folder(), local_hub, sign=pair.sign)
    api = HfApi(endpoint=local_hub.url, token=local_hub.token)
    stripped = api.create_commit(REPO, [CommitOperationDelete(SIGNATURE)], commit_message="tidy up")
    api.delete_tag(REPO, tag="v1.0.0")
    api.create_tag(REPO, tag="v1.0.0", revision=str(stripped.oid))
    with pytest.raises(hfver.HfverError) as caught:
        hfver.verify(REPO, hub=local_hub, public_key=pair.public)
    assert type(caught.value).__name__ == "TagMoved"


def test_help_does_not_import_model_signing() -> None:
    heavy = "{'model_signing', 'sigstore', 'cryptography'}"
    code = f"import sys, hfver.cli.app, hfver.registry.signing; print({heavy} & sys.modules.keys())"
    run = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert run.stdout == "set()\n"
