"""A card that the Hub would refuse: found before anything is uploaded."""

from __future__ import annotations

import re
from collections.abc import Callable

from hfver.core.manifest import CARD
from hfver.core.shorten import shortened
from hfver.errors import Refused
from hfver.hub.cards import CardVerdict
from hfver.hub.client import HubRepo
from hfver.registry.release_checks import git_blob_id
from hfver.registry.state import RepoState
from hfver.releasing.draft import Draft

__all__ = ["check_card"]

_FIELD = re.compile(r'"(?P<field>[^"]{1,200})" (?P<problem>.+)', re.DOTALL)
_CHOICES = re.compile(r"one of \[(?P<choices>[^\]]{120,})\]")

MAX_SAID = 300
"""How many characters of a problem are shown."""


def check_card(repo: HubRepo, state: RepoState | None, draft: Draft, say: Callable[[str], None]) -> None:
    """Ask the Hub whether it would accept the card of a release, which it judges at the commit, after the upload.

    Args:
        repo: The repo.
        state: The state of the repo; None if it does not exist yet.
        draft: The release.
        say: Called with what the Hub warns of.

    Raises:
        Refused: The Hub would refuse the card.
    """
    card = draft.sources[CARD]
    if not isinstance(card, bytes):
        raise TypeError("the card is written by hfver")
    # A card that main has already is not sent, so it is not judged.
    if state and (now := repo.tree(state.refs.main).get(CARD)) and now.blob == git_blob_id(card):
        return
    verdict = _judge(repo, card)
    for warning in verdict.warnings:
        say(f"Warning: {repo.hub.place} says of the card: {_shown(warning)}")
    if not verdict.errors:
        return
    problems = "; ".join(map(_problem, verdict.errors))
    raise Refused(f"{repo}: {repo.hub.place} would refuse the card: {problems}.", _fix(verdict.errors[0]))


def _judge(repo: HubRepo, card: bytes) -> CardVerdict:
    if repo.hub.store is None:
        return repo.judge_card(card)
    # The Hub of a folder runs in this process, so its rules need no request.
    from hfver.server.storage.card_rules import judge_card

    return CardVerdict(tuple(judge_card(card.decode("utf-8", "replace"), "models")))


def _problem(error: str) -> str:
    """Say what is wrong with a field, without the advice that some of the Hub's messages end with."""
    found = _FIELD.match(error.partition(". ")[0])
    said = f"{found['field']} {found['problem']}" if found else error
    return _shown(_CHOICES.sub("one of those that the Hub lists", said)).rstrip(".")


def _fix(error: str) -> str:
    """Return what to do about an error of the Hub."""
    found = _FIELD.match(error)
    field = re.split(r"[\[.]", found["field"])[0] if found else None
    place = "in the metadata of README.md (between the --- lines) in the folder that you release"
    if field == "license":
        return f"Write license: other and license_name: NAME {place}."
    if field == "language":
        return f"Write an ISO 639 code, such as language: en, {place}."
    if field in ("base_model", "datasets"):
        return f"Write {field} as ns/name, or leave it out, {place}."
    return f"Change {field} {place}." if field else f"Repair it {place}."


def _shown(said: str) -> str:
    printable = "".join(char if char.isprintable() else " " for char in said)
    return shortened(printable, MAX_SAID)
