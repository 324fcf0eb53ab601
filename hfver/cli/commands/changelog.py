"""``hfver changelog``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, RepoArgument

__all__ = ["EXAMPLE", "changelog"]

EXAMPLE = "hfver changelog acme/support-bot --from 1.2.0"


def changelog(
    repo: RepoArgument,
    after: Annotated[
        str | None, typer.Option("--from", metavar="X.Y.Z", help="Leave out this version and older ones.")
    ] = None,
    upto: Annotated[
        str | None, typer.Option("--to", metavar="X.Y.Z", help="Leave out versions newer than this one.")
    ] = None,
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what changed in each version, newest first; yanked versions are marked. A pipe or file gets Markdown."""
    import hfver
    from hfver.cli.rendering.basics import print_json, say
    from hfver.cli.rendering.markdown import print_markdown

    text = hfver.changelog(repo, after=after, upto=upto, hub=hub)
    if as_json:
        print_json({"repo": repo, "changelog": text})
        return
    print_markdown(text)
    if after is not None and "\n## " not in text:
        say(f"{repo} has no version that is newer than {after}{f' and not newer than {upto}' if upto else ''}.")
