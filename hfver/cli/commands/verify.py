"""``hfver verify``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import HubOption, JsonOption, MirrorOption, PolicyOption, TargetArgument
from hfver.cli.policy import chosen_policy

__all__ = ["EXAMPLE", "verify"]

EXAMPLE = "hfver verify acme/support-bot@1.2.0"


def verify(
    target: TargetArgument,
    hub: HubOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Check a folder against its own manifest only.")] = False,
    force: Annotated[bool, typer.Option("--force", help="Read every byte again, even of unchanged files.")] = False,
    mirror_of: MirrorOption = None,
    public_key: Annotated[
        Path | None, typer.Option(metavar="PATH", help="Require a signature by this key (PEM).")
    ] = None,
    identity: Annotated[
        str | None, typer.Option(metavar="WHO", help="Require a sigstore signature by this identity.")
    ] = None,
    issuer: Annotated[str | None, typer.Option(metavar="URL", help="The issuer of the identity (OpenID).")] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Check a release or a pulled folder byte for byte; exit with 3 if anything differs.

    A file whose size and times are those of its last check is not read again, unless --force is given.
    """
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.checks import print_verified

    # A signer who is named here is the only one who counts: no policy is read then.
    rules = None if public_key or identity or issuer else chosen_policy(policy, as_json)
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
            policy=rules,
            progress=progress,
        )
    put(verified, as_json, print_verified, policy=rules)
