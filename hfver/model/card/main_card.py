"""The card of a release as ``main`` may show it, on a Hub that has become stricter since the release was made."""

from __future__ import annotations

from collections.abc import Mapping

from hfver.core.front_matter import join_front_matter, split_front_matter
from hfver.core.licenses import license_fields
from hfver.errors import BadConfig
from hfver.model.card.yank_notice import with_yanks

__all__ = ["main_cards"]


def main_cards(card: bytes, yanks: Mapping[str, str]) -> tuple[bytes, ...]:
    """Return the forms in which ``main`` may show a card, the most faithful one first.

    The Hub judges a card at every commit that has it, and its rules change. A yank must not fail because of them, so
    there is a form whose license is on the Hub's list, and one without metadata, which no rule applies to.

    Args:
        card: The card of the release, UTF-8.
        yanks: The reasons of the yanked versions, by version.
    """
    try:
        data, body = split_front_matter(card.decode("utf-8", "replace"), "README.md")
    except BadConfig:
        return (with_yanks(card, yanks),)
    body = body.lstrip("\n")
    listed = {**data, **{key: value for key, value in license_fields(data.get("license"), data).items() if value}}
    forms = (card, join_front_matter(listed, body).encode() if listed != data else card, body.encode())
    return tuple(dict.fromkeys(with_yanks(form, yanks) for form in forms))
