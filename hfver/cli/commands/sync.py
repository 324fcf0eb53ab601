"""``hfver sync``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, LockOption

__all__ = ["EXAMPLE", "sync"]

EXAMPLE = "hfver sync --frozen"


def sync(
    frozen: Annotated[
        bool, typer.Option("--frozen", help="Fail if the lock lacks what hfver.toml wants; never write it.")
    ] = False,
    offline: Annotated[bool, typer.Option("--offline", help="Ask nobody: verify what is here.")] = False,
    path: LockOption = None,
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> None:
    """Fetch exactly what hfver.lock holds into the cache, every file verified against the lock."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.locks import print_synced

    with bars() as progress:
        synced = hfver.sync(path=path, frozen=frozen, offline=offline, hub=hub, progress=progress)
    put(synced, as_json, print_synced)
