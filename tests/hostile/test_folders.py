"""Untrusted folders: release and diff end with a proper error, change nothing, and leave nothing behind."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from hfver.api.hubs import LocalHub
from hfver.cli import main
from tests.hostile.checkpoints import REPO, config, listing, model
from tests.model.checkpoint.test_safetensors_header import HOSTILE

Damage = Callable[[Path], object]
ALIASES = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(
    f"{c}: &{c} [*{p},*{p},*{p}]\n" for p, c in zip("abcdefg", "bcdefgh", strict=False)
)


def text(name: str, content: str | bytes) -> Damage:
    def damage(folder: Path) -> None:
        (folder / name).parent.mkdir(parents=True, exist_ok=True)
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode("utf-8", "surrogatepass"))

    return damage


def link(name: str, target: str) -> Damage:
    return lambda folder: (folder / name).symlink_to(target)


def odd(*names: str | bytes) -> Damage:
    def damage(folder: Path) -> None:
        for name in names:
            Path(os.fsdecode(os.path.join(os.fsencode(folder), os.fsencode(name)))).write_bytes(b"x")  # noqa: PTH118

    return damage


FOLDERS: dict[str, tuple[Damage, int]] = {
    "a link to a missing file": (link("notes.txt", "/nowhere/at/all"), 2),
    "a link to itself": (link("notes.txt", "notes.txt"), 2),
    "a link to a file outside": (link("notes.txt", "/etc/passwd"), 2),
    "a card that is a link outside": (link("README.md", "/etc/passwd"), 2),
    "a link out of the folder": (link("notes.txt", "sub/../../valid/config.json"), 2),
    "a link to a folder": (link("more", "/etc"), 2),
    "a link to a device": (link("zero.txt", "/dev/zero"), 2),
    "a pipe": (lambda folder: os.mkfifo(folder / "pipe.txt"), 2),
    "names that differ in case": (odd("Notes.txt", "notes.txt"), 2),
    "names that differ in composition": (odd("\u00e9.txt", "e\u0301.txt"), 2),
    "a name with a backslash": (odd("a\\b.txt"), 2),
    "a name with an escape": (odd("\x1b[2J.txt"), 2),
    "a name that is not UTF-8": (odd(b"\xff.txt"), 2),
    "a name that Windows reserves": (odd("aux.txt"), 2),
    "a name that ends in a space": (odd("a .txt "), 2),
    "a config that is empty": (text("config.json", ""), 2),
    "a config that is a list": (text("config.json", "[]"), 2),
    "a config with a byte order mark": (text("config.json", "\ufeff{}"), 2),
    "a config in UTF-16": (text("config.json", "{}".encode("utf-16")), 2),
    "a config with duplicate keys": (text("config.json", '{"a": 1, "a": 2}'), 2),
    "a config with NaN": (text("config.json", '{"a": NaN}'), 2),
    "a config nested too deeply": (text("config.json", '{"a":' * 100_000 + "1" + "}" * 100_000), 2),
    "a config with a number of 10,000 digits": (text("config.json", '{"a": ' + "9" * 10_000 + "}"), 2),
    "a config with a lone surrogate": (lambda folder: config(folder, model_type="\ud800", name="\udfff"), 2),
    "an index with a path out of the folder": (
        text("model.safetensors.index.json", json.dumps({"weight_map": {"a": "../../etc/passwd"}})),
        2,
    ),
    "an index that is a list": (text("model.safetensors.index.json", "[1]"), 2),
    "modules with a path out of the folder": (text("modules.json", json.dumps([{"path": "../..", "type": "x"}])), 2),
    "a card with nested aliases": (text("README.md", f"---\n{ALIASES}---\nHi"), 2),
    "a card of four megabytes": (text("README.md", "x" * 4_000_000), 2),
    "a card that is not UTF-8": (text("README.md", b"\xff\xfe\x00"), 2),
    "a card with a Python tag": (text("README.md", "---\nlicense: !!python/object:os.system x\n---\n"), 2),
    "pickled weights only": (lambda folder: (folder / "model.safetensors").rename(folder / "pytorch_model.bin"), 2),
    **{f"weights: {name}": (text("model.safetensors", data), 2) for name, data in list(HOSTILE.items())[::6]},
}


@pytest.mark.parametrize("name", FOLDERS)
def test_a_hostile_folder(
    name: str,
    tmp_path: Path,
    local_hub: LocalHub,
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
    requests: list[str],
) -> None:
    monkeypatch.setattr(sys, "executable", "/bin/false")  # commands that start processes are tested elsewhere
    damage, expected = FOLDERS[name]
    valid, damaged = model(tmp_path / "valid"), model(tmp_path / "damaged")
    (damaged / "config.json").unlink(missing_ok=True) if name.startswith("modules") else None
    damage(damaged)
    before = listing(tmp_path / "valid"), listing(damaged), set(tmp_path.iterdir())
    hub = ["--hub", str(local_hub.path)]
    release = ["release", str(damaged), "--repo", REPO, "--smoke", "off", "--dry-run", *hub]
    for arguments, codes in ((release, {expected}), (["diff", str(valid), str(damaged)], {0, 2})):
        for options in ([], ["--json"]):
            code = main([*arguments, *options])
            shown = capsys.readouterr()
            assert code in codes, shown
            assert "InternalError" not in shown.out + shown.err
            assert "did not expect" not in shown.out + shown.err
            assert "\x1b" not in shown.out + shown.err
    assert (listing(valid), listing(damaged), set(tmp_path.iterdir()) - {tmp_path / "hfver-cache"}) == before
    assert not [request for request in requests if not request.startswith("GET")]
