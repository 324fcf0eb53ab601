"""Every public function documents its parameters, result and errors, and no parameter text is written twice."""

from __future__ import annotations

import ast
import inspect
import re
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

import hfver
import hfver.errors
from hfver.api.shared_docs import SHARED, WIDTH, function_of, public
from hfver.releasing.request import ReleaseRequest

API = Path(hfver.__file__).parent / "api"
FUNCTIONS = [name for name in hfver.__all__ if inspect.isfunction(getattr(hfver, name))]


def section(doc: str, title: str) -> dict[str, str]:
    """Return the entries of a section of a docstring, by name."""
    match = re.search(rf"^{title}:\n((?:    .*\n?|\n(?=    ))+)", doc, re.MULTILINE)
    entries = re.split(r"^    (?=\w+: )", match[1], flags=re.MULTILINE)[1:] if match else []
    return {name: " ".join(text.split()) for name, _, text in (entry.partition(": ") for entry in entries)}


def test_all_public_functions_are_found() -> None:
    assert len(FUNCTIONS) >= 18
    assert {"release", "load", "audit", "pins", "serve"} <= set(FUNCTIONS)


@pytest.mark.parametrize("name", FUNCTIONS)
def test_a_public_function_documents_everything(name: str) -> None:
    function = getattr(hfver, name)
    signature, doc = inspect.signature(function), inspect.getdoc(function) or ""
    assert list(section(doc, "Args")) == list(signature.parameters)
    assert all(text.endswith(".") for text in section(doc, "Args").values())
    assert ("Returns:\n" in doc) is (signature.return_annotation not in (None, "None"))
    raised = section(doc, "Raises")
    assert raised
    for error in raised:
        assert issubclass(getattr(hfver.errors, error), hfver.HfverError)
    assert max(map(len, doc.splitlines())) <= WIDTH + 2


def written_texts() -> Iterator[str]:
    """Yield the text of each parameter as the sources have it."""
    yield from SHARED.values()
    for path in API.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.FunctionDef) and not node.name.startswith("_"):
                yield from section(ast.get_docstring(node) or "", "Args").values()
    for option in ReleaseRequest.options().values():
        yield option.metadata["doc"]


def test_no_parameter_text_is_written_twice() -> None:
    assert [text for text, number in Counter(written_texts()).items() if number > 1] == []


def test_a_shared_text_is_used_by_more_than_one_function() -> None:
    used = Counter(
        name
        for function in FUNCTIONS
        for name, text in section(inspect.getdoc(getattr(hfver, function)) or "", "Args").items()
        if SHARED.get(name) == text
    )
    assert {name for name in SHARED if used[name] < 2} == set()


def test_a_forgotten_or_misspelled_parameter_is_an_error() -> None:
    def forgotten(own: str, hub: str) -> None:
        """Do something."""

    def misspelled(hub: str) -> None:
        """Do something.

        Args:
            hup: The Hub.
        """

    with pytest.raises(TypeError, match="parameters without documentation: own"):
        public(forgotten)
    with pytest.raises(TypeError, match="documentation without parameters: hup"):
        public(misspelled)


def test_own_texts_come_first_and_sections_stay_in_order() -> None:
    @public
    def example(*refs: str, hub: Any = None, token: str | None = None) -> str:
        """Do something.

        In more than one paragraph.

        Args:
            token: A special token,
                in two lines.
            refs: References.

        Returns:
            Something.

        Raises:
            BadRef: Something is wrong.
        """
        return f"{refs}{hub}{token}"

    doc = inspect.getdoc(example) or ""
    assert section(doc, "Args") == {
        "refs": "References.",
        "hub": SHARED["hub"],
        "token": "A special token, in two lines.",
    }
    assert re.findall(r"^\S.*$", doc, re.MULTILINE) == [
        "Do something.",
        "In more than one paragraph.",
        "Args:",
        "Returns:",
        "Raises:",
    ]


def test_without_docstrings_nothing_is_completed() -> None:
    """As under python -OO."""

    def bare(hub: str) -> None:
        pass

    assert public(bare).__doc__ is None
    assert function_of(ReleaseRequest, lambda request: request).__doc__ is None
