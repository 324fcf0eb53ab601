"""Rules on PEFT adapters."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.core.version import Bump
from hfver.model.compare.keys import Setting, finding
from hfver.model.compare.pair import Pair, View
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.settings import all_settings

_CONFIG = "adapter_config.json"


def _is_down(setting: Setting) -> bool:
    one, other = setting.before, setting.after
    return isinstance(one, int) and isinstance(other, int) and other < one


def _adapter(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "adapter":
            yield finding(setting, "a server that was set up for the old adapter may refuse it.")
        elif setting.rule == "adapter-rank" and not _is_down(setting):
            yield finding(setting, "a server with a limit on the rank refuses the adapter.")


adapter = rule(
    "adapter",
    Bump.MAJOR,
    change="peft_type, rank up, target modules, modules_to_save",
    breaks="server limits",
    seen="adapter_config.json",
    example=(
        "`r` goes from 16 to 64.",
        "A vLLM server started with --max-lora-rank 16 refuses to load it.",
    ),
)(_adapter)


def _scaling(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "adapter-scaling":
            yield finding(setting, "the same tensors count otherwise, and answers differ.")
        elif setting.rule == "adapter-rank" and _is_down(setting):
            yield finding(setting, "the adapter is smaller; a server's limit on the rank still holds.")


adapter_scaling = rule(
    "adapter-scaling",
    Bump.MINOR,
    change="lora_alpha, alpha pattern, rslora: the same tensors count otherwise",
    breaks="behaviour",
    seen="adapter_config.json",
    example=(
        "`lora_alpha` goes from 16 to 32.",
        "The same adapter weighs twice as much, and answers differ; every limit still holds.",
    ),
)(_scaling)


def _merged(pair: Pair) -> Iterable[Finding]:
    old, new = _is_adapter(pair.before), _is_adapter(pair.after)
    if old == new or None in (old, new):
        return
    words = {True: "an adapter", False: "a full model"}
    message = f"What was {words[bool(old)]} is {words[bool(new)]}: it is loaded in another way, with another base."
    yield Finding(_CONFIG, message, words[bool(old)], words[bool(new)])


def _is_adapter(view: View) -> bool | None:
    """Tell an adapter from a model of its own; None for a folder that holds neither."""
    if view.is_adapter:
        return True
    return False if view.side.files else None


adapter_merged = rule(
    "adapter-merged",
    Bump.MAJOR,
    change="adapter became full weights or the reverse",
    breaks="load path",
    seen="file set",
    example=(
        "The LoRA adapter was merged into its base, and the whole model is released.",
        "A server that loads it as an adapter of its base finds no adapter_config.json.",
    ),
)(_merged)

RULES = (adapter, adapter_scaling, adapter_merged)
