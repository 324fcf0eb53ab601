"""Asking a tokenizer or processor what a golden records of it, in the child process or in this one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from hfver.model.runtime import ChildTokenizer, LoadedModel, _golden_jobs
from hfver.model.runtime.loaded import LoadRequest
from hfver.model.runtime.tokenizer_child import LOADING
from hfver.model.smoke.golden.probes import CONVERSATIONS, MADE, TEXTS
from hfver.model.smoke.golden.record import Forms, Rendered, Words

__all__ = ["Processing", "observe_forms", "observe_words", "processing_of"]


@dataclass(frozen=True)
class Processing:
    """What turns texts, pictures and sounds into a model's input. Each may be missing."""

    tokenizer: Any = None
    """A tokenizer of transformers, or a `ChildTokenizer`."""
    processor: Any = None
    """A processor of transformers in this process."""
    processor_from: LoadRequest | None = None
    """The folder whose processor is loaded in the child process."""

    def ask(self, job: str, **asked: Any) -> Any:
        """Run a job of ``_golden_jobs.py`` on the tokenizer."""
        if isinstance(self.tokenizer, ChildTokenizer):
            question = {"number": self.tokenizer.number, "job": job, **asked}
            return self.tokenizer.child.ask("golden", question, LOADING)
        return getattr(_golden_jobs, job)(self.tokenizer, asked)

    def ask_processor(self, **asked: Any) -> dict[str, Any]:
        """Return what the processor makes of a made picture and sound; nothing where there is none."""
        request = self.processor_from
        if self.processor is not None:
            found = _golden_jobs.processed(self.processor, asked)
        elif request is not None and request.child is not None:
            question = {"job": "processed", "folder": str(request.directory.absolute()), **asked}
            found = request.child.ask("golden", question, LOADING)
        else:
            found = {}
        return dict(found)


def processing_of(loaded: LoadedModel) -> Processing:
    """Return the tokenizer and processor of a loaded folder."""
    return Processing(loaded.tokenizer, loaded.processor, loaded.processor_from)


def processing_from(processing: Any) -> Processing:
    """Return the parts of what a trainer calls its processing class: a tokenizer, a processor, or None."""
    if processing is None or isinstance(processing, Processing):
        return processing or Processing()
    tokenizer = getattr(processing, "tokenizer", None)
    if tokenizer is not None:
        return Processing(tokenizer, processing)
    if hasattr(processing, "all_special_ids"):
        return Processing(processing)
    return Processing(None, processing)


def observe_words(processing: Processing, texts: Sequence[str] = TEXTS) -> Words | None:
    """Record what the tokenizer does with texts; None without a tokenizer."""
    if processing.tokenizer is None:
        return None
    return Words.model_validate(processing.ask("words", texts=list(texts)))


def observe_forms(
    processing: Processing,
    model: Any,
    conversations: Sequence[Mapping[str, Any]] = CONVERSATIONS,
    made: Mapping[str, Any] = MADE,
) -> Forms:
    """Record renderings, processor results, labels and the effective generation config."""
    asked = [dict(one) for one in conversations]
    rendered = processing.ask("forms", conversations=asked) if processing.tokenizer is not None else {}
    processed = processing.ask_processor(**made)
    return Forms(
        conversations=tuple(asked) if rendered else (),
        rendered={name: Rendered.model_validate(one) for name, one in rendered.items()},
        made=dict(made) if processed else {},
        processed=processed,
        labels=_labels(model),
        generation=_generation(model),
    )


def _labels(model: Any) -> dict[str, str] | None:
    config = getattr(model, "config", None)
    names = getattr(config, "id2label", None)
    if "Classification" not in architecture_of(model) or not isinstance(names, dict):
        return None
    return {str(number): str(name)[:200] for number, name in list(names.items())[:2048]}


def architecture_of(model: Any) -> str:
    """Return the name of the model's class, also of the one inside of an adapter."""
    base = model.get_base_model() if hasattr(model, "get_base_model") else model
    return type(base).__name__


def _generation(model: Any) -> dict[str, Any] | None:
    settings = getattr(model, "generation_config", None)
    can = getattr(model, "can_generate", None)
    if settings is None or can is None or not can():
        return None
    found = settings.to_diff_dict()
    return {
        str(name): _plain(value)
        for name, value in sorted(found.items())
        if not name.startswith("_") and name not in ("transformers_version", "generation_kwargs")
    }


def _plain(value: Any) -> Any:
    if isinstance(value, bool | int | float | str) or value is None:
        return value
    if isinstance(value, list | tuple | set):
        return [_plain(one) for one in list(value)[:512]]
    if isinstance(value, dict):
        return {str(name): _plain(one) for name, one in list(value.items())[:256]}
    return type(value).__name__
