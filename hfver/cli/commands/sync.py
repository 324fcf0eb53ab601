"""``hfver sync``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, LockOption, PolicyOption
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "sync"]

EXAMPLE = "hfver sync --frozen"


def sync(
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Fail if the lock lacks what hfver.toml requires; never write it.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Send no request: verify what is in the cache.")] = False,
    path: LockOption = None,
    hub: HubOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Download exactly what hfver.lock holds into the cache, every file verified against the lock."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.locks import print_synced

    rules = chosen_policy(policy, as_json, start=path.absolute().parent if path else None)
    with bars() as progress:
        synced = hfver.sync(path=path, frozen=frozen, offline=offline, hub=hub, policy=policy, progress=progress)
    put(synced, as_json, print_synced, policy=rules)
