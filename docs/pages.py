"""What the site's pages are made of beside their own text: the repository's documents, the API and the command line.

A page asks for it by a comment, which GitHub does not show:

- ``<!-- document: STABILITY.md -->``: that document of the repository, in the place of the whole page;
- ``<!-- api: release finish -->``: the reference of these names of ``hfver``, from their docstrings;
- ``<!-- commands -->``: the reference of the command line, from its parser.

Links are written for the repository, so that they work on GitHub. Here they are turned into links between pages; a link
to a file that is not on the site becomes its name.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Any

__all__ = ["DOCUMENTS", "expand", "signature"]

ROOT = Path(__file__).resolve().parent.parent
DOCUMENTS = {
    "README.md": "index",
    "ARCHITECTURE.md": "architecture",
    "STABILITY.md": "stability",
    "CONTRIBUTING.md": "contributing",
    "STYLE.md": "style",
    "CHANGELOG.md": "changes",
}
"""Documents at the root of the repository, and the pages that stand for them."""

_DOCUMENT = re.compile(r"<!-- document: (\S+) -->")
_API = re.compile(r"<!-- api: (.+?) -->")
_COMMANDS = "<!-- commands -->"
_LINK = re.compile(r"(?<!!)\[(?P<label>(?:[^\[\]]|\[[^\]]*\])*)\]\((?P<target>[^)\s]+)\)")
_CODE = re.compile(r"(```.*?```|`[^`\n]*`(?!\]))", re.DOTALL)
_PYTHON_FENCE = re.compile(r"```python\n(?=>>>)")


def expand(page: str, text: str) -> str:
    """Return a page's source with everything filled in that it asks for.

    Args:
        page: Its name: the path below ``docs/``, without the suffix.
        text: Its source as it is in the repository.
    """
    home = PurePosixPath("docs", f"{page}.md")
    if found := _DOCUMENT.search(text):
        home = PurePosixPath(found[1])
        text = (ROOT / home).read_text(encoding="utf-8")
    text = _relinked(text, home)
    text = _API.sub(lambda found: "\n".join(_api(name) for name in found[1].split()), text)
    return text.replace(_COMMANDS, "\n".join(_commands())) if _COMMANDS in text else text


def signature(member: object, arguments: str | None, returned: str | None) -> tuple[str | None, str | None]:
    """Return a signature as a reader wants it: defaults that are functions by name, and the result's real type.

    Functions that ``function_of`` made carry their signature as an attribute, which autodoc reads in part.
    """
    own = getattr(member, "__signature__", None)
    if arguments is not None:
        arguments = re.sub(r"<function (\w+)[^>]*>", r"\1", arguments)
    return arguments, str(own.return_annotation) if own and returned else returned


def _relinked(text: str, home: PurePosixPath) -> str:
    """Turn links within the repository into links within the site, outside of code."""
    parts = _CODE.split(text)
    return "".join(
        part if part.startswith("`") else _LINK.sub(lambda found: _link(found, home), part) for part in _joined(parts)
    )


def _joined(parts: list[str]) -> Iterator[str]:
    """Put inline code back into the text around it, since a link's label may have some; keep blocks apart."""
    text = ""
    for part in parts:
        if part.startswith("```"):
            yield text
            yield part
            text = ""
        else:
            text += part
    yield text


def _link(found: re.Match[str], home: PurePosixPath) -> str:
    label, target = found["label"], found["target"]
    if re.match(r"[a-z]+:", target) or target.startswith("#"):
        return found[0]
    path, _, anchor = target.partition("#")
    aimed = (ROOT / home.parent / path).resolve().relative_to(ROOT).as_posix()
    page = DOCUMENTS.get(aimed) or (aimed.removeprefix("docs/").removesuffix(".md") if _is_page(aimed) else None)
    if page is None:
        return label if label.startswith("`") else f"{label} (`{aimed}`)"
    return f"[{label}]({page}.md{f'#{anchor}' if anchor and page != 'index' else ''})"


def _is_page(path: str) -> bool:
    return path.startswith("docs/") and path.endswith(".md")


def _api(name: str) -> str:
    """Write the reference of one public name, as Sphinx reads it."""
    import hfver

    kind = "autoclass" if isinstance(getattr(hfver, name), type) else "autofunction"
    members = "\n   :members:" if kind == "autoclass" else ""
    return f"```{{eval-rst}}\n.. {kind}:: hfver.{name}{members}\n```\n"


def _commands() -> Iterator[str]:
    """Write the reference of every command, in the groups of the help: how it is called, its options, an example."""
    import typer

    from hfver.cli.app import app
    from hfver.cli.groups import GROUPS

    root: Any = typer.main.get_command(app)
    for group, commands in GROUPS.items():
        if commands:
            yield f"## {group}\n"
        for name in commands:
            for path, command in _leaves(root.get_command(None, name), ("hfver", name)):
                yield from _command(" ".join(path), command)


def _leaves(command: Any, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], Any]]:
    """List the commands that do something, below those that only group others."""
    if not hasattr(command, "list_commands"):
        yield path, command
        return
    for name in command.list_commands(None):
        yield from _leaves(command.get_command(None, name), (*path, name))


def _command(name: str, command: Any) -> Iterator[str]:
    parameters = [one for one in command.params if one.name != "help" and not getattr(one, "hidden", False)]
    arguments = [one for one in parameters if one.param_type_name == "argument"]
    usage = " ".join([name, *(_argument(one) for one in arguments), "[OPTIONS]"])
    yield f"### {name}\n\n{command.help}\n\n```text\n{usage}\n```\n"
    rows = [*((_argument(one), one) for one in arguments), *((_option(one), one) for one in parameters)]
    yield "| | |\n|---|---|"
    for shown, one in rows:
        if shown:
            names = " ".join(f"`{part}`" for part in shown.replace("|", r"\|").split(" · "))
            yield f"| {names} | {_cell(one)} |"
    example = (command.epilog or "").removeprefix("Example: ")
    if example:
        yield f"\n```console\n$ {example}\n```\n"


def _argument(one: Any) -> str:
    name = (one.metavar or one.name.upper()).strip("[]")
    return name if one.required else f"[{name}]"


def _option(one: Any) -> str:
    """Write an option's names, and what it takes: all in one, or nothing for an argument."""
    if one.param_type_name == "argument":
        return ""
    names = [*one.opts, *one.secondary_opts]
    if one.is_flag or getattr(one, "count", False):
        return " · ".join(names)
    return " · ".join([*names[:-1], f"{names[-1]} {one.metavar or one.name.upper()}"])


def _cell(one: Any) -> str:
    """Write an option's help, with a default that says something."""
    text = str(getattr(one, "help", None) or "").replace("|", r"\|").replace("*", r"\*").replace("<", r"\<")
    default = one.default
    says = isinstance(default, str | int) and not isinstance(default, bool) and default != ""
    return f"{text} Default: `{default}`." if says and "efault" not in text and default != 0 else text
