"""Versions and bumps by SemVer 2.0, and ranges of versions as npm and Cargo have them.

Versions are :class:`semver.Version`. Ranges have the forms ``^1.2``, ``~1.2.3``, ``>=1.2,<2``, ``1.x`` and ``*``. A
prerelease is only in a range if a bound with the same major, minor and patch numbers is a prerelease too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum

from semver import Version

from hfver.errors import BadVersion

__all__ = [
    "Bump",
    "Range",
    "Version",
    "is_canonical",
    "next_version",
    "parse_bump",
    "parse_range",
    "parse_version",
    "tag_of",
    "version_of_tag",
]

FIRST = Version(1, 0, 0)
"""The version of a first release, unless the user chooses another."""

_NUMBER = r"(?:0|[1-9]\d{0,8})"
_PARTIAL = re.compile(
    rf"v?(?P<major>{_NUMBER}|[xX*])(?:\.(?P<minor>{_NUMBER}|[xX*])(?:\.(?P<patch>{_NUMBER}|[xX*]))?)?"
    r"(?:-(?P<pre>[0-9A-Za-z.-]{1,64}))?(?:\+[0-9A-Za-z.-]{1,64})?"
)
_COMPARATOR = re.compile(r"\s*(?P<op>\^|~|>=|<=|>|<|==?|)\s*(?P<version>[0-9A-Za-z.*+-]+)\s*")


class Bump(StrEnum):
    """What a change means for users who pinned ``^``: the part of the version that rises."""

    MAJOR = "major"
    MINOR = "minor"
    PATCH = "patch"

    @property
    def height(self) -> int:
        """Its rank: 1 for patch, 2 for minor, 3 for major."""
        return {"patch": 1, "minor": 2, "major": 3}[self]


def parse_bump(text: str) -> Bump:
    """Parse ``major``, ``minor`` or ``patch``.

    Raises:
        BadVersion: It is a different word.
    """
    try:
        return Bump(text)
    except ValueError:
        raise BadVersion(f"{text[:40]!r} is not a level.", f"Choose one of: {', '.join(Bump)}") from None


def parse_version(text: str) -> Version:
    """Parse an exact SemVer 2.0 version, with or without a leading ``v``.

    Raises:
        BadVersion: The text is not ``MAJOR.MINOR.PATCH[-PRE]``, or it has build metadata. SemVer ignores that in
            comparisons, so two builds would be the same version.
    """
    bare = text[1:] if text[:1] in "vV" else text
    try:
        # Python also accepts the digits of other scripts, so that two different texts would be one version.
        version = Version.parse(bare) if len(bare) <= 128 and bare.isascii() else None
    except ValueError:
        version = None
    if version is None:
        raise BadVersion(f"{text[:80]!r} is not a version.", "Write MAJOR.MINOR.PATCH, such as 1.2.0 or 1.3.0-rc.1.")
    if version.build:
        raise BadVersion(
            f"{text!r} has build metadata, which is not supported.",
            f"Leave out '+{version.build}': {str(version).split('+')[0]}",
        )
    return version


def tag_of(version: Version) -> str:
    """Return the git tag of a version: ``v`` and the version."""
    return f"v{version}"


def version_of_tag(tag: str) -> Version | None:
    """Return the version of a tag; None if the tag is not ``v`` and a version."""
    if not tag.startswith("v"):
        return None
    try:
        version = parse_version(tag[1:])
    except BadVersion:
        return None
    return version if tag == tag_of(version) else None


def is_canonical(text: str) -> bool:
    """Return whether a text is a version in the form that hfver writes, in which equal versions are equal texts."""
    return version_of_tag(f"v{text}") is not None


def next_version(newest: Version | None, bump: Bump) -> Version:
    """Return the newest stable version, raised by a bump; the first version is 1.0.0.

    Below 1.0.0, a MAJOR bump raises the minor number (SemVer 2.0, item 4): 0.x only becomes 1.0.0 on request.
    """
    if newest is None:
        return FIRST
    if bump is Bump.MAJOR and newest.major == 0:
        return newest.bump_minor()
    steps = {Bump.MAJOR: newest.bump_major, Bump.MINOR: newest.bump_minor, Bump.PATCH: newest.bump_patch}
    return steps[bump]()


def next_prerelease(target: Version, name: str, tags: Iterable[str]) -> Version:
    """Return the next prerelease of a version: ``1.3.0-rc.1``, then ``1.3.0-rc.2``.

    Args:
        target: The version.
        name: The name of the prerelease line, such as ``rc``.
        tags: The tags of the repo.

    Raises:
        BadVersion: The name does not consist of letters.
    """
    if not re.fullmatch(r"[A-Za-z][A-Za-z-]{0,31}", name):
        raise BadVersion(f"{name[:40]!r} cannot name a prerelease line.", "Use letters, such as --pre rc.")
    numbers = re.compile(rf"v{re.escape(str(target))}-{name}\.(0|[1-9]\d{{0,8}})")
    taken = [int(match[1]) for tag in tags if (match := numbers.fullmatch(tag))]
    return target.replace(prerelease=f"{name}.{max(taken, default=0) + 1}")


def bump_between(before: Version | None, after: Version) -> Bump:
    """Return the level by which a version rose since an earlier one; None as the earlier one means a first release."""
    if before is None or after.major != before.major:
        return Bump.MAJOR
    if after.minor != before.minor:
        return Bump.MAJOR if after.major == 0 else Bump.MINOR
    return Bump.PATCH


@dataclass(frozen=True)
class Comparator:
    """One bound of a range: an operator out of ``>= > <= < ==`` and a version."""

    op: str
    version: Version

    def allows(self, candidate: Version) -> bool:
        """Return whether a version is within this bound."""
        order = candidate.compare(self.version)
        return {">=": order >= 0, ">": order > 0, "<=": order <= 0, "<": order < 0, "==": order == 0}[self.op]

    def __str__(self) -> str:
        return f"{self.op}{self.version}"


@dataclass(frozen=True)
class Range:
    """A set of versions that satisfy every comparator. It prints as it was typed."""

    text: str
    comparators: tuple[Comparator, ...]

    def allows(self, candidate: Version) -> bool:
        """Return whether a version is in the range, with npm's rule for prereleases."""
        if candidate.prerelease and not self._has_prerelease_bound(candidate):
            return False
        return all(comparator.allows(candidate) for comparator in self.comparators)

    def best(self, candidates: Iterable[Version]) -> Version | None:
        """Return the highest version that is in the range, or None."""
        return max((version for version in candidates if self.allows(version)), default=None)

    def _has_prerelease_bound(self, candidate: Version) -> bool:
        """Return whether a bound is a prerelease of the same version, which means that prereleases are wanted."""
        core = candidate.finalize_version()
        bounds = (comparator.version for comparator in self.comparators if comparator.op != "<" or _typed(comparator))
        return any(bound.prerelease and bound.finalize_version() == core for bound in bounds)

    def __str__(self) -> str:
        return self.text


def _typed(comparator: Comparator) -> bool:
    """Return whether the user typed a prerelease bound; ``-0`` is the one that ``^`` and ``~`` end with."""
    return comparator.version.prerelease != "0"


def parse_range(text: str) -> Range:
    """Parse a range of versions.

    Raises:
        BadVersion: The text is not a list of comparators separated by commas or spaces.
    """
    parts = [part for part in re.split(r"\s*,\s*|(?<=[0-9A-Za-z*])\s+(?=[\^~<>=0-9vxX*])", text.strip()) if part]
    if not parts or len(text) > 256:
        raise _bad_range(text)
    return Range(text, tuple(bound for part in parts for bound in _bounds(part, text)))


def _bounds(part: str, text: str) -> Iterable[Comparator]:
    match = _COMPARATOR.fullmatch(part)
    partial = _PARTIAL.fullmatch(match["version"]) if match else None
    if match is None or partial is None:
        raise _bad_range(text)
    numbers = _numbers(partial, text)
    low = _floor(numbers, partial["pre"])
    return _EXPAND[match["op"]](numbers, low)


def _numbers(partial: re.Match[str], text: str) -> list[int]:
    """Return the numbers before the first placeholder: [1] for ``1.x``, [] for ``*``."""
    numbers: list[int] = []
    for name in ("major", "minor", "patch"):
        part = partial[name]
        if part is None or part in "xX*":
            rest = ("minor", "patch") if name == "major" else ("patch",) if name == "minor" else ()
            if partial["pre"] or any((partial[other] or "x") not in "xX*" for other in rest):
                raise _bad_range(text)
            break
        numbers.append(int(part))
    return numbers


def _floor(numbers: list[int], pre: str | None) -> Version:
    padded = [*numbers, 0, 0, 0][:3]
    return parse_version(".".join(map(str, padded)) + (f"-{pre}" if pre else ""))


def _ceiling(numbers: list[int], index: int) -> list[Comparator]:
    """Return the upper bound of a range: below the next value of the number at an index, and below its prereleases."""
    if not numbers:
        return []
    raised = [*numbers[:index], numbers[index] + 1] + [0] * (2 - index)
    # "-0" is the lowest prerelease there can be, so that 2.0.0-rc.1 is not in ^1.
    major, minor, patch = raised
    return [Comparator("<", Version(major, minor, patch, "0"))]


def _caret(numbers: list[int], low: Version) -> list[Comparator]:
    # The first number that is not 0 may not rise: ^0.2.3 stays below 0.3.0, and ^0.0.3 below 0.0.4.
    fixed = next((i for i, number in enumerate(numbers) if number), max(len(numbers) - 1, 0))
    return [Comparator(">=", low), *_ceiling(numbers, fixed)]


def _tilde(numbers: list[int], low: Version) -> list[Comparator]:
    return [Comparator(">=", low), *_ceiling(numbers, min(1, max(len(numbers) - 1, 0)))]


def _equal(numbers: list[int], low: Version) -> list[Comparator]:
    if len(numbers) == 3:
        return [Comparator("==", low)]
    return [Comparator(">=", low), *_ceiling(numbers, len(numbers) - 1)]


def _above(numbers: list[int], low: Version) -> list[Comparator]:
    if len(numbers) == 3:
        return [Comparator(">", low)]
    return [Comparator(">=", bound.version.finalize_version()) for bound in _ceiling(numbers, len(numbers) - 1)]


def _up_to(numbers: list[int], low: Version) -> list[Comparator]:
    return [Comparator("<=", low)] if len(numbers) == 3 else _ceiling(numbers, len(numbers) - 1)


_EXPAND = {
    "^": _caret,
    "~": _tilde,
    "": _equal,
    "=": _equal,
    "==": _equal,
    ">=": lambda _, low: [Comparator(">=", low)],
    ">": _above,
    "<": lambda _, low: [Comparator("<", low)],
    "<=": _up_to,
}


def _bad_range(text: str) -> BadVersion:
    return BadVersion(
        f"{text[:80]!r} is not a version or a range.",
        "Write an exact version (1.2.0), a range (^1.2, ~1.2.3, '>=1.2,<2', 1.x) or latest.",
    )
