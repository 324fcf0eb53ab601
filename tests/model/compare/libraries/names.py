"""Print which names the libraries of this environment know: ``python names.py LIBRARY``.

The last line of the output is a JSON object. For sentence-transformers, standard input has class paths to try. The file
runs with versions that are years apart, and imports nothing from hfver.
"""

from __future__ import annotations

import contextlib
import dataclasses
import importlib
import io
import json
import pkgutil
import re
import sys
import warnings
from typing import Any

_CLASSES = {
    "tokenizer_class": r"\w+Tokenizer|TokenizersBackend|PythonBackend|SentencePieceBackend|MistralCommonBackend",
    "image_processor_type": r"\w+ImageProcessor",
    "feature_extractor_type": r"\w+FeatureExtractor",
}


def of_transformers() -> dict[str, Any]:
    """Return model types with their classes, classes of tokenizers and processors, quantizations and rope defaults."""
    import transformers
    from transformers.models.auto import modeling_auto
    from transformers.models.auto.configuration_auto import CONFIG_MAPPING, CONFIG_MAPPING_NAMES  # type: ignore[attr-defined]
    from transformers.quantizers.auto import AUTO_QUANTIZATION_CONFIG_MAPPING

    # Loaders of the 4.x series take either name of a tokenizer or image processor, with "Fast" or without.
    names = {name.removesuffix("Fast") for name in dir(transformers) if not name.startswith("_")}
    found: dict[str, Any] = {
        kind: sorted(name for name in names if re.fullmatch(pattern, name)) for kind, pattern in _CLASSES.items()
    }
    found["model_type"] = sorted(CONFIG_MAPPING_NAMES)
    found["quant_method"] = sorted({re.sub("_[48]bit$", "", name) for name in AUTO_QUANTIZATION_CONFIG_MAPPING})
    architectures: dict[str, str] = {}
    for table, held in vars(modeling_auto).items():
        if table.startswith("MODEL_") and table.endswith("_MAPPING_NAMES"):
            for kind, classes in held.items():
                for name in [classes] if isinstance(classes, str) else classes:
                    architectures[name] = kind
    found["architectures"] = architectures
    defaults: dict[str, dict[str, float]] = {}
    for kind in sorted(CONFIG_MAPPING_NAMES):
        with contextlib.suppress(Exception):
            held = CONFIG_MAPPING[kind]()
            for key in ("rope_theta", "partial_rotary_factor"):
                value = getattr(held, key, None)
                if isinstance(value, (int, float)):
                    defaults.setdefault(kind, {})[key] = float(value)
    found["rope_defaults"] = defaults
    return found


def of_peft() -> dict[str, Any]:
    """Return the kinds of adapters and the settings of LoRA."""
    import peft

    fields = {field.name for field in dataclasses.fields(peft.LoraConfig)} - {"runtime_config"}
    return {"peft_type": sorted(kind.value for kind in peft.PeftType), "lora_setting": sorted(fields)}


def of_sentence_transformers(paths: list[str] | None) -> dict[str, Any]:
    """Return the paths of module classes that this version writes, or those of the given ones that it can import."""
    import sentence_transformers

    if paths is not None:
        return {"module_type": [path for path in paths if _importable(path)]}
    import torch

    found = set()
    for module in pkgutil.walk_packages(sentence_transformers.__path__, "sentence_transformers."):
        if any(part in module.name for part in (".losses", ".evaluation", ".datasets", ".readers")):
            continue
        with contextlib.suppress(Exception):
            held = vars(importlib.import_module(module.name))
            found |= {
                f"{module.name}.{name}"
                for name, value in held.items()
                if isinstance(value, type) and issubclass(value, torch.nn.Module) and hasattr(value, "load")
                if value.__module__ == module.name or module.name.endswith((".models", ".modules"))
                if value.__module__.startswith("sentence_transformers")
            }
    return {"module_type": sorted(found)}


def _importable(path: str) -> bool:
    module, _, name = path.rpartition(".")
    try:
        return hasattr(importlib.import_module(module), name)
    except Exception:
        return False


def main() -> None:
    """Print the names."""
    library, given = sys.argv[1], json.load(sys.stdin)
    with contextlib.redirect_stdout(io.StringIO()), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        if library == "transformers":
            found = of_transformers()
        else:
            found = of_peft() if library == "peft" else of_sentence_transformers(given)
    print(json.dumps(found))


if __name__ == "__main__":
    main()
