"""``hfver yank``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, PolicyOption
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "yank"]

EXAMPLE = "hfver yank acme/support-bot@1.2.0 --reason 'Answers in French'"


def yank(
    ref: Annotated[str, typer.Argument(metavar="REF", help="ns/name@1.2.0: one version, or one commit.")],
    reason: Annotated[str | None, typer.Option(metavar="TEXT", help="Why; shown to everybody who pinned it.")] = None,
    undo: Annotated[bool, typer.Option("--undo", help="Undo an earlier yank.")] = False,
    hub: HubOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Withdraw a release from ranges without deleting it; exact pins still load it, with a warning."""
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.releases import print_release

    rules = chosen_policy(policy, as_json)
    put(hfver.yank(ref, reason, undo=undo, hub=hub, policy=rules), as_json, print_release, policy=rules)
