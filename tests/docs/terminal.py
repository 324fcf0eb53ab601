"""A terminal for documents: runs the commands of one document in order, and gives what each of them prints.

Run as a program, in a folder of its own: it reads steps as JSON on standard input and writes the outputs as JSON. All
``hfver`` commands run in this one process, because importing takes most of the time of each.
"""

from __future__ import annotations

import contextlib
import doctest
import io
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

SHELL = re.compile(r"[|<>;&$`*]")
"""Characters that only a shell understands."""


LAST_EXIT = "DOCS_LAST_EXIT"


class Screen(io.StringIO):
    """Standard output that counts as a terminal, so that tables have the width that they have for people."""

    def isatty(self) -> bool:
        return True


class Talk(io.TextIOBase):
    """Standard error on the same screen, but no terminal: progress bars stay out of documents."""

    def __init__(self, screen: Screen) -> None:
        self.screen = screen

    def write(self, text: str) -> int:
        return self.screen.write(text)


def run_command(command: str) -> str:
    """Run one command line and return what a terminal would show."""
    words = shlex.split(command, comments=True)
    if words[0] == "checkpoint":  # of hidden steps: copy the shared model to a folder
        shutil.copytree(os.environ["DOCS_CHECKPOINT"], words[1], dirs_exist_ok=True)
        return ""
    if words[0] == "export":
        for word in words[1:]:
            name, _, value = word.partition("=")
            os.environ[name] = value
        return ""
    if words[0] == "hfver" and not SHELL.search(command.split(" #")[0]):
        return run_hfver(words[1:])
    line = command.replace("$?", os.environ.get(LAST_EXIT, "0"))
    done = subprocess.run(["bash", "-c", line], check=False, capture_output=True, text=True)
    os.environ[LAST_EXIT] = str(done.returncode)
    return f"{done.stdout}{done.stderr}"


def run_hfver(arguments: list[str]) -> str:
    from hfver.cli import main

    screen = Screen()
    with contextlib.redirect_stdout(screen), contextlib.redirect_stderr(Talk(screen)):
        code = main(arguments)
    os.environ[LAST_EXIT] = str(code)
    return screen.getvalue()


def run_python(code: str, names: dict[str, Any]) -> str:
    """Run a Python block: one with prompts as a doctest, any other as a program."""
    screen = Screen()
    with contextlib.redirect_stdout(screen):
        if ">>>" not in code:
            exec(compile(code, "document", "exec"), names)  # noqa: S102 - the document's own example
            return screen.getvalue()
        written = []
        for example in doctest.DocTestParser().get_examples(code):
            screen.seek(0), screen.truncate()
            exec(compile(example.source, "document", "single"), names)  # noqa: S102 - the same
            lines = example.source.rstrip("\n").split("\n")
            written.append("\n".join([f">>> {lines[0]}", *(f"... {line}" for line in lines[1:])]))
            written.append(screen.getvalue().rstrip("\n"))
    return "\n".join(part for part in written if part)


def main() -> None:
    steps = json.load(sys.stdin)
    names: dict[str, Any] = {"__name__": "document"}
    outputs = []
    for step in steps:
        if step["kind"] == "python":
            outputs.append(run_python(step["text"], names))
        elif step["kind"] == "file":
            path = Path(step["path"])
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(step["text"])
            outputs.append("")
        else:
            outputs.append(run_command(step["text"]))
    sys.__stdout__.write(json.dumps(outputs))  # type: ignore[union-attr]


if __name__ == "__main__":
    main()
