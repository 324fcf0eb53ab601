from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hfver.core.ref import Commit, Latest, PullRequest, Stage, parse_ref
from hfver.core.version import Range, Version
from hfver.errors import BadRef

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("a/b", Latest),
        ("a/b@latest", Latest),
        ("acme/support-bot_v2.x@1.2.0", Version),
        ("a/b@v1.2.0", Version),
        ("a/b@1.3.0-rc.1", Version),
        ("a/b@^1.2", Range),
        ("a/b@>=1.2,<2", Range),
        ("a/b@x", Range),
        (f"a/b@{SHA}", Commit),
        ("a/b@refs/pr/7", PullRequest),
        ("a/b@production", Stage),
    ],
)
def test_forms(text: str, kind: type) -> None:
    assert isinstance(parse_ref(text).spec, kind)


@pytest.mark.parametrize(
    "text",
    [
        "",
        "a",
        "a/b/c",
        "a/b@",
        "a/b@main",
        "a/b@HEAD",
        "a/b@refs/heads/main",
        "a/b@refs/pr/0",
        "a/b@1.2.3+build",
        "../b",
        "a/..",
        "a/b.git",
        "-a/b",
        "a/b--c",
        "a b/c",
        "a/b\n",
        "a/b@1.2 || 2",
        "a/b@Production",
        "a/" + "b" * 200,
    ],
)
def test_texts_that_are_not_references(text: str) -> None:
    with pytest.raises(BadRef) as caught:
        parse_ref(text)
    assert caught.value.hint


@given(st.text(max_size=60))
def test_any_text_is_a_reference_or_a_usage_error(text: str) -> None:
    try:
        parse_ref(text)
    except BadRef as error:
        assert error.exit_code == 2
