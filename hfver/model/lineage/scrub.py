"""Remove what is private from a lineage: tokens, passwords in URLs, and paths of the author's disk."""

from __future__ import annotations

import re
from typing import Any

from hfver.model.lineage.hub_ids import last_part
from hfver.model.lineage.record import Lineage

__all__ = ["scrub"]

_SECRET = re.compile(
    r"\b(?:hf_[A-Za-z0-9]{16,}|gh[pousr]_[A-Za-z0-9]{20,}|github_pat_\w{20,}|glpat-[\w-]{16,}"
    r"|sk-[\w-]{20,}|xox[abprs]-[\w-]{10,}|AKIA[0-9A-Z]{16})"
)
_USERINFO = re.compile(r"(?<=://)[^/\s@]+@")
_QUERY_SECRET = re.compile(r"(?<=[?&])([\w-]*(?:token|key|secret|password|signature)[\w-]*)=[^&\s]+", re.IGNORECASE)
_FILE_URL = re.compile(r"\bfile://[^\s\"']+")
_PATH = re.compile(r"(?<![\w.:/~@-])(?:~?/(?:[^\s/\"',;:|)\]}]+/)+[^\s/\"',;:|)\]}]*|[A-Za-z]:\\[^\s\"',;|]+)")


def scrub(lineage: Lineage) -> Lineage:
    """Mask the secrets in every text of a record, and reduce absolute paths to their last part."""
    data = lineage.model_dump(mode="json", exclude_none=True)
    return Lineage.model_validate(_clean(data))


def _clean(value: Any) -> Any:
    if isinstance(value, dict):
        return {_clean_text(str(key)): _clean(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_clean(item) for item in value]
    return _clean_text(value) if isinstance(value, str) else value


def _clean_text(text: str) -> str:
    # Paths first: what is left of them may still hold a secret.
    for pattern in (_FILE_URL, _PATH):
        text = pattern.sub(lambda match: last_part(match[0]), text)
    text = _QUERY_SECRET.sub(r"\1=***", _USERINFO.sub("", text))
    return _SECRET.sub("***", text)
