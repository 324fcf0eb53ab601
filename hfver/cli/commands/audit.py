"""``hfver audit``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, MirrorOption, NoLockOption, RepoArgument

__all__ = ["EXAMPLE", "audit"]

EXAMPLE = "hfver audit acme/support-bot"


def audit(
    repo: RepoArgument,
    deep: Annotated[bool, typer.Option("--deep", help="Download and hash all weights too.")] = False,
    hub: HubOption = None,
    mirror_of: MirrorOption = None,
    no_lock: NoLockOption = False,
    as_json: JsonOption = False,
) -> int:
    """Check every release, its tag, the ledger and its history; exit with 3 if anything was tampered with."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.audits import print_audit
    from hfver.cli.rendering.basics import put

    with bars() as progress:
        found = hfver.audit(repo, deep=deep, hub=hub, mirror_of=mirror_of, lock=not no_lock, progress=progress)
    put(found, as_json, print_audit)
    return 0 if found.clean else 3
