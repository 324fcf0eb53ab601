"""``hfver release``."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from hfver.cli.options import HubOption, JsonOption, PolicyOption
from hfver.cli.policy import chosen_policy
from hfver.cli.request_options import add_options
from hfver.errors import UsageError
from hfver.releasing.request import ReleaseRequest

if TYPE_CHECKING:
    from hfver.core.policy import Policy

__all__ = ["EXAMPLE", "release"]

EXAMPLE = "hfver release out/checkpoint --repo acme/support-bot -m 'More refunds data'"


def release(
    directory: Annotated[
        Path | None, typer.Argument(metavar="DIR", help="The checkpoint: what save_pretrained wrote.")
    ] = None,
    repo: Annotated[str | None, typer.Option(metavar="NS/NAME", help="The repo; created if it does not exist.")] = None,
    hub: HubOption = None,
    *,
    finish: Annotated[
        str | None, typer.Option(metavar="NS/NAME#N", help="Publish a pull request that was merged; takes no DIR.")
    ] = None,
    policy: PolicyOption = None,
    as_json: JsonOption = False,
    **options: Any,
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
            hub=hub,
            policy=rules,
            say=say,
            progress=progress,
            **{name: value for name, value in options.items() if value is not None},
        )
    if as_json:
        print_json(done.to_json(), policy=rules)
    else:
        print_release(done, dry_run=options["dry_run"])
    if done.review and not done.published and not as_json:
        say(f"Review and merge it: {done.review.url}\nThen: hfver release --finish {done.repo}#{done.review.number}")
    return None


add_options(release, ReleaseRequest)


def _finish(pull: str, directory: Path | None, hub: str | None, policy: Policy, as_json: bool) -> None:
    import hfver
    from hfver.cli.rendering.basics import put
    from hfver.cli.rendering.releases import print_release

    if directory is not None:
        hint = f"Run: hfver release --finish {pull}"
        raise UsageError("--finish publishes a pull request that was merged, and takes no folder.", hint)
    put(hfver.finish(pull, hub=hub, policy=policy), as_json, print_release, policy=policy)
