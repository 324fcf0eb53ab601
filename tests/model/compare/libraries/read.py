"""Read folders with the library versions of this environment and print what they are to a user: ``python read.py``.

Standard input has a JSON list of ``[kind, folder]``. The last line of the output is a JSON list with, for each, either
``{"facts": …}`` or ``{"error": …}``. The file runs with versions that are years apart, and imports nothing from hfver.
"""

from __future__ import annotations

import contextlib
import io
import json
import os
import sys
from collections.abc import Callable
from typing import Any

TEXTS = ("the sea", "The ship of  7 men", "a<x>b", "Ünïcode 船")
CONVERSATION = [{"role": "user", "content": "hi"}, {"role": "assistant", "content": "ho"}]
_DIGITS = 3


def model(folder: str) -> Any:
    """Return the outputs of the model for the inputs that lie in the folder."""
    import torch
    import transformers

    with open(os.path.join(folder, "config.json"), encoding="utf-8") as stream:
        name = json.load(stream)["architectures"][0]
    kind = getattr(transformers, name)
    loaded, info = kind.from_pretrained(folder, output_loading_info=True)
    # Weights that are missing get random values, with a warning that no program reads.
    missing = sorted(info["missing_keys"])
    # The same dtype everywhere: which one a loader takes by default is its own affair.
    loaded = loaded.float().eval()
    inputs = torch.load(os.path.join(folder, "inputs.pt"))
    with torch.no_grad():
        output = loaded(**inputs)
    first = output[0] if not hasattr(output, "logits") else output.logits
    return {"missing": missing, "output": _numbers(first)}


def config(folder: str) -> Any:
    """Return the model type that the config has for AutoConfig, and the dtype that ``auto`` takes."""
    import transformers

    held = transformers.AutoConfig.from_pretrained(folder)
    dtype = getattr(held, "dtype", None) or getattr(held, "torch_dtype", None)
    return {"model_type": held.model_type, "dtype": str(dtype)}


def dtype(folder: str) -> Any:
    """Return the dtype of the model that is loaded with ``auto``."""
    import transformers

    loaded = transformers.AutoModelForCausalLM.from_pretrained(folder, torch_dtype="auto")
    return {"dtype": str(loaded.dtype)}


def tokenizer(folder: str) -> Any:
    """Return ids, special ids, and how a conversation is rendered."""
    import transformers

    held = transformers.AutoTokenizer.from_pretrained(folder)
    # ``extra_special_tokens`` are attributes in some versions and a list in others; the ids are what counts.
    return {
        "ids": [held(text)["input_ids"] for text in TEXTS],
        "special": [held.eos_token_id, held.pad_token_id, held.bos_token_id, held.unk_token_id],
        "skipped": held.decode(held("a<x>b", add_special_tokens=False)["input_ids"], skip_special_tokens=True),
        "rendered": _rendered(held),
        "padding": [held.padding_side, held.truncation_side],
    }


def named_templates(folder: str) -> Any:
    """Return how a conversation is rendered with the template ``tool_use``."""
    import transformers

    held = transformers.AutoTokenizer.from_pretrained(folder)
    return held.apply_chat_template(CONVERSATION, tokenize=False, chat_template="tool_use")


def generation(folder: str) -> Any:
    """Return the settings of generation that are not those of a fresh GenerationConfig."""
    import transformers

    held = transformers.GenerationConfig.from_pretrained(folder)
    names = ("temperature", "top_k", "top_p", "do_sample", "num_beams", "max_new_tokens", "eos_token_id", "min_p")
    # Some versions spell defaults out, and others leave them at null.
    defaults = {"temperature": 1.0, "top_k": 50, "top_p": 1.0, "do_sample": False, "num_beams": 1}
    found = {name: getattr(held, name, None) for name in names}
    return {name: defaults.get(name) if value is None else value for name, value in found.items()}


def image_processor(folder: str) -> Any:
    """Return the pixel values of a fixed picture."""
    import numpy
    import transformers
    from PIL import Image

    held = transformers.AutoImageProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    pixels = numpy.arange(48 * 64 * 3, dtype=numpy.uint32).reshape(48, 64, 3) * 7 % 251
    found = held(Image.fromarray(pixels.astype(numpy.uint8)), return_tensors="np")["pixel_values"]
    return _numbers(found)


def processor(folder: str) -> Any:
    """Return which parts a processor has, and the sizes of its image processor."""
    import transformers

    held = transformers.AutoProcessor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    size = getattr(getattr(held, "image_processor", None), "size", None)
    return {"rate": getattr(getattr(held, "feature_extractor", None), "sampling_rate", None), "size": _plain(size)}


def features(folder: str) -> Any:
    """Return the features of a fixed sound."""
    import numpy
    import transformers

    held = transformers.AutoFeatureExtractor.from_pretrained(folder)  # type: ignore[no-untyped-call]
    sound = numpy.sin(numpy.arange(16000) / 9).astype(numpy.float32)
    found = held(sound, sampling_rate=held.sampling_rate, return_tensors="np")
    return _numbers(next(iter(found.values())))


def adapter(folder: str) -> Any:
    """Return the logits of a base model with its adapter."""
    import peft
    import torch
    import transformers

    base = transformers.AutoModelForCausalLM.from_pretrained(os.path.join(folder, "base"))
    held = peft.PeftModel.from_pretrained(base.float(), os.path.join(folder, "adapter")).eval()  # type: ignore[no-untyped-call]
    with torch.no_grad():
        return _numbers(held(input_ids=torch.arange(4, 40).reshape(1, -1)).logits)


def sentence(folder: str) -> Any:
    """Return the vectors of fixed texts."""
    import sentence_transformers

    held = sentence_transformers.SentenceTransformer(folder, device="cpu")
    return _numbers(held.encode(["the sea", "the ship of men"], show_progress_bar=False))


def cross_encoder(folder: str) -> Any:
    """Return the scores of fixed pairs of texts."""
    import sentence_transformers

    held = sentence_transformers.CrossEncoder(folder, device="cpu")
    return _numbers(held.predict([("the sea", "the ship"), ("the men", "the sea")], show_progress_bar=False))


def sparse(folder: str) -> Any:
    """Return the sparse vectors of fixed texts."""
    import sentence_transformers

    held = sentence_transformers.SparseEncoder(folder, device="cpu")
    return _numbers(held.encode(["the sea", "the ship of men"], show_progress_bar=False).to_dense())


KINDS: dict[str, Callable[[str], Any]] = {
    "model": model,
    "config": config,
    "dtype": dtype,
    "tokenizer": tokenizer,
    "named templates": named_templates,
    "generation": generation,
    "image processor": image_processor,
    "processor": processor,
    "features": features,
    "adapter": adapter,
    "sentence": sentence,
    "cross-encoder": cross_encoder,
    "sparse": sparse,
}


def _rendered(held: Any) -> str:
    try:
        return str(held.apply_chat_template(CONVERSATION, tokenize=False))
    except Exception as error:  # without a template, versions differ in what they raise
        return f"no template: {'chat_template' in str(error)}"


def _plain(value: Any) -> Any:
    """Return a size as a plain object; versions have classes of their own for it."""
    if value is None or isinstance(value, (int, float, str)):
        return value
    held = dict(value) if not hasattr(value, "__dict__") or isinstance(value, dict) else vars(value)
    return {key: item for key, item in sorted(held.items()) if item is not None}


def _numbers(value: Any) -> Any:
    """Return some rounded numbers that a change of any setting moves."""
    import torch

    flat = torch.as_tensor(value).detach().float().reshape(-1)
    step = max(1, flat.numel() // 500)
    return [list(torch.as_tensor(value).shape), [round(number, _DIGITS) for number in flat[::step].tolist()]]


def main() -> None:
    """Answer what standard input asks."""
    answers = []
    for kind, folder in json.load(sys.stdin):
        try:
            with contextlib.redirect_stdout(io.StringIO()):
                answers.append({"facts": KINDS[kind](folder)})
        except BaseException as error:
            text = str(error).strip() or repr(error)
            answers.append({"error": f"{type(error).__name__}: {text.splitlines()[0][:200]}"})
    print(json.dumps(answers))


if __name__ == "__main__":
    main()
