"""``hfver lock``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, LockOption, PolicyOption
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "lock"]

EXAMPLE = "hfver lock acme/support-bot@^1.2"


def lock(
    refs: Annotated[
        list[str] | None,
        typer.Argument(metavar="[REF]...", help="What to add or to change; nothing: what is required already."),
    ] = None,
    upgrade: Annotated[
        bool, typer.Option("--upgrade", help="Take the newest that is allowed, of REF or of everything.")
    ] = False,
    remove: Annotated[
        list[str] | None, typer.Option("--remove", metavar="NS/NAME", help="Remove from the lock; repeat for several.")
    ] = None,
    trust_remote_code: Annotated[
        bool, typer.Option("--trust-remote-code", help="Allow the Python code of exactly the commits of REF.")
    ] = False,
    path: LockOption = None,
    hub: HubOption = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Write hfver.lock: the exact version, commit and files of every model that the project uses."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.locks import print_locked

    rules = chosen_policy(policy, as_json, start=path.absolute().parent if path else None)
    with bars() as progress:
        locked = hfver.lock(
            *(refs or ()),
            path=path,
            upgrade=upgrade,
            remove=remove or (),
            trust_remote_code=trust_remote_code,
            hub=hub,
            policy=policy,
            progress=progress,
        )
    put(locked, as_json, print_locked, policy=rules)
