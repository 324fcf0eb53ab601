"""``hfver adopt``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, PolicyOption, RepoArgument
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "adopt"]

EXAMPLE = "hfver adopt acme/support-bot --dry-run"


def adopt(
    repo: RepoArgument,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show what would be adopted and write nothing.")] = False,
    renamed_from: Annotated[
        str | None, typer.Option(metavar="NS/NAME", help="Record that the repo was renamed from this.")
    ] = None,
    hub: HubOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring tags vX.Y.Z that were made without hfver under the ledger; nothing is rewritten."""
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.releases import print_adoption

    rules = chosen_policy(policy, as_json)
    done = hfver.adopt(repo, dry_run=dry_run, renamed_from=renamed_from, hub=hub, policy=rules)
    put(done, as_json, print_adoption, policy=rules)
