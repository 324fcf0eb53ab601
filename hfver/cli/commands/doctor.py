"""``hfver doctor``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption

__all__ = ["EXAMPLE", "doctor"]

EXAMPLE = "hfver doctor acme/support-bot"


def doctor(
    repo: Annotated[
        str | None, typer.Argument(metavar="[NS/NAME]", help="A repo, or an alias: can it be read and written?")
    ] = None,
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> int:
    """Check versions, Hub, token, proxy, caches, git, GPU and settings; exit with 1 if something is broken."""
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.settings import print_diagnosis

    found = hfver.doctor(repo, hub=hub)
    put(found, as_json, print_diagnosis)
    return 0 if found.healthy else 1
