"""The documentation site: it builds without a warning, needs no network, and leaves nothing public out."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import pytest
import typer

import hfver
from hfver.cli.app import app
from hfver.core.ledger import Line
from hfver.core.lockfile.lock import Package
from hfver.core.manifest import Manifest
from hfver.model.lineage.record import Lineage
from tests.docs.markdown import ROOT


class Page(HTMLParser):
    """The ids of a page, the links on it, and what a browser fetches to show it."""

    def __init__(self, path: Path) -> None:
        super().__init__()
        self.ids, self.links, self.fetched = set[str](), list[str](), list[str]()
        self.feed(path.read_text())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        if "id" in values:
            self.ids.add(values["id"])
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif tag == "link" and values.get("rel") in ("search", "index", "next", "prev"):
            pass
        else:
            self.fetched += [values[name] for name in ("src", "href", "srcset") if values.get(name)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-b", "html", "-q", "-E", "-W", "--keep-going"]
    done = subprocess.run(
        [*command, "-d", str(out / "doctrees"), "docs", str(out / "html")],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return out / "html"


@pytest.fixture(scope="module")
def pages(site: Path) -> dict[Path, Page]:
    return {path: Page(path) for path in site.rglob("*.html")}


def test_every_document_is_a_page(site: Path) -> None:
    for document in (ROOT / "docs").glob("*.md"):
        assert (site / f"{document.stem}.html").exists()


def test_every_link_and_anchor_leads_somewhere(site: Path, pages: dict[Path, Page]) -> None:
    broken = []
    for path, page in pages.items():
        for link in page.links:
            if re.match(r"[a-z]+:", link):
                continue
            target, _, anchor = unquote(link).partition("#")
            aimed = (path.parent / target).resolve() if target else path
            lacks = anchor and aimed in pages and anchor not in pages[aimed].ids
            if lacks or (aimed not in pages and not aimed.is_file()):
                broken.append(f"{path.name}: {link}")
    assert broken == []


def test_nothing_is_fetched_from_elsewhere(site: Path, pages: dict[Path, Page]) -> None:
    for path, page in pages.items():
        assert [one for one in page.fetched if re.match(r"([a-z]+:)?//", one)] == [], path.name
    for style in site.rglob("*.css"):
        assert not re.search(r"(@import|url\()\s*['\"]?(https?:)?//", style.read_text()), style.name


def test_the_search_works_without_a_server(site: Path) -> None:
    index = (site / "searchindex.js").read_text()
    titles = json.loads(index[index.index("(") + 1 : index.rindex(")")])["titles"]
    assert {"Your first release", "Commands", "Python API", "Architecture"} <= set(titles)


def test_every_public_name_is_in_the_reference_once(pages: dict[Path, Page], site: Path) -> None:
    listed = " ".join(re.findall(r"<!-- api: (.+?) -->", (ROOT / "docs/api.md").read_text())).split()
    assert sorted([*listed, "__version__"]) == sorted(hfver.__all__)
    assert {f"hfver.{name}" for name in listed} <= pages[site / "api.html"].ids


def test_the_reference_shows_what_exists_only_at_run_time(site: Path) -> None:
    text = re.sub(r"<[^>]+>", "", (site / "api.html").read_text())
    assert "hfver.release(" in text
    assert "namespace/name; created if it does not exist." in text
    assert "&lt;function" not in text


def test_every_command_and_option_is_in_the_reference(site: Path) -> None:
    text = (site / "commands.html").read_text()
    root: Any = typer.main.get_command(app)
    for name in root.list_commands(None):
        command = root.get_command(None, name)
        if hasattr(command, "list_commands"):
            continue
        assert f'id="hfver-{name}"' in text
        for parameter in command.params:
            if parameter.param_type_name == "option" and not parameter.hidden:
                assert all(option in text for option in parameter.opts), (name, parameter.name)


@pytest.mark.parametrize(
    ("heading", "model"),
    [("The manifest", Manifest), ("The ledger", Line), ("lineage.yaml", Lineage), ("hfver.lock", Package)],
)
def test_formats_lists_the_keys_of_the_code(heading: str, model: Any) -> None:
    text = (ROOT / "docs/formats.md").read_text()
    found = re.search(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", text, re.MULTILINE | re.DOTALL)
    assert found
    cells = re.findall(r"^\| (`[^|]+) \|", found[1], re.MULTILINE)
    keys = {key for cell in cells for key in re.findall(r"`(\w+)`", cell)}
    assert keys == {field.alias or name for name, field in model.model_fields.items()}
