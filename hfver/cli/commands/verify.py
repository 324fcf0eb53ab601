"""``hfver verify``."""

from __future__ import annotations

from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, MirrorOption, TargetArgument

__all__ = ["EXAMPLE", "verify"]

EXAMPLE = "hfver verify acme/support-bot@1.2.0"


def verify(
    target: TargetArgument,
    hub: HubOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Check a folder against its own manifest alone.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not read again what did not change since.")] = False,
    mirror_of: MirrorOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a release or a pulled folder byte for byte; exit code 3 if anything differs."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.checks import print_verified

    with bars() as progress:
        verified = hfver.verify(
            target, hub=hub, offline=offline, force=not quick, mirror_of=mirror_of, progress=progress
        )
    put(verified, as_json, print_verified)
