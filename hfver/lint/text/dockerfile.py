"""The commands in a Dockerfile."""

from __future__ import annotations

import re
from collections.abc import Iterator

from hfver.lint.text.shell_words import Command, ShellWord, commands_in, constants_in, json_words

__all__ = ["commands_in_dockerfile"]

_INSTRUCTION = re.compile(
    r"^[ \t]*(FROM|RUN|CMD|ENTRYPOINT)[ \t]+((?:[^\n\\]|\\\r?\n|\\.)*)", re.MULTILINE | re.IGNORECASE
)
_COMMENT_IN_COMMAND = re.compile(r"(?:(?<=\\\n)|(?<=\\\r\n))(?:[ \t]*#[^\n]*\n)+")
_HEREDOC = re.compile(r"<<-?([\"']?)(\w+)\1")


def commands_in_dockerfile(text: str) -> Iterator[Command]:
    """Return the commands of a Dockerfile's RUN, CMD and ENTRYPOINT instructions."""
    constants, image, entrypoint = constants_in(text), "", list[ShellWord]()
    # Docker drops the comment lines inside a continued command; spaces keep all offsets.
    text = _COMMENT_IN_COMMAND.sub(lambda comment: " " * len(comment[0]), text)
    for match in _INSTRUCTION.finditer(text):
        instruction, start = match[1].upper(), match.start(2)
        body = _with_heredoc(text, start, match.end()) if instruction == "RUN" else match[2]
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


def _with_heredoc(text: str, start: int, end: int) -> str:
    """Return the body of an instruction, with the lines of its heredoc (``RUN <<EOF``) if it has one."""
    heredoc = _HEREDOC.search(text, start, end)
    last = re.compile(rf"^\t*{heredoc[2]}\r?$", re.MULTILINE).search(text, end) if heredoc else None
    return text[start : last.start() if last else end]
