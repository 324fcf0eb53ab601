"""Commands that load a model: the servers' own, ``hf download`` and ``hfver pull``."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import PurePosixPath

from hfver.lint.hf_uris import is_commit
from hfver.lint.local_paths import is_local
from hfver.lint.positions import OPEN_NAME, OPEN_REVISION, Site, judge_ref, make_finding, moving, unpinned
from hfver.lint.report import Finding, RepoKind, Rule
from hfver.lint.shell_words import Word

__all__ = ["judge_command"]


@dataclass(frozen=True)
class _Loader:
    """How a program takes a model: by option, or as the word behind its name; options are compared without ``_``."""

    call: str
    names: tuple[str, ...] = ()
    revisions: tuple[str, ...] = ("--revision",)
    first: bool = False


_VLLM = _Loader("vllm", ("--model",))
_SERVE = replace(_VLLM, call="vllm serve", first=True)
_SGLANG = _Loader("sglang", ("--model-path", "--model"))
_HUGGING_FACE = _Loader("text-generation-inference", ("--model-id",))
_EMBEDDINGS = _Loader("text-embeddings-inference", ("--model-id",))
_KSERVE = _Loader("huggingfaceserver", ("--model-id",), ("--model-revision", "--revision"))
_DOWNLOAD = _Loader("hf download", first=True)

_PROGRAMS: dict[tuple[str, ...], _Loader] = {
    ("vllm", "serve"): _SERVE,
    ("vllm",): _VLLM,
    ("sglang", "serve"): _SGLANG,
    ("text-generation-launcher",): _HUGGING_FACE,
    ("text-embeddings-router",): _EMBEDDINGS,
    ("hf", "download"): _DOWNLOAD,
    ("huggingface-cli", "download"): replace(_DOWNLOAD, call="huggingface-cli download"),
}
_MODULES = {"vllm": _VLLM, "sglang": _SGLANG, "huggingfaceserver": _KSERVE}
_IMAGES = {
    "huggingfaceserver": _KSERVE,
    "vllm": _VLLM,
    "sglang": _SGLANG,
    "text-generation-inference": _HUGGING_FACE,
    "text-embeddings-inference": _EMBEDDINGS,
}
_BEFORE = frozenset({"sudo", "exec", "nohup", "time", "env", "then", "do", "else", "-", "uv", "run", "uvx", "poetry"})
_KINDS: dict[str, RepoKind] = {"model": "models", "dataset": "datasets", "space": "spaces"}


def judge_command(words: Sequence[Word], site: Site, context: str = "") -> Iterator[tuple[Finding, Word]]:
    """Judge a command, with the word to point at.

    Args:
        words: The command.
        site: Where it is.
        context: The container image, or the server's name, that the words are arguments of; empty if there is none.
    """
    words = _without_prefix(words)
    if [word.text for word in words[:2]] == ["hfver", "pull"] and len(words) > 2:
        if (judged := judge_ref(words[2].text, site)) and not _is_open(words[2].text):
            yield replace(judged, call="hfver pull"), words[2]
        return
    loader, arguments = _find_loader(words, context)
    name = _find_name(loader, arguments) if loader else None
    if loader is None or name is None or is_local(_filled(name.text), site.folders) or name.text.startswith("hf://"):
        return
    judged = _judge(loader, name.text, arguments, site)
    if judged is not None:
        yield judged, name


def _without_prefix(words: Sequence[Word]) -> Sequence[Word]:
    start = 0
    while start < len(words) and (words[start].text in _BEFORE or re.match(r"[A-Za-z_]\w*=", words[start].text)):
        start += 1
    return words[start:]


def _find_loader(words: Sequence[Word], context: str) -> tuple[_Loader | None, Sequence[Word]]:
    texts = [word.text for word in words]
    if texts and not texts[0].startswith("-"):
        texts[0] = PurePosixPath(texts[0]).name
    for program, loader in _PROGRAMS.items():
        if tuple(texts[: len(program)]) == program:
            return loader, words[len(program) :]
    if texts and texts[0].startswith("python") and "-m" in texts[:-1]:
        at = texts.index("-m") + 1
        return _MODULES.get(texts[at].partition(".")[0]), words[at + 1 :]
    if texts and texts[0] in ("docker", "podman", "nerdctl"):
        return _find_in_container(words)
    if texts and not texts[0].startswith("-"):
        return None, ()
    return next((loader for part, loader in _IMAGES.items() if part in context), None), words


def _find_in_container(words: Sequence[Word]) -> tuple[_Loader | None, Sequence[Word]]:
    for index, word in enumerate(words):
        for part, loader in _IMAGES.items():
            if part in word.text and re.fullmatch(r"[\w.-]+(?:[/:@][\w.${}-]+)+", word.text) and "=" not in word.text:
                inside = words[index + 1 :]
                return (loader, inside) if not inside or inside[0].text[:1] == "-" else _find_loader(inside, "")
    return None, ()


def _find_name(loader: _Loader, arguments: Sequence[Word]) -> Word | None:
    for name in loader.names:
        if value := _option(arguments, name):
            return value
    return arguments[0] if loader.first and arguments and arguments[0].text[:1] not in ("-", "") else None


def _option(arguments: Sequence[Word], name: str) -> Word | None:
    for index, word in enumerate(arguments):
        option, equals, value = word.text.partition("=")
        if option.startswith("--") and option.replace("_", "-") == name:
            if equals:
                return Word(value, word.start)
            return arguments[index + 1] if index + 1 < len(arguments) else None
    return None


def _judge(loader: _Loader, name: str, arguments: Sequence[Word], site: Site) -> Finding | None:
    revision = next(filter(None, (_option(arguments, option) for option in loader.revisions)), None)
    asked = revision.text if revision else None
    if is_commit(asked):
        return None
    repo = None if _is_open(name) else name
    kind = _option(arguments, "--repo-type")
    rule, message = _judge_revision(repo, asked)
    known = _KINDS.get(kind.text) if kind else "models"
    return make_finding(site, rule, message, call=loader.call, name=repo, kind=known, revision=asked)


def _judge_revision(repo: str | None, asked: str | None) -> tuple[Rule, str]:
    if asked and _is_open(asked):
        return "undecidable-revision", OPEN_REVISION
    if asked:
        return "moving-revision", moving(repo, asked)
    return ("unpinned", unpinned(repo)) if repo else ("undecidable-name", OPEN_NAME)


def _is_open(text: str) -> bool:
    """Tell whether a part of a word only shows when it runs."""
    return "$" in text or "{{" in text


def _filled(name: str) -> str:
    """Give an open name a form in which it can be told from a path: ``$MODEL`` may be a repo, ``$DIR/x/y`` is not."""
    return re.sub(r"\$?\{\{.*?\}\}|\$\{[^}]*\}|\$\w+|\$", "x", name)
