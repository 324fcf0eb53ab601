"""Which recipes make the witness of which rule's changes, and why some changes have none.

A recipe is one function. What a rule lists is tried in its order, and then what is true of every rule: the setting, and
at last the file.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from hfver.core.manifest import LINEAGE
from hfver.model.compare.witness.candidate import Candidate, Recipe, Subject
from hfver.model.compare.witness.recipes.chat import changed_template
from hfver.model.compare.witness.recipes.files import differing_file, unreadable_file
from hfver.model.compare.witness.recipes.settings import changed_card, changed_setting
from hfver.model.compare.witness.recipes.tensors import changed_tensor
from hfver.model.compare.witness.recipes.tokens import changed_tokenizer

__all__ = ["NO_WITNESS", "RECIPES", "SHOWN", "candidates", "reason"]

RECIPES: Mapping[str, tuple[Recipe, ...]] = {
    "tensor-names": (changed_tensor,),
    "tensor-shape": (changed_tensor,),
    "tied-embeddings": (changed_setting, changed_tensor),
    "vocab-size": (changed_setting, changed_tensor),
    "dtype": (changed_setting, changed_tensor),
    "token-ids": (changed_setting, changed_tokenizer),
    "tokens-appended": (changed_tokenizer,),
    "tokenizer-class": (changed_tokenizer,),
    "chat-template": (changed_template,),
    "task": (changed_setting, changed_card),
    "unreadable": (unreadable_file,),
}
"""What is tried first; for rules that are not listed it is the setting, or the file."""

NO_WITNESS: Mapping[str, str] = {
    "license": "A license binds people: no program behaves differently.",
    "license-relaxed": "A license binds people: no program behaves differently.",
    "base-model": "What the model was made from is a statement about its origin: no program behaves differently.",
    "base-revision": "What the model was made from is a statement about its origin: no program behaves differently.",
    "metric-regression": "The metric was measured elsewhere: the model's files do not show it.",
}
_CONFIG = "the loaded config holds another value."
SHOWN: Mapping[str, str] = {
    "architecture": _CONFIG,
    "dimensions": _CONFIG,
    "context-cut": "the loaded config or tokenizer holds another value.",
    "unknown-setting": "the loaded config holds another value, or the file does.",
    "tensor-names": "safetensors finds the tensor on one side only.",
    "tensor-shape": "safetensors reads another shape.",
    "tied-embeddings": "the loaded config holds another value, or the head is on one side only.",
    "vocab-size": "the loaded config holds another value, or the embedding has another shape.",
    "dtype": "safetensors reads another dtype.",
    "special-ids": "generation stops at other ids, or the loaded tokenizer has other special tokens.",
    "token-ids": "a text has other ids, or its ids decode to other text.",
    "tokens-appended": "a text has other ids, or the vocabulary other tokens.",
    "tokenizer-class": "a text has other ids, or its ids decode to other text.",
    "chat-template": "a conversation renders as another prompt, or is refused.",
    "labels": "a class number has another name in the loaded config.",
    "task": "the loaded config or the card names another task.",
    "processor": "a picture or a sound is processed to other values.",
    "embedding-space": "the weights' file has another hash, or a file says that vectors are computed differently.",
    "pipeline": "model_index.json names other components or classes.",
    "noise-schedule": "the scheduler's file holds another value.",
    "latent-space": "the weights' file has another hash, or the config another scaling.",
    "adapter": "adapter_config.json says something else.",
    "adapter-merged": "adapter_config.json is on one side only.",
    "weights": "the variant's file is missing.",
    "quantization": _CONFIG,
    "minimum-library": "the config names another minimum; what older libraries misread shows with these alone.",
    "remote-code": "the code has another hash: that it differs is all that is shown.",
    "further-folder": "the folder is missing.",
    "opaque-weights": "the file is missing or has another hash: that it differs is all that is shown.",
    "unreadable": "one side's file is not JSON.",
    "other-file": "the file is missing or has another hash: that it differs is all that is shown.",
}
"""What the witness of each rule shows, as the end of a sentence. A test holds that no rule is missing."""
_LINEAGE = "The lineage record is a statement about the model: no program behaves differently."
_NOTHING = "Neither the libraries nor the files that were compared show it in a way that a short script can repeat."
_OLD_LIBRARY = "It shows with an older version of the library alone, and a witness runs with the installed one."


def candidates(subject: Subject) -> Iterator[Candidate]:
    """Yield everything that may show a change, the best first; nothing where there can be no witness."""
    rule = subject.change.rule
    if subject.path == LINEAGE or _needs_old_library(subject):
        return
    # An adapter's config names its base where PEFT reads it.
    if rule in NO_WITNESS and not subject.path.endswith("adapter_config.json"):
        return
    first = RECIPES.get(rule, ())
    for recipe in dict.fromkeys((*first, changed_setting)):
        yield from recipe(subject)
    if rule not in NO_WITNESS:
        yield from differing_file(subject)


def reason(subject: Subject) -> str:
    """Say why a change has no witness."""
    if subject.path == LINEAGE:
        return _LINEAGE
    if _needs_old_library(subject):
        return _OLD_LIBRARY
    return NO_WITNESS.get(subject.change.rule, _NOTHING)


def _needs_old_library(subject: Subject) -> bool:
    """Return whether the change is what older libraries make of the files, by the table of measured versions."""
    library = subject.change.where.rpartition(":")[2]
    return subject.change.rule == "minimum-library" and library in ("transformers", "peft", "sentence-transformers")
