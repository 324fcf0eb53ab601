"""Secrets in what is about to be published: found by detect-secrets, named by file and line, never shown."""

from hfver.model.secrets.scan import Finding, find_secrets, refuse_secrets

__all__ = ["Finding", "find_secrets", "refuse_secrets"]
