"""ARCHITECTURE.md is the map: it shows the floors that hold, and every room."""

from __future__ import annotations

import re
import tomllib
from typing import Any

from tests.docs.markdown import ROOT

TEXT = (ROOT / "ARCHITECTURE.md").read_text()


def section(title: str) -> str:
    found = re.search(rf"^## {title}\n(.*?)(?=^## |\Z)", TEXT, re.MULTILINE | re.DOTALL)
    assert found, title
    return found[1]


def table_paths(text: str) -> list[str]:
    """List the paths in the first column of a section's tables."""
    return re.findall(r"^\| `(hfver/[\w./]+)` \|", text, re.MULTILINE)


def contract(container: str) -> dict[str, Any]:
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    return next(one for one in contracts if one.get("containers") == [container])


def test_the_floors_drawn_are_those_of_the_import_contract() -> None:
    drawn = re.search(r"<!-- floors -->\n```text\n(.*?)```", TEXT, re.DOTALL)
    assert drawn
    floors = [re.findall(r"\w+", line) for line in drawn[1].splitlines() if re.search(r"\w", line)]
    assert floors == [layer.split(" | ") for layer in contract("hfver")["layers"]]


def test_every_package_has_its_line() -> None:
    entries = {f"hfver/{path.parent.name}/" for path in (ROOT / "hfver").glob("*/__init__.py")}
    entries |= {f"hfver/{path.name}" for path in (ROOT / "hfver").glob("*.py") if not path.name.startswith("__")}
    entries |= {f"hfver/model/{path.parent.name}/" for path in (ROOT / "hfver/model").glob("*/__init__.py")}
    listed = table_paths(section("The packages"))
    to_come = re.findall(r"^\| `(hfver/\w+/)` \| to come", TEXT, re.MULTILINE)
    assert sorted(listed) == sorted({*entries, *to_come})
    assert not entries & set(to_come), "built, and still marked as to come"


def test_the_coming_packages_are_named() -> None:
    for room in ("promoting", "deploying", "integrations", "pages"):
        assert f"`hfver/{room}/`" in section("The packages")


def test_every_path_exists() -> None:
    path = r"`((?:hfver|tests|docs|examples|model_cards|benchmarks)/[\w./-]*|[A-Z]+\.md|pyproject\.toml)`"
    lines = [line for line in TEXT.splitlines() if "to come" not in line]
    named = {name for line in lines for name in re.findall(path, line)}
    assert len(named) > 60
    assert [name for name in sorted(named - GENERATED) if not (ROOT / name).exists()] == []


GENERATED = {"README.md", "CHANGELOG.md"}
"""Files of a release that have the names of documents here."""


def test_public_groups_are_those_of_pyproject() -> None:
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["entry-points"]
    ours = {name for name in groups if name.startswith("hfver.")}
    for document in ("ARCHITECTURE.md", "STABILITY.md"):
        assert set(re.findall(r"`(hfver\.(?:importers|smoke_tasks|exporters))`", (ROOT / document).read_text())) == ours


def test_protocol_versions_are_those_of_the_code() -> None:
    row = r"^\| `hfver\.\w+` \| `\w+` in `([\w./]+)`.*\| (\d+) \|$"
    rows = re.findall(row, (ROOT / "STABILITY.md").read_text(), re.MULTILINE)
    assert len(rows) == 2
    for path, version in rows:
        assert f"\nPROTOCOL_VERSION = {version}\n" in (ROOT / path).read_text()
