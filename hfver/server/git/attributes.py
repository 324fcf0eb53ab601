"""Which files go to Git-LFS and which are ignored: .gitattributes and .gitignore patterns."""

from __future__ import annotations

import codecs
import re
from dataclasses import dataclass

from hfver.server.git.globs import Matcher, compile_glob

LFS = "filter=lfs diff=lfs merge=lfs -text"
_WEIGHTS = "7z arrow avro bin bz2 ckpt ftz gguf gz h5 joblib lz4 mds mlmodel model msgpack npy npz onnx ot"
_WEIGHTS_MORE = "parquet pb pickle pkl pt pth rar safetensors tar tflite tgz wasm xz zip zst"
_MEDIA = "pcm sam raw aac flac mp3 ogg wav bmp gif png tiff jpg jpeg webp mp4 webm avi mov"
_OTHERS = ("saved_model/**/*", "*.tar.*", "*tfevents*")
_MAX_SAMPLE_FILE = 10 * 1024 * 1024
_MAX_RULES = 2000


def default_attributes(kind: str) -> bytes:
    """The .gitattributes of a new repo: what is large and binary by nature goes to Git-LFS."""
    endings = f"{_WEIGHTS} {_WEIGHTS_MORE}" + (f" {_MEDIA}" if kind == "datasets" else "")
    patterns = [f"*.{ending}" for ending in endings.split()] + list(_OTHERS)
    return "".join(f"{pattern} {LFS}\n" for pattern in sorted(patterns)).encode()


@dataclass(frozen=True)
class _Rule:
    matches: Matcher
    verdict: bool


class Attributes:
    """The rules of one .gitattributes file that say ``filter=``; the last match wins, as in git."""

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text.splitlines()[:_MAX_RULES] if (rule := _attribute_rule(line))]

    def is_lfs(self, path: str) -> bool:
        """Tell whether a path is kept in Git-LFS."""
        matches = (rule.verdict for rule in reversed(self._rules) if rule.matches(path))
        return next(matches, False)


def _attribute_rule(line: str) -> _Rule | None:
    line = line.strip()
    if not line or line.startswith("#"):
        return None
    pattern, *settings = _split_pattern(line)
    verdicts = [setting == "filter=lfs" for setting in settings if setting.lstrip("-!").startswith("filter")]
    if not verdicts or pattern.startswith("!"):
        return None
    return _Rule(compile_glob(pattern, folders=False), verdicts[-1])


def _split_pattern(line: str) -> list[str]:
    """Split a line at blanks; a pattern with blanks may stand in double quotes."""
    quoted = re.match(r'"((?:[^"\\]|\\.)*)"(.*)', line)
    return [quoted[1].replace('\\"', '"'), *quoted[2].split()] if quoted else line.split()


class Ignores:
    """The rules of one .gitignore file."""

    def __init__(self, text: str) -> None:
        self._rules = [rule for line in text.splitlines()[:_MAX_RULES] if (rule := _ignore_rule(line))]

    def ignores(self, path: str) -> bool:
        """Tell whether a path, or a folder that it is in, is ignored."""
        parts = path.split("/")
        if any(self._verdict("/".join(parts[:depth]) + "/") for depth in range(1, len(parts))):
            return True
        return self._verdict(path)

    def _verdict(self, path: str) -> bool:
        matches = (rule.verdict for rule in reversed(self._rules) if rule.matches(path))
        return next(matches, False)


def _ignore_rule(line: str) -> _Rule | None:
    line = line.rstrip()
    if not line or line.startswith("#"):
        return None
    return _Rule(compile_glob(line.removeprefix("!"), folders=True), not line.startswith("!"))


def rule_for(path: str) -> str:
    """Write the line that sends exactly this path to Git-LFS, as git-lfs itself writes it."""
    escaped = re.sub(r"([*?\[\]\\])", r"\\\1", path)
    escaped = re.sub(r"^([#!\"])", r"\\\1", escaped)
    spaceless = re.sub(r"\s", "[[:space:]]", escaped)
    return f"{spaceless} {LFS}\n"


def upload_mode(attributes: Attributes, path: str, size: int, sample: bytes) -> str:
    """Choose "lfs" or "regular" for a new file."""
    if not size:
        return "regular"
    if attributes.is_lfs(path) or size > _MAX_SAMPLE_FILE or _is_binary(sample):
        return "lfs"
    return "regular"


def _is_binary(sample: bytes) -> bool:
    """Tell text by what a text file never has: a zero byte, or bytes that are no UTF-8."""
    if b"\x00" in sample:
        return True
    try:
        codecs.getincrementaldecoder("utf-8")().decode(sample)  # the sample may end inside a character
    except UnicodeDecodeError:
        return True
    return False
