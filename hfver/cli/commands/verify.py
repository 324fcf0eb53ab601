"""``hfver verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, MirrorOption, TargetArgument

__all__ = ["EXAMPLE", "verify"]

EXAMPLE = "hfver verify acme/support-bot@1.2.0"


def verify(
    target: TargetArgument,
    hub: HubOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Check a folder against its own manifest alone.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Read every byte again, changed since or not.")] = False,
    mirror_of: MirrorOption = None,
    public_key: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Check that it is signed with this key.")
    ] = None,
    identity: Annotated[
        str | None, typer.Option(metavar="WHO", help="Check that sigstore knows its signer by this name.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(metavar="URL", help="Who vouches for that name.")] = None,
    as_json: JsonOption = False,
) -> None:
    """Check a release or a pulled folder byte for byte; exit code 3 if anything differs.

    Files that look on disk just as they did when they were last read keep their verdict; --force reads them again.
    """
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.checks import print_verified

    with bars() as progress:
        verified = hfver.verify(
            target,
            hub=hub,
            offline=offline,
            force=force,
            mirror_of=mirror_of,
            public_key=public_key,
            identity=identity,
            issuer=issuer,
            progress=progress,
        )
    put(verified, as_json, print_verified)
