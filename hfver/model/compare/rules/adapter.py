"""Rules on PEFT adapters."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.core.version import Bump
from hfver.model.compare.keys import ChangedSetting, match_setting
from hfver.model.compare.pair import Pair, ParsedSide
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.settings import all_settings

_CONFIG = "adapter_config.json"


def _is_lowered(setting: ChangedSetting) -> bool:
    one, other = setting.before, setting.after
    return isinstance(one, int) and isinstance(other, int) and other < one


def _adapter(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "adapter":
            yield match_setting(setting, "a server that is configured for the old adapter may reject the new one.")
        elif setting.rule == "adapter-rank" and not _is_lowered(setting):
            yield match_setting(setting, "a server with a lower limit on the rank rejects the adapter.")


adapter = Rule(
    "adapter",
    Bump.MAJOR,
    change="`peft_type`, target modules or `modules_to_save` changed, or the rank was raised",
    breaks="servers with limits on adapters",
    seen="adapter_config.json",
    example=(
        "`r` changes from 16 to 64.",
        "A vLLM server started with --max-lora-rank 16 refuses to load the adapter.",
    ),
    detect=_adapter,
)


def _scaling(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "adapter-scaling":
            yield match_setting(setting, "the LoRA scaling changed, so answers may differ.")
        # Servers limit the highest rank, so a lower one fits wherever the old one did.
        elif setting.rule == "adapter-rank" and _is_lowered(setting):
            yield match_setting(setting, "the adapter is smaller and fits every server that the old one fitted.")


adapter_scaling = Rule(
    "adapter-scaling",
    Bump.MINOR,
    change="LoRA scaling changed: `lora_alpha`, `alpha_pattern` or `use_rslora`; or the rank was lowered",
    breaks="behavior",
    seen="adapter_config.json",
    example=(
        "`lora_alpha` changes from 16 to 32.",
        "The adapter has twice the weight and answers differ, but it stays within every server's limits.",
    ),
    detect=_scaling,
)


def _merged(pair: Pair) -> Iterable[RuleMatch]:
    old, new = _is_adapter(pair.before), _is_adapter(pair.after)
    if old == new or None in (old, new):
        return
    names = {True: "an adapter", False: "a full model"}
    before, after = names[bool(old)], names[bool(new)]
    yield RuleMatch(_CONFIG, f"This was {before} and is now {after}: it has to be loaded differently.", before, after)


def _is_adapter(side: ParsedSide) -> bool | None:
    """Return whether a side is an adapter; None for a folder without any files."""
    if side.is_adapter:
        return True
    return False if side.files else None


adapter_merged = Rule(
    "adapter-merged",
    Bump.MAJOR,
    change="an adapter became a full model, or the reverse",
    breaks="loading code",
    seen="file set",
    example=(
        "The LoRA adapter was merged into its base, and the full model is released.",
        "A server that loads the repo as an adapter finds no adapter_config.json.",
    ),
    detect=_merged,
)

RULES = (adapter, adapter_scaling, adapter_merged)
