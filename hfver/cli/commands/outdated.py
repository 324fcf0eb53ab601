"""``hfver outdated``."""

from __future__ import annotations

from hfver.cli.options import HubOption, JsonOption, LockOption

__all__ = ["EXAMPLE", "outdated"]

EXAMPLE = "hfver outdated --json"


def outdated(path: LockOption = None, hub: HubOption = None, as_json: JsonOption = False) -> None:
    """Show what is locked, the newest that is allowed, the newest at all, and what that change means."""
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.locks import print_outdated

    put(hfver.outdated(path=path, hub=hub), as_json, print_outdated)
