"""``hfver diff``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, PolicyOption
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "diff"]

EXAMPLE = "hfver diff acme/support-bot@1.2.0 out/checkpoint"


def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="The older side: a release (ns/name@1.2.0) or a folder.")],
    after: Annotated[str, typer.Argument(metavar="B", help="The newer side: a release or a folder.")],
    tensors: Annotated[bool, typer.Option("--tensors", help="List every tensor that differs.")] = False,
    hub: HubOption = None,
    policy: PolicyOption = None,
    fail_on: Annotated[
        str | None,
        typer.Option(metavar="LEVEL", help="Exit with code 1 at this level or a higher one: patch, minor or major."),
    ] = None,
    witness: Annotated[
        str | None,
        typer.Option(
            metavar="DIR",
            help="Write a script for every MAJOR change that passes on A, fails on B and says what differs.",
        ),
    ] = None,
    consumer: Annotated[
        list[str] | None,
        typer.Option(
            metavar="PATH",
            help="Say whether this breaks: an adapter, token ids, a grammar, a label map, a lock, a serving command or "
            "Python. May be repeated: hfver diff A B --consumer serve.sh --consumer adapter/",
        ),
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Compare two folders or releases: what changed, and which version bump that requires."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import print_json
    from hfver.cli.rendering.difference import print_difference
    from hfver.core.version import parse_bump

    limit = parse_bump(fail_on) if fail_on else None
    rules = chosen_policy(policy, as_json)
    with bars() as progress:
        found = hfver.diff(
            before,
            after,
            tensors=tensors,
            hub=hub,
            policy=rules,
            progress=progress,
            witness=witness,
            consumers=consumer or (),
        )
    if as_json:
        listed = {"tensors": [change.to_json() for change in found.tensors]} if tensors else {}
        print_json({"from": before, "to": after, **found.to_json(), **listed}, policy=rules)
    else:
        print_difference(before, after, found, tensors=tensors)
    return int(limit is not None and found.level is not None and found.level.height >= limit.height)
