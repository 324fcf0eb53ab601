from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hfver.core.ledger import Ledger, Line
from hfver.core.version import parse_version
from hfver.errors import LedgerBroken


def line(version: str, event: str = "release", **changes: Any) -> Line:
    facts: dict[str, Any] = {"event": event, "repo": "a/b", "version": version, "author": "me"}
    facts["date"] = datetime(2026, 1, 2, tzinfo=UTC)
    if event == "release":
        facts |= {"commit": f"{abs(hash(version)):040x}"[-40:], "digest": "sha256:" + "a" * 64}
    return Line(**(facts | changes))


def ledger(*versions: str) -> Ledger:
    result = Ledger.empty()
    for version in versions:
        result = result.append(line(version))
    return result


def test_round_trip_and_order() -> None:
    written = ledger("1.0.0", "1.1.0", "1.0.1")
    read = Ledger.decode(written.raw, "a/b")
    assert read.lines == written.lines
    assert [str(entry.version) for entry in read.entries] == ["1.0.0", "1.1.0", "1.0.1"]
    newest = read.newest()
    assert newest is not None
    assert str(newest.version) == "1.1.0"


def test_a_yanked_release_is_not_the_newest_until_the_yank_is_undone() -> None:
    yanked = ledger("1.0.0", "1.1.0").append(line("1.1.0", "yank", reason="bad eos"))
    entry, newest = yanked.find(parse_version("1.1.0")), yanked.newest()
    assert entry is not None
    assert entry.yanked == "bad eos"
    assert newest is not None
    assert str(newest.version) == "1.0.0"
    again = yanked.append(line("1.1.0", "unyank")).newest()
    assert again is not None
    assert str(again.version) == "1.1.0"


def test_a_prerelease_is_never_the_newest_stable() -> None:
    assert ledger("1.0.0-rc.1").newest() is None
    assert ledger("1.0.0-rc.1").newest(stable=False) is not None


def test_a_ledger_extends_only_its_own_beginning() -> None:
    longer = ledger("1.0.0", "1.1.0")
    assert longer.extends(ledger("1.0.0").head)
    assert longer.extends(None)
    assert not ledger("2.0.0").extends(ledger("1.0.0").head)


def broken() -> list[bytes]:
    whole = ledger("1.0.0", "1.1.0", "1.2.0").raw
    first, second, third = whole.splitlines(keepends=True)
    edited = json.loads(second)
    edited["author"] = "mallory"
    return [
        whole[:-1],
        whole[:-20] + b"\n",
        second + third,
        first + third,
        second + first + third,
        first + json.dumps(edited).encode() + b"\n" + third,
        first + b"not json\n",
        first + b"[]\n",
        whole + b"\n",
        ledger("1.0.0").append(line("1.0.0")).raw,
        Ledger.empty().append(line("1.0.0", commit=None)).raw,
        Ledger.empty().append(line("not.a.version")).raw,
        ledger("1.0.0").append(line("v1.0.0", commit="b" * 40)).raw,
        ledger("1.0.0").append(line("V1.0.0", "yank", reason="hidden")).raw,
        ledger("1.0.0-12").append(line("1.0.0-1\u0662")).raw,
        ledger("1.0.0").raw.replace(b'"author":"me"', b'"author":"\\ud800"'),
        ledger("1.0.0").raw.replace(b'"author":"me"', b'"author":"\xed\xa0\x80"'),
        ledger("1.0.0").raw.replace(b'"repo":"a/b"', b'"repo":"../.."'),
        b"\xff\xfe\n",
    ]


@pytest.mark.parametrize("raw", broken())
def test_a_broken_ledger_is_detected(raw: bytes) -> None:
    with pytest.raises(LedgerBroken):
        Ledger.decode(raw, "a/b")
