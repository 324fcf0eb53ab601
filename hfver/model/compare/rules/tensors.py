"""Rules on the weights, from headers and digests: names, shapes, types, and which bytes moved."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence

from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from hfver.model.compare.json_values import shown
from hfver.model.compare.keys import finding
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.settings import all_settings

_HEAD = re.compile(r"(.*\.)?(lm_head|embed_out|output_projection|predictions\.decoder|lm_head\.decoder)\.weight")
_EMBEDDING = re.compile(
    r"(.*\.)?(embed_tokens|wte|word_embeddings|tok_embeddings|embed_in|shared|embeddings?|lm_head|embed_out|decoder"
    r"|output|predictions)\.(weight|bias)"
)


def is_head(name: str) -> bool:
    """Tell whether a tensor turns hidden states into tokens, and may be tied to the embedding."""
    return bool(_HEAD.fullmatch(name))


def _names(pair: Pair) -> Iterable[Finding]:
    old, new = pair.before.main_tensors, pair.after.main_tensors
    if not old and not new:
        return
    for gone, names, held in ((True, old.keys() - new.keys(), old), (False, new.keys() - old.keys(), new)):
        rest = sorted(name for name in names if not is_head(name))
        if rest:
            yield _listed(rest, held, "went" if gone else "came", "adapters and mergers find tensors by name.")


def _listed(names: Sequence[str], held: Mapping[str, Tensor], verb: str, consequence: str) -> Finding:
    files = tuple(sorted({held[name].file for name in names}))
    what = sample(names)
    before, after = (what, None) if verb == "went" else (None, what)
    message = f"{count(names)} {verb} ({what}): {consequence}"
    return Finding(f"{files[0]}:{shown(names[0], 240)}", message, before, after, files=files)


def count(names: Sequence[str]) -> str:
    """Say how many tensors there are."""
    return f"{len(names)} tensor{'' if len(names) == 1 else 's'}"


def sample(names: Sequence[str]) -> str:
    """Name the first three."""
    return ", ".join(shown(name, 80) for name in names[:3]) + (" …" if len(names) > 3 else "")


tensor_names = rule(
    "tensor-names",
    Bump.MAJOR,
    change="tensors added or removed, ignoring how they are sharded",
    breaks="LoRA targets, mergers",
    seen="headers",
    example=(
        "`model.layers.0.self_attn.q_proj.bias` appears.",
        "A LoRA adapter or a merge recipe that goes by names misses it, and the loader of an old stack ignores it.",
    ),
)(_names)


def _files_of(pair: Pair, names: Iterable[str]) -> tuple[str, ...]:
    return tuple(sorted({tensor.file for name in names for tensor in pair.shared[name]}))


def _grows(old: Tensor, new: Tensor) -> bool:
    """Tell whether only the rows of an embedding differ."""
    return bool(_EMBEDDING.fullmatch(old.name)) and old.shape[1:] == new.shape[1:] and len(old.shape) == len(new.shape)


def _reshaped(pair: Pair) -> list[str]:
    return [name for name, (old, new) in pair.shared.items() if old.shape != new.shape]


def _shapes(pair: Pair) -> Iterable[Finding]:
    names = [name for name in _reshaped(pair) if not _grows(*pair.shared[name])]
    if names:
        yield _of_form(pair, names, "shape", "adapters and merges made for the old shape do not fit.")


def _of_form(pair: Pair, names: Sequence[str], what: str, consequence: str) -> Finding:
    old, new = pair.shared[names[0]]
    before, after = (list(tensor.shape) if what == "shape" else tensor.dtype for tensor in (old, new))
    message = f"{count(names)} changed {what}, {shown(names[0], 120)} from {before} to {after}: {consequence}"
    return Finding(f"{new.file}:{shown(names[0], 240)}", message, before, after, files=_files_of(pair, names))


tensor_shape = rule(
    "tensor-shape",
    Bump.MAJOR,
    change="a tensor's shape",
    breaks="LoRA targets, mergers",
    seen="headers",
    example=(
        "`mlp.up_proj.weight` goes from 11008 × 4096 to 14336 × 4096.",
        "An adapter trained on the old weights fails with a size mismatch.",
    ),
)(_shapes)


def _tied(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "tied-embeddings":
            yield finding(setting, "a loader that ties otherwise gets a random or a wrong head, silently.")
    old, new = pair.before.main_tensors, pair.after.main_tensors
    for gone, names, held in ((True, old.keys() - new.keys(), old), (False, new.keys() - old.keys(), new)):
        heads = sorted(name for name in names if is_head(name))
        if heads:
            yield _listed(heads, held, "went" if gone else "came", "a missing or ignored head is random or wrong.")


tied_embeddings = rule(
    "tied-embeddings",
    Bump.MAJOR,
    change="tie_word_embeddings, or an lm_head that comes or goes",
    breaks="a silently random head",
    seen="config + headers",
    example=(
        "`tie_word_embeddings` goes from true to false, and no `lm_head.weight` is stored.",
        "The model loads with a warning and a random head: every answer is gibberish (transformers#43429).",
    ),
)(_tied)


def _vocabulary(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "vocab-size":
            yield finding(setting, "adapters and fine-tunes made for the old vocabulary do not fit.")
    names = [name for name in _reshaped(pair) if _grows(*pair.shared[name])]
    if names:
        yield _of_form(
            pair, names, "shape", "the vocabulary has another number of rows, and older adapters do not fit."
        )


vocab_size = rule(
    "vocab-size",
    Bump.MAJOR,
    change="vocab_size or embedding rows",
    breaks="older fine-tunes, adapters",
    seen="config + headers",
    example=(
        "`vocab_size` goes from 32000 to 32064.",
        "An adapter with a trained embedding fails with a size mismatch (transformers#13264).",
    ),
)(_vocabulary)


def _types(pair: Pair) -> Iterable[Finding]:
    names = [name for name, (old, new) in pair.shared.items() if old.dtype != new.dtype]
    if names:
        yield _of_form(pair, names, "dtype", "memory needs change, and fp16 may overflow where bf16 did not.")
    for setting in all_settings(pair):
        if setting.rule == "dtype":
            yield finding(setting, "the model computes in another type, with other memory needs and other rounding.")


dtype = rule(
    "dtype",
    Bump.MAJOR,
    change="stored dtype of the weights",
    breaks="memory, fp16 overflow",
    seen="headers",
    example=(
        "The weights go from BF16 to F32.",
        "A GPU that held the model runs out of memory.",
    ),
)(_types)

RULES = (tensor_names, tensor_shape, tied_embeddings, vocab_size, dtype)
