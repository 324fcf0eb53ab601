from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from hfver.errors import BadConfig
from hfver.model.lineage.datasets import describe_dataset

SHA = "a" * 40


def _unknown(name: str, revision: str | None) -> str | None:
    return None


def _known(name: str, revision: str | None) -> str | None:
    assert name in ("acme/tickets", "squad")
    return SHA


def test_an_id_is_resolved_to_its_commit() -> None:
    found = describe_dataset("acme/tickets@v2", _known)
    assert (found.name, found.source, found.version, found.revision) == ("tickets", "acme/tickets", "v2", SHA)
    assert describe_dataset("squad", _known).version is None
    assert describe_dataset(f"squad@{SHA}", _known).version is None


def test_an_unknown_id_keeps_its_revision_as_the_version() -> None:
    found = describe_dataset("acme/tickets@v2", _unknown)
    assert (found.version, found.revision) == ("v2", None)


@pytest.mark.parametrize(
    ("name", "content", "size"),
    [
        ("a.jsonl", b'{"a": 1}\n\n{"a": 2}', 2),
        ("a.csv", b'x,y\n1,"two\nlines"\n2,b\n', 2),
        ("a.tsv", b"x\ty\n1\t2\n", 1),
        ("a.csv", b"", 0),
        ("a.txt", b"words\n", None),
        ("a.parquet", b"no parquet", None),
    ],
)
def test_a_file_is_hashed_and_counted(tmp_path: Path, name: str, content: bytes, size: int | None) -> None:
    (tmp_path / name).write_bytes(content)
    found = describe_dataset(str(tmp_path / name), _unknown)
    assert (found.name, found.size) == (name, size)
    assert found.hash == f"sha256:{hashlib.sha256(content).hexdigest()}"
    assert found.source is None


def test_parquet_is_counted_from_its_footer(tmp_path: Path) -> None:
    from datasets import Dataset

    Dataset.from_dict({"a": [1, 2, 3]}).to_parquet(tmp_path / "a.parquet")
    assert describe_dataset(str(tmp_path / "a.parquet"), _unknown).size == 3


def test_the_hash_of_a_folder_does_not_depend_on_the_order_of_its_files(tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    for folder, names in ((one, ("a", "b")), (two, ("b", "a"))):
        for name in names:
            (folder / "sub").mkdir(parents=True, exist_ok=True)
            (folder / "sub" / f"{name}.jsonl").write_text(f"{name}\n")
    (two / ".git").mkdir()
    (two / ".git" / "HEAD").write_text("x")
    first, second = (describe_dataset(str(folder), _unknown) for folder in (one, two))
    lines = "".join(f"{hashlib.sha256(f'{n}{chr(10)}'.encode()).hexdigest()}  sub/{n}.jsonl\n" for n in "ab")
    assert first.hash == second.hash == f"sha256:{hashlib.sha256(lines.encode()).hexdigest()}"
    assert (first.size, first.name) == (2, "one")


def test_a_path_wins_over_an_id(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    Path("squad").write_text("x")
    assert describe_dataset("squad", _known).hash is not None
    Path("squad").unlink()
    assert describe_dataset("squad", _known).source == "squad"


@pytest.mark.parametrize("named", ["./no/such.jsonl", "/no/such", "a/b/c", "", "@v1", "a b"])
def test_neither_a_path_nor_an_id_is_refused(named: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with pytest.raises(BadConfig, match="--dataset"):
        describe_dataset(named, _unknown)
