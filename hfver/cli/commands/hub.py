"""``hfver hub``: the embedded Hub."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated

import typer

from hfver.cli.options import JsonOption

__all__ = ["COMMANDS", "EXAMPLE", "serve"]

EXAMPLE = "hfver hub serve --root hub --port 8000 --users users.txt"


def serve(
    root: Annotated[Path, typer.Option(metavar="DIR", help="The folder of the Hub; created if it does not exist.")],
    host: Annotated[
        str, typer.Option(help="Address to listen on; other than loopback requires --users.")
    ] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="Port; 0 takes a free one.")] = 0,
    users: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="A line NAME:TOKEN for each user, who owns the namespace NAME; mode 0600. Or set HFVER_HUB_USERS.",
        ),
    ] = None,
    allowed_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A name that clients use for it, such as a proxy's; repeat for several."),
    ] = None,
    as_json: JsonOption = False,
) -> None:
    """Serve an embedded Hub until it is stopped, and print its URL."""
    import hfver
    from hfver.cli.rendering.basics import print_json, say

    def announce(url: str, token: str | None) -> None:
        if as_json:
            print_json({"url": url, "token": token})
            return
        typer.echo(url)
        if token:
            say(f"Anyone with the token {token} may write; --users FILE defines users of your own")
            say(f"Use it: HF_ENDPOINT={url} HF_TOKEN={token} hfver versions ns/name")

    hfver.serve(root, host=host, port=port, users=_users(users), allowed_hosts=allowed_host or (), announce=announce)


def _users(file: Path | None) -> dict[str, str]:
    """Collect name and token of every user, from a file and from the environment."""
    lines = _private(file).splitlines() if file else []
    listed = [*lines, *os.environ.get("HFVER_HUB_USERS", "").split()]
    users = dict(line.strip().partition(":")[::2] for line in listed if line.strip() and not line.startswith("#"))
    if any(not name or not token for name, token in users.items()):
        raise typer.BadParameter("write a line NAME:TOKEN for each user", param_hint="--users")
    return users


def _private(file: Path) -> str:
    """Read a file that only its owner can read.

    Raises:
        BadConfig: It cannot be read, or others can read it too.
    """
    from hfver.errors import BadConfig

    try:
        if file.stat().st_mode & 0o077:
            raise BadConfig(f"{file} holds tokens, and others can read it.", f"Run: chmod 600 {file}")
        return file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        raise BadConfig(f"{file} cannot be read: {error}.", "Write a line NAME:TOKEN for each user.") from None


COMMANDS = (serve,)
