"""``hfver pull``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import (
    CodeOption,
    HubOption,
    JsonOption,
    MirrorOption,
    NoLockOption,
    PolicyOption,
    RefArgument,
)
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "pull"]

EXAMPLE = "hfver pull acme/support-bot@^1.2 model/"


def pull(
    ref: RefArgument,
    directory: Annotated[
        Path | None, typer.Argument(metavar="[DIR]", help="The folder to fill. Default: the cache.")
    ] = None,
    hub: HubOption = None,
    mirror_of: MirrorOption = None,
    trust_remote_code: CodeOption = False,
    no_lock: NoLockOption = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download a release, every file verified, and print where it is."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.checks import print_pulled

    rules = chosen_policy(policy, as_json)
    with bars() as progress:
        pulled = hfver.pull(
            ref,
            directory,
            hub=hub,
            mirror_of=mirror_of,
            lock=not no_lock,
            policy=rules,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )
    put(pulled, as_json, print_pulled, policy=rules)
