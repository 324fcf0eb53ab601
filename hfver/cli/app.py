"""The commands. Each calls one function of the face and renders what it returns."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

__all__ = ["app"]

app = typer.Typer(
    name="hfver",
    help="Immutable, verified, semantic versions for models on the Hugging Face Hub.",
    epilog="Example: hfver release out/checkpoint --repo acme/support-bot -m 'More refunds data'",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
hub_app = typer.Typer(
    help="Run an embedded Hub: a folder that Hugging Face clients and git take for the Hub.",
    no_args_is_help=True,
)
app.add_typer(hub_app, name="hub")

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
CodeOption = Annotated[bool, typer.Option("--trust-remote-code", help="Allow the model's own Python code to run.")]
RefArgument = Annotated[
    str,
    typer.Argument(metavar="REF", help="ns/name[@SPEC]: 1.2.0, ^1.2, ~1.2.3, 1.x, latest, a commit, refs/pr/N."),
]
TargetArgument = Annotated[str, typer.Argument(metavar="REF|DIR", help="A release (ns/name@^1.2), or a folder.")]


@app.callback(invoke_without_command=True)
def root(
    version: Annotated[bool, typer.Option("--version", help="Print hfver's own version.")] = False,
) -> None:
    """Immutable, verified, semantic versions for models on the Hugging Face Hub."""
    if version:
        from hfver.about import __version__

        typer.echo(f"hfver {__version__}")
        raise typer.Exit


@app.command(epilog="Example: hfver release out/checkpoint --repo acme/support-bot -m 'More refunds data'")
def release(
    directory: Annotated[Path, typer.Argument(metavar="DIR", help="The checkpoint: what save_pretrained wrote.")],
    repo: Annotated[str, typer.Option(metavar="NS/NAME", help="Where to; created if it does not exist.")],
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
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show all of it and write nothing.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Publish a checkpoint folder as the next immutable version of a repo."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering import print_json, print_release, say

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
            dry_run=dry_run,
            say=say,
            progress=progress,
        )
    if as_json:
        print_json(done.to_json())
    else:
        print_release(done, dry_run=dry_run)


@app.command(epilog="Example: hfver pull acme/support-bot@^1.2 model/")
def pull(
    ref: RefArgument,
    directory: Annotated[Path | None, typer.Argument(metavar="[DIR]", help="Where to. Default: the cache.")] = None,
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> None:
    """Bring a release onto this machine, every file verified; prints where it is."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering import print_json, print_pulled

    with bars() as progress:
        pulled = hfver.pull(ref, directory, hub=hub, progress=progress)
    if as_json:
        print_json(pulled.to_json())
    else:
        print_pulled(pulled)


@app.command(epilog="Example: hfver verify acme/support-bot@1.2.0")
def verify(
    target: TargetArgument,
    hub: HubOption = None,
    offline: Annotated[bool, typer.Option("--offline", help="Check a folder against its own manifest alone.")] = False,
    quick: Annotated[bool, typer.Option("--quick", help="Do not read again what did not change since.")] = False,
    as_json: JsonOption = False,
) -> None:
    """Check a release or a pulled folder byte for byte; exit code 3 if anything differs."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering import print_json, print_verified

    with bars() as progress:
        verified = hfver.verify(target, hub=hub, offline=offline, force=not quick, progress=progress)
    if as_json:
        print_json(verified.to_json())
    else:
        print_verified(verified)


@app.command(epilog="Example: hfver smoke acme/support-bot@^1.2 --device cuda")
def smoke(
    target: TargetArgument,
    hub: HubOption = None,
    device: DeviceOption = "auto",
    dtype: DtypeOption = "auto",
    base: Annotated[Path | None, typer.Option(metavar="DIR", help="The base of an adapter folder.")] = None,
    trust_remote_code: CodeOption = False,
    as_json: JsonOption = False,
) -> int:
    """Load and run a model briefly, on the GPU if there is one; exit code 1 if it is broken."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering import print_json, print_smoke

    with bars() as progress:
        report = hfver.smoke_eval(
            target,
            hub=hub,
            device=device,
            dtype=dtype,
            base=base,
            trust_remote_code=trust_remote_code,
            progress=progress,
        )
    if as_json:
        print_json(report.model_dump(mode="json"))
    else:
        print_smoke(report)
    return 1 if report.status == "failed" else 0


@app.command(epilog="Example: hfver diff acme/support-bot@1.2.0 out/checkpoint")
def diff(
    before: Annotated[str, typer.Argument(metavar="A", help="A release (ns/name@1.2.0), or a folder.")],
    after: Annotated[str, typer.Argument(metavar="B", help="A release, or a folder.")],
    hub: HubOption = None,
    fail_on: Annotated[
        str | None, typer.Option(metavar="LEVEL", help="Exit with 1 at this level or above: patch, minor or major.")
    ] = None,
    as_json: JsonOption = False,
) -> int:
    """Compare two folders or releases: what changed, and which bump that is."""
    import hfver
    from hfver.cli.progress import bars
    from hfver.cli.rendering import print_difference, print_json
    from hfver.version import parse_bump

    limit = parse_bump(fail_on) if fail_on else None
    with bars() as progress:
        found = hfver.diff(before, after, hub=hub, progress=progress)
    if as_json:
        print_json({"from": before, "to": after, **found.to_json()})
    else:
        print_difference(before, after, found)
    return int(limit is not None and found.level is not None and found.level.height >= limit.height)


@app.command(epilog="Example: hfver changelog acme/support-bot --from 1.2.0")
def changelog(
    repo: Annotated[str, typer.Argument(metavar="NS/NAME", help="The repo.")],
    after: Annotated[str | None, typer.Option("--from", metavar="X.Y.Z", help="Only what is newer than this.")] = None,
    upto: Annotated[str | None, typer.Option("--to", metavar="X.Y.Z", help="Nothing newer than this.")] = None,
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> None:
    """Print what changed, newest first, as the releases say it."""
    import hfver
    from hfver.cli.rendering import print_json

    text = hfver.changelog(repo, after=after, upto=upto, hub=hub)
    if as_json:
        print_json({"repo": repo, "changelog": text})
    else:
        typer.echo(text, nl=False)


@app.command(epilog="Example: hfver versions acme/support-bot")
def versions(
    repo: Annotated[str, typer.Argument(metavar="NS/NAME", help="The repo.")],
    hub: HubOption = None,
    as_json: JsonOption = False,
) -> None:
    """List a repo's releases, newest first."""
    import hfver
    from hfver.cli.rendering import print_json, print_versions

    listed = hfver.versions(repo, hub=hub)
    if as_json:
        print_json(listed.to_json())
    else:
        print_versions(listed)


@app.command(epilog="Example: hfver show acme/support-bot@1.2.0")
def show(ref: RefArgument, hub: HubOption = None, as_json: JsonOption = False) -> None:
    """Show one release: where it is, what is in it, and how it was checked."""
    import hfver
    from hfver.cli.rendering import print_json, print_release

    shown = hfver.show(ref, hub=hub)
    if as_json:
        print_json(shown.to_json())
    else:
        print_release(shown)


@hub_app.command(epilog="Example: hfver hub serve --root hub --port 8000 --user acme:hf_secret")
def serve(
    root: Annotated[Path, typer.Option(metavar="DIR", help="The Hub's folder; made if it does not exist.")],
    host: Annotated[str, typer.Option(help="Address to listen on; beyond loopback it needs a --user.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    user: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME:TOKEN", help="A user who owns the namespace NAME; repeat for several."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve an embedded Hub until stopped; prints its URL."""
    import hfver
    from hfver.cli.rendering import print_json, say

    def announce(url: str, token: str | None) -> None:
        if as_json:
            print_json({"url": url, "token": token})
            return
        typer.echo(url)
        if token:
            say(f"Anyone may write with the token {token}; --user NAME:TOKEN makes users of your own")
            say(f"Use it: HF_ENDPOINT={url} HF_TOKEN={token} hfver versions ns/name")

    hfver.serve(root, host=host, port=port, users=_users(user or []), announce=announce)


def _users(pairs: list[str]) -> dict[str, str]:
    users = dict(pair.partition(":")[::2] for pair in pairs)
    if any(not name or not token for name, token in users.items()):
        raise typer.BadParameter("write NAME:TOKEN", param_hint="--user")
    return users
