"""Libraries that are not installed: which one is meant, and what installs it."""

from __future__ import annotations

from collections.abc import Mapping

from hfver.errors import UsageError

EXTRAS: Mapping[str, str] = {
    "pil": "vision",
    "pillow": "vision",
    "torchvision": "vision",
    "soundfile": "audio",
    "librosa": "audio",
    "torchaudio": "audio",
    "sentencepiece": "sentencepiece",
    "protobuf": "sentencepiece",
    "tiktoken": "sentencepiece",
    "peft": "peft",
    "sentence_transformers": "sentence-transformers",
    "sentence-transformers": "sentence-transformers",
}
"""Libraries by the names that messages give them, and the extra of hfver that brings each."""


class LibraryMissing(UsageError):
    """Loading a folder requires a library that is not installed. The folder is not to blame."""


def how_to_install(message: str) -> str:
    """Return the command that installs the library that a message is about."""
    words = message.lower().replace("`", " ").replace("'", " ").replace(",", " ").split()
    for word in words:
        if word in EXTRAS:
            return f"Run: pip install 'hfver[{EXTRAS[word]}]'"
    # What transformers says ends with the command, in backquotes.
    _, found, rest = message.partition("`pip install ")
    return f"Run: pip install {rest.partition('`')[0]}" if found else "Install it with pip."
