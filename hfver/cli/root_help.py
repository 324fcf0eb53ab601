"""The text of ``hfver --help``, without the parser: building that takes longer than anything else here."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.cli.groups import GROUPS

__all__ = ["OPTIONS", "SUMMARY", "root_help"]

SUMMARY = "Immutable, verified, semantic versions for models on the Hugging Face Hub."
EXAMPLE = "hfver release out/checkpoint --repo acme/support-bot"

OPTIONS = {
    "--version": "Print hfver's own version.",
    "-v, --verbose": "Show requests, retries and times; -vv shows more.",
    "--install-completion": "Install completion for the current shell.",
    "--show-completion": "Print the completion of the current shell.",
    "-h, --help": "Show this message and exit.",
}


def root_help() -> str:
    """Write the help of ``hfver`` itself."""
    parts = [
        ["Usage: hfver [OPTIONS] COMMAND [ARGS]...", "", f"  {SUMMARY}"],
        ["Options:", *_rows(OPTIONS.items())],
        *([f"{group}:", *_rows(commands.items())] for group, commands in GROUPS.items() if commands),
        ["  Help of a command: hfver COMMAND --help", f"  Example: {EXAMPLE}"],
    ]
    return "\n\n".join("\n".join(lines) for lines in parts) + "\n"


def _rows(rows: Iterable[tuple[str, str]]) -> list[str]:
    listed = list(rows)
    width = max(len(name) for name, _ in listed)
    return [f"  {name:{width}}  {text}" for name, text in listed]
