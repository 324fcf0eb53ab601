"""Commits are written as a person would write them, and nothing else changes."""

from __future__ import annotations

import ast
from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfver.lint.context import SourceContext
from hfver.lint.python.check_module import check_module
from hfver.lint.python.fix import pin_calls
from tests.lint.cases import CASES, SHA, Case

ARGUMENT = f'revision="{SHA}"'


def fix(code: str) -> str:
    """Pin everything that can be pinned, to one commit."""
    found = check_module(code, SourceContext("x.py"))
    pins = [replace(diagnostic, commit=SHA) for diagnostic in found if diagnostic.fixable]
    return pin_calls(code.encode(), pins).decode()


LAYOUTS = {
    "one line": ('M.from_pretrained("a/b")', f'M.from_pretrained("a/b", {ARGUMENT})'),
    "single quotes": ("M.from_pretrained('a/b')", f"M.from_pretrained('a/b', revision='{SHA}')"),
    "no literal": ('N = "a/b"\nM.from_pretrained(N)', f'N = "a/b"\nM.from_pretrained(N, {ARGUMENT})'),
    "trailing comma": ('M.from_pretrained("a/b",)', f'M.from_pretrained("a/b", {ARGUMENT},)'),
    "spaces": ('M.from_pretrained( "a/b" )', f'M.from_pretrained( "a/b", {ARGUMENT} )'),
    "branch": ('M.from_pretrained("a/b", revision="main", x=1)', f'M.from_pretrained("a/b", {ARGUMENT}, x=1)'),
    "spaced branch": ('M.from_pretrained("a/b", revision = "main" )', f'M.from_pretrained("a/b", revision = "{SHA}" )'),
    "None": ('M.from_pretrained("a/b", revision=None)', f'M.from_pretrained("a/b", {ARGUMENT})'),
    "positional": (
        f'from datasets import load_dataset\nload_dataset("a/b", {"None, " * 11}"main", True)',
        f'from datasets import load_dataset\nload_dataset("a/b", {"None, " * 11}"{SHA}", True)',
    ),
    "known dictionary": (
        'KW = {"x": 1}\nM.from_pretrained("a/b", **KW)',
        f'KW = {{"x": 1}}\nM.from_pretrained("a/b", **KW, {ARGUMENT})',
    ),
    "argument per line": (
        'M.from_pretrained(\n    "a/b",\n    x=1,\n)\n',
        f'M.from_pretrained(\n    "a/b",\n    x=1,\n    {ARGUMENT},\n)\n',
    ),
    "argument per line, no comma": (
        'M.from_pretrained(\n    "a/b",\n    x=1\n)\n',
        f'M.from_pretrained(\n    "a/b",\n    x=1,\n    {ARGUMENT}\n)\n',
    ),
    "one argument on its line": (
        'M.from_pretrained(\n    "a/b"\n)\n',
        f'M.from_pretrained(\n    "a/b",\n    {ARGUMENT}\n)\n',
    ),
    "all on the next line": (
        'M.from_pretrained(\n    "a/b", x=1\n)\n',
        f'M.from_pretrained(\n    "a/b", x=1, {ARGUMENT}\n)\n',
    ),
    "aligned with the bracket": (
        'm = M.from_pretrained("a/b",\n                      x=1)\n',
        f'm = M.from_pretrained("a/b",\n                      x=1,\n                      {ARGUMENT})\n',
    ),
    "comments": (
        'M.from_pretrained(  # why\n    "a/b",  # what\n    x=1,  # how\n    # done\n)  # so\n',
        f'M.from_pretrained(  # why\n    "a/b",  # what\n    x=1,  # how\n    # done\n    {ARGUMENT},\n)  # so\n',
    ),
    "comment after the last argument": (
        'M.from_pretrained(\n    "a/b"  # what\n)\n',
        f'M.from_pretrained(\n    "a/b",  # what\n    {ARGUMENT}\n)\n',
    ),
    "indented": (
        'def f():\n\tif x:\n\t\treturn M.from_pretrained(\n\t\t\t"a/b",\n\t\t)\n',
        f'def f():\n\tif x:\n\t\treturn M.from_pretrained(\n\t\t\t"a/b",\n\t\t\t{ARGUMENT},\n\t\t)\n',
    ),
    "chain": ('M.from_pretrained("a/b").to("x").eval()', f'M.from_pretrained("a/b", {ARGUMENT}).to("x").eval()'),
    "nested": (
        'M.from_pretrained("a/b", x=T.from_pretrained("a/c"))',
        f'M.from_pretrained("a/b", x=T.from_pretrained("a/c", {ARGUMENT}), {ARGUMENT})',
    ),
    "partial": (
        'import functools\nf = functools.partial(M.from_pretrained, "a/b")',
        f'import functools\nf = functools.partial(M.from_pretrained, "a/b", {ARGUMENT})',
    ),
    "Windows lines": (
        'x = 1\r\nM.from_pretrained(\r\n    "a/b",\r\n)\r\n',
        f'x = 1\r\nM.from_pretrained(\r\n    "a/b",\r\n    {ARGUMENT},\r\n)\r\n',
    ),
    "multibyte characters": (
        'é = "🦙", M.from_pretrained("a/b")',
        f'é = "🦙", M.from_pretrained("a/b", {ARGUMENT})',
    ),
    "odd spaces elsewhere": (
        'x  =  [ 1,2 ]   # kept\nM.from_pretrained("a/b") ;y=2\n\n\n\n',
        f'x  =  [ 1,2 ]   # kept\nM.from_pretrained("a/b", {ARGUMENT}) ;y=2\n\n\n\n',
    ),
}


@pytest.mark.parametrize("layout", LAYOUTS)
def test_layout(layout: str) -> None:
    before, after = LAYOUTS[layout]
    assert fix(before) == after
    assert fix(after) == after
    assert check_module(after, SourceContext("x.py")) == []


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_what_is_fixed_is_not_reported_again(case: Case) -> None:
    fixed = fix(case.code)
    left = [(diagnostic.rule, diagnostic.name) for diagnostic in check_module(fixed, SourceContext("x.py"))]
    assert left == [(rule, name) for rule, name, fixable in case.expected if not fixable]
    assert fix(fixed) == fixed
    if not any(fixable for *_, fixable in case.expected):
        assert fixed == case.code


def test_the_encoding_is_kept() -> None:
    for head, encoding in (("# -*- coding: latin-1 -*-\n", "latin-1"), ("", "utf-8-sig")):
        code = f'{head}x = "é"\nM.from_pretrained("a/b")\n'
        (found,) = check_module(code, SourceContext("x.py"))
        fixed = pin_calls(code.encode(encoding), [replace(found, commit=SHA)])
        assert fixed.decode(encoding) == code.replace('"a/b"', f'"a/b", {ARGUMENT}')
        assert fixed.startswith(b"\xef\xbb\xbf") == (encoding == "utf-8-sig")


def test_code_nested_too_deeply_for_libcst_is_a_syntax_error() -> None:
    with pytest.raises(SyntaxError, match="too deeply"):
        fix(f"x{'.y()' * 800}\nM.from_pretrained('a/b')")


def test_an_alias_of_partial_is_fixed() -> None:
    imports = "from functools import partial as p\nfrom datasets import load_dataset as l\n"
    code = f"{imports}f = p(l, 'a/b', {'None, ' * 11}'main')"
    assert fix(code) == code.replace("main", SHA)


GAPS = st.sampled_from(["", " ", "\n", "\n    ", "  # note\n", "\n\n  # note\n  "])
VALUES = st.sampled_from(
    ["x=1", "device='cpu'", "y=f(1,\n 2)", "z=[\n  # deep\n  1,\n]", "w=lambda a: (a, a)", "**{'k': 1}"]
)
REVISIONS = st.sampled_from(["", "revision='main'", "revision = None", 'revision=("v1"  # old\n)'])


@st.composite
def calls(draw: st.DrawFn) -> str:
    """Generate a call in any layout that Python allows."""
    others = draw(st.lists(VALUES, max_size=4, unique_by=lambda text: text[:2]))
    revision = draw(REVISIONS)
    if revision:
        others.insert(draw(st.integers(0, len(others))), revision)
    if any(one.startswith("**") for one in others):
        others.sort(key=lambda one: one.startswith("**"))
    spaced = [f"{draw(GAPS)}{one}{draw(GAPS)}" for one in ["'a/b'", *others]]
    comma = draw(st.sampled_from(["", ",", ", ", ",\n", ",  # last\n"]))
    return f"M.from_pretrained({','.join(spaced)}{comma}{draw(GAPS)})"


@settings(max_examples=60)
@given(st.lists(calls(), min_size=1, max_size=3), st.sampled_from(["{}\n", "if x:\n    y = [{}]\n", "é='🦙';({})\n"]))
def test_any_layout_can_be_fixed(made: list[str], around: str) -> None:
    code = "".join(around.format(call) for call in made)
    fixed = fix(code)
    assert check_module(fixed, SourceContext("x.py")) == []
    assert fix(fixed) == fixed
    assert _without_revisions(fixed) == _without_revisions(code)
    assert _comments(fixed) == _comments(code)


def _without_revisions(code: str) -> str:
    tree = ast.parse(code)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            node.keywords = [keyword for keyword in node.keywords if keyword.arg != "revision"]
    return ast.dump(tree)


def _comments(code: str) -> list[str]:
    """Return the comments in order, except one inside a revision that is replaced."""
    return [line.partition("#")[2] for line in code.splitlines() if "#" in line and "# old" not in line]
