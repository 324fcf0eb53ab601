"""``hfver show``."""

from __future__ import annotations

from hfver.cli.options import HubOption, JsonOption, MirrorOption, NoLockOption, PolicyOption, RefArgument
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "show"]

EXAMPLE = "hfver show acme/support-bot@1.2.0"


def show(
    ref: RefArgument,
    hub: HubOption = None,
    mirror_of: MirrorOption = None,
    no_lock: NoLockOption = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show one release: where it is, what it contains, and how it was checked."""
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.releases import print_release

    rules = chosen_policy(policy, as_json)
    shown = hfver.show(ref, hub=hub, mirror_of=mirror_of, lock=not no_lock, policy=rules)
    put(shown, as_json, print_release, policy=rules)
