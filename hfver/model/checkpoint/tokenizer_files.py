"""Which files make up a tokenizer, and which models are of no use without one."""

from __future__ import annotations

from hfver.model.checkpoint.checkpoint import Checkpoint

TOKENIZER_FILES = (
    "tokenizer.json",
    "tokenizer_config.json",
    "tokenizer.model",
    "spiece.model",
    "sentencepiece.bpe.model",
    "vocab.txt",
    "vocab.json",
    "tekken.json",
)
"""A folder with any of these has a tokenizer of its own, which ``AutoTokenizer`` can load."""

TEXT_TASKS = frozenset(
    {
        "text-generation",
        "text2text-generation",
        "fill-mask",
        "text-classification",
        "token-classification",
        "question-answering",
        "multiple-choice",
        "translation",
        "summarization",
    }
)


def lacks_tokenizer(checkpoint: Checkpoint) -> bool:
    """Return whether this is a complete text model without a tokenizer; an adapter takes that of its base."""
    is_text = checkpoint.kind == "model" and checkpoint.pipeline_tag in TEXT_TASKS
    return is_text and not has_tokenizer(checkpoint)


def has_tokenizer(checkpoint: Checkpoint) -> bool:
    """Return whether a checkpoint has a tokenizer, in its root or, for sentence-transformers, in a module's folder."""
    anywhere = checkpoint.kind == "sentence-transformers"
    names = {path.rpartition("/")[2] if anywhere else path for path in checkpoint.files}
    return not names.isdisjoint(TOKENIZER_FILES)
