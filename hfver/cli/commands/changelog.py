"""``hfver changelog``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, RepoArgument

__all__ = ["EXAMPLE", "changelog"]

EXAMPLE = "hfver changelog acme/support-bot --from 1.2.0"


def changelog(
    repo: RepoArgument,
    after: Annotated[str | None, typer.Option("--from", metavar="X.Y.Z", help="Only what is newer than this.")] = None,
    upto: Annotated[str | None, typer.Option("--to", metavar="X.Y.Z", help="Nothing newer than this.")] = None,
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what changed, newest first, as the releases say it."""
    import hfver
    from hfver.cli.rendering.basics import print_json, shown

    text = hfver.changelog(repo, after=after, upto=upto, hub=hub)
    if as_json:
        print_json({"repo": repo, "changelog": text})
    else:
        typer.echo(shown(text), nl=False)
