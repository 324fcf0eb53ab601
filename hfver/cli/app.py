"""The command line's parser: the root, and each command once it is needed."""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from importlib import import_module
from types import ModuleType
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from hfver.cli.groups import names
from hfver.cli.options import VerboseOption
from hfver.cli.root_help import SUMMARY, root_help
from hfver.cli.verbose import be_verbose, with_verbosity

__all__ = ["app"]

HELP = {"help_option_names": ["-h", "--help"]}
SUBGROUPS = {
    "golden": "Record how a model behaves, or show what a release recorded.",
    "hub": "Run an embedded Hub: a folder that Hugging Face clients and git take for the Hub.",
}
"""Commands that are groups of commands themselves; their modules list them in ``COMMANDS``."""


class _Commands(TyperGroup):
    """Finds commands by name and imports the one that is asked for."""

    def list_commands(self, ctx: Any) -> list[str]:  # noqa: ARG002 - the signature is typer's
        return names()

    def get_command(self, ctx: Any, cmd_name: str) -> Any:  # noqa: ARG002 - the signature is typer's
        if cmd_name not in names():
            return None
        if cmd_name not in self.commands:
            self.commands[cmd_name] = _build(cmd_name)
        return self.commands[cmd_name]

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Suggest the nearest command: typer itself would only know those that are built already."""
        name = args[0]
        if name not in names() and not name.startswith("-"):
            near = get_close_matches(name, names(), n=1)
            ctx.fail(f"No such command {name!r}." + (f" Did you mean {near[0]!r}?" if near else ""))
        return super().resolve_command(ctx, args)

    def format_help(self, ctx: Any, formatter: Any) -> None:  # noqa: ARG002 - the signature is typer's
        formatter.write(root_help())


app = typer.Typer(
    name="hfver",
    cls=_Commands,
    help=SUMMARY,
    context_settings=HELP,
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print hfver's own version.")] = False,
    verbose: VerboseOption = 0,
) -> None:
    """Immutable, verified, semantic versions for models on the Hugging Face Hub."""
    be_verbose(verbose)
    if version:
        from hfver.core.about import __version__

        typer.echo(f"hfver {__version__}")
        raise typer.Exit


def _build(name: str) -> Any:
    """Make the parser of one command."""
    module = import_module(f"hfver.cli.commands.{name}")
    group = typer.Typer(
        name=name,
        help=SUBGROUPS.get(name),
        epilog=f"Example: {module.EXAMPLE}",
        context_settings=HELP,
        no_args_is_help=name in SUBGROUPS,
        add_completion=False,
        pretty_exceptions_enable=False,
        rich_markup_mode=None,
    )
    if name in SUBGROUPS:
        group.callback()(_nothing)
    for command in module.COMMANDS if name in SUBGROUPS else [getattr(module, name)]:
        _add(group, module, command)
    return typer.main.get_command(group)


def _add(group: typer.Typer, module: ModuleType, command: Callable[..., Any]) -> None:
    examples = getattr(module, "EXAMPLES", {})  # of a group whose commands take different arguments
    epilog = f"Example: {examples.get(command.__name__, module.EXAMPLE)}"
    group.command(name=command.__name__, epilog=epilog, context_settings=HELP)(with_verbosity(command))


def _nothing() -> None:
    """Give a group a callback: without one, typer makes a group with a single command that command."""
