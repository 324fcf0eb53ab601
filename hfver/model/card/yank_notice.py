"""The part of a card that lists the versions which were yanked."""

from __future__ import annotations

import re
from collections.abc import Mapping

from hfver.model.card.markdown import text
from hfver.model.card.sections import mark

__all__ = ["with_yanks"]

_PART = re.compile(r"^<!-- hfver:begin yanked\b[^\n]*\n.*?^<!-- hfver:end yanked -->\n+", re.DOTALL | re.MULTILINE)
_HEAD = re.compile(r"^<!-- hfver:begin head\b", re.MULTILINE)
_BODY = re.compile(r"\A---\n.*?^---\n+", re.DOTALL | re.MULTILINE)


def with_yanks(card: bytes, yanks: Mapping[str, str]) -> bytes:
    """Write into a card of hfver's which versions were yanked, and why, in place of an earlier list.

    Args:
        card: The card, UTF-8.
        yanks: The reasons by version, in the order in which they are shown; without any, the list is removed.
    """
    whole = _PART.sub("", card.decode("utf-8", "replace"))
    if not yanks:
        return whole.encode()
    lines = [f"> - {text(version)}: {text(reason)}" for version, reason in yanks.items()]
    part = mark("yanked", "\n".join(["> **Yanked versions.** Version ranges skip them.", ">", *lines]))
    found = _HEAD.search(whole) or _BODY.match(whole)
    place = 0 if found is None else found.start() if found.re is _HEAD else found.end()
    return f"{whole[:place]}{part}\n\n{whole[place:]}".encode()
