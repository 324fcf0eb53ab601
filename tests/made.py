"""What takes a while to make and is made once per run of the tests, not once per process: trained models, a wheel."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

from filelock import FileLock

__all__ = ["MakeOnce", "healthy_models", "make_once_in"]


class MakeOnce(Protocol):
    """Returns the folder of that name; who asks first makes it, and the others wait."""

    def __call__(self, name: str, make: Callable[[Path], object]) -> Path: ...


def make_once_in(root: Path) -> MakeOnce:
    """Keep what is made in a folder that all processes share."""
    root.mkdir(exist_ok=True)

    def make_once(name: str, make: Callable[[Path], object]) -> Path:
        folder, done = root / name, root / f"{name}.done"
        with FileLock(root / f"{name}.lock"):
            if not done.exists():
                shutil.rmtree(folder, ignore_errors=True)  # a process that failed to make it leaves half of it
                folder.mkdir()
                make(folder)
                done.touch()
        return folder

    return make_once


def healthy_models(root: Path) -> None:
    """Train and save healthy tiny models, a folder each."""
    import torch

    from tests.model.smoke import tiny

    torch.manual_seed(7)
    chat, plain, words = (
        tiny.byte_tokenizer(chat_template=tiny.CHATML),
        tiny.byte_tokenizer(),
        tiny.word_tokenizer(),
    )
    models: dict[str, tuple[Any, Any]] = {
        "llama": (tiny.train(tiny.llama(chat), chat), chat),
        "fresh": (tiny.llama(plain), plain),
        "gpt2": (tiny.train(tiny.gpt2(plain), plain), plain),
        "bert": (tiny.bert(words), words),
        "classifier": (tiny.classifier(words), words),
        "encoder": (tiny.encoder(words), words),
    }
    for name, (model, tokenizer) in models.items():
        tiny.save(model, tokenizer, root / name)
