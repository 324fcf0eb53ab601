"""What changed from version to version, as the releases themselves say it."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from itertools import takewhile

from hfver.core.ledger import Entry
from hfver.core.manifest import CHANGELOG
from hfver.core.ref import Latest, Ref
from hfver.core.version import Version, parse_version, version_of_tag
from hfver.errors import HubNotFound
from hfver.hub.client import HubRepo
from hfver.model.card.markdown import sentence
from hfver.registry.release_checks import read_verified
from hfver.registry.resolve import Pinned, resolve
from hfver.registry.state import TrustOptions, read_state

__all__ = ["changelog"]

_HEADING = re.compile(r"^## \[?(?P<version>[^\s\]]+)\]?.*$", re.MULTILINE)


@dataclass(frozen=True)
class _Section:
    """A piece of a changelog: what stands before the first version, or one version with its heading."""

    text: str
    version: Version | None = None


def changelog(repo: HubRepo, after: Version | None, upto: Version | None, trust: TrustOptions = TrustOptions()) -> str:
    """Read the changelog of a repo, with the versions that were yanked since marked as yanked.

    A changelog is part of its release and never changes, so it cannot know what was yanked later: that is in the
    ledger. Yanked versions that it lacks, because they are newer, get a heading of their own.

    Args:
        repo: The repo.
        after: Leave out this version and older ones.
        upto: The version whose changelog is read; None for the newest one that is not yanked.
        trust: What must hold for the repo to be believed.

    Returns:
        Markdown in the form of Keep a Changelog.

    Raises:
        HubNotFound: There is no such release, or it has no changelog.
        VerificationError: Something on the Hub is not what was released.
    """
    state = read_state(repo, trust)
    pinned = resolve(repo.hub, Ref(repo.name, upto or Latest()), trust, state)
    yanked = {entry.version: entry for entry in state.ledger.entries if entry.yanked is not None}
    intro, *versions = _sections(_read(pinned))
    newer = _newer(yanked.values(), pinned, upto)
    # A section whose heading is no version belongs to the one above it.
    kept = takewhile(lambda one: after is None or one.version is None or one.version > after, [*newer, *versions])
    marked = (_marked(one, yanked[one.version]) if one.version in yanked else one for one in kept)
    return "\n\n".join(one.text.strip("\n") for one in (intro, *marked) if one.text.strip()) + "\n"


def _read(pinned: Pinned) -> str:
    manifest = pinned.release.manifest
    if manifest is None or CHANGELOG not in manifest.files:
        raise HubNotFound(
            f"{pinned.release} has no {CHANGELOG}.", "See what changed between two releases: hfver diff A B"
        )
    return read_verified(pinned.repo, pinned.release, manifest, CHANGELOG).decode("utf-8", "replace")


def _sections(text: str) -> Iterator[_Section]:
    headings = list(_HEADING.finditer(text))
    starts = [heading.start() for heading in headings]
    yield _Section(text[: starts[0]] if starts else text)
    for heading, end in zip(headings, [*starts[1:], len(text)], strict=True):
        yield _Section(text[heading.start() : end], version_of_tag(f"v{heading['version']}"))


def _newer(yanked: Iterable[Entry], pinned: Pinned, upto: Version | None) -> list[_Section]:
    """Return a section for each yanked version that is newer than the changelog, the newest first.

    Prereleases are left out, as in every changelog of a stable release.
    """
    if upto is not None:
        return []
    newest = parse_version(str(pinned.release.version))
    missing = [entry for entry in yanked if entry.version > newest and not entry.version.prerelease]
    return [
        _Section(f"## [{entry.version}] - {entry.line.date:%Y-%m-%d}", entry.version)
        for entry in sorted(missing, key=lambda entry: entry.version, reverse=True)
    ]


def _marked(section: _Section, entry: Entry) -> _Section:
    """Mark a version as Keep a Changelog does, and say why it was yanked."""
    heading, _, body = section.text.partition("\n")
    # The reason was written by anybody with write access: it must not become a heading or HTML.
    reason = f"{heading} [YANKED]\n\nYanked: {sentence(entry.yanked)}\n\n"
    return _Section(reason + body.lstrip("\n"), section.version)
