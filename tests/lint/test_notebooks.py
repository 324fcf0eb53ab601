"""Notebooks: cells are read as one program, and written back as Jupyter lays them out."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hfver.lint.context import SourceContext
from hfver.lint.python.notebooks import check_notebook, pin_notebook
from tests.lint.cases import SHA

SITE = SourceContext("x.ipynb")


def notebook(*cells: str | list[str], **layout: Any) -> bytes:
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in cells
    ]
    text = {"cell_type": "markdown", "metadata": {}, "source": ["M.from_pretrained('a/b') é"]}
    whole = {"cells": [text, *made], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(whole, **{"indent": 1, "ensure_ascii": False, **layout}) + "\n").encode()


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def test_names_go_from_cell_to_cell() -> None:
    content = notebook(
        "from datasets import load_dataset as ld\nREV = 'main'", "!pip install x\n\nld('a/b', revision=REV)"
    )
    ((found,), unread) = check_notebook(content, SITE)
    assert (found.cell, found.line, found.column, found.name) == (3, 3, 1, "a/b")
    assert found.place == "x.ipynb:cell 3:3:1"
    assert unread == []


def test_magic_and_other_languages_are_no_findings() -> None:
    content = notebook(
        "%%bash\nM.from_pretrained('a/b')", "%%time\n%pip install x\nM?\nx = !ls", "M.from_pretrained('a/c')"
    )
    found, unread = check_notebook(content, SITE)
    assert [finding.name for finding in found] == ["a/c"]
    assert [(one.path, one.cell) for one in unread] == [("x.ipynb", 3)]


@pytest.mark.parametrize("layout", [{}, {"indent": 2}, {"ensure_ascii": True}], ids=str)
def test_only_the_source_changes(layout: dict[str, Any]) -> None:
    source = "%matplotlib inline\nif x:\n    !ls 'é'\nm = M.from_pretrained(\n    'a/b',\n)\n"
    before, after = (
        notebook("x = 1", lines(text), "M.from_pretrained('a/c')", **layout)
        for text in (source, source.replace("'a/b',\n", f"'a/b',\n    revision='{SHA}',\n"))
    )
    found, _ = check_notebook(before, SITE)
    pins = [replace(finding, commit=SHA) for finding in found if finding.name == "a/b"]
    assert pin_notebook(before, pins) == after
    assert [one.name for one in check_notebook(after, SITE)[0]] == ["a/c"]


def test_a_layout_of_its_own_is_left_alone() -> None:
    content = notebook("M.from_pretrained('a/b')", separators=(" , ", ": "))
    found, _ = check_notebook(content, SITE)
    with pytest.raises(SyntaxError, match="as Jupyter"):
        pin_notebook(content, [replace(found[0], commit=SHA)])


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cells": 1}', b"\xff\xfe", b"[" * 100_000])
def test_what_is_no_notebook_says_so(content: bytes) -> None:
    with pytest.raises(SyntaxError, match="not a notebook"):
        check_notebook(content, SITE)
