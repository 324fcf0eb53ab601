"""What a model's files say is data: no name, template or value gets into a script, an index or a foreign file."""

from __future__ import annotations

import ast
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from hfver.errors import UsageError
from hfver.model.compare import Side, compare
from hfver.model.compare.witness import find_witnesses, write_witnesses
from hfver.model.compare.witness.script import MARK, literal
from tests.model.compare.edits import both, config, put, reshaped, template
from tests.model.compare.witness.running import majors, witnessed

ATTACKS = (
    '"""\nimport os; os.system("touch pwned")\n"""',
    "'''+__import__('os').system('touch pwned')+'''",
    "\\\n\x00\x1b[2J\u202e\u2028{mark}{0}%s",
    "```\n| x | <script>alert(1)</script> | [a](javascript:1)",
    "\ud800 lone surrogate",
    "../../../etc/passwd",
)


@pytest.mark.parametrize("attack", ATTACKS)
def test_names_and_values_stay_data(attack: str, bot: Side, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    edit = both(config(**{attack: attack}), config(my_scaling=attack), template(f"{{# x #}}{{{{ {attack!a} }}}}"))
    after = edit(bot)
    found, scripts = find_witnesses(bot, after, compare(bot, after))
    assert len(scripts) == len(majors(found)) >= 3
    for text in scripts.values():
        # Outside of the two literals, every script of a probe is the same text.
        text.encode("ascii")
        tree = ast.parse(text)
        held = [
            line.value for line in tree.body if isinstance(line, ast.Assign) and isinstance(line.targets[0], ast.Name)
        ]
        values = [ast.literal_eval(value) for value in held[-2:]]
        assert all(json.dumps(value) for value in values)
        code = "".join(ast.unparse(line) for line in tree.body if not isinstance(line, ast.Assign))
        assert attack not in code and "system(" not in code and "__import__" not in code
    assert all(set(name) <= set("abcdefghijklmnopqrstuvwxyz0123456789-.py") for name in scripts)
    write_witnesses(tmp_path / "out", attack, attack, found, scripts)
    index = (tmp_path / "out" / "README.md").read_text()
    assert "<script>" not in index and "\x1b" not in index and "](javascript" not in index
    assert not (tmp_path / "pwned").exists()


def test_a_hostile_value_runs_as_a_witness(bot: Side, tmp_path: Path) -> None:
    after = config(my_scaling=ATTACKS[0])(bot)
    [result] = witnessed(bot, after, tmp_path)
    assert result.is_right and not Path("pwned").exists()
    assert result.after and "\n\nimport" not in result.after.said


@pytest.mark.parametrize(
    "value", [None, True, -0.5, "a\nb", [1, [2]], {"a": ["x" * 300, {"b": None}]}, "\ud800", {}, []]
)
def test_a_literal_is_the_value(value: Any) -> None:
    assert ast.literal_eval(literal(value)) == value
    literal(value).encode("ascii")


def test_files_of_others_stay_as_they_are(bot: Side, tmp_path: Path) -> None:
    after = config(num_hidden_layers=3)(bot)
    found, scripts = find_witnesses(bot, after, compare(bot, after))
    folder = tmp_path / "out"
    folder.mkdir()
    (folder / "notes.txt").write_text("mine")
    name = next(iter(scripts))
    (folder / name).write_text("print('mine')")
    with pytest.raises(UsageError, match="did not write"):
        write_witnesses(folder, "a", "b", found, scripts)
    assert sorted(path.name for path in folder.iterdir()) == sorted([name, "notes.txt"])
    (folder / name).unlink()
    target = tmp_path / "elsewhere.md"
    target.write_text("mine")
    (folder / "README.md").symlink_to(target)
    with pytest.raises(UsageError, match="did not write"):
        write_witnesses(folder, "a", "b", found, scripts)
    assert target.read_text() == "mine"


def test_the_same_difference_gives_the_same_bytes_and_old_scripts_go(bot: Side, tmp_path: Path) -> None:
    first, second = (both(config(num_hidden_layers=3), config(hidden_act="gelu")), config(hidden_act="gelu"))
    seen: list[Mapping[str, bytes]] = []
    for edit in (first, first, second):
        found, scripts = find_witnesses(bot, edit(bot), compare(bot, edit(bot)))
        write_witnesses(tmp_path / "out", "a", "b", found, scripts)
        seen.append({path.name: path.read_bytes() for path in sorted((tmp_path / "out").iterdir())})
    assert seen[0] == seen[1]
    assert len(seen[2]) == 2 and all(MARK.encode() in data for name, data in seen[2].items() if name != "README.md")


def test_a_folder_that_cannot_be_written_is_an_error(bot: Side, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    found, scripts = find_witnesses(bot, bot, compare(bot, bot))
    with pytest.raises(UsageError, match="cannot be written"):
        write_witnesses(tmp_path / "file", "a", "b", found, scripts)


def test_thousands_of_changes_get_a_bounded_number_of_scripts(bot: Side) -> None:
    after = config(**{f"my_{n}": n for n in range(2000)})(bot)
    found, scripts = find_witnesses(bot, after, compare(bot, after))
    assert len(scripts) == 99 and all(change.witness for change in majors(found))


def test_values_that_are_too_long_for_a_script_are_shown_by_the_hash(bot: Side, tmp_path: Path) -> None:
    [result] = witnessed(config(my_text="x")(bot), config(my_text="y" * 300_000)(bot), tmp_path)
    assert result.is_right
    [other] = witnessed(config(my_text="y" * 300_000)(bot), config(my_text="x")(bot), tmp_path / "more")
    assert other.is_right and other.change.witness and other.change.witness.kind == "hash"


def test_a_license_says_why_it_has_none(bot: Side, tmp_path: Path) -> None:
    from tests.model.compare.edits import card

    after = card(license="cc-by-nc-4.0")(bot)
    found, scripts = find_witnesses(bot, after, compare(bot, after))
    [change] = majors(found)
    assert change.to_json()["witness"] == {
        "file": None,
        "reason": "A license binds people: no program behaves differently.",
    }
    write_witnesses(tmp_path / "out", "a", "b", found, scripts)
    assert "no program behaves differently" in (tmp_path / "out" / "README.md").read_text()
    assert [path.name for path in (tmp_path / "out").iterdir()] == ["README.md"]


def test_a_shape_that_no_longer_fits_is_said(bot: Side, tmp_path: Path) -> None:
    after = both(reshaped("model.layers.0.self_attn.q_proj.weight", (8, 4)), put("model.safetensors.note", "x"))(bot)
    found = {one.change.rule: one for one in witnessed(bot, after, tmp_path)}
    shape = found["tensor-shape"]
    assert (
        shape.is_right
        and shape.after
        and "the shape of 'model.layers.0.self_attn.q_proj.weight' was" in shape.after.said
    )
