"""``hfver release``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import CodeOption, DeviceOption, HubOption, JsonOption
from hfver.errors import UsageError

__all__ = ["EXAMPLE", "release"]

EXAMPLE = "hfver release out/checkpoint --repo acme/support-bot -m 'More refunds data'"


def release(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The checkpoint: what save_pretrained wrote.")
    ] = None,
    repo: Annotated[str | None, typer.Option(metavar="NS/NAME", help="Where to; created if it does not exist.")] = None,
    version: Annotated[str | None, typer.Option(metavar="X.Y.Z", help="The exact version.")] = None,
    bump: Annotated[str, typer.Option(metavar="LEVEL", help="auto, major, minor or patch.")] = "auto",
    pre: Annotated[str | None, typer.Option(metavar="NAME", help="A prerelease line: rc gives 1.3.0-rc.1.")] = None,
    because: Annotated[
        str | None, typer.Option(metavar="TEXT", help="Why the version may say less than the change; kept for ever.")
    ] = None,
    message: Annotated[str | None, typer.Option("-m", "--message", help="What changed, in your words.")] = None,
    hub: HubOption = None,
    smoke: Annotated[
        str,
        typer.Option(help="auto runs the model if torch is there; require also runs what the Hub gives back; off."),
    ] = "auto",
    device: DeviceOption = "auto",
    base: Annotated[
        str | None,
        typer.Option(metavar="REF|ID[@REV]", help="The model it was made from. Default: the folder's word."),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="ID[@REV]|PATH", help="What it was trained on; repeat for several."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(metavar="FILE", help="JSON or YAML of metric names to values.")
    ] = None,
    lineage: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A lineage.yaml that wins over the rest.")
    ] = None,
    private: Annotated[bool, typer.Option("--private/--public", help="How a repo that is created is seen.")] = True,
    convert: Annotated[bool, typer.Option("--convert", help="Convert pickled weights to safetensors first.")] = False,
    trust_remote_code: CodeOption = False,
    sign: Annotated[
        str | None,
        typer.Option(metavar="key:PATH|sigstore", help="Sign it. A key's password: HFVER_SIGNING_PASSWORD."),
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Open a pull request instead, or refresh the one that is open.")
    ] = False,
    finish: Annotated[
        str | None, typer.Option(metavar="NS/NAME#N", help="Publish what was merged; takes no DIR.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all of it and write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish a checkpoint folder as the next immutable version of a repo."""
    if finish is not None:
        return _finish(finish, directory, hub, as_json)
    if directory is None or repo is None:
        raise UsageError("A release needs a folder and a repo.", f"For example: {EXAMPLE}")
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import print_json, say
    from hfver.cli.rendering.releases import print_release

    with bars() as progress:
        done = hfver.release(
            directory,
            repo,
            version=version,
            bump=bump,  # type: ignore[arg-type]  # checked by the face
            pre=pre,
            because=because,
            message=message,
            hub=hub,
            smoke=smoke,  # type: ignore[arg-type]  # checked by the face
            device=device,
            base=base,
            datasets=dataset or (),
            metrics=metrics,
            lineage=lineage,
            private=private,
            convert=convert,
            trust_remote_code=trust_remote_code,
            sign=sign,
            review=review,
            dry_run=dry_run,
            say=say,
            progress=progress,
        )
    if as_json:
        print_json(done.to_json())
    else:
        print_release(done, dry_run=dry_run)
    if done.review and not done.published and not as_json:
        say(f"Review and merge it: {done.review.url}\nThen: hfver release --finish {done.repo}#{done.review.number}")
    return None


def _finish(pull: str, directory: Path | None, hub: str | None, as_json: bool) -> None:
    import hfver
    from hfver.cli.rendering.basics import print_json
    from hfver.cli.rendering.releases import print_release

    if directory is not None:
        raise UsageError("--finish publishes what was merged, and takes no folder.", f"hfver release --finish {pull}")
    done = hfver.finish(pull, hub=hub)
    if as_json:
        print_json(done.to_json())
    else:
        print_release(done)
