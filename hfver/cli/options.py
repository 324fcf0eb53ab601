"""The options that several commands share."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = [
    "CodeOption",
    "DeviceOption",
    "DtypeOption",
    "HubOption",
    "JsonOption",
    "LockOption",
    "MirrorOption",
    "NoLockOption",
    "RefArgument",
    "RepoArgument",
    "TargetArgument",
]

HubOption = Annotated[
    str | None,
    typer.Option(
        "--hub",
        metavar="URL|DIR",
        help="Which Hub: a URL, or the folder of an embedded one. Default: HF_ENDPOINT.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
DeviceOption = Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda or cuda:N.")]
DtypeOption = Annotated[str, typer.Option(help="auto keeps the stored one; or a torch dtype, such as bfloat16.")]
CodeOption = Annotated[
    bool, typer.Option("--trust-remote-code", help="Allow a model that brings or names code to run.")
]
RefArgument = Annotated[
    str,
    typer.Argument(metavar="REF", help="ns/name[@SPEC]: 1.2.0, ^1.2, ~1.2.3, 1.x, latest, a commit, refs/pr/N."),
]
TargetArgument = Annotated[str, typer.Argument(metavar="REF|DIR", help="A release (ns/name@^1.2), or a folder.")]
RepoArgument = Annotated[str, typer.Argument(metavar="NS/NAME", help="The repo.")]
MirrorOption = Annotated[
    str | None,
    typer.Option("--mirror-of", metavar="NS/NAME", help="Allow the repo to be a copy of this one, knowingly."),
]
LockOption = Annotated[
    Path | None, typer.Option("--lock", metavar="PATH", help="Which lock. Default: the nearest hfver.lock.")
]
NoLockOption = Annotated[bool, typer.Option("--no-lock", help="Leave the nearest hfver.lock aside.")]
