"""Prove for each setting of a model type that it has no effect at inference, or do not.

Both proofs are required. One is by what the model computes: with another value it computes the same, bit for bit, when
it is built with the same weights and when it is loaded from a folder. The other is by what is read: no line of the
model's code that reads the setting can matter in eval mode (``source``), and while the model is loaded, run and asked
to generate, no other line reads it (``reads``). The second proof finds settings that only show on inputs that nobody
tried.
"""

from __future__ import annotations

import contextlib
import json
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from tests.model.compare.metadata.reads import reads_noted
from tests.model.compare.metadata.source import SourceReader, read_source, shared_sources
from tests.model.compare.metadata.tiny_models import (
    TinyModel,
    build,
    compute_the_same,
    computed,
    model_folder,
    with_inputs,
)

__all__ = ["FORMER", "SWITCHES", "Proof", "aliases", "is_harmless", "model_sources", "other_values", "prove"]

SWITCHES = ("use_cache", "output_attentions", "output_hidden_states", "output_router_logits")
"""Settings that are read and only decide what is returned besides the results: the first proof is enough."""
FORMER = ("pretraining_tp", "gradient_checkpointing", "use_bfloat16", "torchscript", "finetuning_task", "unsloth_fixed")
"""Settings that older versions or other programs wrote, which no current class may have."""
_OTHER_WORDS = ("mean", "sum", "none", "xavier", "relu", "zzz")
_NOT_INFERENCE = (
    *("configuration_", "tokenization_", "processing_", "image_processing_", "video_processing_"),
    *("feature_extraction_", "convert_", "modular_", "__init__"),
)
# What a config says of itself; these have rules of their own.
_NEVER = {"model_type", "architectures", "dtype", "id2label", "label2id", "num_labels", "problem_type"}


@dataclass
class Proof:
    """What was found out about a model type.

    Attributes:
        kind: The model type.
        model: The class that was built; empty if none could be.
        length: Length of the input in tokens; 0 for other inputs.
        keys: Settings with both proofs.
        switches: Those of ``SWITCHES`` that change no result of this type.
        tried: How many settings were candidates for both proofs.
        reads: What this type's code reads in ways that matter, from whatever config.
    """

    kind: str
    model: str = ""
    length: int = 0
    keys: list[str] = field(default_factory=list)
    switches: list[str] = field(default_factory=list)
    tried: int = 0
    reads: list[str] = field(default_factory=list)

    def to_json(self) -> dict[str, Any]:
        """Return plain values."""
        return asdict(self)


def model_sources(kind: str) -> list[SourceReader]:
    """Read the modeling code of a type, with whatever else of its folder runs at inference."""
    folder = model_folder(kind)
    paths = [path for path in sorted(folder.glob("*.py")) if not path.name.startswith(_NOT_INFERENCE)]
    # A few build on the code of another type.
    others = [other for path in paths for other in read_source(path).imported_models()]
    return [read_source(path) for path in dict.fromkeys((*paths, *others))]


def prove(kind: str) -> Proof:
    """Find the settings of a model type that have no effect at inference."""
    proof = Proof(kind)
    sources = model_sources(kind)
    names = {name for source in sources for name in source.names if name.isidentifier()}
    proof.reads = sorted(name for name in names if any(source.matters(name) for source in sources))
    tiny = with_inputs(kind)
    if tiny is None:
        return proof
    proof.model, proof.length = type(tiny.model).__name__, tiny.length
    plain = computed(tiny.model, tiny.inputs)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        tiny.model.save_pretrained(folder)
        seen = _reads_seen(tiny, folder)
        held = [key for key in tiny.config.to_dict() if key[:1] != "_" and key not in _NEVER | set(SWITCHES)]
        candidates = [key for key in held if _is_unread(tiny, key, sources, seen)]
        former = [key for key in FORMER if key not in held and _is_unread(tiny, key, sources, seen)]
        proof.tried = len(candidates)
        proved = {key: values for key in candidates if (values := _values_without_effect(tiny, key, plain))}
        proved |= {key: [True] for key in former}
        proof.keys = sorted(_loaded_the_same(tiny, folder, proved, plain))
    proof.switches = [key for key in SWITCHES if _is_switch(tiny, key, plain)]
    return proof


def aliases(kind_class: Any, key: str) -> list[str]:
    """Return the names under which a setting of a config class can be read."""
    short = [key.removeprefix(prefix) for prefix in ("decoder_", "encoder_") if key.startswith(prefix)]
    return [key, *short, *(alias for alias, name in kind_class.attribute_map.items() if name == key)]


def _reads_seen(tiny: TinyModel, folder: Path) -> dict[str, set[tuple[str, int]]]:
    with reads_noted(type(tiny.config).model_type) as seen:
        loaded = type(tiny.model).from_pretrained(folder).eval()
        computed(loaded, tiny.inputs)
    return dict(seen)


def is_harmless(kind: str, names: list[str]) -> bool:
    """Return whether no code that runs with a model type reads a setting where it could matter, by any of its names."""
    if any(source.matters(name) for source in model_sources(kind) for name in names):
        return False
    if any(source.matters(name, strings=False) for source in shared_sources() for name in names):
        return False
    configs = [read_source(path) for path in sorted(model_folder(kind).glob("configuration_*.py"))]
    return not any(source.reads_own(name) for source in configs for name in names)


def _is_unread(tiny: TinyModel, key: str, sources: list[SourceReader], seen: dict[str, set[tuple[str, int]]]) -> bool:
    names = aliases(type(tiny.config), key)
    if not is_harmless(tiny.kind, names):
        return False
    known = {str(source.path): source for source in (*sources, *shared_sources())}
    places = {place for name in names for place in seen.get(name, ())}
    return all(path in known and any(line in known[path].lines(name) for name in names) for path, line in places)


def _values_without_effect(tiny: TinyModel, key: str, plain: Any) -> list[Any]:
    """Return the other values of a setting with which the model computes the same; empty if any changes something."""
    found = []
    for value in other_values(getattr(tiny.config, key, None)):
        config = _changed(tiny, key, value)
        if config is None:
            continue
        with contextlib.suppress(Exception):
            model = build(type(tiny.model), config, tiny.model.state_dict())
            if not compute_the_same(plain, computed(model, tiny.inputs)):
                return []
            found.append(value)
            continue
        # A value that the class accepts and the model does not is no proof of anything but that it matters.
        return []
    return found


def _changed(tiny: TinyModel, key: str, value: Any) -> Any:
    """Return the config with another value; None if its class refuses that, or derives other settings from it."""
    try:
        before, after = tiny.config_with(), tiny.config_with(**{key: value})
        return after if _all_but(before, key) == _all_but(after, key) else None
    except Exception:
        return None


def _all_but(config: Any, key: str) -> dict[str, str]:
    """Return everything that a config holds, whether it writes it or not, except one setting."""
    held = {**config.to_dict(), **vars(config)}
    return {name: repr(value) for name, value in held.items() if name != key}


def other_values(value: Any) -> Iterator[Any]:
    """Yield some other values of the same kind."""
    match value:
        case bool():
            yield not value
        case int():
            yield from (value + 1, value * 2 + 3)
        case float():
            # Not zero: initial values of no spread divide by it.
            yield from [other for other in (0.875, 0.125, 0.5) if other != value][:2]
        case str():
            yield from (word for word in _OTHER_WORDS if word != value)
        case None:
            yield from (0.25, 2)
        case [*items]:
            yield [*items, *items[-1:]] if items else [1]


def _loaded_the_same(tiny: TinyModel, folder: Path, proved: dict[str, list[Any]], plain: Any) -> list[str]:
    """Return those of the settings with which the model also loads from a folder as before."""
    if _loads(tiny, folder, {key: values[0] for key, values in proved.items()}, plain):
        return list(proved)
    return [key for key, values in proved.items() if _loads(tiny, folder, {key: values[0]}, plain)]


def _loads(tiny: TinyModel, folder: Path, values: dict[str, Any], plain: Any) -> bool:
    path = folder / "config.json"
    held = path.read_text()
    path.write_text(json.dumps({**json.loads(held), **values}))
    try:
        model = type(tiny.model).from_pretrained(folder).eval()
        return compute_the_same(plain, computed(model, tiny.inputs))
    except Exception:
        return False
    finally:
        path.write_text(held)


def _is_switch(tiny: TinyModel, key: str, plain: Any) -> bool:
    """Return whether a switch changes no result, where the type has it."""
    value = getattr(tiny.config, key, False)
    if not isinstance(value, bool):
        return False
    try:
        config = tiny.config_with(**{key: not value})
        model = build(type(tiny.model), config, tiny.model.state_dict())
        return compute_the_same(plain, computed(model, tiny.inputs), logits_only=True)
    except Exception:
        return False


if __name__ == "__main__":
    for name in sys.argv[1:]:
        print(json.dumps(prove(name).to_json()))
