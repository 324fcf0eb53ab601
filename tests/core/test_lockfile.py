"""The format of the lock: equal locks are equal bytes, diffs are readable, and a broken lock is refused."""

from __future__ import annotations

import os
import string
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from hfver.core.lockfile import LOCK, Lock, LockedDataset, Package, decode_lock, encode_lock, find_lock, write_lock
from hfver.core.manifest import FileEntry, safe_path
from hfver.core.ref import parse_ref
from hfver.errors import BadConfig

HUB = "https://huggingface.co"
SHA = "ab" * 32
DIGEST = f"sha256:{SHA}"


def package(repo: str = "acme/bot", **changes: object) -> Package:
    facts: dict[str, object] = {
        "repo": repo,
        "hub": HUB,
        "spec": "^1.2",
        "version": "1.4.0",
        "commit": "1" * 40,
        "digest": DIGEST,
        "ledger": DIGEST,
        "files": {"config.json": FileEntry(size=12, sha256=SHA)},
    }
    return Package.model_validate(facts | changes)


LORA = package(
    "acme/lora",
    base=f"acme/base@{'2' * 40}",
    allow_code=True,
    datasets=(LockedDataset(name="squad", source="rajpurkar/squad", revision="3" * 40),),
)
BASE = package("acme/base", spec=None, version=None, digest=None, ledger=None, commit="2" * 40)

TEXT = f"""\
# Written by hfver: the exact versions, commits and files of the models that this project uses.
# Keep it under version control. Change it by: hfver lock
schema = 1

[[package]]
repo = "acme/base"
hub = "{HUB}"
commit = "{"2" * 40}"
[package.files]
"config.json" = {{ size = 12, sha256 = "{SHA}" }}

[[package]]
repo = "acme/lora"
hub = "{HUB}"
spec = "^1.2"
version = "1.4.0"
commit = "{"1" * 40}"
digest = "{DIGEST}"
ledger = "{DIGEST}"
allow_code = true
base = "acme/base@{"2" * 40}"
datasets = [
    {{ name = "squad", source = "rajpurkar/squad", revision = "{"3" * 40}" }},
]
[package.files]
"config.json" = {{ size = 12, sha256 = "{SHA}" }}
"""


def test_what_it_looks_like() -> None:
    """Locks of version 1 must always be readable: do not change this text."""
    assert encode_lock(Lock(packages=(LORA, BASE))).decode() == TEXT
    assert decode_lock(TEXT.encode(), Path(LOCK)).packages == (BASE, LORA)


def _is_safe(name: str) -> bool:
    """Return whether a name may stand in a release: ``NUL`` and its like mean a device on some systems."""
    try:
        safe_path(name)
    except ValueError:
        return False
    return True


names = st.text(string.ascii_letters + string.digits + "._- é'()", min_size=1, max_size=12).filter(
    lambda name: name.strip(" .") == name and _is_safe(name)
)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=20)


@settings(max_examples=40)
@given(st.dictionaries(names, st.integers(0, 2**62), min_size=1, max_size=5), texts, texts)
def test_any_text_survives_encoding(files: dict[str, int], name: str, hub: str) -> None:
    made = package(
        hub=hub,
        files={f"dir/{path}": FileEntry(size=size, sha256=SHA) for path, size in files.items()},
        datasets=(LockedDataset(name=name, hash=name),),
    )
    raw = encode_lock(Lock(packages=(made,)))
    back = decode_lock(raw, Path(LOCK))
    assert back.packages == (made,)
    assert encode_lock(back) == raw
    assert all(char.isprintable() or char == "\n" for char in raw.decode())


@pytest.mark.parametrize(
    ("found", "put", "named"),
    [
        ("schema = 1", "schema = 2", "schema 2; this version of hfver supports schemas up to 1"),
        ("schema = 1", "schema = true", "schema must be 1"),
        ("schema = 1\n", "", "schema must be 1"),
        ("schema = 1", "schema = 1\nlicense = 'x'", "unknown key license"),
        ("schema = 1", "schema = ", "line 3"),
        ("schema = 1", "schema = 1\nschema = 1", "line 4"),
        ("[[package]]", "[package]", "line 12"),
        ('repo = "acme/base"', 'repo = "acme/../base"', r"package 1 .*repo: .*is not a repo id"),
        ('spec = "^1.2"', 'spec = "main"', r"package 2 \(acme/lora\): spec: 'main' moves"),
        ('spec = "^1.2"', 'spec = "^one"', r"package 2 \(acme/lora\): spec"),
        ('version = "1.4.0"', 'version = "one"', "version: 'one' is not a version"),
        ('version = "1.4.0"\n', "", "version and digest belong together"),
        (f'ledger = "{DIGEST}"\n', "", "a release needs ledger"),
        (f'digest = "{DIGEST}"', 'digest = "md5:1"', "digest"),
        ("2" * 40 + '"\n[', "2" * 39 + '"\n[', "commit"),
        ("allow_code = true", "allow_code = [1]", "allow_code"),
        ("allow_code = true", "allow = true", "allow"),
        (f"base@{'2' * 40}", f"base@{'4' * 40}", "which is not locked"),
        ("size = 12", "size = -1", r"files\.config\.json\.size"),
        (f'sha256 = "{SHA}"', 'sha256 = "0"', r"files\.config\.json\.sha256"),
        ('"config.json" =', '"../config.json" =', "unsafe path"),
        ('"config.json" =', '"/etc/passwd" =', "unsafe path"),
        ('"config.json" =', '"a\\\\b" =', "unsafe path"),
        ('"config.json" =', '"config.json/.git/x" =', "unsafe path"),
        ("# Keep", "<<<<<<< HEAD\n# Keep", "line 2 is a conflict marker of a git merge"),
        ("# Keep", "=======\n# Keep", "line 2 is a conflict marker of a git merge"),
        ("\n[package.files]", "\n[package.files]\n>>>>>>> theirs", "line 10 is a conflict marker"),
    ],
)
def test_the_error_of_an_invalid_lock(tmp_path: Path, found: str, put: str, named: str) -> None:
    text = TEXT.replace(found, put, 1)
    assert text != TEXT
    (tmp_path / LOCK).write_text(text)
    with pytest.raises(BadConfig, match=named) as caught:
        find_lock(tmp_path)
    assert str(tmp_path / LOCK) in caught.value.message
    assert caught.value.hint


@pytest.mark.parametrize("raw", [b"\xff\xfe", b"schema = 1\npackage = 1", b"schema = 1\nx = " + b"[" * 5000, b"\x00"])
def test_bytes_that_are_not_a_lock(tmp_path: Path, raw: bytes) -> None:
    with pytest.raises(BadConfig):
        decode_lock(raw, tmp_path / LOCK)


def test_a_repo_is_required_only_once(tmp_path: Path) -> None:
    raw = TEXT + TEXT[TEXT.rindex("[[package]]") :].replace("acme/lora", "ACME/lora")
    with pytest.raises(BadConfig, match="ACME/lora is locked twice"):
        decode_lock(raw.encode(), tmp_path / LOCK)


@pytest.mark.parametrize(
    ("asked", "answer"),
    [
        ("", True),
        ("@latest", True),
        ("@^1.2", True),
        ("@1.x", True),
        ("@1.4.0", True),
        ("@" + "1" * 40, True),
        ("@^2", False),
        ("@1.4.1", False),
        ("@" + "2" * 40, False),
        ("@production", False),
        ("@refs/pr/1", False),
    ],
)
def test_which_specs_a_package_satisfies(asked: str, answer: bool) -> None:
    assert package().satisfies(parse_ref(f"acme/bot{asked}").spec) is answer


def test_a_stage_satisfies_only_itself() -> None:
    assert package(spec="production").satisfies(parse_ref("acme/bot@production").spec)
    assert not package(spec="production").satisfies(parse_ref("acme/bot@staging").spec)
    assert not BASE.satisfies(parse_ref("acme/base@^1").spec)


def test_looking_up_a_commit() -> None:
    older = BASE.model_copy(update={"commit": "5" * 40})
    lock = Lock(packages=(LORA, BASE))
    assert lock.commit_of("ACME/lora") == LORA.commit
    assert lock.commit_of("acme/base") == BASE.commit
    assert lock.commit_of("acme/base", "http://other") is None
    assert lock.commit_of("acme/none") is None
    assert Lock(packages=(LORA, BASE, older)).commit_of("acme/base") is None
    wanted = package("acme/base", commit="6" * 40)
    assert Lock(packages=(LORA, BASE, wanted)).commit_of("acme/base") == wanted.commit
    assert lock.find("acme/base", HUB) is None
    assert lock.base_of(LORA) == BASE
    assert lock.allows_code("acme/LORA", LORA.commit, HUB)
    assert not lock.allows_code("acme/lora", BASE.commit, HUB)
    assert not lock.allows_code("acme/base", BASE.commit, HUB)


def test_the_nearest_lock_above_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    below = tmp_path / "home" / "project" / "src"
    below.mkdir(parents=True)
    (tmp_path / LOCK).write_text("not reached")
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    assert find_lock(below) is None
    write_lock(tmp_path / "home" / LOCK, Lock(packages=(BASE,)))
    found = find_lock(below)
    assert found is not None
    assert found.path == tmp_path / "home" / LOCK
    write_lock(below / LOCK, Lock(packages=(BASE, LORA)))
    found = find_lock(below)
    assert found is not None
    assert len(found.packages) == 2


def test_a_lock_in_a_shared_folder_is_not_used(tmp_path: Path) -> None:
    shared, mine = tmp_path / "tmp", tmp_path / "tmp" / "mine"
    mine.mkdir(parents=True)
    write_lock(shared / LOCK, Lock(packages=(BASE,)))
    assert find_lock(mine) is not None
    shared.chmod(0o1777)
    assert find_lock(mine) is None
    assert find_lock(shared) is not None


def test_a_lock_is_written_atomically_and_only_if_it_changed(tmp_path: Path) -> None:
    path, lock = tmp_path / LOCK, Lock(packages=(BASE,))
    assert write_lock(path, lock)
    os.utime(path, (1, 1))
    assert not write_lock(path, lock)
    assert path.stat().st_mtime == 1
    assert write_lock(path, Lock())
    assert [found.name for found in tmp_path.iterdir()] == [LOCK]
    with pytest.raises(BadConfig, match="cannot be written"):
        write_lock(tmp_path / "none" / LOCK, lock)
