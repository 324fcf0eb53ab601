"""The command line: every command, with its example."""

from __future__ import annotations

from collections.abc import Callable
from types import ModuleType
from typing import Annotated, Any

import typer

from hfver.cli.commands import (
    adopt,
    audit,
    changelog,
    diff,
    hub,
    lock,
    outdated,
    pins,
    pull,
    release,
    show,
    smoke,
    sync,
    verify,
    versions,
    yank,
)

__all__ = ["app"]

app = typer.Typer(
    name="hfver",
    help="Immutable, verified, semantic versions for models on the Hugging Face Hub.",
    epilog=f"Example: {release.EXAMPLE}",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
hub_app = typer.Typer(
    help="Run an embedded Hub: a folder that Hugging Face clients and git take for the Hub.",
    no_args_is_help=True,
)


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print hfver's own version.")] = False,
) -> None:
    """Immutable, verified, semantic versions for models on the Hugging Face Hub."""
    if version:
        from hfver.core.about import __version__

        typer.echo(f"hfver {__version__}")
        raise typer.Exit


def _add(group: typer.Typer, module: ModuleType, command: Callable[..., Any]) -> None:
    group.command(epilog=f"Example: {module.EXAMPLE}")(command)


_add(app, release, release.release)
_add(app, pull, pull.pull)
_add(app, verify, verify.verify)
_add(app, smoke, smoke.smoke)
_add(app, diff, diff.diff)
_add(app, changelog, changelog.changelog)
_add(app, versions, versions.versions)
_add(app, show, show.show)
_add(app, yank, yank.yank)
_add(app, pins, pins.pins)
_add(app, audit, audit.audit)
_add(app, lock, lock.lock)
_add(app, sync, sync.sync)
_add(app, outdated, outdated.outdated)
_add(app, adopt, adopt.adopt)
_add(hub_app, hub, hub.serve)
app.add_typer(hub_app, name="hub")
