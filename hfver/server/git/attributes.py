"""Rules of .gitattributes and .gitignore: which files go to Git-LFS, and which are ignored."""

from __future__ import annotations

import codecs
import re
from collections.abc import Sequence
from dataclasses import dataclass

from hfver.server.git.globs import Matcher, compile_glob
from hfver.server.problems import unprocessable

LFS = "filter=lfs diff=lfs merge=lfs -text"
# Endings that huggingface.co lists in the .gitattributes of new repos; those of media files only for datasets.
_WEIGHTS = "7z arrow avro bin bz2 ckpt ftz gguf gz h5 joblib lz4 mds mlmodel model msgpack npy npz onnx ot"
_WEIGHTS_MORE = "parquet pb pickle pkl pt pth rar safetensors tar tflite tgz wasm xz zip zst"
_MEDIA = "pcm sam raw aac flac mp3 ogg wav bmp gif png tiff jpg jpeg webp mp4 webm avi mov"
_OTHERS = ("saved_model/**/*", "*.tar.*", "*tfevents*")
# The Hub's limit for files outside Git-LFS, in bytes.
_MAX_SAMPLE_FILE = 10 * 1024 * 1024
_MAX_RULES = 2000  # every path is tested against every rule
_MAX_EFFORT = 4_000_000  # steps of patterns with many wildcards: some seconds, for all paths of a request


def default_attributes(kind: str) -> bytes:
    """Return the .gitattributes of a new repo, which send the usual binary formats to Git-LFS."""
    endings = f"{_WEIGHTS} {_WEIGHTS_MORE}" + (f" {_MEDIA}" if kind == "datasets" else "")
    patterns = [f"*.{ending}" for ending in endings.split()] + list(_OTHERS)
    return "".join(f"{pattern} {LFS}\n" for pattern in sorted(patterns)).encode()


@dataclass(frozen=True)
class _Rule:
    matches: Matcher
    value: bool


class _Effort:
    """Counts the steps that patterns with many wildcards take, so that a request cannot take minutes."""

    def __init__(self) -> None:
        self._left = _MAX_EFFORT

    def spend(self, steps: int) -> None:
        """Count steps before they are taken.

        Raises:
            Problem: 422 if they were too many.
        """
        self._left -= steps
        if self._left < 0:
            raise unprocessable("The rules of .gitattributes or .gitignore have too many wildcards")


def _last_match(rules: Sequence[_Rule], path: str, effort: _Effort) -> bool:
    for rule in reversed(rules):
        effort.spend(rule.matches.cost(path))
        if rule.matches(path):
            return rule.value
    return False


class AttributeRules:
    """The ``filter`` rules of one .gitattributes file; the last match wins, as in git."""

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text.splitlines()[:_MAX_RULES] if (rule := _attribute_rule(line))]
        self._effort = _Effort()

    def is_lfs(self, path: str) -> bool:
        """Return whether a path is kept in Git-LFS."""
        return _last_match(self._rules, path, self._effort)


def _attribute_rule(line: str) -> _Rule | None:
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    pattern, *settings = _split_pattern(line)
    values = [setting == "filter=lfs" for setting in settings if setting.lstrip("-!").startswith("filter")]
    if not values or pattern.startswith("!"):  # git does not support negative patterns here
        return None
    return _Rule(compile_glob(pattern, folders=False), values[-1])


def _split_pattern(line: str) -> list[str]:
    """Split a line at white space; a pattern that contains white space may be in double quotes."""
    # git quotes such a pattern like a C string. Of the escapes, only that of the quote is supported here.
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"(.*)', line)
    return [quoted[1].replace('\\"', '"'), *quoted[2].split()] if quoted else line.split()


class IgnoreRules:
    """The rules of one .gitignore file; the last match wins, as in git."""

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text.splitlines()[:_MAX_RULES] if (rule := _ignore_rule(line))]
        self._effort = _Effort()

    def ignores(self, path: str) -> bool:
        """Return whether a path is ignored, or a folder that contains it."""
        parts = path.split("/")
        if any(self._matches("/".join(parts[:depth]) + "/") for depth in range(1, len(parts))):
            return True
        return self._matches(path)

    def _matches(self, path: str) -> bool:
        return _last_match(self._rules, path, self._effort)


def _ignore_rule(line: str) -> _Rule | None:
    line = line.rstrip()
    if not line or line.startswith("#"):
        return None
    return _Rule(compile_glob(line.removeprefix("!"), folders=True), not line.startswith("!"))


def lfs_rule(path: str) -> str:
    """Write the rule that sends exactly this path to Git-LFS, in the form of git-lfs itself."""
    escaped = re.sub(r"([*?\[\]\\])", r"\\\1", path)
    escaped = re.sub(r"^([#!\"])", r"\\\1", escaped)
    spaceless = re.sub(r"\s", "[[:space:]]", escaped)
    return f"{spaceless} {LFS}\n"


def upload_mode(attributes: AttributeRules, path: str, size: int, sample: bytes) -> str:
    """Choose "lfs" or "regular" for a new file, from the rules, its size in bytes and a sample of its start."""
    if not size:  # git-lfs does not store empty files either
        return "regular"
    if attributes.is_lfs(path) or size > _MAX_SAMPLE_FILE or _is_binary(sample):
        return "lfs"
    return "regular"


def _is_binary(sample: bytes) -> bool:
    """Return whether a sample has what text never has: a zero byte, or bytes that are not UTF-8."""
    if b"\x00" in sample:
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)  # incremental: the sample may end within a character
    except UnicodeDecodeError:
        return True
    return False
