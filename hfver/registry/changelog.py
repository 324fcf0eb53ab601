"""Chronicle: what changed from version to version, as the releases themselves say it."""

from __future__ import annotations

import re

from hfver.core.manifest import CHANGELOG
from hfver.core.ref import Latest, Ref
from hfver.core.version import Version, version_of_tag
from hfver.errors import HubNotFound
from hfver.hub.client import HubRepo
from hfver.registry.release_checks import read_verified
from hfver.registry.resolve import resolve
from hfver.registry.state import TrustOptions

__all__ = ["changelog"]

_HEADING = re.compile(r"^## \[?(?P<version>[^\s\]]+)\]?.*$", re.MULTILINE)


def changelog(repo: HubRepo, after: Version | None, upto: Version | None, trust: TrustOptions = TrustOptions()) -> str:
    """Read the changelog of the newest release (or of ``upto``), down to the entry of ``after``.

    Raises:
        HubNotFound: There is no such release, or it has no changelog.
        VerificationError: Something on the Hub is not what was released.
    """
    pinned = resolve(repo.hub, Ref(repo.name, upto or Latest()), trust)
    manifest = pinned.release.manifest
    if manifest is None or CHANGELOG not in manifest.files:
        raise HubNotFound(f"{pinned.release} has no {CHANGELOG}.")
    text = read_verified(pinned.repo, pinned.release, manifest, CHANGELOG).decode("utf-8", "replace")
    return _between(text, after)


def _between(text: str, after: Version | None) -> str:
    """Cut a changelog before the first entry that is not newer than a version."""
    for heading in _HEADING.finditer(text):
        version = version_of_tag(f"v{heading['version']}")
        if after is not None and version is not None and version <= after:
            return text[: heading.start()].rstrip() + "\n"
    return text
