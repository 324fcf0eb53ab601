"""Rules on files: code, documents, files that only look different, and files that no rule can read."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import replace
from pathlib import PurePosixPath

from hfver.core.manifest import CARD
from hfver.core.version import Bump
from hfver.model.compare.json_values import same, shown
from hfver.model.compare.keys import finding
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, Rule, rule
from hfver.model.compare.settings import all_settings, is_owned
from hfver.model.compare.sides import wanted_name
from hfver.model.compare.vocabulary import LEGACY, TOKENIZER, vocabulary

_CODE = re.compile(r".*\.(py|pyc|pyd|pyx|so|dylib|dll|js|sh|ipynb|jar|wasm)", re.IGNORECASE)
_DOCS = re.compile(
    r"(.*/)?((README|CHANGELOG|LICEN[CS]E|NOTICE|COPYING|AUTHORS|CITATION|USE_POLICY)([._-][\w.-]*)?|\.gitattributes"
    r"|\.gitignore|[^/]*\.(md|rst|pdf|png|jpe?g|gif|svg|webp|mp4|bib|cff)|(all|eval|train|test|predict)_results\.json"
    r"|[^/]*results[^/]*\.json|model_index_metrics\.json|training_info\.json|trainer_log\.jsonl)",
    re.IGNORECASE,
)
_WEIGHTS = re.compile(
    r".*\.(gguf|ggml|onnx|onnx_data|tflite|h5|hdf5|msgpack|bin|pt|pth|ckpt|pkl|npz|npy|engine|plan|mlmodel|mlpackage"
    r"|mar|pb|xml|nemo|safetensors|trt|pte|llamafile|ot|data)",
    re.IGNORECASE,
)


def verb_of(pair: Pair, path: str) -> str:
    """Say what happened to a file: came, went or differs."""
    if path not in pair.before.side.files:
        return "came"
    return "differs" if path in pair.after.side.files else "went"


def _code(pair: Pair) -> Iterable[Finding]:
    for path in pair.changed:
        if _CODE.fullmatch(path):
            message = (
                f"The program {shown(path)} {verb_of(pair, path)}: whoever trusts this repo's code reviews it anew."
            )
            yield Finding(path, message)
    for setting in all_settings(pair):
        if setting.rule == "remote-code":
            yield finding(setting, "loading it runs other code than was reviewed.")


remote_code = rule(
    "remote-code",
    Bump.MAJOR,
    change="auto_map or a *.py file",
    breaks="code reviewers",
    seen="file digests",
    example=(
        "`modeling_custom.py` has another line.",
        "Whoever reviewed the code and loads it with trust_remote_code runs what nobody reviewed.",
    ),
)(_code)


def _unreadable(pair: Pair) -> Iterable[Finding]:
    for path in pair.changed:
        if not (path.endswith(".json") and wanted_name(path)):
            continue
        for view, when in ((pair.before, "was"), (pair.after, "is")):
            problem = view.problem(path)
            if problem:
                message = f"{shown(path)} {when} unreadable ({shown(problem)}): what it means to loaders is not known."
                yield Finding(
                    path, message, note=f"{view.side.name}: {shown(path)} could not be read: {shown(problem)}."
                )


unreadable = rule(
    "unreadable",
    Bump.MAJOR,
    change="a config, tokenizer or template file that cannot be read",
    breaks="loaders",
    seen="the file",
    example=(
        "`config.json` ends in the middle of a line.",
        "No loader can read it, and nothing can be said of what changed in it.",
    ),
)(_unreadable)


def _docs(pair: Pair) -> Iterable[Finding]:
    old, new = pair.before.side.documents, pair.after.side.documents
    for path in sorted(old.keys() | new.keys()):
        known = (path in old and path in new) or (path == CARD and bool(old) and bool(new))
        if known and old.get(path) != new.get(path):
            yield Finding(path, f"{shown(path)} reads otherwise; nothing that computes does.")


def _sweep_docs(pair: Pair, path: str) -> Finding | None:
    if not _DOCS.fullmatch(path):
        return None
    return Finding(path, f"{shown(path)} {verb_of(pair, path)}; nothing that computes reads it.")


docs = replace(
    rule(
        "docs",
        Bump.PATCH,
        change="card, changelog, evaluation results, lineage filled in later, pictures, licence texts",
        breaks="nobody",
        seen="path allow list",
        example=(
            "The card explains the intended use better.",
            "Nobody's program notices.",
        ),
    )(_docs),
    sweep=_sweep_docs,
)


def _sweep_rewritten(pair: Pair, path: str) -> Finding | None:
    broken = path.endswith(".json") and (pair.before.problem(path) or pair.after.problem(path))
    if broken or not _means_the_same(pair, path):
        return None
    return Finding(path, f"{shown(path)} {verb_of(pair, path)} in its bytes, and all that it says stands.")


def _means_the_same(pair: Pair, path: str) -> bool:
    """Tell whether rules looked at all that a file says and found nothing, or its values are equal."""
    if is_owned(pair, path) or PurePosixPath(path).name in LEGACY:
        return True
    if path == TOKENIZER:
        return vocabulary(pair.before) is not None and vocabulary(pair.after) is not None
    is_json = path.endswith(".json") and all(path in view.side.texts for view in (pair.before, pair.after))
    return is_json and same(pair.before.json(path), pair.after.json(path))


rewritten = Rule(
    "rewritten",
    Bump.PATCH,
    change="a file's bytes differ and its meaning does not: key order, indentation, spelled-out defaults, a legacy key"
    " name, an id as list of one",
    breaks="nobody",
    seen="values equal, digests not",
    example=(
        "`torch_dtype` in config.json is now called `dtype`.",
        "Nobody notices: today's loaders read both.",
    ),
    sweep=_sweep_rewritten,
)


def _sweep_opaque(pair: Pair, path: str) -> Finding | None:
    if not _WEIGHTS.fullmatch(path):
        return None
    if path not in pair.before.side.files:
        return Finding(path, f"{shown(path)} came: weights for another runtime, beside the others.", level=Bump.MINOR)
    return Finding(
        path,
        f"{shown(path)} {verb_of(pair, path)}: it holds weights that hfver does not read, so it counts as breaking; if"
        f' only its values moved, declare "{shown(path)}" = "minor" under [rules] in hfver.toml.',
        note=f"{shown(path)}: hfver reads no weights but safetensors, so the higher level was taken.",
    )


opaque_weights = Rule(
    "opaque-weights",
    Bump.MAJOR,
    change="weights in a format that hfver does not read (GGUF, ONNX, …) differ or go",
    breaks="that runtime's users",
    seen="file digests",
    levels="minor where such a file is new",
    example=(
        "`model-Q4_K_M.gguf` has another digest.",
        "It may be the next epoch, or another tokenizer and template: from outside nobody can say.",
    ),
    declare='`"opaque-weights" = "minor"` if your GGUF files are always made from the released weights in one way.',
    sweep=_sweep_opaque,
)


def _sweep_other(pair: Pair, path: str) -> Finding | None:
    name = shown(path)
    if path not in pair.before.side.files:
        return Finding(path, f"{name} came: a file that no rule knows, which nobody can rely on yet.", level=Bump.MINOR)
    return Finding(
        path,
        f"{name} {verb_of(pair, path)}: no rule knows what reads it, so it counts as breaking; if that breaks nobody,"
        f' declare "{name}" = "patch" or "minor" under [rules] in hfver.toml.',
    )


other_file = Rule(
    "other-file",
    Bump.MAJOR,
    change="a file that no rule knows differs or goes",
    breaks="whoever reads it",
    seen="file digests",
    levels="minor where the file is new",
    example=(
        "`index_to_country.csv` is gone.",
        "A program that reads it stops.",
    ),
    declare='Give the file a level of its own: `"index_to_country.csv" = "minor"`.',
    sweep=_sweep_other,
)


RULES = (remote_code, rewritten, docs, opaque_weights, unreadable, other_file)
