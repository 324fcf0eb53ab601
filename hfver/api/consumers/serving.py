"""A serving command or its settings: do the flags still fit the model?"""

from __future__ import annotations

import re
from collections.abc import Mapping

from hfver.api.consumers.judgement import Answer, Compared, Judge, breaks, safe, unknown
from hfver.model.compare import Change
from hfver.model.compare.json_values import printable

__all__ = ["flags_of", "judge_serving"]

_KNOWN = frozenset(
    {
        *("model", "max-model-len", "dtype", "quantization", "quantize", "chat-template", "tool-call-parser"),
        *("tensor-parallel-size", "num-shard", "max-lora-rank", "enable-lora", "reasoning-parser", "tokenizer"),
        *("trust-remote-code", "served-model-name", "max-total-tokens", "max-input-tokens", "max-input-length"),
        *("model-id", "generation-config", "gpu-memory-utilization", "enable-auto-tool-choice", "revision"),
    }
)
_SHORT = {"-tp": "--tensor-parallel-size", "-q": "--quantization"}
_LENGTHS = ("max-model-len", "max-total-tokens", "max-input-tokens", "max-input-length")
_CONTEXT = ("max_position_embeddings", "n_positions", "model_max_length")
_YAML = re.compile(r"^[ \t]*(?:-[ \t]+)?([a-z][a-z0-9_-]{1,40}):[ \t]*(\S+)?[ \t]*$", re.MULTILINE)
_SIZES = {"k": 1000, "K": 1024, "m": 1_000_000, "M": 1024 * 1024}


def flags_of(text: str) -> dict[str, str]:
    """Return the known flags of a command, an args file or a YAML file; a flag without a value is "true"."""
    words = [word for word in re.sub(r"[\"',\[\]\\=]", " ", text).split() if word != "-"]
    found: dict[str, str] = {}
    for word, following in zip(words, [*words[1:], "--"], strict=True):
        name = _SHORT.get(word, word).removeprefix("--").replace("_", "-")
        if _SHORT.get(word, word).startswith("--") and name in _KNOWN:
            found.setdefault(name, "true" if following.startswith("-") else following)
    for match in _YAML.finditer(text):
        name = match[1].replace("_", "-")
        if name in _KNOWN and match[2]:
            found.setdefault(name, match[2].strip("\"'"))
    return found


def judge_serving(flags: Mapping[str, str], compared: Compared) -> Judge:
    """Hold the flags against what both sides are."""

    def judge(change: Change) -> Answer:
        # Each of these answers for the rules that it knows.
        for part in (_context, _memory, _prompts, _parallel, _adapter, _code):
            if answer := part(change, flags, compared):
                return answer
        if change.rule in ("weights", "sampling", "requantized", "tokens-appended", "chat-template-extended"):
            return safe("The server starts and answers as before; what it says may differ.")
        return unknown("No flag of this command says whether it matters.")

    return judge


def _number(text: str | None) -> int | None:
    match = re.fullmatch(r"(\d{1,12})([kKmM]?)", text or "")
    return int(match[1]) * _SIZES.get(match[2], 1) if match else None


def _context(change: Change, flags: Mapping[str, str], compared: Compared) -> Answer | None:
    if change.rule not in ("context-cut", "context-raised"):
        return None
    name = next((name for name in _LENGTHS if name in flags), None)
    asked = _number(flags.get(name)) if name else None
    longest = next((compared.config()[1][key] for key in _CONTEXT if type(compared.config()[1].get(key)) is int), None)
    if asked and longest and asked > longest:
        return breaks(f"--{name} {asked} is more than the {longest} positions of the newer side.")
    if "rope" in change.where or "window" in change.where:
        return unknown("Positions are encoded differently: answers to long prompts change.")
    if asked and longest:
        return safe(f"--{name} {asked} fits into the {longest} positions of the newer side.")
    return unknown("No flag limits the context, so the server takes the model's own and needs other amounts of memory.")


def _memory(change: Change, flags: Mapping[str, str], compared: Compared) -> Answer | None:
    if change.rule == "dtype":
        dtype = flags.get("dtype", "auto")
        if dtype != "auto":
            return safe(f"--dtype {printable(dtype, 40)} is computed with, whatever is stored.")
        return unknown("No --dtype is given, so the server computes with what is stored.")
    if change.rule != "quantization":
        return None
    asked = flags.get("quantization") or flags.get("quantize")
    held = compared.config()[1].get("quantization_config")
    method = held.get("quant_method") if isinstance(held, dict) else None
    if asked is None:
        return unknown("No --quantization is given, so the server takes what the model says, if it has the kernels.")
    if str(method) not in asked and asked not in str(method):
        return breaks(
            f"--quantization {printable(asked, 40)} does not fit: the newer side has {printable(str(method), 40)}."
        )
    return unknown(f"The method is still {printable(asked, 40)}, but its parameters differ.")


def _prompts(change: Change, flags: Mapping[str, str], compared: Compared) -> Answer | None:
    del compared
    if change.rule != "chat-template":
        return None
    if "chat-template" in flags:
        return safe("The server uses its own template (--chat-template).")
    for name in ("tool-call-parser", "reasoning-parser"):
        if name in flags:
            return unknown(f"Prompts render differently, and --{name} {printable(flags[name], 40)} may no longer fit.")
    return unknown("Prompts render differently; no parser of tool calls or reasoning is set.")


def _parallel(change: Change, flags: Mapping[str, str], compared: Compared) -> Answer | None:
    if change.rule not in ("dimensions", "architecture"):
        return None
    size = _number(flags.get("tensor-parallel-size") or flags.get("num-shard"))
    heads = [config.get("num_attention_heads", config.get("n_head")) for config in compared.config()]
    if not size or size == 1:
        return None if change.rule == "architecture" else unknown("The model has other sizes; it is not split.")
    if type(heads[1]) is int and heads[1] % size:
        return breaks(f"{heads[1]} attention heads cannot be split over {size} GPUs.")
    if type(heads[1]) is not int or change.rule == "architecture":
        return unknown("Whether the server can split the network is not known.")
    return safe(f"{heads[1]} attention heads can be split over {size} GPUs.")


def _adapter(change: Change, flags: Mapping[str, str], compared: Compared) -> Answer | None:
    if change.rule != "adapter":
        return None
    rank, most = compared.pair.after.object("adapter_config.json").get("r"), _number(flags.get("max-lora-rank")) or 16
    if type(rank) is int and rank > most:
        given = "" if "max-lora-rank" in flags else ", which is the default"
        return breaks(f"The adapter's rank is {rank}, and --max-lora-rank is {most}{given}.")
    return unknown("Its rank fits; whether the server supports the other settings is not known.")


def _code(change: Change, flags: Mapping[str, str], compared: Compared) -> Answer | None:
    del compared
    if change.rule != "remote-code":
        return None
    if "trust-remote-code" in flags:
        return unknown("The server runs the repo's code (--trust-remote-code), which has to be reviewed again.")
    return unknown("The server does not run the repo's code: it starts only if it knows the network itself.")
