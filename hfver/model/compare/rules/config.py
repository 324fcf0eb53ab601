"""Rules on ``config.json``: what the network is, how long its context is, what only describes it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from hfver.core.version import Bump
from hfver.model.compare.json_values import ABSENT
from hfver.model.compare.keys import Setting, finding
from hfver.model.compare.pair import Pair
from hfver.model.compare.rule import Finding, rule
from hfver.model.compare.settings import all_settings, reports

architecture = rule(
    "architecture",
    Bump.MAJOR,
    change="model_type or architectures differ",
    breaks="loaders, kernels",
    seen="config.json",
    example=(
        "`model_type` goes from `llama` to `qwen3`.",
        "A server that was built for Llama kernels refuses the model, or loads it with random weights.",
    ),
)(reports("architecture", "loaders and kernels made for the old network do not fit."))

dimensions = rule(
    "dimensions",
    Bump.MAJOR,
    change="hidden size, layers, heads, experts, intermediate size",
    breaks="adapters, parallel plans",
    seen="config.json",
    example=(
        "`num_key_value_heads` goes from 8 to 4.",
        "A tensor-parallel plan over 8 GPUs can no longer split the heads, and adapters do not fit.",
    ),
)(reports("dimensions", "adapters and parallel plans made for the old size do not fit."))


def _is_raised(setting: Setting) -> bool:
    one, other = setting.before, setting.after
    return all(isinstance(value, int | float) for value in (one, other)) and other > one


def _rope_changed(pair: Pair) -> bool:
    return any(setting.rule == "context-cut" for setting in all_settings(pair))


def _cut(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "context-cut":
            yield finding(setting, "positions are counted otherwise, and long prompts give other answers.")
        elif setting.rule == "context" and (not _is_raised(setting) or _rope_changed(pair)):
            yield finding(setting, "prompts that fitted may no longer fit, or are read otherwise.")


def _raised(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "context" and _is_raised(setting) and not _rope_changed(pair):
            yield finding(setting, "longer prompts fit; a server that plans memory by it reserves more.")


context_cut = rule(
    "context-cut",
    Bump.MAJOR,
    change="shorter context, changed rope",
    breaks="long prompts",
    seen="config.json",
    example=(
        "`max_position_embeddings` goes from 8192 to 4096, or `rope_theta` from 10000 to 500000.",
        "A prompt of 6000 tokens that worked yesterday is refused, or answered with gibberish.",
    ),
)(_cut)

context_raised = rule(
    "context-raised",
    Bump.MINOR,
    change="longer context, rope unchanged",
    breaks="memory planners",
    seen="config.json",
    example=(
        "`max_position_embeddings` goes from 4096 to 8192, and rope stays as it is.",
        "Old prompts give what they gave; a server that reserves memory for the whole context needs more.",
    ),
)(_raised)


def _sweep_header(pair: Pair, path: str) -> Finding | None:
    """Explain weights whose file differs and whose tensors do not: the header's metadata, or their order."""
    if not path.endswith(".safetensors"):
        return None
    held = [
        {name for name, tensor in view.tensors.items() if tensor.file == path} for view in (pair.before, pair.after)
    ]
    if not held[0] or held[0] != held[1] or any(name in pair.moved for name in held[0]):
        return None
    message = "Only the header's metadata or the order of the tensors differs; every tensor is the same bit for bit."
    return Finding(path, message, ABSENT, ABSENT)


metadata = replace(
    rule(
        "metadata",
        Bump.PATCH,
        change="safetensors metadata, transformers_version, _name_or_path, paths; runtime switches that change"
        " no result (use_cache, return_dict, output_*), and what only training reads (dropout, initializer_range)",
        breaks="nobody",
        seen="allow list",
        example=(
            "`transformers_version` goes from 5.1.0 to 5.2.0.",
            "Nobody notices: nothing that computes reads it.",
        ),
    )(reports("metadata", "it describes the model, and nothing that computes reads it.")),
    sweep=_sweep_header,
)


def _unknown(pair: Pair) -> Iterable[Finding]:
    for setting in all_settings(pair):
        if setting.rule == "unknown-setting":
            yield unknown_setting_finding(setting)


def unknown_setting_finding(setting: Setting) -> Finding:
    """Report a setting that no rule knows, with how to declare it."""
    kind = "new" if setting.before is ABSENT else "gone" if setting.after is ABSENT else "another"
    consequence = (
        f"no rule knows what a {kind} value here does, so it counts as breaking; if it breaks nobody, declare"
        f' "{setting.where}" = "patch" or "minor" under [rules] in hfver.toml.'
    )
    return finding(setting, consequence)


unknown_setting = rule(
    "unknown-setting",
    Bump.MAJOR,
    change="a setting that no rule knows",
    breaks="whoever reads it",
    seen="every config file",
    example=(
        "`my_scaling: 2.0` appears in config.json.",
        "Nobody can say from outside whether the same prompt still gives the same answer.",
    ),
    declare='Give the setting a level of its own: `"config.json:my_scaling" = "patch"`.',
)(_unknown)

RULES = (architecture, dimensions, context_cut, context_raised, metadata, unknown_setting)
