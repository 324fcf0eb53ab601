"""Enforcing signatures: what the policy asks for is refused at release and at every read, unless it is there."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from hfver.core.manifest import SIGNATURE, Manifest
from hfver.core.policy import Policy
from hfver.core.results import Release
from hfver.core.settings import resolve_policy
from hfver.errors import BadConfig, HubNotFound, PolicyViolation, SignatureInvalid
from hfver.hub import Hub
from hfver.hub.download import cached_file
from hfver.hub.memory import Memory
from hfver.registry.signing.bundle import check_bundle
from hfver.registry.signing.keys import (
    KeySigner,
    Signer,
    Trust,
    TrustedIdentity,
    TrustedKey,
    key_hint,
    load_private_key,
    load_public_key,
    parse_trust,
)
from hfver.registry.signing.signed_set import signed_set

__all__ = ["check_folder_signed", "check_may_release", "check_signed"]

_SIGN = "Sign it: --sign key:PATH, or --sign sigstore."


def check_signed(
    hub: Hub,
    release: Release,
    trust: Trust | None = None,
    *,
    policy: Policy | None = None,
    remembered: bool = True,
) -> Trust | None:
    """Check a release's signature, if anybody asks for one; a verdict of an earlier day costs nothing.

    Args:
        hub: Where the signature is, unless it came with the files.
        release: The release, with its manifest checked.
        trust: Who must have signed; None asks the policy.
        policy: The policy; None for the nearest file.
        remembered: Whether an earlier verdict on the same commit for the same key counts.

    Returns:
        Who signed; None if nobody asks.

    Raises:
        SignatureInvalid: There is no signature, or it is not by the trusted one over exactly this release.
        BadConfig: The policy asks for signatures and names nobody whose they must be, or cannot be read.
    """
    # A mirror is asked for under its own name, and its releases were made for another.
    made_for = release.manifest.repo if release.manifest else release.repo
    trust = trust or _policy_trust(policy, release.repo, made_for)
    if trust is not None:
        _check_signature(hub, release, trust, remembered)
    return trust


def check_folder_signed(
    directory: Path, manifest: Manifest, digest: str, trust: Trust | None, *, policy: Policy | None = None
) -> Trust | None:
    """Check the signature that lies in a pulled folder, if anybody asks for one.

    Returns:
        Who signed; None if nobody asks.

    Raises:
        SignatureInvalid: There is none, or it is not by the trusted one over exactly this release.
        BadConfig: The policy asks for signatures and names nobody whose they must be, or cannot be read.
    """
    trust, path = trust or _policy_trust(policy, manifest.repo), directory / SIGNATURE
    where = f"{manifest.repo}@{manifest.version} in {directory}"
    if trust is None:
        return None
    if not path.is_file():
        raise _unsigned(where, trust)
    check_bundle(path.read_bytes(), signed_set(manifest, digest), trust, where)
    return trust


def check_may_release(repo: str, signer: Signer | None, *, policy: Policy | None = None) -> None:
    """Refuse a release whose signature would not be what the policy asks of its readers.

    Raises:
        PolicyViolation: There is no signature, or one of another kind or key.
    """
    rule = resolve_policy(policy).signature_for(repo)
    if rule is None:
        return
    if signer is None:
        raise PolicyViolation(f"The policy asks for signed releases of {repo}.", _SIGN)
    trust = parse_trust(rule.public_key, rule.identity, rule.issuer)
    if isinstance(trust, TrustedKey) and not _is_pair(signer, trust):
        raise PolicyViolation(
            f"The policy trusts {trust} for {repo}, and this would be signed otherwise: its readers would refuse it.",
            f"Sign with the private half of {trust.path}.",
        )
    if isinstance(trust, TrustedIdentity) and isinstance(signer, KeySigner):
        raise PolicyViolation(f"The policy trusts {trust} for {repo}, and no key.", "Run it with --sign sigstore.")


def _policy_trust(policy: Policy | None, *repos: str) -> Trust | None:
    rule = resolve_policy(policy).signature_for(*repos)
    if rule is None:
        return None
    trust = parse_trust(rule.public_key, rule.identity, rule.issuer)
    if trust is None:
        raise BadConfig(
            f"The policy asks for signed releases of {repos[0]}, and does not say by whom.",
            'Add to hfver.toml: [signature] and public_key = "key.pub", or identity and issuer.',
        )
    return trust


def _check_signature(hub: Hub, release: Release, trust: Trust, remembered: bool) -> None:
    memory, verdict = Memory(hub.identity, release.repo), f"{release.digest} {trust.fingerprint}"
    if remembered and release.manifest is not None and verdict in memory.signed(release.commit):
        return
    if release.manifest is None or release.digest is None:
        raise _unsigned(f"{release} is no release of hfver, and", trust)
    _check(hub, release, signed_set(release.manifest, release.digest), trust)
    memory.remember_signed(release.commit, verdict)


def _check(hub: Hub, release: Release, files: Mapping[str, str], trust: Trust) -> None:
    """Check the signature in the cache; where there is none, or it went bad there, the Hub's."""
    if cached := cached_file(release.repo, release.commit, SIGNATURE):
        with suppress(SignatureInvalid):
            return check_bundle(cached.read_bytes(), files, trust, str(release))
    return check_bundle(_read(hub, release, trust), files, trust, str(release))


def _read(hub: Hub, release: Release, trust: Trust) -> bytes:
    try:
        return hub.read(release.repo, release.commit, SIGNATURE)
    except HubNotFound:
        raise _unsigned(str(release), trust) from None


def _unsigned(what: str, trust: Trust) -> SignatureInvalid:
    return SignatureInvalid(
        f"{what} has no signature ({SIGNATURE}); it must be signed by {trust}.",
        "Take a release that is signed, or make one: hfver release DIR --repo NS/NAME --sign key:PATH",
    )


def _is_pair(signer: Signer, trust: TrustedKey) -> bool:
    if not isinstance(signer, KeySigner):
        return False
    return key_hint(load_private_key(signer.path).public_key()) == key_hint(load_public_key(trust.path))
