"""What a Hub says of a card before it is committed."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from hfver.hub.responses import parsing, text
from hfver.hub.session import HubSession

__all__ = ["CardVerdict", "judge_card"]

# Hubs without this endpoint, and those that ask for more rights than the token has, judge at the commit alone.
NO_VERDICT = frozenset({401, 403, 404, 405, 413, 501})


@dataclass(frozen=True)
class CardVerdict:
    """What a Hub finds in a card; with errors, it refuses a commit that has it."""

    errors: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


def judge_card(session: HubSession, card: bytes, repo: str) -> CardVerdict:
    """Ask a Hub whether it would accept a card; nothing is written.

    Args:
        session: The Hub.
        card: The card, UTF-8.
        repo: The repo's name, for messages.

    Returns:
        What the Hub finds; nothing if it does not say.

    Raises:
        HubError: The Hub does not answer, or not as a Hub.
    """
    body = {"content": card.decode("utf-8", "replace"), "repoType": "model"}
    what = f"{repo}: its card"
    response = session.request("POST", "/api/validate-yaml", what, json=body, allow={400} | NO_VERDICT)
    if response.status_code in NO_VERDICT:
        return CardVerdict()
    with parsing(what, session.place):
        found = response.json()
        return CardVerdict(tuple(_messages(found.get("errors"))), tuple(_messages(found.get("warnings"))))


def _messages(found: Any) -> Iterator[str]:
    yield from (text(item["message"]) for item in found or ())
