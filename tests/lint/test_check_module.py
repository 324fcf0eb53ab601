"""What is reported in Python code and where, and what is accepted."""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest

from hfver.lint.context import SourceContext
from hfver.lint.python.check_module import check_module
from hfver.lint.python.loaders import PACKAGED_DATASETS, find_loader, may_load
from hfver.lint.python.parse import decode
from tests.lint.cases import CASES, SHA, Case
from tests.locked import needs_locked


def find(code: str, *folders: Path) -> list[tuple[str, str | None, bool]]:
    found = check_module(code, SourceContext("x.py", folders))
    return [(diagnostic.rule, diagnostic.name, diagnostic.fixable) for diagnostic in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    assert find(case.code) == list(case.expected)
    if case.expected:  # the first look at the bytes does not skip it
        assert may_load(case.code.encode())


def test_case_names_are_unique() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 100


def test_columns_count_characters() -> None:
    code = "é = '🦙', M.from_pretrained(\n    'a/b',\n  )"
    (found,) = check_module(code, SourceContext("x.py"))
    assert (found.line, found.column, found.end_line, found.end_column) == (1, 10, 3, 4)
    assert code.splitlines()[0][found.column - 1 :].startswith("M.from_pretrained")
    assert found.place == "x.py:1:10"


def test_an_existing_folder_is_not_a_repo(tmp_path: Path) -> None:
    (tmp_path / "out" / "bot").mkdir(parents=True)
    assert find("M.from_pretrained('out/bot')", tmp_path) == []
    assert find("M.from_pretrained('out/other')", tmp_path) == [("unpinned", "out/other", True)]


def test_a_syntax_error_is_raised() -> None:
    for code in ("print 'x'", "x = \0", "(" * 500):
        with pytest.raises(SyntaxError):
            find(code)


def test_deeply_nested_code_is_read() -> None:
    deep = "x" + ".y()" * 800
    assert find(f"{deep}\nM.from_pretrained('a/b')") == [("unpinned", "a/b", True)]
    assert find(f"x{'.y' * 900}.from_pretrained('a/b')") == [("unpinned", "a/b", True)]
    assert find(f"M.from_pretrained({'+'.join(['x'] * 500)})") == [("undecidable-name", None, False)]


def test_a_locked_reference_is_pinned() -> None:
    site = SourceContext("x.py", is_locked={"a/b@^1"}.__contains__)
    code = "import hfver\nhfver.load('a/b@^1')\nhfver.load('a/b@^2')"
    assert [found.line for found in check_module(code, site)] == [3]


def test_messages_name_the_repo_and_the_revision() -> None:
    (found,) = check_module("M.from_pretrained('a/b', revision='v1')", SourceContext("x.py"))
    assert "'v1' of a/b" in found.message
    assert found.call == "M.from_pretrained"
    assert SHA not in found.message


def test_an_unknown_revision_is_not_reported_as_one() -> None:
    for code in ("x = f'hf://a/b@{y}/x'", "x = 'hf://a/b@{revision}/x'", "M.from_pretrained('a/b', revision=y)"):
        (found,) = check_module(code, SourceContext("x.py"))
        assert (found.rule, found.revision) == ("undecidable-revision", None)


def test_a_line_ends_where_pythons_parser_says() -> None:
    code = "y = 1\rM.from_pretrained('a/b')  # hfver: ignore\rz = '\x0c\u2028'; M.from_pretrained('a/c')"
    (found,) = check_module(code, SourceContext("x.py"))
    assert (found.name, found.line, found.column) == ("a/c", 3, 11)


@pytest.mark.parametrize("encoding", ["rot13", "hex", "undefined", "punycode", "no-such"])
def test_an_encoding_that_is_not_of_text_is_a_syntax_error(encoding: str) -> None:
    with pytest.raises(SyntaxError, match=encoding):
        decode(f"# coding: {encoding}\nM.from_pretrained('a/b')\n".encode())


def test_file_formats_are_those_of_the_installed_datasets() -> None:
    formats = pytest.importorskip("datasets.packaged_modules")._PACKAGED_DATASETS_MODULES
    assert set(formats) <= PACKAGED_DATASETS


@pytest.mark.parametrize("name", ["datasets.load_dataset", "datasets.load_dataset_builder", "transformers.pipeline"])
def test_positions_are_those_of_the_installed_library(name: str) -> None:
    loader = find_loader(name)
    module, _, function = name.partition(".")
    needs_locked(module)  # the order of the parameters differs from version to version
    parameters = list(inspect.signature(getattr(pytest.importorskip(module), function)).parameters)
    assert loader is not None
    assert parameters[loader.position] in loader.names
    assert loader.revision is not None
    assert parameters[loader.revision] == "revision"
