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
    "PolicyOption",
    "RefArgument",
    "RepoArgument",
    "TargetArgument",
    "VerboseOption",
]

HubOption = Annotated[
    str | None,
    typer.Option(
        "--hub",
        metavar="URL|DIR",
        help="The Hub: a URL, or the folder of an embedded one. Default: HF_ENDPOINT.",
    ),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print one JSON object on stdout.")]
VerboseOption = Annotated[
    int,
    typer.Option(
        "--verbose", "-v", count=True, show_default=False, help="Show requests, retries and times; -vv shows more."
    ),
]
PolicyOption = Annotated[
    Path | None,
    typer.Option("--policy", metavar="FILE", help="The rules that apply. Default: the nearest hfver.toml."),
]
DeviceOption = Annotated[str, typer.Option(help="Where to run: auto, cpu, cuda or cuda:N.")]
DtypeOption = Annotated[str, typer.Option(help="auto keeps the stored dtype; or a torch dtype, such as bfloat16.")]
CodeOption = Annotated[
    bool, typer.Option("--trust-remote-code", help="Allow a model that brings or names Python code to run it.")
]
RefArgument = Annotated[
    str,
    typer.Argument(
        metavar="REF",
        help="ns/name[@SPEC], with SPEC 1.2.0, ^1.2, ~1.2.3, 1.x, latest, a commit or refs/pr/N; or an alias.",
    ),
]
TargetArgument = Annotated[
    str, typer.Argument(metavar="REF|DIR", help="A release (ns/name@^1.2, or an alias), or a folder.")
]
RepoArgument = Annotated[str, typer.Argument(metavar="NS/NAME", help="The repo, or an alias of one.")]
MirrorOption = Annotated[
    str | None,
    typer.Option("--mirror-of", metavar="NS/NAME", help="Accept that the repo is a copy of this one."),
]
LockOption = Annotated[
    Path | None, typer.Option("--lock", metavar="PATH", help="The lock. Default: the nearest hfver.lock.")
]
NoLockOption = Annotated[bool, typer.Option("--no-lock", help="Ignore the nearest hfver.lock.")]
