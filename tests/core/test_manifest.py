from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from hfver.core.manifest import FileEntry, Manifest, content_digest, digest_of, safe_path
from hfver.errors import VerificationError

FILES = {
    "config.json": FileEntry(size=2, sha256="a" * 64),
    "README.md": FileEntry(size=3, sha256="b" * 64),
    ".hfver/tensors.json": FileEntry(size=4, sha256="c" * 64),
}


def make(**changes: Any) -> Manifest:
    facts: dict[str, Any] = {
        "repo": "a/b",
        "version": "1.0.0",
        "content_digest": content_digest(FILES),
        "created_at": datetime(2026, 1, 2, tzinfo=UTC),
        "created_by": "me",
        "files": FILES,
    }
    return Manifest(**(facts | changes))


def test_round_trip() -> None:
    manifest = make()
    assert Manifest.decode(manifest.encode(), "x") == manifest
    assert manifest.encode() == Manifest.decode(manifest.encode(), "x").encode()


def test_the_content_digest_covers_only_the_authors_files() -> None:
    others = {**FILES, "README.md": FileEntry(size=9, sha256="d" * 64)}
    assert content_digest(others) == content_digest(FILES)
    assert content_digest({**FILES, "config.json": FileEntry(size=2, sha256="d" * 64)}) != content_digest(FILES)
    assert content_digest({"config.json": FILES["config.json"]}) == digest_of(f"{'a' * 64}  config.json\n".encode())


def spoil(**changes: Any) -> bytes:
    return json.dumps(json.loads(make().encode()) | changes).encode()


@pytest.mark.parametrize(
    "raw",
    [
        b"",
        b"[]",
        b"{}",
        b"\xff",
        b'{"schema": 1, "schema": 1}',
        b"[" * 100_000,
        spoil(content_digest="sha256:" + "0" * 64),
        spoil(files={"../x": {"size": 1, "sha256": "a" * 64}}),
        spoil(files={"/x": {"size": 1, "sha256": "a" * 64}}),
        spoil(files={"a\\b": {"size": 1, "sha256": "a" * 64}}),
        spoil(files={"x": {"size": -1, "sha256": "a" * 64}}),
        spoil(files={"x": {"size": 1, "sha256": "A" * 64}}),
        spoil(files={name: {"size": 1, "sha256": "a" * 64} for name in ("x", "X")}),
        spoil(previous="no digest"),
        spoil(created_at="never"),
        spoil(version="banana"),
        spoil(version="v1.0.0"),
        spoil(version="1\u0662.0.0"),
        spoil(repo="../../x"),
        spoil(repo="a/b?c"),
        spoil(repo="a/\u212ait"),
        spoil(created_by="\ud800"),
        spoil().replace(b'"me"', b'"\xed\xa0\x80"'),
        spoil().decode().encode("utf-16"),
    ],
)
def test_a_broken_manifest_is_a_verification_error(raw: bytes) -> None:
    with pytest.raises(VerificationError):
        Manifest.decode(raw, "a/b@1.0.0")


@pytest.mark.parametrize(
    "path",
    [
        ".hfver/releases.jsonl",
        ".hfver/stages.json",
        ".hfver/adopted/1.0.0.json",
        ".HFVER/Releases.jsonl",
        ".hfver/manifest.json",
        ".hfver/pulling.json",
        ".gitattributes",
        "Model.SIG",
    ],
)
def test_a_release_must_not_contain_hfvers_own_files(path: str) -> None:
    files = {**FILES, path: FileEntry(size=1, sha256="a" * 64)}
    listed = {name: entry.model_dump() for name, entry in files.items()}
    with pytest.raises(VerificationError, match="hfver's own file"):
        Manifest.decode(spoil(files=listed, content_digest=content_digest(files)), "a/b@1.0.0")


def test_a_newer_schema_says_upgrade() -> None:
    with pytest.raises(VerificationError) as caught:
        Manifest.decode(spoil(schema=2), "a/b@1.0.0")
    assert "upgrade" in caught.value.hint


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/a",
        "a//b",
        "a/",
        "./a",
        "a/../b",
        "..",
        "a\\b",
        "a\x00",
        "a\n",
        "C:x",
        ".git/config",
        "a/.GIT/x",
        "x. ",
        "a/NUL",
        "con.txt",
        "Lpt1.a.b",
    ],
)
def test_unsafe_paths(path: str) -> None:
    with pytest.raises(ValueError, match="unsafe"):
        safe_path(path)


@pytest.mark.parametrize("path", ["a", "a/b.c", ".hfver/x", "1_Pooling/config.json", "a b", "é.json", "...a"])
def test_safe_paths(path: str) -> None:
    assert safe_path(path) == path


@pytest.mark.parametrize(
    "names", [("x", "X"), ("\u00e9", "e\u0301"), ("\u00c9", "e\u0301"), ("a/x", "A/y"), ("a", "a/b"), ("a", "A/b")]
)
def test_paths_that_are_the_same_on_some_file_systems_collide(names: tuple[str, str]) -> None:
    files = {name: FileEntry(size=1, sha256="a" * 64) for name in names}
    listed = {name: entry.model_dump() for name, entry in files.items()}
    with pytest.raises(VerificationError, match="on file systems that ignore case"):
        Manifest.decode(spoil(files=listed, content_digest=content_digest(files)), "a/b@1.0.0")
