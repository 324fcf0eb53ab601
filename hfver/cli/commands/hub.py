"""``hfver hub serve``."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import JsonOption

__all__ = ["EXAMPLE", "serve"]

EXAMPLE = "hfver hub serve --root hub --port 8000 --user acme:hf_secret"


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
    from hfver.cli.rendering.basics import print_json, say

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
