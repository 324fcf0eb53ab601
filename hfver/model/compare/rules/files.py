"""Rules on files: code, documents, files that were only rewritten, and files that no other rule can read."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath

from hfver.core.manifest import CARD
from hfver.core.version import Bump
from hfver.model.compare.compared_files import is_compared_name
from hfver.model.compare.folders import further_folder
from hfver.model.compare.json_values import printable, same_value
from hfver.model.compare.keys import match_setting
from hfver.model.compare.loaded_tokenizers import loaded_comparison
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.settings import all_settings, is_compared_by_setting
from hfver.model.compare.template_changes import template_changes
from hfver.model.compare.tokenizer_state import LEGACY, TOKENIZER, read_tokenizer

# By name only: what a file contains is up to its author, and what loads it goes by the name.
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


def _what_happened(pair: Pair, path: str) -> str:
    if path not in pair.before.files:
        return "was added"
    return "changed" if path in pair.after.files else "was removed"


def _code(pair: Pair) -> Iterable[RuleMatch]:
    for path in pair.changed_files:
        if _CODE.fullmatch(path):
            message = (
                f"The code in {printable(path)} {_what_happened(pair, path)}: users who trust this repo's code have to "
                "review it again."
            )
            yield RuleMatch(path, message)
    for setting in all_settings(pair):
        if setting.rule == "remote-code":
            yield match_setting(setting, "loading the model now runs code that may not have been reviewed.")


remote_code = Rule(
    "remote-code",
    Bump.MAJOR,
    change="`auto_map` or a `*.py` file changed",
    breaks="code reviews",
    seen="file digests",
    example=(
        "A line was added to `modeling_custom.py`.",
        "Users who reviewed the code and load it with trust_remote_code now run code that nobody reviewed.",
    ),
    detect=_code,
)


def _unreadable(pair: Pair) -> Iterable[RuleMatch]:
    for path in pair.changed_files:
        if not (path.endswith(".json") and is_compared_name(path)):
            continue
        name = printable(path)
        for side, verb in ((pair.before, "could not"), (pair.after, "cannot")):
            if problem := printable(side.problem(path) or ""):
                message = f"{name} {verb} be read ({problem}), so nobody knows what it means to loaders."
                yield RuleMatch(path, message, note=f"{side.name}: {name} could not be read: {problem}.")


unreadable = Rule(
    "unreadable",
    Bump.MAJOR,
    change="a config, tokenizer or template file that cannot be read",
    breaks="loaders",
    seen="the file",
    example=(
        "`config.json` ends in the middle of a line.",
        "No loader can read it, and nobody can tell what changed in it.",
    ),
    detect=_unreadable,
)


def _docs(pair: Pair) -> Iterable[RuleMatch]:
    old, new = pair.before.documents, pair.after.documents
    for path in sorted(old.keys() | new.keys()):
        # A release writes a changelog and lineage, and a card for a folder without one: none of them can be missed in a
        # folder that is compared with a release.
        known = (path in old and path in new) or (path == CARD and not _is_unreleased(old, new))
        if known and old.get(path) != new.get(path):
            happened = "was added" if path not in old else "changed" if path in new else "was removed"
            yield RuleMatch(path, f"{printable(path)} {happened}; it has no effect on the model's output.")


def _is_unreleased(one: Mapping[str, str], other: Mapping[str, str]) -> bool:
    """Return whether one side has no documents, and the other has more than a card: it is a release."""
    return (not one and len(other) > 1) or (not other and len(one) > 1)


def _explain_document(pair: Pair, path: str) -> RuleMatch | None:
    if not _DOCS.fullmatch(path):
        return None
    return RuleMatch(path, f"{printable(path)} {_what_happened(pair, path)}; it has no effect on the model's output.")


docs = Rule(
    "docs",
    Bump.PATCH,
    change="card, changelog, evaluation results, lineage filled in later, pictures, license texts",
    breaks="nobody",
    seen="list of known paths",
    example=(
        "The card explains the intended use better.",
        "No program notices.",
    ),
    detect=_docs,
    explain=_explain_document,
)


def _explain_rewritten(pair: Pair, path: str) -> RuleMatch | None:
    broken = path.endswith(".json") and (pair.before.problem(path) or pair.after.problem(path))
    if broken or not _means_the_same(pair, path):
        return None
    return RuleMatch(path, f"{printable(path)} {_what_happened(pair, path)}, but the effective values are the same.")


def _means_the_same(pair: Pair, path: str) -> bool:
    """Return whether rules have compared all of a file and found nothing, or its values are equal."""
    if is_compared_by_setting(pair, path) or PurePosixPath(path).name in LEGACY or _is_loaded_alike(pair, path):
        return True
    if any(change.kind == "rewritten" and path in change.files for change in template_changes(pair)):
        return True
    if path == TOKENIZER:
        return read_tokenizer(pair.before) is not None and read_tokenizer(pair.after) is not None
    is_json = path.endswith(".json") and all(side.content(path) is not None for side in (pair.before, pair.after))
    return is_json and same_value(pair.before.json(path), pair.after.json(path))


def _is_loaded_alike(pair: Pair, path: str) -> bool:
    """Return whether a file belongs to tokenizers that were loaded, and whose states are equal."""
    loaded = loaded_comparison(pair, str(PurePosixPath(path).parent))
    return loaded is not None and path in loaded.paths and loaded.is_equal


rewritten = Rule(
    "rewritten",
    Bump.PATCH,
    change="a file's bytes changed and its meaning did not: key order, indentation, spelled-out defaults, a legacy key"
    " name, an id as a list of one, comments in a chat template",
    breaks="nobody",
    seen="equal values, different digests",
    example=(
        "`torch_dtype` in config.json is now called `dtype`.",
        "Nobody notices: current loaders read both.",
    ),
    explain=_explain_rewritten,
)


def _explain_opaque(pair: Pair, path: str) -> RuleMatch | None:
    if not _WEIGHTS.fullmatch(path):
        return None
    name = printable(path)
    # A file that was not there before cannot have been relied on.
    if path not in pair.before.files:
        return RuleMatch(path, f"{name} was added: weights for a further runtime.", level=Bump.MINOR)
    return RuleMatch(
        path,
        f"{name} {_what_happened(pair, path)}: it contains weights that hfver cannot read, so this counts as breaking."
        f' If only the values changed, declare "{name}" = "minor" under [rules] in hfver.toml.',
        note=f"{name}: hfver reads only safetensors weights, so the higher level was taken.",
    )


opaque_weights = Rule(
    "opaque-weights",
    Bump.MAJOR,
    change="weights in a format that hfver does not read (GGUF, ONNX, …) changed or were removed",
    breaks="users of that runtime",
    seen="file digests",
    levels="minor where such a file was added",
    example=(
        "The digest of `model-Q4_K_M.gguf` changed.",
        "It may be the next epoch, or a different tokenizer and template: nobody can tell from outside.",
    ),
    declare='`"opaque-weights" = "minor"` if your GGUF files are always made from the released weights in one way.',
    explain=_explain_opaque,
)


def _explain_other(pair: Pair, path: str) -> RuleMatch | None:
    name = printable(path)
    if path not in pair.before.files:
        message = f"{name} was added: no rule knows this kind of file, but nobody can depend on it yet."
        return RuleMatch(path, message, level=Bump.MINOR)
    return RuleMatch(
        path,
        f"{name} {_what_happened(pair, path)}: no rule knows what reads it, so this counts as breaking. If it breaks"
        f' nobody, declare "{name}" = "patch" or "minor" under [rules] in hfver.toml.',
    )


other_file = Rule(
    "other-file",
    Bump.MAJOR,
    change="a file that no rule knows changed or was removed",
    breaks="code that reads it",
    seen="file digests",
    levels="minor where the file was added",
    example=(
        "`index_to_country.csv` was removed.",
        "A program that reads it stops working.",
    ),
    declare='Give the file a level of its own: `"index_to_country.csv" = "minor"`.',
    explain=_explain_other,
)


# The last rule explains every file, so it has to stay the last.
RULES = (remote_code, further_folder, rewritten, docs, opaque_weights, unreadable, other_file)
