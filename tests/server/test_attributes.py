"""Patterns of .gitattributes and .gitignore, compared with git itself."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from hfver.server.git import globs
from hfver.server.git.attributes import AttributeRules, IgnoreRules, default_attributes, lfs_rule, upload_mode
from hfver.server.git.globs import compile_glob

from .tools import git

PATTERNS = [
    "*.bin",
    "a/*.bin",
    "/x.bin",
    "saved_model/**/*",
    "**/deep.txt",
    "a/**/z",
    "*tfevents*",
    "file[0-9].txt",
    "f?o",
    "a b.txt",
    "dir/**",
    "we[[:space:]]ird",
    "!x",
    "[!a]x",
    "\\*star",
    "*.tar.*",
    "**",
    "a/**/b/**/c",
]
PATHS = [
    "x.bin",
    "a/x.bin",
    "a/b/x.bin",
    "saved_model/v/1",
    "saved_model/v",
    "deep.txt",
    "q/deep.txt",
    "a/z",
    "a/b/c/z",
    "run.tfevents.1",
    "file1.txt",
    "fileX.txt",
    "foo",
    "f/o",
    "a b.txt",
    "dir/x/y",
    "dir",
    "we ird",
    "bx",
    "ax",
    "*star",
    "zstar",
    "m.tar.gz",
    "a/b/c",
    "a/1/b/2/c",
]


@pytest.fixture
def worktree(tmp_path: Path) -> Path:
    git("init", "-q", cwd=tmp_path)
    return tmp_path


@pytest.mark.parametrize("pattern", [pattern for pattern in PATTERNS if pattern != "!x"])
def test_gitattributes_match_as_in_git(worktree: Path, pattern: str) -> None:
    text = f'"{pattern}" filter=lfs\n' if " " in pattern else f"{pattern} filter=lfs -text\n"
    (worktree / ".gitattributes").write_text(text)
    lines = git("check-attr", "filter", "--", *PATHS, cwd=worktree).stdout.splitlines()
    assert [path for path in PATHS if AttributeRules(text).is_lfs(path)] == [
        path for path, line in zip(PATHS, lines, strict=True) if line.endswith("filter: lfs")
    ]


@pytest.mark.parametrize("pattern", [*PATTERNS, "dir/", "a/", "*.bin\n!a/x.bin", "# comment", "dir\n!dir/x/y"])
def test_gitignore_matches_as_in_git(worktree: Path, pattern: str) -> None:
    (worktree / ".gitignore").write_text(pattern + "\n")
    found = git("check-ignore", "--no-index", "--", *PATHS, cwd=worktree, check=False).stdout.splitlines()
    ignored = {line.strip('"').replace("\\\\", "\\") for line in found}
    assert {path for path in PATHS if IgnoreRules(pattern + "\n").ignores(path)} == ignored


def test_regular_expression_and_automaton_agree() -> None:
    for pattern in (*PATTERNS, "*a*b*c*", "**/x/**/y/**/z", "a/**", "*/*/*/*", "?*?*?*", "**/*.b*n"):
        for folders in (False, True):
            quick = compile_glob(pattern, folders=folders)
            pieces = [] if "/" in pattern else ["**/"]
            pieces += globs._PIECE.findall(pattern.removeprefix("/")) + (["/?"] if folders else [])
            expression = re.compile("".join(map(globs._translate, pieces)), re.DOTALL)
            for path in (*PATHS, "dir/", "x/y/z", "a/x/b/y/c/z", "abc", "a/b/c/d", "xaxbxcx"):
                slow = globs._Automaton(pieces)(path)
                assert quick(path) == slow == (expression.fullmatch(path) is not None), (pattern, path)


def test_the_last_rule_wins() -> None:
    assert not AttributeRules("*.bin filter=lfs\nsmall.bin -filter\n").is_lfs("small.bin")
    assert AttributeRules("*.bin -filter\n*.bin filter=lfs").is_lfs("x.bin")


@pytest.mark.parametrize(
    "path", ["a.txt", "with space", "br[ack]et", "st*r", "#hash", "!bang", "deep/er/x", 'quo"te', "\\back"]
)
def test_a_rule_for_a_path_is_understood_by_git(worktree: Path, path: str) -> None:
    rule = lfs_rule(path)
    (worktree / ".gitattributes").write_text(rule)
    assert git("check-attr", "-z", "filter", "--", path, cwd=worktree).stdout.split("\0")[2] == "lfs"
    assert AttributeRules(rule).is_lfs(path)


def test_the_defaults_of_a_new_repo() -> None:
    models, datasets = (AttributeRules(default_attributes(kind).decode()) for kind in ("models", "datasets"))
    for name in (
        "model.safetensors",
        "x/pytorch_model.bin",
        "m.onnx",
        "d.parquet",
        "m.gguf",
        "a.pt",
        "saved_model/1/x",
    ):
        assert models.is_lfs(name)
        assert datasets.is_lfs(name)
    for name in ("tokenizer.json", "config.json", "README.md", ".hfver/tensors.json"):
        assert not models.is_lfs(name)
    assert datasets.is_lfs("a.mp3")
    assert not models.is_lfs("a.mp3")


@pytest.mark.parametrize(
    ("size", "sample", "mode"),
    [
        (0, b"", "regular"),
        (5, b"hello", "regular"),
        (5, b"he\0lo", "lfs"),
        (512, "é".encode() * 255 + b"\xc3", "regular"),
        (5, b"\xff\xfe", "lfs"),
        (10 * 2**20, b"x", "regular"),
        (10 * 2**20 + 1, b"x", "lfs"),
        (5, b"", "regular"),
    ],
    ids=range(8),
)
def test_the_upload_mode_follows_size_and_sample(size: int, sample: bytes, mode: str) -> None:
    assert upload_mode(AttributeRules(""), "x", size, sample) == mode
