"""A fault that makes a Hub read ``.gitattributes`` as plainly as huggingface.co might: no quotes, no rooted patterns.

A Hub adds rules to the ``.gitattributes`` of a commit, for the LFS files that no rule covers. Which patterns the
matcher of huggingface.co knows is documented nowhere. This one knows the least: what the Hub itself writes.
"""

from __future__ import annotations

import base64
import json
import socket
from fnmatch import fnmatchcase
from http.client import HTTPConnection
from typing import Any

from tests.faults.proxy import Exchange, Proxy

ATTRIBUTES = ".gitattributes"
LFS = "filter=lfs diff=lfs merge=lfs -text"


class PlainAttributes:
    """Adds to each commit the rules that a Hub with a plain matcher would add.

    Attributes:
        added: The rules that it added, in order.
        extra: Lines that it adds to every commit on top of that, whether they make sense or not.
    """

    def __init__(self, extra: str = "") -> None:
        self.added: list[str] = []
        self.extra = extra

    def __call__(self, proxy: Proxy, exchange: Exchange, client: socket.socket) -> None:
        lines = [json.loads(line) for line in exchange.body.splitlines()]
        sent = [one for one in lines if one["key"] == "file" and one["value"]["path"] == ATTRIBUTES]
        large = [one["value"]["path"] for one in lines if one["key"] == "lfsFile"]
        text = base64.b64decode(sent[0]["value"]["content"]).decode() if sent else _present(proxy, exchange, lines)
        rules = [line.split()[0] for line in text.splitlines() if line.endswith(LFS) and not line.startswith('"')]
        missing = [f"{path.replace(' ', '[[:space:]]')} {LFS}\n" for path in large if not _covered(path, rules)]
        if large and (missing or self.extra):
            self.added += missing
            content = base64.b64encode((text + "".join(missing) + self.extra).encode()).decode()
            value = {"path": ATTRIBUTES, "content": content, "encoding": "base64"}
            kept = [one for one in lines if one not in sent]
            body = [*kept[:1], {"key": "file", "value": value}, *kept[1:]]
            exchange.body = b"".join(json.dumps(line).encode() + b"\n" for line in body)
        proxy.pass_on(exchange, client)


def _covered(path: str, rules: list[str]) -> bool:
    name = path.rpartition("/")[2]
    patterns = (rule.replace("[[:space:]]", " ") for rule in rules)
    return any(fnmatchcase(path if "/" in pattern else name, pattern) for pattern in patterns)


def _present(proxy: Proxy, exchange: Exchange, lines: list[dict[str, Any]]) -> str:
    """Read the rules of the commit that this one is made on."""
    repo, _, branch = exchange.path.removeprefix("/api/models/").partition("/commit/")
    revision = lines[0]["value"].get("parentCommit", branch)
    link = HTTPConnection(proxy.upstream, timeout=30)
    try:
        headers = {"authorization": exchange.headers["authorization"]}
        link.request("GET", f"/{repo}/raw/{revision}/{ATTRIBUTES}", headers=headers)
        answer = link.getresponse()
        body = answer.read().decode()
        return body if answer.status == 200 else ""
    finally:
        link.close()
