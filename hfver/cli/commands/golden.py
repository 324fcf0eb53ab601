"""``hfver golden``: recording how a model behaves, and showing it."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import (
    CodeOption,
    DeviceOption,
    DtypeOption,
    HubOption,
    JsonOption,
    MirrorOption,
    NoLockOption,
    PolicyOption,
    TargetArgument,
)
from hfver.cli.policy import chosen_policy

__all__ = ["COMMANDS", "EXAMPLE", "EXAMPLES", "capture", "show"]

EXAMPLE = "hfver golden capture out/checkpoint -o golden"
EXAMPLES = {"show": "hfver golden show acme/support-bot@^1.2"}


def capture(
    target: TargetArgument,
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FOLDER", help="Where to write the golden.")],
    base: Annotated[Path | None, typer.Option(metavar="DIR", help="The base model of an adapter folder.")] = None,
    hub: HubOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    trust_remote_code: CodeOption = False,
    mirror_of: MirrorOption = None,
    no_lock: NoLockOption = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Load a model, record how it behaves, and write that into a folder."""
    import hfver.golden
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import print_json
    from hfver.cli.rendering.goldens import print_golden

    rules = chosen_policy(policy, as_json)
    with bars() as progress:
        found = hfver.golden.capture_from(
            target,
            base=base,
            hub=hub,
            device=device,
            dtype=dtype,
            trust_remote_code=trust_remote_code,
            mirror_of=mirror_of,
            lock=not no_lock,
            policy=rules,
            progress=progress,
        )
    found.save(output)
    if as_json:
        print_json({"path": str(output), **found.to_json()}, policy=rules)
    else:
        print_golden(found, str(output))


def show(
    target: TargetArgument,
    hub: HubOption = None,
    mirror_of: MirrorOption = None,
    no_lock: NoLockOption = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print the golden of a release or a folder."""
    import hfver.golden
    from hfver.cli.rendering.basics import print_json
    from hfver.cli.rendering.goldens import print_golden

    rules = chosen_policy(policy, as_json)
    found = hfver.golden.read(target, hub=hub, mirror_of=mirror_of, lock=not no_lock, policy=rules)
    if as_json:
        print_json(found.to_json(), policy=rules)
    else:
        print_golden(found, target)


COMMANDS = (capture, show)
