"""Notebooks: the cells are read as one module, and written back as Jupyter formats them."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from hfver.lint.context import SourceContext
from hfver.lint.python.notebooks import check_notebook, pin_notebook
from tests.lint.cases import SHA

CONTEXT = SourceContext("x.ipynb")


def notebook(*cells: str | list[str], **layout: Any) -> bytes:
    made: list[dict[str, Any]] = [
        {"cell_type": "code", "metadata": {}, "outputs": [], "source": source} for source in cells
    ]
    text = {"cell_type": "markdown", "metadata": {}, "source": ["M.from_pretrained('a/b') é"]}
    whole = {"cells": [text, *made], "metadata": {}, "nbformat": 4, "nbformat_minor": 5}
    return (json.dumps(whole, **{"indent": 1, "ensure_ascii": False, **layout}) + "\n").encode()


def lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def test_names_are_known_in_later_cells() -> None:
    content = notebook(
        "from datasets import load_dataset as ld\nREV = 'main'", "!pip install x\n\nld('a/b', revision=REV)"
    )
    ((found,), unread) = check_notebook(content, CONTEXT)
    assert (found.cell, found.line, found.column, found.name) == (3, 3, 1, "a/b")
    assert found.place == "x.ipynb:cell 3:3:1"
    assert unread == []


def test_magic_and_other_languages_are_skipped() -> None:
    content = notebook(
        "%%bash\nM.from_pretrained('a/b')", "%%time\n%pip install x\nM?\nx = = 1", "M.from_pretrained('a/c')"
    )
    found, unread = check_notebook(content, CONTEXT)
    assert [diagnostic.name for diagnostic in found] == ["a/c"]
    assert [(source.path, source.cell) for source in unread] == [("x.ipynb", 3)]


MAGIC = [
    "%matplotlib inline",
    "  !pip install x",
    "!python train.py \\\n  --model a/b \\\n  --x",
    "pip install x",
    "conda install -c y x",
    "files = !ls | head",
    "out['x'], y = %time f()",
    "?M",
    "M.load??",
]


@pytest.mark.parametrize("magic", MAGIC)
def test_a_cell_with_magic_is_read_and_restored(magic: str) -> None:
    head = "if True:\n" if magic.startswith(" ") else ""
    content = notebook(lines(f"{head}{magic}\nM.from_pretrained('a/b')\n"))
    (found,), unread = check_notebook(content, CONTEXT)
    assert unread == []
    assert (found.name, found.line) == ("a/b", 2 + head.count("\n") + magic.count("\n"))
    fixed = json.loads(pin_notebook(content, [replace(found, commit=SHA)]))
    assert "".join(fixed["cells"][1]["source"]) == f"{head}{magic}\nM.from_pretrained('a/b', revision='{SHA}')\n"


PYTHON = [
    'x = """What is this?\n!ls\n%s\n"""',
    "x = (5\n  % 3)",
    "x = 1  # what?",
    "pass  # hfver: hidden line 0",
]


@pytest.mark.parametrize("code", PYTHON)
def test_python_that_looks_like_magic_is_python(code: str) -> None:
    content = notebook(lines(f"{code}\nM.from_pretrained('a/b')\n"))
    (found,), unread = check_notebook(content, CONTEXT)
    assert unread == []
    assert (found.name, found.line) == ("a/b", 2 + code.count("\n"))
    fixed = json.loads(pin_notebook(content, [replace(found, commit=SHA)]))
    assert "".join(fixed["cells"][1]["source"]) == f"{code}\nM.from_pretrained('a/b', revision='{SHA}')\n"


def test_a_name_assigned_from_a_command_is_unknown() -> None:
    (found,), _ = check_notebook(notebook("N = !cat name", "M.from_pretrained(N)"), CONTEXT)
    assert found.rule == "undecidable-name"


def test_a_cell_that_cannot_be_restored_is_not_rewritten() -> None:
    content = notebook("!ls\npass  # hfver: hidden line 0\nM.from_pretrained('a/b')")
    (found,), _ = check_notebook(content, CONTEXT)
    with pytest.raises(SyntaxError, match="cannot be restored"):
        pin_notebook(content, [replace(found, commit=SHA)])


LAYOUTS: list[dict[str, Any]] = [
    {},
    {"indent": 2},
    {"ensure_ascii": True},
    {"indent": None, "separators": (",", ":")},
]


@pytest.mark.parametrize("layout", LAYOUTS, ids=str)
def test_fixing_changes_only_the_source(layout: dict[str, Any]) -> None:
    source = "%matplotlib inline\nif x:\n    !ls 'é'\nm = M.from_pretrained(\n    'a/b',\n)\n"
    before, after = (
        notebook("x = 1", lines(text), "M.from_pretrained('a/c')", **layout)
        for text in (source, source.replace("'a/b',\n", f"'a/b',\n    revision='{SHA}',\n"))
    )
    found, _ = check_notebook(before, CONTEXT)
    pins = [replace(diagnostic, commit=SHA) for diagnostic in found if diagnostic.name == "a/b"]
    assert pin_notebook(before, pins) == after
    assert [one.name for one in check_notebook(after, CONTEXT)[0]] == ["a/c"]


def test_a_file_that_jupyter_did_not_format_is_not_rewritten() -> None:
    content = notebook("M.from_pretrained('a/b')", separators=(" , ", ": "))
    found, _ = check_notebook(content, CONTEXT)
    with pytest.raises(SyntaxError, match="as Jupyter"):
        pin_notebook(content, [replace(found[0], commit=SHA)])


def test_a_lone_surrogate_is_kept() -> None:
    content = notebook("x = '\ud83d'", "M.from_pretrained('a/c')", ensure_ascii=True)
    (found,), unread = check_notebook(content, CONTEXT)
    assert [source.cell for source in unread] == [2]
    fixed = pin_notebook(content, [replace(found, commit=SHA)])
    assert fixed == content.replace(b"'a/c'", f"'a/c', revision='{SHA}'".encode())


@pytest.mark.parametrize("content", [b"", b"[]", b"{}", b'{"cells": 1}', b"\xff\xfe", b"[" * 100_000])
def test_a_file_that_is_not_a_notebook_is_a_syntax_error(content: bytes) -> None:
    with pytest.raises(SyntaxError, match="not a notebook"):
        check_notebook(content, CONTEXT)
