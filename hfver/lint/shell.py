"""Shell scripts, Dockerfiles and YAML to findings: ``hf://`` strings, and commands that load a model."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from typing import Literal

from hfver.lint.commands import judge_command
from hfver.lint.hf_uris import uris_in
from hfver.lint.positions import Site, ignored_lines, judge_uri
from hfver.lint.report import Finding
from hfver.lint.shell_words import Word, commands_in, constants_in, json_words
from hfver.lint.yaml_files import arguments_in, scripts_in

__all__ = ["TextKind", "find_in_text", "may_load_text"]

TextKind = Literal["shell", "docker", "yaml"]

_WORDS = re.compile(rb"hf://|vllm|sglang|text-(?:generation|embeddings)|huggingface|\bhf download\b|hfver pull")
_COMMENT = re.compile(r"(?:^|(?<=\s))#[^\n]*", re.MULTILINE)
_INSTRUCTION = re.compile(r"^[ \t]*(FROM|RUN|CMD|ENTRYPOINT)[ \t]+((?:[^\n\\]|\\\r?\n|\\.)*)", re.MULTILINE)


def may_load_text(content: bytes) -> bool:
    """Tell by its words alone whether a file may load something."""
    return _WORDS.search(content) is not None


def find_in_text(text: str, kind: TextKind, site: Site) -> list[Finding]:
    """List what a script, a Dockerfile or a YAML file loads without naming a commit, in the order of its lines."""
    judge = {"shell": _find_in_shell, "docker": _find_in_docker, "yaml": _find_in_yaml}[kind]
    bare = _COMMENT.sub(lambda comment: " " * len(comment[0]), text)
    found = [_place(finding, text, word.start, word.text) for finding, word in judge(text, site)]
    judged_uris = ((judge_uri(uri, site), uri) for uri in uris_in(bare))
    found += [_place(one, text, uri.start, text[uri.start : uri.end]) for one, uri in judged_uris if one]
    silenced = ignored_lines(text)
    kept = {finding for finding in found if finding.line not in silenced}
    return sorted(kept, key=lambda one: (one.line, one.column))


def _place(finding: Finding, text: str, start: int, what: str) -> Finding:
    """Point at a word that starts at or soon behind an offset: quotes and an option's name can stand before it."""
    at = text.find(what, start)
    at, end = (at, at + len(what)) if 0 <= at <= start + 100 else (start, start)
    (line, column), (end_line, end_column) = (_count(text, offset) for offset in (at, end))
    return replace(finding, line=line, column=column, end_line=end_line, end_column=end_column)


def _count(text: str, offset: int) -> tuple[int, int]:
    return text.count("\n", 0, offset) + 1, offset - text.rfind("\n", 0, offset)


def _find_in_shell(text: str, site: Site, start: int = 0) -> Iterator[tuple[Finding, Word]]:
    for words in commands_in(text, start, constants_in(text)):
        yield from judge_command(words, site)


def _find_in_docker(text: str, site: Site) -> Iterator[tuple[Finding, Word]]:
    constants, image, entry = constants_in(text), "", list[Word]()
    for match in _INSTRUCTION.finditer(text):
        instruction, body, start = match[1], match[2], match.start(2)
        if instruction == "FROM":
            image, entry = body, []
            continue
        exec_form = body.lstrip().startswith("[")
        commands = [json_words(body, start)] if exec_form else list(commands_in(body, start, constants))
        if instruction == "ENTRYPOINT" and commands:
            entry = commands[0]
        for words in commands:
            whole = [*entry, *words] if instruction == "CMD" and entry and exec_form else words
            yield from judge_command(whole, site, "" if instruction == "RUN" else image)


def _find_in_yaml(text: str, site: Site) -> Iterator[tuple[Finding, Word]]:
    scripts = scripts_in(text)
    if scripts is None:  # a template of YAML: its lines still show commands
        yield from _find_in_shell(text, site)
        return
    for script, start in scripts:
        yield from _find_in_shell(script, site, start)
    for words, context in arguments_in(text):
        yield from judge_command(words, site, context)
