"""Signing: OpenSSF Model Signing bundles over releases, made from known hashes instead of from files.

Only ``model_signing.py`` imports the library model-signing, and only when a signature is made or checked.
"""

from hfver.registry.signing.bundle import check_bundle, sign_manifest
from hfver.registry.signing.enforce import check_folder_signed, check_may_release, check_signed
from hfver.registry.signing.keys import (
    KeySigner,
    Signer,
    SigstoreSigner,
    TrustedIdentity,
    TrustedKey,
    TrustedSigner,
    parse_signer,
    parse_trusted,
)

__all__ = [
    "KeySigner",
    "Signer",
    "SigstoreSigner",
    "TrustedIdentity",
    "TrustedKey",
    "TrustedSigner",
    "check_bundle",
    "check_folder_signed",
    "check_may_release",
    "check_signed",
    "parse_signer",
    "parse_trusted",
    "sign_manifest",
]
