"""Secrets in what is about to be published: found with the patterns of detect-secrets, and refused."""

from hfver.model.secrets.refuse import policy_entry, refuse_secrets
from hfver.model.secrets.scan import SecretMatch, SecretScanner, find_secrets, scan_texts, scanner_id

__all__ = [
    "SecretMatch",
    "SecretScanner",
    "find_secrets",
    "policy_entry",
    "refuse_secrets",
    "scan_texts",
    "scanner_id",
]
