"""``hfver changelog``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, PolicyOption, RepoArgument
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "changelog"]

EXAMPLE = "hfver changelog acme/support-bot --from 1.2.0"


def changelog(
    repo: RepoArgument,
    after: Annotated[str | None, typer.Option("--from", metavar="X.Y.Z", help="Only releases newer than this.")] = None,
    upto: Annotated[str | None, typer.Option("--to", metavar="X.Y.Z", help="No release newer than this.")] = None,
    hub: HubOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what changed, newest first, as the releases themselves describe it."""
    import hfver
    from hfver.cli.rendering.basics import print_json, shown

    rules = chosen_policy(policy, as_json)
    text = hfver.changelog(repo, after=after, upto=upto, hub=hub, policy=rules)
    if as_json:
        print_json({"repo": repo, "changelog": text}, policy=rules)
    else:
        typer.echo(shown(text), nl=False)
