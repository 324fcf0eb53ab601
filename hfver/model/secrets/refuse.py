"""Refuse to publish secrets: named by file and line, never shown."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Mapping

from hfver.errors import SecretFound
from hfver.model.secrets.scan import SecretMatch

__all__ = ["policy_entry", "refuse_secrets"]

MAX_SHOWN = 10
"""Secrets that the message lists; the hint has an entry for each."""


def policy_entry(path: str, match: SecretMatch) -> str:
    """Return the entry under ``[secrets] allow`` that permits exactly this match in this file."""
    return f"{path}:{match.fingerprint}"


def refuse_secrets(found: Mapping[str, Iterable[SecretMatch]], allowed: Collection[str] = ()) -> None:
    """Refuse files that hold a secret.

    Args:
        found: The secrets of each file of a release, by its path.
        allowed: Entries of the policy for matches that are not secrets, as ``path:fingerprint``.

    Raises:
        SecretFound: At least one match is not allowed.
    """
    matches = [(path, match) for path, held in sorted(found.items()) for match in held]
    refused = [(path, match) for path, match in matches if policy_entry(path, match) not in allowed]
    if refused:
        raise SecretFound(_message(refused), _hint(refused, allowed))


def _message(refused: list[tuple[str, SecretMatch]]) -> str:
    lines = [f"\n  {path}, line {match.line}: {match.kind}" for path, match in refused[:MAX_SHOWN]]
    more = f"\n  and {len(refused) - MAX_SHOWN} more" if len(refused) > MAX_SHOWN else ""
    return "The release would publish a secret; nothing was written." + "".join(lines) + more


def _hint(refused: Iterable[tuple[str, SecretMatch]], allowed: Collection[str]) -> str:
    entries = sorted({*allowed, *(policy_entry(path, match) for path, match in refused)})
    listed = ", ".join(json.dumps(entry, ensure_ascii=False) for entry in entries)
    return (
        "Remove it from the file, and revoke it where it was issued. If it is not a secret, allow it in hfver.toml:\n"
        f"[secrets]\nallow = [{listed}]"
    )
