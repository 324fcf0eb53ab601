"""The kinds of secrets that are searched for: those of detect-secrets whose form no other text has, and two more.

Detectors that rely on entropy or on a neighboring word report something in every tokenizer, so they are left out.
Nothing is verified online, because a detector's ``verify`` would send the secret to its service.
"""

from __future__ import annotations

import re
from functools import cache

from detect_secrets.plugins.aws import AWSKeyDetector
from detect_secrets.plugins.azure_storage_key import AzureStorageKeyDetector
from detect_secrets.plugins.base import RegexBasedDetector
from detect_secrets.plugins.github_token import GitHubTokenDetector
from detect_secrets.plugins.gitlab_token import GitLabTokenDetector
from detect_secrets.plugins.npm import NpmDetector
from detect_secrets.plugins.openai import OpenAIDetector
from detect_secrets.plugins.private_key import PrivateKeyDetector
from detect_secrets.plugins.pypi_token import PypiTokenDetector
from detect_secrets.plugins.sendgrid import SendGridDetector
from detect_secrets.plugins.slack import SlackDetector
from detect_secrets.plugins.stripe import StripeDetector

__all__ = ["HEADINGS", "GitHubFineGrainedToken", "HuggingFaceToken", "detectors"]


class HuggingFaceToken(RegexBasedDetector):
    """Finds access tokens of a Hub: ``hf_`` or ``api_org_``. A row of one letter, such as ``xxxxxxxx``, is not one."""

    secret_type = "Hugging Face Token"  # noqa: S105 - the name of a kind
    denylist = (re.compile(r"(?:hf|api_org)_(?![xX.*]{8})[A-Za-z0-9]{30,256}"),)


class GitHubFineGrainedToken(RegexBasedDetector):
    """Finds fine-grained tokens of GitHub, which detect-secrets 1.5 does not know."""

    secret_type = "GitHub Fine-Grained Token"  # noqa: S105 - the name of a kind
    denylist = (re.compile(r"github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}"),)


HEADINGS = frozenset({PrivateKeyDetector.secret_type})
"""Kinds whose pattern matches the line above the secret; the fingerprint covers the text after the match as well."""


@cache
def detectors() -> tuple[RegexBasedDetector, ...]:
    """Return one detector of each kind."""
    return (
        HuggingFaceToken(),
        GitHubFineGrainedToken(),
        AWSKeyDetector(),
        AzureStorageKeyDetector(),
        GitHubTokenDetector(),
        GitLabTokenDetector(),
        NpmDetector(),
        OpenAIDetector(),
        PrivateKeyDetector(),
        PypiTokenDetector(),
        SendGridDetector(),
        SlackDetector(),
        StripeDetector(),
    )
