"""The commands in a Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hfver.lint.text.shell_words import Command, ShellWord, commands_in, constants_in, json_words

__all__ = ["commands_in_dockerfile"]

_INSTRUCTION = re.compile(r"^[ \t]*(FROM|RUN|CMD|ENTRYPOINT)[ \t]+((?:[^\n\\]|\\\r?\n|\\.)*)", re.MULTILINE)


def commands_in_dockerfile(text: str) -> Iterator[Command]:
    """Return the commands of a Dockerfile's RUN, CMD and ENTRYPOINT instructions."""
    constants, image, entrypoint = constants_in(text), "", list[ShellWord]()
    for match in _INSTRUCTION.finditer(text):
        instruction, body, start = match[1], match[2], match.start(2)
        if instruction == "FROM":
            image, entrypoint = body, []
            continue
        is_exec_form = body.lstrip().startswith("[")
        commands = [json_words(body, start)] if is_exec_form else list(commands_in(body, start, constants))
        if instruction == "ENTRYPOINT" and commands:
            entrypoint = commands[0]
        for words in commands:
            # In exec form, CMD gives the arguments of ENTRYPOINT; in shell form it replaces it.
            has_entrypoint = instruction == "CMD" and entrypoint and is_exec_form
            yield Command([*entrypoint, *words] if has_entrypoint else words, "" if instruction == "RUN" else image)
