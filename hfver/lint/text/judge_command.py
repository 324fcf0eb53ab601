"""Judge one command: inference servers, ``hf download`` and ``hfver pull``; does it name a commit?"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from hfver.lint.context import SourceContext
from hfver.lint.judge import judge_reference, judge_revision, make_diagnostic
from hfver.lint.names import is_local_path
from hfver.lint.report import Diagnostic, RepoKind
from hfver.lint.text.shell_words import Command, ShellWord

__all__ = ["judge_command"]


@dataclass(frozen=True)
class _Program:
    """How a program that loads takes the repo and the revision.

    Attributes:
        call: Its name in diagnostics.
        names: The options that give the repo; they match with ``_`` in place of ``-`` too.
        revisions: The options that give the revision.
        takes_argument: Whether the first argument gives the repo if no option does.
        flags: The options without a value; with them, the first argument is found after options too. None if they are
            not all known, so that only an argument in front of all options counts.
    """

    call: str
    names: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ("--revision",)
    takes_argument: bool = False
    flags: frozenset[str] | None = None


_VLLM = _Program("vllm", ("--model",))
_SERVE = replace(_VLLM, call="vllm serve", takes_argument=True)
_SGLANG = _Program("sglang", ("--model-path", "--model"))
_TGI = _Program("text-generation-inference", ("--model-id",))
_TEI = _Program("text-embeddings-inference", ("--model-id",))
_KSERVE = _Program("huggingfaceserver", ("--model-id",), ("--model-revision", "--revision"))
_DOWNLOAD = _Program(
    "hf download",
    takes_argument=True,
    flags=frozenset({"--force-download", "--dry-run", "--quiet", "-q", "--json", "--no-truncate", "--resume-download"}),
)
_PULL_FLAGS = frozenset({"--trust-remote-code", "--no-lock", "--json"})

_BY_COMMAND: dict[tuple[str, ...], _Program] = {
    ("vllm", "serve"): _SERVE,
    ("vllm",): _VLLM,
    ("sglang", "serve"): _SGLANG,
    ("text-generation-launcher",): _TGI,
    ("text-embeddings-router",): _TEI,
    ("hf", "download"): _DOWNLOAD,
    ("huggingface-cli", "download"): replace(_DOWNLOAD, call="huggingface-cli download"),
}
_BY_MODULE = {"vllm": _VLLM, "sglang": _SGLANG, "huggingfaceserver": _KSERVE}
_BY_IMAGE = {
    "huggingfaceserver": _KSERVE,
    "vllm": _VLLM,
    "sglang": _SGLANG,
    "text-generation-inference": _TGI,
    "text-embeddings-inference": _TEI,
}
_PREFIXES = frozenset({"sudo", "exec", "nohup", "time", "env", "then", "do", "else", "-", "uv", "run", "uvx", "poetry"})
"""Words that can stand before the program: wrappers, shell keywords, and the dash of a YAML list."""

_KINDS: dict[str, RepoKind] = {"model": "models", "dataset": "datasets", "space": "spaces"}


def judge_command(command: Command, context: SourceContext) -> tuple[Diagnostic, ShellWord] | None:
    """Judge a command.

    Returns:
        A diagnostic with the word that it is about; None if the command loads nothing from a Hub, or names a commit.
    """
    words = _without_prefixes(command.words)
    if [word.text for word in words[:2]] == ["hfver", "pull"]:
        return _judge_pull(_first_argument(words[2:], _PULL_FLAGS), context)
    program, arguments = _find_program(words, command.server)
    if program is None:
        return None
    name = _find_name(program, arguments)
    # An hf:// URI is judged as the string that it is.
    if name is None or name.text.startswith("hf://") or is_local_path(_fill_in(name.text), context.folders):
        return None
    diagnostic = _judge(program, name.text, arguments, context)
    return (diagnostic, name) if diagnostic else None


def _judge_pull(reference: ShellWord | None, context: SourceContext) -> tuple[Diagnostic, ShellWord] | None:
    if reference is None or _is_dynamic(reference.text):
        return None
    diagnostic = judge_reference(reference.text, context)
    return (replace(diagnostic, call="hfver pull"), reference) if diagnostic else None


def _without_prefixes(words: Sequence[ShellWord]) -> Sequence[ShellWord]:
    start = 0
    while start < len(words) and (words[start].text in _PREFIXES or re.match(r"[A-Za-z_]\w*=", words[start].text)):
        start += 1
    return words[start:]


def _find_program(words: Sequence[ShellWord], server: str) -> tuple[_Program | None, Sequence[ShellWord]]:
    """Return the program that a command runs, and the words that are its arguments."""
    texts = [word.text for word in words]
    if texts and not texts[0].startswith("-"):
        texts[0] = PurePosixPath(texts[0]).name
    for command, program in _BY_COMMAND.items():
        if tuple(texts[: len(command)]) == command:
            return program, words[len(command) :]
    if texts and texts[0].startswith("python") and "-m" in texts[:-1]:
        at = texts.index("-m") + 1
        return _BY_MODULE.get(texts[at].partition(".")[0]), words[at + 1 :]
    if texts and texts[0] in ("docker", "podman", "nerdctl"):
        return _find_program_in_container(words)
    if texts and not texts[0].startswith("-"):
        return None, ()
    return next((program for part, program in _BY_IMAGE.items() if part in server), None), words


def _find_program_in_container(words: Sequence[ShellWord]) -> tuple[_Program | None, Sequence[ShellWord]]:
    """Return the program that ``docker run IMAGE …`` starts: the image's own server, or the command after it."""
    for index, word in enumerate(words):
        for part, program in _BY_IMAGE.items():
            if part in word.text and re.fullmatch(r"[\w.-]+(?:[/:@][\w.${}-]+)+", word.text) and "=" not in word.text:
                rest = words[index + 1 :]
                return (program, rest) if not rest or rest[0].text[:1] == "-" else _find_program(rest, "")
    return None, ()


def _find_name(program: _Program, arguments: Sequence[ShellWord]) -> ShellWord | None:
    for name in program.names:
        if value := _option(arguments, name):
            return value
    return _first_argument(arguments, program.flags) if program.takes_argument else None


def _first_argument(arguments: Sequence[ShellWord], flags: frozenset[str] | None) -> ShellWord | None:
    """Return the first argument that is neither an option nor the value of one."""
    skip = False
    for word in arguments:
        if skip:
            skip = False
        elif not word.text.startswith("-"):
            return word if word.text else None
        elif flags is None:
            return None
        else:
            skip = "=" not in word.text and word.text not in flags
    return None


def _option(arguments: Sequence[ShellWord], name: str) -> ShellWord | None:
    """Return the value of ``--name value`` or ``--name=value``."""
    for index, word in enumerate(arguments):
        option, equals, value = word.text.partition("=")
        if option.startswith("--") and option.replace("_", "-") == name:
            if equals:
                return ShellWord(value, word.start)
            return arguments[index + 1] if index + 1 < len(arguments) else None
    return None


def _judge(program: _Program, name: str, arguments: Sequence[ShellWord], context: SourceContext) -> Diagnostic | None:
    option = next(filter(None, (_option(arguments, option) for option in program.revisions)), None)
    is_dynamic = option is not None and _is_dynamic(option.text)
    revision = option.text if option and not is_dynamic else None
    repo = None if _is_dynamic(name) else name
    violation = judge_revision(repo, revision, is_dynamic=is_dynamic)
    if violation is None:
        return None
    repo_type = _option(arguments, "--repo-type") or _option(arguments, "--type")
    kind = _KINDS.get(repo_type.text) if repo_type else "models"
    return make_diagnostic(context, *violation, call=program.call, name=repo, kind=kind, revision=revision)


def _is_dynamic(text: str) -> bool:
    """Return whether a part of a word is only known when the command runs, or the template is filled in."""
    return "$" in text or "{{" in text


def _fill_in(name: str) -> str:
    """Replace what is dynamic, so that the rest shows the form: ``$MODEL`` can be a repo, ``$DIR/x/y`` only a path."""
    return re.sub(r"\$?\{\{.*?\}\}|\$\{[^}]*\}|\$\w+|\$", "x", name)
