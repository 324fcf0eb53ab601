"""Check shell scripts, Dockerfiles and YAML: ``hf://`` URIs, and commands that load a model."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Literal

from hfver.lint.context import SourceContext, suppressed_lines
from hfver.lint.hf_uris import find_uris
from hfver.lint.judge import judge_uri
from hfver.lint.report import Diagnostic
from hfver.lint.text.dockerfile import commands_in_dockerfile
from hfver.lint.text.judge_command import judge_command
from hfver.lint.text.shell_words import Command, commands_in, constants_in
from hfver.lint.text.yaml_commands import commands_in_yaml

__all__ = ["TextKind", "check_text", "may_load"]

TextKind = Literal["shell", "docker", "yaml"]

_HINTS = re.compile(rb"hf://|vllm|sglang|text-(?:generation|embeddings)|huggingface|\bhf download\b|hfver pull")
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.MULTILINE)
_REACH = 100
"""How far after its offset a word can start: quotes and the name of an option can stand before it."""


def may_load(content: bytes) -> bool:
    """Return whether a file can contain anything to judge, so that most are not read any further."""
    return _HINTS.search(content) is not None


def check_text(text: str, kind: TextKind, context: SourceContext) -> list[Diagnostic]:
    """Check a script, a Dockerfile or a YAML file.

    Returns:
        A diagnostic for each place that is not pinned, in the order of lines.
    """
    suppressed = suppressed_lines(text.split("\n"))
    found: list[Diagnostic] = []
    for command in _COMMANDS[kind](text):
        judged = judge_command(command, context)
        # Any line of a command can have the comment: after the backslash of a continued line there can be none.
        if judged and not suppressed & {_line_and_column(text, word.start)[0] for word in command.words}:
            diagnostic, word = judged
            found.append(_locate(diagnostic, text, word.start, word.text))
    # Spaces in place of comments, so that offsets stay those of the text.
    without_comments = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    judged_uris = ((judge_uri(uri, context), uri) for uri in find_uris(without_comments))
    located = [_locate(one, text, uri.start, text[uri.start : uri.end]) for one, uri in judged_uris if one]
    found += [diagnostic for diagnostic in located if diagnostic.line not in suppressed]
    return sorted(dict.fromkeys(found), key=lambda one: (one.line, one.column))


def _locate(diagnostic: Diagnostic, text: str, start: int, words: str) -> Diagnostic:
    """Fill in where some words are that start at an offset or soon after it."""
    at = text.find(words, start)
    at, end = (at, at + len(words)) if 0 <= at <= start + _REACH else (start, start)
    (line, column), (end_line, end_column) = (_line_and_column(text, offset) for offset in (at, end))
    return replace(diagnostic, line=line, column=column, end_line=end_line, end_column=end_column)


def _line_and_column(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _commands_in_shell(text: str) -> Iterable[Command]:
    return map(Command, commands_in(text, constants=constants_in(text)))


def _commands_in_yaml(text: str) -> Iterable[Command]:
    commands = commands_in_yaml(text)
    # The lines of a template, as in Helm charts, still show commands.
    return _commands_in_shell(text) if commands is None else commands


_COMMANDS: dict[TextKind, Callable[[str], Iterable[Command]]] = {
    "shell": _commands_in_shell,
    "docker": commands_in_dockerfile,
    "yaml": _commands_in_yaml,
}
