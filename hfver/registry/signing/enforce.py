"""Enforcing signatures: a release and every read fail unless they have the signature that the policy requires."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hfver.core.manifest import SIGNATURE, Manifest
from hfver.core.policy import Policy
from hfver.core.results import Release
from hfver.core.settings import resolve_policy
from hfver.errors import BadConfig, HubNotFound, PolicyViolation, SignatureInvalid
from hfver.hub import HubRepo
from hfver.hub.cache import cached_file
from hfver.registry.signing.bundle import check_bundle
from hfver.registry.signing.keys import (
    KeySigner,
    Signer,
    TrustedIdentity,
    TrustedKey,
    TrustedSigner,
    key_hint,
    load_private_key,
    load_public_key,
    parse_trusted,
)
from hfver.registry.signing.signed_set import signed_set

__all__ = ["check_folder_signed", "check_may_release", "check_signed"]

_SIGN = "Sign the release: --sign key:PATH, or --sign sigstore"


def check_signed(
    repo: HubRepo,
    release: Release,
    trusted: TrustedSigner | None = None,
    *,
    policy: Policy | None = None,
    remembered: bool = True,
) -> TrustedSigner | None:
    """Check a release's signature, if one is required.

    Args:
        repo: The repo, for a signature that is not in the Hugging Face cache.
        release: The release, whose manifest was checked.
        trusted: Who must have signed it; None for what the policy says.
        policy: The policy; None for the nearest file.
        remembered: Whether an earlier verdict on the same commit and signer counts. It needs no request.

    Returns:
        Who signed it; None if no signature is required.

    Raises:
        SignatureInvalid: There is no signature, or it was not made by the trusted signer over exactly this release.
        BadConfig: The policy cannot be read, or requires signatures without naming a signer.
    """
    # A mirror has its own name, but its releases were made for the repo that it is a copy of.
    made_for = release.manifest.repo if release.manifest else release.repo
    trusted = trusted or _policy_signer(policy, release.repo, made_for)
    if trusted is not None:
        _check_signature(repo, release, trusted, remembered)
    return trusted


def check_folder_signed(
    directory: Path, manifest: Manifest, digest: str, trusted: TrustedSigner | None, *, policy: Policy | None = None
) -> TrustedSigner | None:
    """Check the signature in a pulled folder, if one is required.

    Args:
        directory: The folder.
        manifest: The manifest in it.
        digest: The manifest's digest.
        trusted: Who must have signed it; None for what the policy says.
        policy: The policy; None for the nearest file.

    Returns:
        Who signed it; None if no signature is required.

    Raises:
        SignatureInvalid: There is no signature, or it was not made by the trusted signer over exactly this release.
        BadConfig: The policy cannot be read, or requires signatures without naming a signer.
    """
    trusted, path = trusted or _policy_signer(policy, manifest.repo), directory / SIGNATURE
    where = f"{manifest.repo}@{manifest.version} in {directory}"
    if trusted is None:
        return None
    if not path.is_file():
        raise _unsigned(where, trusted)
    check_bundle(path.read_bytes(), signed_set(manifest, digest), trusted, where)
    return trusted


def check_may_release(repo: str, signer: Signer | None, *, policy: Policy | None = None) -> None:
    """Refuse a release whose readers would reject its signature.

    Raises:
        PolicyViolation: The policy requires a signature, and the release has none, or one by a different signer.
    """
    rule = resolve_policy(policy).signature_for(repo)
    if rule is None:
        return
    if signer is None:
        raise PolicyViolation(f"The policy requires signed releases of {repo}, and this one is not signed.", _SIGN)
    trusted = parse_trusted(rule.public_key, rule.identity, rule.issuer)
    if isinstance(trusted, TrustedKey) and not _is_pair(signer, trusted):
        raise PolicyViolation(
            f"The policy trusts {trusted} for {repo}; readers would reject a release signed by anyone else.",
            f"Sign with the private key that belongs to {trusted.path}: --sign key:PATH",
        )
    if isinstance(trusted, TrustedIdentity) and isinstance(signer, KeySigner):
        raise PolicyViolation(
            f"The policy trusts {trusted} for {repo}; readers would reject a release signed with a key.",
            "Sign it with sigstore: --sign sigstore",
        )


def _policy_signer(policy: Policy | None, *repos: str) -> TrustedSigner | None:
    rule = resolve_policy(policy).signature_for(*repos)
    if rule is None:
        return None
    trusted = parse_trusted(rule.public_key, rule.identity, rule.issuer)
    if trusted is None:
        raise BadConfig(
            f"The policy requires signed releases of {repos[0]}, but does not say by whom.",
            'Add to hfver.toml: [signature] and public_key = "key.pub", or identity and issuer.',
        )
    return trusted


def _check_signature(repo: HubRepo, release: Release, trusted: TrustedSigner, remembered: bool) -> None:
    # The verdict names what was signed and by whom, so that it does not count for a different signer.
    memory, verdict = repo.memory, f"{release.digest} {trusted.fingerprint}"
    if remembered and release.manifest is not None and verdict in memory.signed(release.commit):
        return
    if release.manifest is None or release.digest is None:
        raise _unsigned(f"{release} is not an hfver release and", trusted)
    _check(repo, release, signed_set(release.manifest, release.digest), trusted)
    memory.remember_signed(release.commit, verdict)


def _check(repo: HubRepo, release: Release, files: Mapping[str, str], trusted: TrustedSigner) -> None:
    """Check the signature in the cache; if it is missing or damaged there, check the Hub's."""
    if cached := cached_file(release.repo, release.commit, SIGNATURE):
        with suppress(SignatureInvalid):
            return check_bundle(cached.read_bytes(), files, trusted, str(release))
    return check_bundle(_read(repo, release, trusted), files, trusted, str(release))


def _read(repo: HubRepo, release: Release, trusted: TrustedSigner) -> bytes:
    try:
        return repo.read(release.commit, SIGNATURE)
    except HubNotFound:
        raise _unsigned(str(release), trusted) from None


def _unsigned(what: str, trusted: TrustedSigner) -> SignatureInvalid:
    return SignatureInvalid(
        f"{what} has no signature ({SIGNATURE}); it must be signed by {trusted}.",
        "Use a signed release, or publish one: hfver release DIR --repo NS/NAME --sign key:PATH",
    )


def _is_pair(signer: Signer, trusted: TrustedKey) -> bool:
    if not isinstance(signer, KeySigner):
        return False
    return key_hint(load_private_key(signer.path).public_key()) == key_hint(load_public_key(trusted.path))
