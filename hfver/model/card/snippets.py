"""How a program loads a release without hfver, with the right class for the checkpoint."""

from __future__ import annotations

import re

from hfver.core.front_matter import split_front_matter
from hfver.model.card.facts import CardFacts
from hfver.model.card.links import is_hub_id
from hfver.model.card.sections import read_prose
from hfver.model.checkpoint import Checkpoint, has_tokenizer, lacks_tokenizer

__all__ = ["needs_tokenizer", "plain_code"]

_AUTO = {
    "text-generation": "ForCausalLM",
    "fill-mask": "ForMaskedLM",
    "text-classification": "ForSequenceClassification",
    "token-classification": "ForTokenClassification",
    "question-answering": "ForQuestionAnswering",
    "multiple-choice": "ForMultipleChoice",
    "translation": "ForSeq2SeqLM",
    "summarization": "ForSeq2SeqLM",
    "text2text-generation": "ForSeq2SeqLM",
    "feature-extraction": "",
    "image-classification": "ForImageClassification",
    "object-detection": "ForObjectDetection",
    "image-segmentation": "ForSemanticSegmentation",
    "image-text-to-text": "ForImageTextToText",
    "audio-classification": "ForAudioClassification",
    "automatic-speech-recognition": "ForSpeechSeq2Seq",
}
# Tasks whose input is not text alone need a processor instead of a tokenizer.
_OTHER_SENSES = ("image", "audio", "speech", "video", "object", "visual", "depth", "document")


def plain_code(facts: CardFacts, tag: str | None) -> str:
    """Write the Python code that loads exactly this version with the library that is made for it."""
    makers = {"adapter": _adapter, "sentence-transformers": _sentences, "model": _model, "pipeline": _pipeline}
    makers |= {"component": _component, "lora": _lora}
    return makers[facts.checkpoint.kind](facts, tag or "")


def _model(facts: CardFacts, tag: str) -> str:
    model, reader = _classes(tag)
    at = f'"{facts.repo}", revision="v{facts.version}"'
    if reader == "AutoTokenizer" and not has_tokenizer(facts.checkpoint):
        # AutoTokenizer would not fail: from config.json alone it makes a tokenizer with an empty vocabulary.
        note = "  # has no tokenizer" if lacks_tokenizer(facts.checkpoint) else ""
        return f"from transformers import {model}\n\nmodel = {model}.from_pretrained({at}){note}"
    return (
        f"from transformers import {model}, {reader}\n\n"
        f"model = {model}.from_pretrained({at})\n"
        f"{_variable(reader)} = {reader}.from_pretrained({at})"
    )


def _pipeline(facts: CardFacts, _: str) -> str:
    return (
        "from diffusers import DiffusionPipeline\n\n"
        f'pipeline = DiffusionPipeline.from_pretrained("{facts.repo}", revision="v{facts.version}")'
    )


def _component(facts: CardFacts, _: str) -> str:
    name = next((one for one in facts.checkpoint.architectures if one.isidentifier()), "AutoModel")
    return (
        f'from diffusers import {name}\n\nmodel = {name}.from_pretrained("{facts.repo}", revision="v{facts.version}")'
    )


def _lora(facts: CardFacts, _: str) -> str:
    base = facts.lineage.base_model
    load = f'pipeline.load_lora_weights("{facts.repo}", revision="v{facts.version}")'
    if base is None or not is_hub_id(base.source):
        return load
    pin = f', revision="{base.revision}"' if base.revision else ""
    return (
        "from diffusers import DiffusionPipeline\n\n"
        f'pipeline = DiffusionPipeline.from_pretrained("{base.source}"{pin})\n{load}'
    )


def _sentences(facts: CardFacts, _: str) -> str:
    return (
        "from sentence_transformers import SentenceTransformer\n\n"
        f'model = SentenceTransformer("{facts.repo}", revision="v{facts.version}")'
    )


def _adapter(facts: CardFacts, tag: str) -> str:
    """Pin the base too: ``from_pretrained(adapter, revision=…)`` would take the newest commit of the base."""
    model, _ = _classes(tag)
    base = facts.lineage.base_model
    at = f'"{facts.repo}", revision="v{facts.version}"'
    if base is None or not is_hub_id(base.source):
        return f"from peft import AutoPeft{model[4:]}\n\nmodel = AutoPeft{model[4:]}.from_pretrained({at})"
    pin = f', revision="{base.revision}"' if base.revision else ""
    return (
        f"from peft import PeftModel\nfrom transformers import {model}\n\n"
        f'base = {model}.from_pretrained("{base.source}"{pin})\n'
        f"model = PeftModel.from_pretrained(base, {at})"
    )


def needs_tokenizer(checkpoint: Checkpoint, repo: str) -> str | None:
    """Say which code in a card needs the tokenizer that a checkpoint does not have; None if none does.

    The code that hfver writes needs none for a model without one, except for sentence-transformers. The author's own
    code is looked at for text models: it may load the tokenizer of this very repo.
    """
    # A model that reads pictures has a processor in place of a tokenizer, and a bag of words brings words of its own.
    inputs = (path.rpartition("/")[2] for path in checkpoint.files)
    if checkpoint.kind == "sentence-transformers" and not has_tokenizer(checkpoint):
        others = any("processor" in name or "tokenizer" in name for name in inputs)
        return None if others else "SentenceTransformer"
    if not lacks_tokenizer(checkpoint):
        return None
    prose = read_prose(split_front_matter(checkpoint.readme or "", "README.md")[1])
    at = rf"[^)]{{0,300}}[\"']{re.escape(repo)}[\"'@]"
    found = re.search(rf"\b(AutoTokenizer\.from_pretrained|pipeline)\({at}", f"{prose.above}\n{prose.below}")
    return found[1] if found else None


def _classes(tag: str) -> tuple[str, str]:
    reader = "AutoProcessor" if any(sense in tag for sense in _OTHER_SENSES) else "AutoTokenizer"
    return f"AutoModel{_AUTO.get(tag, '')}", reader


def _variable(reader: str) -> str:
    return reader.removeprefix("Auto").lower()
