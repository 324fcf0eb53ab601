"""Names of models and datasets: ids on the Hub, or paths on the author's disk."""

from __future__ import annotations

import re
from pathlib import Path, PureWindowsPath
from typing import Any

from hfver.model.lineage.record import BaseModelLink

__all__ = ["base_link", "hub_id", "last_part"]

_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)
_SHA = re.compile(r"[0-9a-f]{40}")


def hub_id(value: str) -> str | None:
    """Return a value that has the form of a Hub id and is not a local folder, or None."""
    return value if _ID.fullmatch(value) and ".." not in value and not Path(value).is_dir() else None


def last_part(value: str) -> str:
    """Return the last part of a path or id, which says nothing about the author's disk."""
    return PureWindowsPath(value.rstrip("/\\")).name or "unnamed"


def base_link(name: Any, relation: str, revision: Any = None) -> BaseModelLink | None:
    """Describe a base model by the name in a file, or by its last part if it is a path; None if it is not a name."""
    if not isinstance(name, str) or not name.strip():
        return None
    given = revision if isinstance(revision, str) and revision else None
    is_commit = given is not None and _SHA.fullmatch(given) is not None
    return BaseModelLink(
        name=last_part(name),
        source=hub_id(name),
        version=None if is_commit else given,
        revision=given if is_commit else None,
        relation=relation,
    )
