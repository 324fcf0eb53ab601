"""What the files of one side need: each feature that the table knows, recognized in them."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any

from hfver.model.compare.difference import Side
from hfver.model.compare.json_values import printable
from hfver.model.compare.libraries.table import (
    Bound,
    feature_bound,
    layout_of,
    name_bound,
    rope_default,
    version_key,
)
from hfver.model.compare.pair import ParsedSide

__all__ = ["LibraryNeed", "declared_versions", "library_needs", "required_versions", "requirements"]

_TOK, _CONFIG, _ADAPTER = "tokenizer_config.json", "config.json", "adapter_config.json"
_PROCESSOR, _PREPROCESSOR = "processor_config.json", "preprocessor_config.json"


@dataclass(frozen=True)
class LibraryNeed:
    """Something in the files that not every version of a library reads.

    Attributes:
        what: What it is, for people: ``rope_parameters in config.json``.
        bound: From which version on it is read.
        files: The files that show it. Where these are equal on both sides, so is the need.
    """

    what: str
    bound: Bound
    files: tuple[str, ...]


def library_needs(side: ParsedSide) -> tuple[LibraryNeed, ...]:
    """Return everything in the files of a side that older versions of the libraries refuse or misread."""
    finders = (_of_config, _of_tensors, _of_tokenizer, _of_processor, _of_adapter, _of_sentences)
    return tuple(need for finder in finders for need in finder(side))


def declared_versions(side: ParsedSide) -> Mapping[str, Any]:
    """Return ``requires`` of the lineage record, such as ``{transformers: ">=5.1"}``."""
    extra = side.lineage.model_extra or {}
    held = extra.get("requires")
    return {str(key): value for key, value in held.items()} if isinstance(held, dict) else {}


def requirements(side: Side) -> dict[str, str]:
    """Return the minimum of each library that one side needs, by its files and by what its author declares."""
    parsed = ParsedSide(side)
    return required_versions(library_needs(parsed), declared_versions(parsed))


def required_versions(needs: Iterable[LibraryNeed], declared: Mapping[str, Any] | None = None) -> dict[str, str]:
    """Return the minimum of each library: ``{"transformers": ">=5.0.0"}``.

    Args:
        needs: What the files need.
        declared: What the author declares in ``requires`` of the lineage record; the higher one of both applies.
    """
    found: dict[str, str] = {}
    for need in needs:
        library, works = need.bound.library, need.bound.works
        if library not in found or version_key(works) > version_key(found[library]):
            found[library] = f">={works}"
    for library, value in (declared or {}).items():
        text = str(value)
        if library not in found or version_key(text) > version_key(found[library]):
            found[library] = printable(text, 80)
    return dict(sorted(found.items()))


def _need(what: str, bound: Bound | None, *files: str) -> Iterator[LibraryNeed]:
    if bound is not None:
        yield LibraryNeed(printable(what, 160), bound, files)


def _of_config(side: ParsedSide) -> Iterator[LibraryNeed]:
    config = side.object(_CONFIG)
    for place, held in _configs(config):
        yield from _need(
            f"model_type {held.get('model_type')}", name_bound("model_type", held.get("model_type")), _CONFIG
        )
        yield from _of_rope(place, held)
    architectures = config.get("architectures")
    for name in architectures if isinstance(architectures, list) else ():
        yield from _need(f"the class {name}", name_bound("architectures", name), _CONFIG)
    quantization = config.get("quantization_config")
    if isinstance(quantization, dict):
        method = quantization.get("quant_method")
        yield from _need(f"quant_method {method}", name_bound("quant_method", method), _CONFIG)
    # Only its own pattern says something: the other layouts of layers are what older versions compute as well.
    if config.get("model_type") == "gemma3_text" and _has_own_layers(config):
        yield from _need("layer_types in config.json", feature_bound("layer-types"), _CONFIG)


def _configs(config: Mapping[str, Any], place: str = "", depth: int = 0) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield a config and those nested in it, each with its place."""
    yield place, config
    for key, value in config.items():
        if isinstance(value, dict) and "model_type" in value and depth < 4:
            yield from _configs(value, f"{place}{key}.", depth + 1)


def _of_rope(place: str, config: Mapping[str, Any]) -> Iterator[LibraryNeed]:
    scaling, rope = config.get("rope_scaling"), config.get("rope_parameters")
    if isinstance(scaling, dict) and "rope_type" in scaling and "type" not in scaling:
        yield from _need(f"rope_type in {place}rope_scaling", feature_bound("rope-type-key"), _CONFIG)
    if not isinstance(rope, dict):
        return
    if any(isinstance(value, dict) for value in rope.values()):
        yield from _need(f"{place}rope_parameters by type of layer", feature_bound("rope-by-layer-type"), _CONFIG)
    elif not _older_versions_take(rope, config):
        yield from _need(f"{place}rope_parameters in config.json", feature_bound("rope-parameters"), _CONFIG)


_NUMBERS = ("rope_theta", "partial_rotary_factor")


def _older_versions_take(rope: Mapping[str, Any], config: Mapping[str, Any]) -> bool:
    """Return whether a version that does not know ``rope_parameters`` computes the same positions without them."""
    kind = config.get("model_type")
    for key, value in rope.items():
        if key in ("rope_type", "type"):
            if value != "default" and not isinstance(config.get("rope_scaling"), dict):
                return False
        elif key in _NUMBERS and value not in (None, config.get(key, rope_default(kind, key))):
            return False
    return True


def _has_own_layers(config: Mapping[str, Any]) -> bool:
    layers = config.get("layer_types")
    pattern = config.get("sliding_window_pattern", config.get("_sliding_window_pattern", 6))
    if not isinstance(layers, list) or not isinstance(pattern, int) or pattern < 1:
        return False
    return layers != ["sliding_attention" if (at + 1) % pattern else "full_attention" for at in range(len(layers))]


def _of_tensors(side: ParsedSide) -> Iterator[LibraryNeed]:
    kind = side.object(_CONFIG).get("model_type")
    layout = layout_of(kind)
    if layout is None:
        return
    for name, tensor in side.main_tensors.items():
        if re.sub(r"\d+", "N", name) in layout.tensors:
            yield from _need(f"the tensor name {name}", layout.bound, _CONFIG, tensor.file)
            return


def _of_tokenizer(side: ParsedSide) -> Iterator[LibraryNeed]:
    config = side.object(_TOK)
    name = config.get("tokenizer_class")
    known = name.removesuffix("Fast") if isinstance(name, str) else None
    yield from _need(f"tokenizer_class {name}", name_bound("tokenizer_class", known), _TOK)
    if isinstance(config.get("extra_special_tokens"), list):
        bound = feature_bound("extra-special-tokens-list")
        yield from _need("extra_special_tokens as a list", bound, _TOK)
    templates = ("chat_template.jinja", "chat_template.json")
    if templates[0] in side.files and templates[1] not in side.files and not config.get("chat_template"):
        yield from _need("the file chat_template.jinja", feature_bound("chat-template-file"), templates[0], _TOK)
    named = [path for path in side.files if path.startswith("additional_chat_templates/")]
    if named and not isinstance(config.get("chat_template"), list):
        yield from _need("the folder additional_chat_templates", feature_bound("named-template-files"), *named, _TOK)
    yield from _of_tokenizer_json(side, config, known)


def _of_tokenizer_json(side: ParsedSide, config: Mapping[str, Any], known: str | None) -> Iterator[LibraryNeed]:
    path = "tokenizer.json"
    held = side.object(path)
    model = held.get("model")
    merges = model.get("merges") if isinstance(model, dict) else None
    if isinstance(merges, list) and merges and isinstance(merges[0], list):
        yield from _need("merges as pairs in tokenizer.json", feature_bound("merge-pairs"), path)
    bound = feature_bound(f"no-bos-in-file:{known}")
    # Classes of the 4.x series build the post-processor from these flags, whatever the file says.
    if bound and held and config.get("add_bos_token") is None and held.get("post_processor") is None:
        yield from _need(f"{known} without a post-processor", bound, path, _TOK)


def _of_processor(side: ParsedSide) -> Iterator[LibraryNeed]:
    processor = side.object(_PROCESSOR)
    for part, feature in (
        ("image_processor", "nested-image-processor"),
        ("feature_extractor", "nested-feature-extractor"),
    ):
        held = processor.get(part)
        if isinstance(held, dict) and _PREPROCESSOR not in side.files:
            yield from _need(f"{part} in {_PROCESSOR}", feature_bound(feature), _PROCESSOR)
        for path, place in ((_PROCESSOR, held), (_PREPROCESSOR, side.object(_PREPROCESSOR))):
            name = place.get(f"{part}_type") if isinstance(place, dict) else None
            if isinstance(name, str):
                yield from _need(f"{part}_type {name}", name_bound(f"{part}_type", name.removesuffix("Fast")), path)


_NO_EFFECT = {
    *("peft_version", "inference_mode", "lora_dropout", "megatron_core", "megatron_config", "loftq_config"),
    *("eva_config", "corda_config", "lora_ga_config", "ensure_weight_tying", "qalora_group_size"),
}
"""Settings of LoRA that change nothing after training, or only together with another one."""


def _of_adapter(side: ParsedSide) -> Iterator[LibraryNeed]:
    config = side.object(_ADAPTER)
    kind = config.get("peft_type")
    yield from _need(f"peft_type {kind}", name_bound("peft_type", kind), _ADAPTER)
    ignoring = feature_bound("adapter-key")
    for key, value in config.items() if kind == "LORA" and ignoring else ():
        bound = name_bound("lora_setting", key)
        if bound is None:
            continue
        # Versions from this one on ignore a key that they do not know: that is only wrong if it has an effect.
        if key in _NO_EFFECT or value in (None, False, "", [], {}):
            bound = min(bound, ignoring, key=lambda one: version_key(one.works))
        yield from _need(f"{key} in {_ADAPTER}", bound, _ADAPTER)


def _of_sentences(side: ParsedSide) -> Iterator[LibraryNeed]:
    listed = side.json("modules.json")
    kind = side.object("config_sentence_transformers.json").get("model_type")
    # A cross-encoder is loaded through its config.json by versions that do not know these files.
    if not isinstance(listed, list) or kind == "CrossEncoder":
        return
    transformer = "sentence_bert_config.json"
    if any(key in side.object(transformer) for key in ("transformer_task", "modality_config")):
        yield from _need(f"transformer_task in {transformer}", feature_bound("transformer-task"), transformer)
    for module in (module for module in listed if isinstance(module, dict)):
        name = module.get("type")
        yield from _need(f"the module {name}", name_bound("module_type", name), "modules.json")
        folder = module.get("path")
        path = str(PurePosixPath(folder, _CONFIG)) if isinstance(folder, str) and folder else ""
        held = side.object(path) if path else {}
        if isinstance(name, str) and name.endswith(".Pooling") and "embedding_dimension" in held:
            yield from _need(f"pooling_mode in {path}", feature_bound("pooling-mode"), path)
        if isinstance(name, str) and name.endswith(".Dense") and "module_input_name" in held:
            yield from _need(f"module_input_name in {path}", feature_bound("dense-names"), path)
