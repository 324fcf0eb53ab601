"""``hfver doctor``: whether this machine, its settings and its access to a Hub work, and what to do if not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from hfver.api.hubs import HubLike, open_hub
from hfver.api.machine import read_machine
from hfver.api.references import parse_repo
from hfver.core.diagnosis import Diagnosis, Reading
from hfver.core.log import redact
from hfver.core.plural import counted
from hfver.errors import HfverError, HubDenied, HubError, HubNotFound, HubUnreachable, VerificationError
from hfver.hub.client import HubRepo

if TYPE_CHECKING:
    from hfver.hub import Hub

__all__ = ["doctor"]

ATTEMPTS, SECONDS = 1, 10.0
"""How often doctor retries, and how long it waits: that a Hub does not answer is what its user wants to know."""


def doctor(repo: str | None = None, *, hub: HubLike = None, token: str | None = None) -> Diagnosis:
    """Check this machine, its settings, and the access to a Hub; nothing is written anywhere.

    Args:
        repo: A repo whose access and state to check too: ``namespace/name``, or an alias.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.

    Returns:
        A reading of each thing, with what to do where something is wrong. What is broken is a reading, not an error.

    Raises:
        BadRef: ``repo`` is neither a repo id nor an alias.
        UsageError: The folder is not an embedded Hub.
    """
    name = parse_repo(repo) if repo else None
    readings = list(read_machine())
    try:
        with open_hub(hub, token) as client:
            _be_quick(client)
            readings += _account(client, token)
            if name and not any(reading.name == "endpoint" and reading.status == "broken" for reading in readings):
                readings += _repo(client.repo(name))
    except HfverError as error:
        if not any(reading.name == "settings" and reading.status == "broken" for reading in readings):
            raise
        # A Hub is not opened with broken settings; their reading says what to do.
        readings.append(Reading("endpoint", "broken", error.message, error.hint))
    return Diagnosis(tuple(readings), name)


def _be_quick(hub: Hub) -> None:
    from hfver.hub.retry import RetryPolicy

    session = hub.session
    session.retry_policy = RetryPolicy(ATTEMPTS, session.retry_policy.pause, min(SECONDS, session.retry_policy.timeout))


def _account(hub: Hub, token: str | None) -> Iterator[Reading]:
    """Ask the Hub who we are: that shows whether it answers, and whether it knows the token."""
    has_token = bool(hub.session.headers().get("authorization"))
    where = f"{redact(hub.place)} ({_endpoint_from(hub)})"
    try:
        answer = hub.session.request("GET", "/api/whoami-v2", "your user").json()
    except HubUnreachable as error:
        yield Reading("endpoint", "broken", error.message, error.hint)
        yield Reading("token", "ok" if has_token else "warning", f"{_token_from(token)}, not checked")
        return
    except (HubError, ValueError) as error:
        yield Reading("endpoint", "ok", where)
        yield _token_without_name(hub, token, has_token, error)
        return
    yield Reading("endpoint", "ok", where)
    yield Reading("token", "ok", f"{_token_from(token)}: {_rights(answer)}")


def _endpoint_from(hub: Hub) -> str:
    if urlsplit(hub.place).scheme not in ("http", "https"):
        return "an embedded Hub"
    return "from HF_ENDPOINT" if os.environ.get("HF_ENDPOINT", "").rstrip("/") == hub.endpoint else hub.endpoint


def _token_without_name(hub: Hub, token: str | None, has_token: bool, error: Exception) -> Reading:
    """Say what it means that the Hub does not name the owner of a token."""
    hint = "Set HF_TOKEN, or run: hf auth login"
    if not has_token:
        return Reading("token", "warning", f"none for {hub.place}: public repos can be read", hint)
    if isinstance(error, HubDenied):
        # Tokens for one repo, and those of other Hubs, need not be allowed to ask.
        return Reading("token", "warning", f"{_token_from(token)}: {error.message}", f"If it should work: {hint}")
    return Reading("token", "ok", f"{_token_from(token)}; this Hub does not say whose it is")


def _token_from(token: str | None) -> str:
    if token:
        return "given by the caller"
    return "from HF_TOKEN" if os.environ.get("HF_TOKEN") else "stored by hf auth login"


def _rights(answer: Any) -> str:
    """Describe a token in a line; every part of the answer may be missing."""
    data = _table(answer)
    role = str(_table(_table(data.get("auth")).get("accessToken")).get("role"))
    rights = {"write": "may write", "read": "may only read", "fineGrained": "has rights of its own"}
    listed = data.get("orgs")
    orgs = [str(_table(org).get("name")) for org in listed] if isinstance(listed, list) else []
    parts = [str(data.get("name") or "name unknown"), rights.get(role, "rights unknown")]
    return ", ".join([*parts, *([f"in {', '.join(orgs[:8])}"] if orgs else [])])


def _table(value: Any) -> dict[str, Any]:
    return value if isinstance(value, dict) else {}


def _repo(repo: HubRepo) -> Iterator[Reading]:
    reading = _can_read(repo)
    yield reading
    if reading.status == "ok":
        yield _can_write(repo)
        yield _state(repo)


def _can_read(repo: HubRepo) -> Reading:
    def look() -> Reading:
        return Reading("read", "ok", f"{repo} can be read" if repo.refs() else "")

    return _reported("read", look)


def _can_write(repo: HubRepo) -> Reading:
    """Ask how a file would have to be uploaded: only who may write gets an answer, and nothing is written."""
    from hfver.hub.listing import Upload

    def look() -> Reading:
        repo.upload_modes("main", [Upload("config.json", 2, b"{}")])
        return Reading("write", "ok", f"{repo} can be written")

    return _reported("write", look)


def _state(repo: HubRepo) -> Reading:
    from hfver.registry.versions import list_versions

    def look() -> Reading:
        found = list_versions(repo)
        newest = found.releases[0].version if found.releases else None
        detail = f"{counted(len(found.releases), 'release')}" + (f", the newest is {newest}" if newest else "")
        if found.pending:
            hint = f"Make releases of them: hfver adopt {repo}, or run the release command again."
            return Reading("state", "warning", f"{detail}; pending tags: {', '.join(found.pending)}", hint)
        hint = "" if found.releases else f"Publish one: hfver release DIR --repo {repo}"
        return Reading("state", "ok", detail, hint)

    return _reported("state", look)


def _reported(name: str, look: Callable[[], Reading]) -> Reading:
    """Turn what goes wrong into a reading."""
    try:
        return look()
    except VerificationError as error:
        return Reading(name, "broken", error.message, error.hint)
    except (HubDenied, HubNotFound) as error:
        # Who only loads models need not be able to write, and a repo may be about to be created.
        return Reading(name, "warning", error.message, error.hint)
    except HfverError as error:
        return Reading(name, "broken", error.message, error.hint)
