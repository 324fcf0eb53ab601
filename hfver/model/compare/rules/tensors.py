"""Rules on what the headers of the weights say: names, shapes and dtypes of tensors."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from hfver.core.plural import counted
from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from hfver.model.compare.json_values import printable
from hfver.model.compare.keys import match_setting
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.settings import all_settings

_HEAD = re.compile(r"(.*\.)?(lm_head|embed_out|output_projection|predictions\.decoder|lm_head\.decoder)\.weight")
_EMBEDDING = re.compile(
    r"(.*\.)?(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|shared|embeddings?|lm_head|embed_out|decoder"
    r"|output|predictions)\.(weight|bias)"
)


def is_head(name: str) -> bool:
    """Return whether a tensor maps hidden states to tokens, and so may be tied to the embedding."""
    return bool(_HEAD.fullmatch(name))


def first_names(names: Sequence[str]) -> str:
    """List up to three names, and show that there are more."""
    return ", ".join(printable(name, 80) for name in names[:3]) + (" …" if len(names) > 3 else "")


def _names(pair: Pair) -> Iterable[RuleMatch]:
    # Heads are left to the rule on tied embeddings, which can say what a missing one means.
    old, new = pair.before.main_tensors, pair.after.main_tensors
    removed = sorted(name for name in old.keys() - new.keys() if not is_head(name))
    if removed:
        yield _match_removed(removed, old, "adapters and merge recipes look up tensors by name.")
    added = sorted(name for name in new.keys() - old.keys() if not is_head(name))
    if added:
        yield _match_added(added, new, "adapters and merge recipes look up tensors by name.")


def _match_removed(names: Sequence[str], held: Mapping[str, Tensor], consequence: str) -> RuleMatch:
    return _match_names(names, held, f"removed ({first_names(names)}): {consequence}", before=first_names(names))


def _match_added(names: Sequence[str], held: Mapping[str, Tensor], consequence: str) -> RuleMatch:
    return _match_names(names, held, f"added ({first_names(names)}): {consequence}", after=first_names(names))


def _match_names(
    names: Sequence[str], held: Mapping[str, Tensor], rest: str, before: str | None = None, after: str | None = None
) -> RuleMatch:
    # A match explains every file that holds one of the tensors, so that none is reported again as unknown.
    files = tuple(sorted({held[name].file for name in names}))
    message = f"{counted(len(names), 'tensor')} {'was' if len(names) == 1 else 'were'} {rest}"
    return RuleMatch(f"{files[0]}:{printable(names[0], 240)}", message, before, after, files=files)


tensor_names = Rule(
    "tensor-names",
    Bump.MAJOR,
    change="tensors added or removed, however they are sharded",
    breaks="LoRA targets, merge recipes",
    seen="headers",
    example=(
        "`model.layers.0.self_attn.q_proj.bias` appears.",
        "A LoRA adapter or a merge recipe that selects tensors by name misses it, and older loaders ignore it.",
    ),
    detect=_names,
)


def _grows(old: Tensor, new: Tensor) -> bool:
    """Return whether only the number of an embedding's rows differs."""
    return bool(_EMBEDDING.fullmatch(old.name)) and old.shape[1:] == new.shape[1:] and len(old.shape) == len(new.shape)


def _reshaped(pair: Pair) -> list[str]:
    return [name for name, (old, new) in pair.shared_tensors.items() if old.shape != new.shape]


def _shapes(pair: Pair) -> Iterable[RuleMatch]:
    # Embeddings that only gain or lose rows are left to the rule on the vocabulary.
    names = [name for name in _reshaped(pair) if not _grows(*pair.shared_tensors[name])]
    if names:
        yield _match_shape(pair, names, "adapters and merge recipes for the old shape do not fit.")


def _match_shape(pair: Pair, names: Sequence[str], consequence: str) -> RuleMatch:
    old, new = pair.shared_tensors[names[0]]
    return _match_form(pair, names, "shape", (list(old.shape), list(new.shape)), consequence)


def _match_form(pair: Pair, names: Sequence[str], what: str, first: tuple[Any, Any], consequence: str) -> RuleMatch:
    """Report tensors whose shape or dtype changed, with the values of the first one."""
    before, after = first
    name = printable(names[0], 120)
    if len(names) == 1:
        message = f"The {what} of {name} changed from {before} to {after}: {consequence}"
    else:
        message = f"The {what} of {len(names)} tensors changed ({name}: from {before} to {after}): {consequence}"
    files = tuple(sorted({tensor.file for name in names for tensor in pair.shared_tensors[name]}))
    where = f"{pair.shared_tensors[names[0]][1].file}:{printable(names[0], 240)}"
    return RuleMatch(where, message, before, after, files=files)


tensor_shape = Rule(
    "tensor-shape",
    Bump.MAJOR,
    change="a tensor's shape changed",
    breaks="LoRA targets, merge recipes",
    seen="headers",
    example=(
        "The shape of `mlp.up_proj.weight` changes from 11008 × 4096 to 14336 × 4096.",
        "An adapter trained on the old weights fails with a size mismatch.",
    ),
    detect=_shapes,
)


def _tied(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        # Loading succeeds and every answer is wrong, so even a change of the flag alone is breaking.
        if setting.rule == "tied-embeddings":
            yield match_setting(setting, "loaders that tie weights differently get a random or wrong head, silently.")
    old, new = pair.before.main_tensors, pair.after.main_tensors
    removed = sorted(name for name in old.keys() - new.keys() if is_head(name))
    if removed:
        yield _match_removed(removed, old, "a loader that does not tie the embeddings starts with a random head.")
    added = sorted(name for name in new.keys() - old.keys() if is_head(name))
    if added:
        yield _match_added(added, new, "a loader that ties the embeddings ignores it and uses the wrong head.")


tied_embeddings = Rule(
    "tied-embeddings",
    Bump.MAJOR,
    change="`tie_word_embeddings` changed, or an `lm_head` was added or removed",
    breaks="answers, without an error",
    seen="config + headers",
    example=(
        "`tie_word_embeddings` changes from true to false, and no `lm_head.weight` is stored.",
        "The model loads with a warning and a random head: every answer is gibberish (transformers#43429).",
    ),
    detect=_tied,
)


def _vocabulary(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "vocab-size":
            yield match_setting(setting, "adapters and fine-tuned models with the old vocabulary do not fit.")
    names = [name for name in _reshaped(pair) if _grows(*pair.shared_tensors[name])]
    if names:
        yield _match_shape(pair, names, "the vocabulary has a different number of rows, and older adapters do not fit.")


vocab_size = Rule(
    "vocab-size",
    Bump.MAJOR,
    change="`vocab_size` or the number of embedding rows changed",
    breaks="older fine-tuned models, adapters",
    seen="config + headers",
    example=(
        "`vocab_size` changes from 32000 to 32064.",
        "An adapter with a trained embedding fails with a size mismatch (transformers#13264).",
    ),
    detect=_vocabulary,
)


def _types(pair: Pair) -> Iterable[RuleMatch]:
    names = [name for name, (old, new) in pair.shared_tensors.items() if old.dtype != new.dtype]
    if names:
        old, new = pair.shared_tensors[names[0]]
        consequence = "the model needs a different amount of memory, and fp16 can overflow where bf16 does not."
        yield _match_form(pair, names, "dtype", (old.dtype, new.dtype), consequence)
    for setting in all_settings(pair):
        if setting.rule == "dtype":
            yield match_setting(setting, "the model computes with this dtype, so memory needs and rounding change.")


dtype = Rule(
    "dtype",
    Bump.MAJOR,
    change="the stored dtype of the weights changed",
    breaks="memory limits; fp16 may overflow",
    seen="headers",
    example=(
        "The weights change from BF16 to F32.",
        "A GPU that could hold the model runs out of memory.",
    ),
    detect=_types,
)

RULES = (tensor_names, tensor_shape, tied_embeddings, vocab_size, dtype)
