"""How two releases look side by side: in a terminal, and as a page of one file."""

from __future__ import annotations

from collections.abc import Iterator
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.cli.rendering.basics import MARKS, plain, stdout, table_of
from hfver.cli.rendering.checks import print_smoke
from hfver.core.shorten import shortened
from hfver.errors import UsageError

if TYPE_CHECKING:
    from hfver.loading.against import SideBySide

__all__ = ["print_side_by_side", "write_page"]

WIDTH = 200
_STYLE = (
    "body{font:16px/1.5 system-ui,sans-serif;max-width:64rem;margin:2rem auto;padding:0 1rem}"
    "table{border-collapse:collapse;width:100%;margin:1rem 0}"
    "td,th{border:1px solid #ccc;padding:.4rem .6rem;text-align:left;vertical-align:top}"
    "td.text{white-space:pre-wrap;font-family:ui-monospace,monospace;width:40%;overflow-wrap:anywhere}"
    ".failed{color:#b00020}.passed{color:#1b7f3b}"
)


def print_side_by_side(found: SideBySide) -> None:
    """Print the smoke report of one release, and how it differs from the other."""
    print_smoke(found.report)
    console = stdout()
    console.rule(plain(f"{found.release} against {found.other}"))
    table = table_of("", "layer", "compared")
    for name, layer in found.layers.named if found.layers else ():
        blame = f" To blame: {layer.blame}." if layer.blame else ""
        table.add_row(MARKS[layer.status], plain(name), plain(f"{layer.detail}{blame}"))
    console.print(table)
    for name, text in _facts(found):
        console.print(plain(f"{name}: {text}"))
    if found.outputs:
        columns = table_of("prompt", plain(found.release), plain(found.other))
        for row in found.outputs:
            columns.add_row(*(plain(shortened(one, WIDTH)) for one in row))
        console.print(columns)


def write_page(found: SideBySide, file: Path) -> None:
    """Write the comparison as a page that needs no other file.

    Raises:
        UsageError: The file cannot be written.
    """
    try:
        file.write_text("\n".join(_page(found)) + "\n", encoding="utf-8", errors="backslashreplace")
    except OSError as error:
        raise UsageError(
            f"{file} cannot be written: {error.strerror}.", "Name a file in a folder that exists."
        ) from None


def _facts(found: SideBySide) -> Iterator[tuple[str, str]]:
    names = {
        "kl": "mean KL, nats per position",
        "p99": "99th percentile",
        "agreement": "same most likely token",
        "loss": f"loss of {found.release}, nats per token",
        "loss_of_other": f"loss of {found.other}, nats per token",
    }
    for key, value in found.facts.items():
        if value is not None:
            yield names[key], f"{value:.2%}" if key == "agreement" else f"{value:.4g}"


def _page(found: SideBySide) -> Iterator[str]:
    # What models and repos say may hold anything: every text is escaped, and no script is allowed to run.
    title = escape(f"{found.release} against {found.other}")
    yield "<!doctype html>"
    yield '<html lang="en"><head><meta charset="utf-8">'
    yield ("<meta http-equiv=\"Content-Security-Policy\" content=\"default-src 'none'; style-src 'unsafe-inline'\">")
    yield f"<title>{title}</title><style>{_STYLE}</style></head><body><h1>{title}</h1>"
    yield f"<p>Smoke eval of {escape(found.release)}: {escape(found.report.in_words)}</p>"
    yield "<table><tr><th>layer</th><th>verdict</th><th>compared</th><th>to blame</th></tr>"
    for name, layer in found.layers.named if found.layers else ():
        status = layer.status.replace("_", " ")
        cells = f"<td>{name}</td><td class={layer.status}>{status}</td><td>{escape(layer.detail)}</td>"
        yield f"<tr>{cells}<td>{escape(layer.blame or '')}</td></tr>"
    yield "</table><table>"
    for name, text in _facts(found):
        yield f"<tr><th>{escape(name)}</th><td>{escape(text)}</td></tr>"
    yield f"</table><table><tr><th>prompt</th><th>{escape(found.release)}</th><th>{escape(found.other)}</th></tr>"
    for row in found.outputs:
        yield "<tr>" + "".join(f'<td class="text">{escape(one)}</td>' for one in row) + "</tr>"
    yield "</table></body></html>"
