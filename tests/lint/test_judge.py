"""What is found in Python code, where, and what is let pass."""

from __future__ import annotations

from pathlib import Path

import pytest

from hfver.lint.context import SourceContext
from hfver.lint.python.check_module import check_module
from hfver.lint.python.loaders import may_load
from tests.lint.cases import CASES, SHA, Case


def find(code: str, *folders: Path) -> list[tuple[str, str | None, bool]]:
    found = check_module(code, SourceContext("x.py", folders))
    return [(finding.rule, finding.name, finding.fixable) for finding in found]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_case(case: Case) -> None:
    assert find(case.code) == list(case.found)
    if case.found:  # what is found is not left out by the first look at the bytes
        assert may_load(case.code.encode())


def test_cases_have_names_of_their_own() -> None:
    assert len({case.name for case in CASES}) == len(CASES) > 100


def test_places_count_characters() -> None:
    code = "é = '🦙', M.from_pretrained(\n    'a/b',\n  )"
    (found,) = check_module(code, SourceContext("x.py"))
    assert (found.line, found.column, found.end_line, found.end_column) == (1, 10, 3, 4)
    assert code.splitlines()[0][found.column - 1 :].startswith("M.from_pretrained")
    assert found.place == "x.py:1:10"


def test_a_folder_that_is_there_is_no_repo(tmp_path: Path) -> None:
    (tmp_path / "out" / "bot").mkdir(parents=True)
    assert find("M.from_pretrained('out/bot')", tmp_path) == []
    assert find("M.from_pretrained('out/other')", tmp_path) == [("unpinned", "out/other", True)]


def test_what_is_not_python_says_so() -> None:
    for code in ("print 'x'", "x = \0", "(" * 500):
        with pytest.raises(SyntaxError):
            find(code)


def test_deep_code_is_read() -> None:
    deep = "x" + ".y()" * 800
    assert find(f"{deep}\nM.from_pretrained('a/b')") == [("unpinned", "a/b", True)]


def test_a_lock_answers_for_hfvers_own_calls() -> None:
    site = SourceContext("x.py", is_locked={"a/b@^1"}.__contains__)
    code = "import hfver\nhfver.load('a/b@^1')\nhfver.load('a/b@^2')"
    assert [found.line for found in check_module(code, site)] == [3]


def test_messages_name_the_repo_and_the_revision() -> None:
    (found,) = check_module("M.from_pretrained('a/b', revision='v1')", SourceContext("x.py"))
    assert "'v1' of a/b" in found.message
    assert found.call == "M.from_pretrained"
    assert SHA not in found.message
