"""Releases that only git can make: no link, name or tag in them leads a reader out of its folder.

Whoever may push can publish any of them with a matching manifest and ledger. A reader that uses the API refuses them or
gets plain files; the audit sees the modes and reports each entry that is not a file.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from hfver.api.hubs import LocalHub
from hfver.cli import main
from hfver.core.manifest import MANIFEST
from tests.hostile.checkpoints import REPO, listing
from tests.hostile.raw_git import FOLDER, LINK, MODULE, VERSION, Entry, Git, file, publish, put_ledger

Forge = Callable[[Git], object]
OUTSIDE = b"../../../../../../outside/x"


def holds(path: str, entry: Entry, *, as_file: bytes | None = None) -> Forge:
    """Publish an entry at a path; the manifest lists it as an ordinary file with the content ``as_file``."""
    *folders, last = path.encode("utf-8", "surrogateescape").split(b"/")
    top = (last, entry)
    for one in reversed(folders):
        top = (one, Entry(FOLDER, {top[0]: top[1]}))
    listed = {} if as_file is None else {path: as_file}
    return lambda git: publish(git, dict([top]), listed=listed)


def with_name(name: bytes) -> Forge:
    """Publish a file whose name is a single entry of the tree, slashes included, and is not in the manifest."""
    return lambda git: publish(git, {name: file()})


def tagged(kind: str) -> Forge:
    """Move the tag to something that is not a commit."""

    def forge(git: Git) -> None:
        publish(git, {})
        target = {"a blob": f"v1.0.0:{MANIFEST}", "a tree": "v1.0.0^{tree}"}[kind]
        git.run("update-ref", f"refs/tags/v{VERSION}", git.run("rev-parse", target).decode())

    return forge


def nest_tags(git: Git) -> None:
    """Put the tag behind forty nested tags."""
    publish(git, {})
    oid = git.run("rev-parse", f"v{VERSION}").decode()
    for number in range(40):
        oid = git.write("tag", f"object {oid}\ntype tag\ntag t{number}\ntagger b <b@e> 0 +0000\n\nx\n".encode())
    git.run("update-ref", f"refs/tags/v{VERSION}", oid)


def replace_ref(git: Git) -> None:
    """Add a ref with which git shows a different commit in place of this one."""
    commit = publish(git, {})
    git.run("update-ref", f"refs/replace/{commit}", git.run("rev-parse", "v1.0.0^{commit}").decode())


def ledger_as(mode: str, content: bytes) -> Forge:
    """Put something else in place of the ledger."""
    return lambda git: put_ledger(git, Entry(mode, content))


COMMIT = b"a" * 40
DEEP = "/".join(["a"] * 60)
CASES: dict[str, tuple[Forge, int, int]] = {
    # Name: how it is made, exit code of pull, exit code of audit.
    "a link to a file outside": (holds("notes.txt", Entry(LINK, b"/etc/passwd"), as_file=b"/etc/passwd"), 0, 3),
    "a link out of the folder": (holds("notes.txt", Entry(LINK, OUTSIDE), as_file=OUTSIDE), 0, 3),
    "a link in a folder": (holds("sub/notes.txt", Entry(LINK, OUTSIDE), as_file=OUTSIDE), 0, 3),
    "a config that is a link": (holds("config.json", Entry(LINK, b"/etc/passwd")), 3, 3),
    "a link that is not in the manifest": (holds("notes.txt", Entry(LINK, b"/etc/passwd")), 3, 3),
    "a link to a folder, and a file below its name": (
        lambda git: publish(
            git, {b"sub": Entry(LINK, OUTSIDE)}, listed={"sub/x": b"x"}, twice=(b"sub", Entry(FOLDER, {b"x": file()}))
        ),
        3,
        3,
    ),
    "a manifest that is a link": (
        lambda git: publish(git, {}, manifest=Entry(LINK, b"../../outside/manifest.json")),
        3,
        3,
    ),
    "a manifest that is a folder": (lambda git: publish(git, {}, manifest=Entry(FOLDER, {b"x": file()})), 3, 3),
    "a manifest that is a submodule": (lambda git: publish(git, {}, manifest=Entry(MODULE, COMMIT)), 3, 3),
    "a submodule": (holds("module", Entry(MODULE, COMMIT)), 0, 3),
    "a submodule that is in the manifest": (holds("module", Entry(MODULE, COMMIT), as_file=COMMIT), 3, 3),
    "a submodule with .gitmodules": (
        lambda git: publish(
            git,
            {b"m": Entry(MODULE, COMMIT), b".gitmodules": file(b'[submodule "m"]\n\tpath = m\n\turl = ext::sh -c x\n')},
        ),
        3,
        3,
    ),
    "an executable": (holds("run.sh", Entry("100755", b"#!/bin/sh\n"), as_file=b"#!/bin/sh\n"), 0, 0),
    "a folder named ..": (holds("../outside.txt", file()), 4, 3),
    "a folder named .git": (holds(".git/hooks/post-checkout", Entry("100755", b"x")), 4, 3),
    "a folder that Windows reads as .git": (holds("GIT~1/config", file()), 3, 3),
    "a name with a slash in it": (with_name(b"../../outside.txt"), 4, 3),
    "an absolute name": (with_name(b"/etc/outside.txt"), 4, 3),
    "a name with backslashes": (with_name(b"..\\..\\outside.txt"), 4, 3),
    "a name with escapes": (with_name(b"\x1b[2J.txt"), 4, 3),
    "a name with a line break": (with_name(b"a\nb"), 4, 3),
    "a name that is not UTF-8": (with_name(b"\xff\xfe"), 3, 3),
    "a name that is empty": (with_name(b""), 3, 4),
    "names that differ in case": (
        lambda git: publish(git, {b"CONFIG.json": file(b"y")}, listed={"CONFIG.json": b"y"}),
        3,
        3,
    ),
    "a duplicate name": (lambda git: publish(git, {}, twice=(b"config.json", file(b"other"))), 3, 3),
    "sixty folders": (holds(f"{DEEP}/x", file(), as_file=b"x"), 0, 0),
    "a tag on a blob": (tagged("a blob"), 3, 3),
    "a tag on a tree": (tagged("a tree"), 3, 3),
    "a tag behind forty tags": (nest_tags, 0, 3),
    "a commit replaced by git replace": (replace_ref, 0, 0),
    "a ledger that is a link": (ledger_as(LINK, b"../../outside/ledger"), 3, 3),
    "a ledger that is a submodule": (ledger_as(MODULE, COMMIT), 4, 3),
}


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder in which everything may change, beside one in which nothing may."""
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(tmp_path / "in" / "cache"))
    (tmp_path / "in").mkdir()
    (tmp_path / "outside").mkdir()
    return tmp_path / "in"


@pytest.mark.parametrize("name", CASES)
def test_a_release_that_only_git_can_make(
    name: str, local_hub: LocalHub, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    forge, pulled, audited = CASES[name]
    forge(Git(local_hub))
    before = listing(place.parent / "outside")
    ref, hub = f"{REPO}@{VERSION}", ["--hub", str(local_hub.path)]
    commands = {
        "show": ["show", ref],
        "pull": ["pull", ref, str(place / "target")],
        "diff": ["diff", f"{REPO}@1.0.0", ref],
        "audit": ["audit", REPO],
    }
    codes = {}
    for command, arguments in commands.items():
        codes[command] = main([*arguments, *hub])
        shown = capsys.readouterr()
        assert "did not expect" not in shown.err, shown.err
        assert not set(shown.out + shown.err) & set("\x1b\x07\x9b")
    assert (codes["pull"], codes["audit"]) == (pulled, audited), codes
    assert codes["show"] in (0, 3, 4)
    assert codes["diff"] in (0, 1, 3, 4)  # 1: pending, because the ledger is gone
    assert listing(place.parent / "outside") == before
    assert not (place.parent / "outside.txt").exists()
    assert (place / "target").exists() is (pulled == 0)
    assert_no_link_leads_out(place)


def assert_no_link_leads_out(place: Path) -> None:
    """Check that the pulled folder has no link, and the cache only links that it made itself."""
    assert not any(path.is_symlink() for path in (place / "target").rglob("*"))
    for path in (place / "cache").rglob("*"):
        if path.is_symlink():
            assert path.resolve().parent.name == "blobs", path
            assert not path.resolve().is_symlink()
