"""Rules on ``config.json``: the network, the length of its context, and settings that only describe it."""

from __future__ import annotations

from collections.abc import Iterable

from hfver.core.version import Bump
from hfver.model.compare.keys import UNKNOWN, ChangedSetting, match_setting
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Rule, RuleMatch
from hfver.model.compare.settings import all_settings, report_settings

architecture = Rule(
    "architecture",
    Bump.MAJOR,
    change="`model_type` or `architectures` changed",
    breaks="loaders, kernels",
    seen="config.json",
    example=(
        "`model_type` changes from `llama` to `qwen3`.",
        "A server built for Llama kernels refuses the model, or loads it with random weights.",
    ),
    detect=report_settings("architecture", "loaders and kernels for the old network do not fit."),
)

dimensions = Rule(
    "dimensions",
    Bump.MAJOR,
    change="hidden size, layers, heads, experts or intermediate size changed",
    breaks="adapters, parallel plans",
    seen="config.json",
    example=(
        "`num_key_value_heads` changes from 8 to 4.",
        "A tensor-parallel plan for 8 GPUs can no longer split the heads, and adapters do not fit.",
    ),
    detect=report_settings("dimensions", "adapters and parallel plans for the old size do not fit."),
)


def _is_raised(setting: ChangedSetting) -> bool:
    one, other = setting.before, setting.after
    return all(isinstance(value, int | float) for value in (one, other)) and other > one


def _rope_changed(pair: Pair) -> bool:
    return any(setting.rule == "context-cut" for setting in all_settings(pair))


def _cut(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "context-cut":
            yield match_setting(setting, "positions are encoded differently, which changes answers to long prompts.")
        # A longer context is only harmless if short prompts are still encoded as before.
        elif setting.rule == "context" and (not _is_raised(setting) or _rope_changed(pair)):
            yield match_setting(setting, "prompts that used to fit may no longer fit, or may be encoded differently.")


def _raised(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == "context" and _is_raised(setting) and not _rope_changed(pair):
            yield match_setting(setting, "longer prompts fit; servers that reserve memory for the context need more.")


context_cut = Rule(
    "context-cut",
    Bump.MAJOR,
    change="the context is shorter, or RoPE changed",
    breaks="long prompts",
    seen="config.json",
    example=(
        "`max_position_embeddings` changes from 8192 to 4096, or `rope_theta` from 10000 to 500000.",
        "A prompt of 6000 tokens that worked yesterday is refused, or answered with gibberish.",
    ),
    detect=_cut,
)

context_raised = Rule(
    "context-raised",
    Bump.MINOR,
    change="the context is longer, and RoPE is unchanged",
    breaks="memory planning",
    seen="config.json",
    example=(
        "`max_position_embeddings` changes from 4096 to 8192, and RoPE stays as it is.",
        "Old prompts give the same answers; a server that reserves memory for the whole context needs more.",
    ),
    detect=_raised,
)


def _explain_header(pair: Pair, path: str) -> RuleMatch | None:
    """Explain weights whose file differs and whose tensors do not: the header's metadata, or the tensors' order."""
    if not path.endswith(".safetensors"):
        return None
    held = [
        {name for name, tensor in side.tensors.items() if tensor.file == path} for side in (pair.before, pair.after)
    ]
    if not held[0] or held[0] != held[1] or any(name in pair.changed_tensors for name in held[0]):
        return None
    return RuleMatch(
        path, "Only the header's metadata or the order of the tensors changed; every tensor is the same bit for bit."
    )


metadata = Rule(
    "metadata",
    Bump.PATCH,
    change="safetensors metadata, `transformers_version`, `_name_or_path`, paths; settings that are proven to change no"
    " result for this model type (`use_cache`, dropout, `initializer_range`, weights of losses)",
    breaks="nobody",
    seen="table by model type, made by changing each setting of a tiny model",
    example=(
        "`transformers_version` changes from 5.1.0 to 5.2.0.",
        "Nobody notices: it has no effect on the model's output.",
    ),
    detect=report_settings("metadata", "it has no effect on the model's output."),
    explain=_explain_header,
)


def _unknown(pair: Pair) -> Iterable[RuleMatch]:
    for setting in all_settings(pair):
        if setting.rule == UNKNOWN:
            consequence = (
                "no rule knows this setting, so the change counts as breaking. If it breaks nobody, declare"
                f' "{setting.where}" = "patch" or "minor" under [rules] in hfver.toml.'
            )
            yield match_setting(setting, consequence)


unknown_setting = Rule(
    UNKNOWN,
    Bump.MAJOR,
    change="a setting that no rule knows changed",
    breaks="code that reads it",
    seen="all config files",
    example=(
        "`my_scaling: 2.0` appears in config.json.",
        "Nobody can tell from outside whether the same prompt still gives the same answer.",
    ),
    declare='Give the setting a level of its own: `"config.json:my_scaling" = "patch"`.',
    detect=_unknown,
)

RULES = (architecture, dimensions, context_cut, context_raised, metadata, unknown_setting)
