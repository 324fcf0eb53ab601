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
    """Print what changed in each version, newest first; yanked versions are marked. A pipe or file gets Markdown."""
    import hfver
    from hfver.cli.rendering.basics import print_json, say
    from hfver.cli.rendering.markdown import print_markdown

    rules = chosen_policy(policy, as_json)
    text = hfver.changelog(repo, after=after, upto=upto, hub=hub, policy=rules)
    if as_json:
        print_json({"repo": repo, "changelog": text}, policy=rules)
        return
    print_markdown(text)
    if after is not None and "\n## " not in text:
        say(f"{repo} has no version that is newer than {after}{f' and not newer than {upto}' if upto else ''}.")
