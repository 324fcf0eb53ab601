"""``hfver release``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from hfver.cli.options import CodeOption, DeviceOption, HubOption, JsonOption, PolicyOption
from hfver.cli.policy import chosen_policy
from hfver.errors import UsageError

if TYPE_CHECKING:
    from hfver.core.policy import Policy

__all__ = ["EXAMPLE", "release"]

EXAMPLE = "hfver release out/checkpoint --repo acme/support-bot -m 'More refunds data'"


def release(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The checkpoint: what save_pretrained wrote.")
    ] = None,
    repo: Annotated[str | None, typer.Option(metavar="NS/NAME", help="The repo; created if it does not exist.")] = None,
    version: Annotated[str | None, typer.Option(metavar="X.Y.Z", help="The exact version.")] = None,
    bump: Annotated[str, typer.Option(metavar="LEVEL", help="auto, major, minor or patch.")] = "auto",
    pre: Annotated[str | None, typer.Option(metavar="NAME", help="Make a prerelease: rc gives 1.3.0-rc.1.")] = None,
    because: Annotated[
        str | None,
        typer.Option(metavar="TEXT", help="Why the bump may be smaller than the change requires; kept in the ledger."),
    ] = None,
    allow: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="Override the refusal of this name; --because says why. Repeatable."),
    ] = None,
    message: Annotated[str | None, typer.Option("-m", "--message", help="What changed, in your words.")] = None,
    hub: HubOption = None,
    smoke: Annotated[
        str,
        typer.Option(
            help="auto runs the model if torch is installed; require also runs what the Hub returns; off runs nothing."
        ),
    ] = "auto",
    device: DeviceOption = "auto",
    base: Annotated[
        str | None,
        typer.Option(metavar="REF|ID[@REV]", help="The base model. Default: the one that the folder names."),
    ] = None,
    dataset: Annotated[
        list[str] | None,
        typer.Option(metavar="ID[@REV]|PATH", help="A dataset that it was trained on; repeat for several."),
    ] = None,
    metrics: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Metric names and values, as JSON or YAML.")
    ] = None,
    lineage: Annotated[
        Path | None, typer.Option(metavar="FILE", help="A lineage.yaml whose values replace what was found.")
    ] = None,
    private: Annotated[bool, typer.Option("--private/--public", help="The visibility of a new repo.")] = True,
    convert: Annotated[bool, typer.Option("--convert", help="Convert pickled weights to safetensors first.")] = False,
    trust_remote_code: CodeOption = False,
    sign: Annotated[
        str | None,
        typer.Option(metavar="key:PATH|sigstore", help="Sign it. The password of a key: HFVER_SIGNING_PASSWORD."),
    ] = None,
    review: Annotated[
        bool, typer.Option("--review", help="Open a pull request instead, or update the one that is open.")
    ] = False,
    finish: Annotated[
        str | None, typer.Option(metavar="NS/NAME#N", help="Publish a pull request that was merged; takes no DIR.")
    ] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the whole release and write nothing.")] = False,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
) -> None:
    """Publish a checkpoint folder as the next immutable version of a repo."""
    if finish is None and (directory is None or repo is None):
        raise UsageError("A release needs a folder and a repo.", f"For example: {EXAMPLE}")
    rules = chosen_policy(policy, as_json)
    if finish is not None or directory is None or repo is None:
        return _finish(str(finish), directory, hub, rules, as_json)
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering.basics import print_json, say
    from hfver.cli.rendering.releases import print_release

    with bars() as progress:
        done = hfver.release(
            directory,
            repo,
            version=version,
            bump=bump,  # type: ignore[arg-type]  # checked by the API
            pre=pre,
            because=because,
            allow=allow or (),
            message=message,
            hub=hub,
            smoke=smoke,  # type: ignore[arg-type]  # checked by the API
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
            policy=rules,
            say=say,
            progress=progress,
        )
    if as_json:
        print_json(done.to_json(), policy=rules)
    else:
        print_release(done, dry_run=dry_run)
    if done.review and not done.published and not as_json:
        say(f"Review and merge it: {done.review.url}\nThen: hfver release --finish {done.repo}#{done.review.number}")
    return None


def _finish(pull: str, directory: Path | None, hub: str | None, policy: Policy, as_json: bool) -> None:
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.releases import print_release

    if directory is not None:
        hint = f"Run: hfver release --finish {pull}"
        raise UsageError("--finish publishes a pull request that was merged, and takes no folder.", hint)
    put(hfver.finish(pull, hub=hub, policy=policy), as_json, print_release, policy=policy)
