"""``hfver outdated``."""

from __future__ import annotations

from hfver.cli.options import HubOption, JsonOption, LockOption, PolicyOption
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "outdated"]

EXAMPLE = "hfver outdated --json"


def outdated(
    path: LockOption = None, hub: HubOption = None, policy: PolicyOption = None, as_json: JsonOption = False
) -> None:
    """Show what is locked, the newest that is allowed, the newest of all, and what each change means."""
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.locks import print_outdated

    rules = chosen_policy(policy, as_json, start=path.absolute().parent if path else None)
    put(hfver.outdated(path=path, hub=hub, policy=policy), as_json, print_outdated, policy=rules)
