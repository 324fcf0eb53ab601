"""The sessions that hold documents to account: what counts as the same output, and what does not."""

from __future__ import annotations

import pytest

from tests.docs.sessions import matches, steps_of

PRINTED = """\
acme/bot
version   1.0.0 (major)
commit    0f3c9a1b2c3d4e5f60718293a4b5c6d7e8f90123
size      165.4 kB in 10 files

 file        size
 ─────────────────
 VERSION     6 B
"""


@pytest.mark.parametrize(
    "expected",
    [
        PRINTED,
        PRINTED.replace("0f3c9a1b", "ffffffff").replace("165.4 kB", "1.2 MB"),
        "acme/bot\nversion   1.0.0 (major)\n...",
        "...\nversion 1.0.0 (major)\n...\n VERSION     6 B",
        "...",
    ],
)
def test_what_varies_from_run_to_run_may_differ(expected: str) -> None:
    assert matches(expected, PRINTED)


@pytest.mark.parametrize(
    "expected",
    [
        PRINTED.replace("(major)", "(minor)"),
        PRINTED.replace("10 files", "11 files"),
        "acme/bot\nversion   1.0.0 (major)",
        "...\nversion   1.0.0 (major)",
        "version   1.0.0 (major)\n...",
        "",
    ],
)
def test_anything_else_may_not(expected: str) -> None:
    assert not matches(expected, PRINTED)


def test_nothing_stands_for_an_error() -> None:
    assert not matches("...", "error: Nothing changed.\n")
    assert matches("error: Nothing changed.\n...", "error: Nothing changed.\nhint: Change it.\n")


def test_steps_are_read_in_order() -> None:
    document = (
        "<!-- session\nhub: http://127.0.0.1:8000\ncheckpoint out\n-->\n"
        "```console\n$ hfver a \\\n    --b\nout\n$ hfver c\n```\n"
        "<!-- not run -->\n```console\n$ rm -rf /\n```\n"
        "<!-- file: src/a.py -->\n```python\nx = 1\n```\n"
        "```python\n>>> 1 + 1\n2\n```\n"
    )
    steps = steps_of(document)
    assert [(step.kind, step.text) for step in steps] == [
        ("shell", "checkpoint out"),
        ("shell", "hfver a \\\n    --b"),
        ("shell", "hfver c"),
        ("file", "x = 1\n"),
        ("python", ">>> 1 + 1\n2\n"),
    ]
    assert [document[slice(*step.span)] for step in steps[1:3]] == ["out\n", ""]
