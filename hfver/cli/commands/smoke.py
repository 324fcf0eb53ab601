"""``hfver smoke``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any

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
from hfver.errors import UsageError

__all__ = ["EXAMPLE", "smoke"]

EXAMPLE = "hfver smoke acme/support-bot@^1.2 --device cuda"


def smoke(
    target: TargetArgument,
    hub: HubOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    base: Annotated[Path | None, typer.Option(metavar="DIR", help="The base model of an adapter folder.")] = None,
    require: Annotated[
        bool, typer.Option("--require", help="Exit with 1 also if the model could not be judged.")
    ] = False,
    golden: Annotated[
        Path | None,
        typer.Option(metavar="FOLDER", help="A golden that the model must agree with, in place of its own."),
    ] = None,
    against: Annotated[
        str | None, typer.Option(metavar="REF", help="Show how a release differs from this other one.")
    ] = None,
    html: Annotated[
        Path | None, typer.Option(metavar="FILE", help="With --against: also write the comparison as a page.")
    ] = None,
    trust_remote_code: CodeOption = False,
    mirror_of: MirrorOption = None,
    no_lock: NoLockOption = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> int:
    """Load a model and run it briefly, on the GPU if there is one; exit with 1 if it is broken."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import print_json
    from hfver.cli.rendering.checks import print_smoke

    rules = chosen_policy(policy, as_json)
    if against is not None:
        if base is not None or golden is not None:
            raise UsageError("--against compares two releases; --base and --golden are for one.", "Leave them out.")
        options: dict[str, Any] = {
            "hub": hub,
            "device": device,
            "dtype": dtype,
            "mirror_of": mirror_of,
            "lock": not no_lock,
        }
        options |= {"trust_remote_code": trust_remote_code, "policy": rules}
        return _against(target, against, html, as_json, options)
    if html is not None:
        raise UsageError("--html shows a comparison.", "Name the other release with --against.")
    with bars() as progress:
        report = hfver.smoke_eval(
            target,
            hub=hub,
            device=device,
            dtype=dtype,
            base=base,
            golden=golden,
            trust_remote_code=trust_remote_code,
            mirror_of=mirror_of,
            lock=not no_lock,
            policy=rules,
            progress=progress,
        )
    if as_json:
        print_json(report.model_dump(mode="json"), policy=rules)
    else:
        print_smoke(report)
    refused = ("failed", "not_judged") if require else ("failed",)
    return 1 if report.status in refused else 0


def _against(target: str, other: str, html: Path | None, as_json: bool, options: dict[str, Any]) -> int:
    """Compare two releases."""
    import hfver.golden
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import print_json
    from hfver.cli.rendering.side_by_side import print_side_by_side, write_page

    with bars() as progress:
        found = hfver.golden.compare(target, other, progress=progress, **options)
    if html is not None:
        write_page(found, html)
    if as_json:
        print_json(found.to_json(), policy=options["policy"])
    else:
        print_side_by_side(found)
    return 1 if found.report.status == "failed" else 0
