from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from semver import Version

from hfver.core.version import (
    Bump,
    bump_between,
    next_prerelease,
    next_version,
    parse_range,
    parse_version,
    tag_of,
    version_of_tag,
)
from hfver.errors import BadVersion

NUMBERS = st.integers(0, 30)
VERSIONS = st.builds(Version, NUMBERS, NUMBERS, NUMBERS)


@pytest.mark.parametrize(
    ("text", "inside", "outside"),
    [
        ("^1.2", ["1.2.0", "1.9.9"], ["1.1.9", "2.0.0", "2.0.0-rc.1", "1.3.0-rc.1"]),
        ("^0.2.3", ["0.2.3", "0.2.9"], ["0.3.0", "0.2.2"]),
        ("^0.0.3", ["0.0.3"], ["0.0.4"]),
        ("^0", ["0.0.0", "0.9.0"], ["1.0.0"]),
        ("^1.2.3-rc.1", ["1.2.3-rc.1", "1.2.3-rc.2", "1.2.3", "1.4.0"], ["1.2.4-rc.1", "2.0.0"]),
        ("~1.2.3", ["1.2.3", "1.2.9"], ["1.3.0", "1.2.2"]),
        ("~1.2", ["1.2.0"], ["1.3.0"]),
        ("~1", ["1.0.0", "1.9.0"], ["2.0.0"]),
        (">=1.2,<2", ["1.2.0", "1.99.0"], ["2.0.0", "2.0.0-rc.1", "1.1.0"]),
        (">=1.2 <2", ["1.2.0"], ["2.0.0"]),
        (">1.2", ["1.3.0"], ["1.2.9"]),
        ("<=1.2", ["1.2.9", "0.1.0"], ["1.3.0"]),
        ("1.x", ["1.0.0", "1.5.2"], ["2.0.0", "0.9.0"]),
        ("1.2.*", ["1.2.7"], ["1.3.0"]),
        ("1", ["1.4.0"], ["2.0.0"]),
        ("*", ["0.1.0", "9.0.0"], ["9.0.0-rc.1"]),
        ("=1.2.3", ["1.2.3"], ["1.2.4"]),
    ],
)
def test_ranges(text: str, inside: list[str], outside: list[str]) -> None:
    wanted = parse_range(text)
    assert [version for version in inside if not wanted.allows(parse_version(version))] == []
    assert [version for version in outside if wanted.allows(parse_version(version))] == []


@pytest.mark.parametrize(
    "text", ["", "a", "^", "1.2.3.4", "01.2", "^1.x.2", "1.x-rc", "1..2", ">=", "1 || 2", "1" * 300]
)
def test_texts_that_are_not_ranges(text: str) -> None:
    with pytest.raises(BadVersion):
        parse_range(text)


@pytest.mark.parametrize("text", ["", "1", "1.2", "v", "1.2.3+build", "1.2.3-", "01.0.0", "1.2.3\n", "１.2.3"])
def test_texts_that_are_not_versions(text: str) -> None:
    with pytest.raises(BadVersion):
        parse_version(text)


@given(VERSIONS, st.sampled_from(Bump))
def test_the_next_version_is_higher_by_the_bump(version: Version, bump: Bump) -> None:
    raised = next_version(version, bump)
    assert raised > version
    assert bump_between(version, raised) is bump or (version.major == 0 and bump is not Bump.PATCH)
    assert raised.major > 0 or version.major == 0


@pytest.mark.parametrize(
    ("newest", "bump", "expected"),
    [
        (None, Bump.PATCH, "1.0.0"),
        ("1.2.3", Bump.MAJOR, "2.0.0"),
        ("0.4.1", Bump.MAJOR, "0.5.0"),
    ],
)
def test_next_version(newest: str | None, bump: Bump, expected: str) -> None:
    assert str(next_version(parse_version(newest) if newest else None, bump)) == expected


def test_prereleases_are_numbered_within_their_line() -> None:
    target, tags = parse_version("1.3.0"), ["v1.2.0", "v1.3.0-rc.1", "v1.3.0-rc.9", "v1.3.0-beta.20", "v2.0.0-rc.30"]
    assert str(next_prerelease(target, "rc", tags)) == "1.3.0-rc.10"
    assert str(next_prerelease(target, "alpha", tags)) == "1.3.0-alpha.1"
    for wrong in ("", "1", "rc.1", "r c", "-" * 40):
        with pytest.raises(BadVersion):
            next_prerelease(target, wrong, tags)


@given(VERSIONS, NUMBERS, NUMBERS)
def test_a_caret_range_excludes_the_next_major_version(version: Version, minor: int, patch: int) -> None:
    wanted = parse_range(f"^{version}")
    assert wanted.allows(version)
    assert not wanted.allows(Version(version.major + 1, minor, patch))


@given(VERSIONS)
def test_tags_round_trip(version: Version) -> None:
    assert version_of_tag(tag_of(version)) == version


@pytest.mark.parametrize("tag", ["1.0.0", "v1", "vv1.0.0", "release", "v1.0.0+x", "V1.0.0"])
def test_tags_that_are_not_versions(tag: str) -> None:
    assert version_of_tag(tag) is None
