"""The help: groups in order, an example for each command, and quickly."""

from __future__ import annotations

import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest

import hfver.cli.commands
from hfver.cli import main
from hfver.cli.groups import GROUPS, names
from hfver.cli.root_help import OPTIONS, root_help

ORDER = ["Release", "Use", "Check", "Lineage", "Stages", "Deploy", "Hub"]
SINGLE = [name for name in names() if name not in ("hub", "golden")]
COMMANDS = [*SINGLE, "hub serve", "golden capture", "golden show"]


def test_the_groups_stand_in_order_and_empty_ones_are_not_shown(capsys: pytest.CaptureFixture[str]) -> None:
    assert list(GROUPS) == ORDER
    assert main(["--help"]) == 0
    told = capsys.readouterr().out
    shown = [line.removesuffix(":") for line in told.splitlines() if line.endswith(":") and line[0] != " "]
    assert shown == ["Options", *(group for group in ORDER if GROUPS[group])]
    listed = [line.split()[0] for line in told.splitlines() if line.startswith("  ") and line.split()[0] in names()]
    assert listed == names()


def test_every_command_is_in_a_group() -> None:
    folder = Path(str(hfver.cli.commands.__file__)).parent
    assert sorted(path.stem for path in folder.glob("[!_]*.py")) == sorted(names())


def test_every_line_fits_a_terminal_and_says_what_a_command_does() -> None:
    assert max(map(len, root_help().splitlines())) <= 80
    for commands in GROUPS.values():
        for summary in commands.values():
            assert summary[0].isupper()
            assert not summary.endswith(".")


def test_the_options_are_those_of_the_parser(capsys: pytest.CaptureFixture[str]) -> None:
    """The help is written without the parser, so it could drift from it."""
    import typer

    from hfver.cli.app import app

    command: Any = typer.main.get_command(app)
    context = command.make_context("hfver", ["--version"], resilient_parsing=True)
    spelled = {option for parameter in command.get_params(context) for option in parameter.opts}
    assert spelled == {option for line in OPTIONS for option in line.split(", ")}


@pytest.mark.parametrize("arguments", [["--help"], ["-h"], ["-v", "--help"]])
def test_help_is_the_same_by_every_way(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    assert main(arguments) == 0
    assert capsys.readouterr().out.strip() == root_help().strip()


def test_no_arguments_show_the_help_and_are_a_mistake(capsys: pytest.CaptureFixture[str]) -> None:
    assert main([]) == 2
    told = capsys.readouterr()
    assert (told.out, told.err.strip()) == ("", root_help().strip())


@pytest.mark.parametrize("command", COMMANDS)
def test_every_help_has_an_example_and_every_command_has_h_and_v(
    command: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main([*command.split(), "--help"]) == 0
    long = capsys.readouterr().out
    assert main([*command.split(), "-h"]) == 0
    assert capsys.readouterr().out == long
    assert f"Example: hfver {command}" in " ".join(long.split())
    assert "-v, --verbose" in long
    assert "--json" in long


def test_the_group_of_the_hub_has_an_example(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["hub", "-h"]) == 0
    assert "Example: hfver hub serve" in capsys.readouterr().out


@pytest.mark.parametrize("name", SINGLE)
def test_a_docstring_says_in_its_first_line_what_a_command_does(name: str) -> None:
    module = import_module(f"hfver.cli.commands.{name}")
    first = str(getattr(module, name).__doc__).strip().splitlines()[0]
    assert first[0].isupper()
    assert first.endswith(".")


def test_a_misspelled_command_is_named_with_the_nearest(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["vresions"]) == 2
    assert "Did you mean 'versions'?" in capsys.readouterr().err
    assert main(["completely-other"]) == 2
    assert "Did you mean" not in capsys.readouterr().err


def test_help_imports_neither_the_parser_nor_a_command() -> None:
    program = (
        "import sys; from hfver.cli import main; main(['--help']);"
        "found = {name for name in sys.modules if name.startswith(('typer', 'hfver.cli.commands', 'pydantic'))};"
        "sys.exit(f'imported: {found}' if found else 0)"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_command_imports_no_other() -> None:
    program = (
        "import sys; from hfver.cli import main; main(['versions', '--help']);"
        "found = {name for name in sys.modules if name.startswith('hfver.cli.commands.')};"
        "sys.exit(0 if found == {'hfver.cli.commands.versions'} else f'imported: {found}')"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_help_takes_a_tenth_of_importing_transformers() -> None:
    pytest.importorskip("transformers")

    def quickest(*command: str, times: int) -> float:
        took = []
        for _ in range(times):
            start = time.perf_counter()
            subprocess.run([sys.executable, *command], check=True, capture_output=True)
            took.append(time.perf_counter() - start)
        return min(took)

    ours = quickest("-m", "hfver", "--help", times=5)
    assert ours <= 0.10 * quickest("-c", "import transformers", times=2)
