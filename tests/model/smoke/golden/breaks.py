"""Ways in which saves and conversions went wrong that only a golden shows: the model still runs, and still writes.

Each is named after what happened to somebody: an issue of a library, or a kind of error that its converters had.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.model.smoke.edits import edit_json, edit_weights

Edit = Callable[[Path], object]


@dataclass(frozen=True)
class Break:
    """One way to break a folder, the layer that has to show it, and a part of the blame."""

    model: str
    edit: Edit
    layer: str
    blame: str
    incident: str


def _weights(change: Callable[[dict[str, torch.Tensor]], None]) -> Edit:
    return lambda folder: edit_weights(folder, change)


def _config(**values: Any) -> Edit:
    return lambda folder: edit_json(folder, "config.json", **values)


def _json(name: str, change: Callable[[dict[str, Any]], None]) -> Edit:
    def edit(folder: Path) -> None:
        path = folder / name
        content = json.loads(path.read_text())
        change(content)
        path.write_text(json.dumps(content))

    return edit


def _text(name: str, before: str, after: str) -> Edit:
    def edit(folder: Path) -> None:
        path = folder / name
        text = path.read_text()
        assert before in text
        path.write_text(text.replace(before, after))

    return edit


Tensors = dict[str, torch.Tensor]


def _random_head(t: Tensors) -> None:
    generator = torch.Generator().manual_seed(1)
    head = t["lm_head.weight"]
    t["lm_head.weight"] = torch.randn(head.shape, generator=generator) * head.std()


def _head_from_embedding(t: Tensors) -> None:
    t["lm_head.weight"] = t["model.embed_tokens.weight"].clone()


def _interleave(t: Tensors) -> None:
    """Undo the order of rows that a conversion to rotary embeddings of halves makes."""
    for name in [name for name in t if name.endswith(("q_proj.weight", "k_proj.weight"))]:
        weight = t[name]
        heads = weight.shape[0] // 12
        split = weight.view(heads, 2, 6, weight.shape[1])
        t[name] = split.transpose(1, 2).reshape(weight.shape).contiguous()


def _copy_layer(t: Tensors) -> None:
    for name in [name for name in t if ".layers.1." in name]:
        t[name] = t[name.replace(".layers.1.", ".layers.0.")].clone()


def _swap(first: str, second: str) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        for name in [name for name in t if first in name]:
            other = name.replace(first, second)
            t[name], t[other] = t[other].clone(), t[name].clone()

    return change


def _swap_halves(ending: str, dim: int) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        for name in [name for name in t if name.endswith(ending)]:
            one, two = t[name].chunk(2, dim=dim)
            t[name] = torch.cat([two, one], dim=dim).contiguous()

    return change


def _mean_heads(t: Tensors) -> None:
    for name in [name for name in t if name.endswith(("k_proj.weight", "v_proj.weight"))]:
        mean = t[name].view(2, 12, -1).mean(dim=0)
        t[name] = torch.cat([mean, mean]).contiguous()


def _row(name: str, row: int, value: float = 0.0) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        t[name][row].fill_(value)

    return change


def _round(levels: int) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        for name in [name for name in t if t[name].ndim == 2]:
            scale = t[name].abs().max() / levels
            t[name] = (t[name] / scale).round() * scale

    return change


def _as_float8(t: Tensors) -> None:
    for name in [name for name in t if name.endswith("proj.weight")]:
        t[name] = t[name].to(torch.float8_e4m3fn).float()


def _set(name: str, value: float) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        t[name].fill_(value)

    return change


def _transpose(ending: str) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        for name in [name for name in t if name.endswith(ending)]:
            t[name] = t[name].T.contiguous()

    return change


def _moved(amount: float) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        generator = torch.Generator().manual_seed(4)
        for name in t:
            if t[name].is_floating_point() and t[name].ndim > 1:
                noise = torch.randn(t[name].shape, generator=generator)
                t[name] = t[name] + amount * t[name].std() * noise

    return change


def _permute_experts(t: Tensors) -> None:
    for name in [name for name in t if ".experts.0." in name]:
        other = name.replace(".experts.0.", ".experts.1.")
        t[name], t[other] = t[other].clone(), t[name].clone()


def _flip(name: str, dim: int) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        t[name] = t[name].flip(dim).contiguous()

    return change


def _random(name: str) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        t[name].normal_(std=0.1, generator=torch.Generator().manual_seed(1))

    return change


def _ramp(name: str) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        t[name] = torch.linspace(-1, 1, t[name].shape[0])

    return change


def _flip_routers(t: Tensors) -> None:
    for name in [name for name in t if name.endswith(("gate.weight", "router.weight")) and t[name].shape[0] == 4]:
        t[name] = t[name].flip(0).contiguous()


def _roll_positions(t: Tensors) -> None:
    t["transformer.wpe.weight"] = t["transformer.wpe.weight"].roll(1, 0).contiguous()


def _scale(ending: str, factor: float) -> Callable[[Tensors], None]:
    def change(t: Tensors) -> None:
        for name in [name for name in t if name.endswith(ending)]:
            t[name] = t[name] * factor

    return change


def _lowercase(content: dict[str, Any]) -> None:
    content["normalizer"] = {"type": "Lowercase"}


def _prefix_space(content: dict[str, Any]) -> None:
    content["pre_tokenizer"]["add_prefix_space"] = True


def _no_bos_rule(content: dict[str, Any]) -> None:
    content["post_processor"] = None


def _add_bos(content: dict[str, Any]) -> None:
    content["post_processor"] = {
        "type": "TemplateProcessing",
        "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}],
        "pair": [{"Sequence": {"id": "A", "type_id": 0}}, {"Sequence": {"id": "B", "type_id": 1}}],
        "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}},
    }


def _fewer_merges(content: dict[str, Any]) -> None:
    del content["model"]["merges"][40:]


def _swap_merges(content: dict[str, Any]) -> None:
    merges = content["model"]["merges"]
    merges[3], merges[60] = merges[60], merges[3]


def _strip_accents(content: dict[str, Any]) -> None:
    content["normalizer"]["lowercase"] = False


def _drop_special(folder: Path) -> None:
    def drop(content: dict[str, Any]) -> None:
        content["added_tokens"] = [one for one in content["added_tokens"] if one["content"] != "<|im_end|>"]

    def forget(content: dict[str, Any]) -> None:
        content.pop("extra_special_tokens", None)
        content.pop("additional_special_tokens", None)

    _json("tokenizer.json", drop)(folder)
    _json("tokenizer_config.json", forget)(folder)


BREAKS: dict[str, Break] = {
    "a head of random numbers": Break(
        "Llama", _weights(_random_head), "numbers", "the head", "a missing lm_head is only a warning"
    ),
    "a head that was written as the embedding": Break(
        "Llama", _weights(_head_from_embedding), "numbers", "the head", "tied on save: transformers#45127"
    ),
    "rotary rows in the order of the original": Break(
        "Llama", _weights(_interleave), "numbers", "layer 0", "conversions of LLaMA without the permutation"
    ),
    "the default rope_theta": Break(
        "Llama",
        _json("config.json", lambda c: c["rope_parameters"].update(rope_theta=500.0)),
        "numbers",
        "layer 0",
        "transformers 4.57 reads rope_theta of a save by 5 as 10000",
    ),
    "a norm with another epsilon": Break(
        "Llama", _config(rms_norm_eps=0.05), "numbers", "layer 0", "eps lost by a converter"
    ),
    "another activation": Break("Llama", _config(hidden_act="relu"), "numbers", "layer 0", "gelu read as gelu_new"),
    "a layer that was saved twice": Break(
        "Llama", _weights(_copy_layer), "numbers", "layer 1", "pipeline stages that wrote each other's shard"
    ),
    "layers in the order of their names": Break(
        "Llama", _weights(_swap(".layers.1.", ".layers.2.")), "numbers", "layer 1", "layer 10 sorted before layer 2"
    ),
    "gate and up swapped": Break(
        "Llama", _weights(_swap("gate_proj", "up_proj")), "numbers", "layer 0", "fused gate_up split in the wrong order"
    ),
    "key and value swapped": Break(
        "Llama", _weights(_swap("k_proj", "v_proj")), "numbers", "layer 0", "fused qkv split in the wrong order"
    ),
    "shards joined in the wrong order": Break(
        "Llama", _weights(_swap_halves("down_proj.weight", 1)), "numbers", "layer 0", "tensor-parallel ranks mixed up"
    ),
    "heads that were averaged": Break(
        "Llama", _weights(_mean_heads), "numbers", "layer 0", "num_key_value_heads read as 1"
    ),
    "an output projection that was transposed": Break(
        "Llama", _weights(_transpose("o_proj.weight")), "numbers", "layer 0", "Conv1D taken for Linear"
    ),
    "the row of a token at zero": Break(
        "Llama",
        _weights(_row("model.embed_tokens.weight", 3)),
        "numbers",
        "the embedding",
        "resized after training: the row of <|im_start|> was not saved",
    ),
    "weights in four bits": Break(
        "Llama", _weights(_round(7)), "numbers", "the embedding", "a quantized copy under the name of the model"
    ),
    "weights that went through eight bits": Break(
        "Llama", _weights(_as_float8), "numbers", "layer 0", "cast to float8 without a scale"
    ),
    "a final norm of ones": Break(
        "Llama", _weights(_set("model.norm.weight", 1.3)), "numbers", "layer 2", "a key that was renamed and not found"
    ),
    "weights of another step": Break(
        "Llama", _weights(_moved(0.05)), "numbers", "the embedding", "the last checkpoint in place of the best"
    ),
    "an adapter at the wrong scale": Break(
        "Llama", _weights(_scale("v_proj.weight", 1.15)), "numbers", "layer 0", "lora_alpha lost"
    ),
    "query rows of two heads swapped": Break(
        "Llama", _weights(_swap_halves("q_proj.weight", 0)), "numbers", "layer 0", "grouped heads in the wrong order"
    ),
    "experts in another order": Break(
        "Mixtral",
        _weights(_permute_experts),
        "numbers",
        "layer 0",
        "experts stacked in the order of their names",
    ),
    "a router that chooses one expert": Break(
        "Mixtral", _config(num_experts_per_tok=1), "numbers", "layer 0", "a config of another size"
    ),
    "router rows in reverse": Break(
        "Mixtral",
        _weights(_flip_routers),
        "numbers",
        "layer 0",
        "experts stacked in another order than the router's rows",
    ),
    "no soft cap of the logits": Break(
        "Gemma2", _config(final_logit_softcapping=0.5), "numbers", "the head", "soft caps ignored"
    ),
    "a scale of attention of the default": Break(
        "Gemma2", _config(query_pre_attn_scalar=1), "numbers", "layer 0", "query_pre_attn_scalar of another size"
    ),
    "a window that was dropped": Break(
        "Mistral", _config(sliding_window=4), "numbers", "layer 0", "sliding windows read from another key"
    ),
    "GPT-2's attention transposed": Break(
        "GPT2", _weights(_transpose("attn.c_proj.weight")), "numbers", "layer 0", "Conv1D taken for Linear"
    ),
    "positions that are off by one": Break(
        "GPT2",
        _weights(_roll_positions),
        "numbers",
        "the embedding",
        "OPT's offset of two positions applied once too often",
    ),
    "T5 with other distances": Break(
        "T5", _config(relative_attention_max_distance=20), "numbers", "layer 0", "a key that older versions do not know"
    ),
    "a decoder's cross-attention of another layer": Break(
        "Bart",
        _weights(_swap("decoder.layers.0.encoder_attn", "decoder.layers.1.encoder_attn")),
        "numbers",
        "decoder",
        "layers of the decoder mixed up",
    ),
    "labels in another order": Break(
        "Bert, classifier",
        _config(id2label={"0": "LABEL_2", "1": "LABEL_1", "2": "LABEL_0"}, label2id={}),
        "forms",
        "the labels",
        "label2id rebuilt from a set",
    ),
    "classes in another order": Break(
        "Bert, classifier",
        _weights(_flip("classifier.weight", 0)),
        "numbers",
        "the head",
        "a classifier converted with another label list",
    ),
    "a pooler of random numbers": Break(
        "Bert, classifier",
        _weights(_random("bert.pooler.dense.weight")),
        "numbers",
        "the head",
        "a pooler that the save left out",
    ),
    "token types that were lost": Break(
        "Bert, vectors",
        _weights(_set("embeddings.token_type_embeddings.weight", 0.0)),
        "numbers",
        "the embedding",
        "type_vocab_size read as 1",
    ),
    "a decoder's bias that was lost": Break(
        "Bert, masked",
        _weights(_ramp("cls.predictions.bias")),
        "numbers",
        "the head",
        "a tied bias that was not saved",
    ),
    "a picture's patches in another order": Break(
        "ViT",
        _weights(_flip("vit.embeddings.patch_embeddings.projection.weight", 1)),
        "numbers",
        "the embedding",
        "BGR taken for RGB in the weights",
    ),
    "speech with the key of another layer": Break(
        "Whisper",
        _weights(_swap("decoder.layers.0.self_attn.k_proj", "decoder.layers.1.self_attn.k_proj")),
        "numbers",
        "decoder",
        "layers of the decoder mixed up",
    ),
    "a tokenizer that became lower-case": Break(
        "Llama", _json("tokenizer.json", _lowercase), "words", "the tokenizer", "do_lower_case taken from another model"
    ),
    "a blank before every text": Break(
        "Llama", _json("tokenizer.json", _prefix_space), "words", "the tokenizer", "add_prefix_space, legacy"
    ),
    "merges that are missing": Break(
        "Llama", _json("tokenizer.json", _fewer_merges), "words", "the tokenizer", "merges.txt cut off"
    ),
    "merges in another order": Break(
        "Llama", _json("tokenizer.json", _swap_merges), "words", "the tokenizer", "merges rebuilt from a vocabulary"
    ),
    "a start token that was not there": Break(
        "Llama", _json("tokenizer.json", _add_bos), "words", "the tokenizer", "BOS twice"
    ),
    "a special token that is text": Break(
        "Llama", _drop_special, "words", "the tokenizer", "added_tokens lost on conversion"
    ),
    "another end token": Break(
        "Llama",
        _json("tokenizer_config.json", lambda c: c.update(eos_token="<|im_end|>")),
        "words",
        "the tokenizer",
        "Phi-4's wrong EOS",
    ),
    "case that is kept": Break(
        "Bert, masked",
        _json("tokenizer.json", _strip_accents),
        "words",
        "the tokenizer",
        "an uncased model read as a cased one: transformers#48641",
    ),
    "no marks around a text": Break(
        "Bert, classifier",
        _json("tokenizer.json", _no_bos_rule),
        "words",
        "the tokenizer",
        "a post-processor that a conversion left out",
    ),
    "a template without generation prompt": Break(
        "Llama",
        _text("chat_template.jinja", "{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}", ""),
        "forms",
        "the chat template",
        "templates of fine-tunes that lost add_generation_prompt",
    ),
    "a template with a blank too many": Break(
        "Llama",
        _text("chat_template.jinja", "m['content']", "' ' + m['content']"),
        "forms",
        "template",
        "Llama 2's [INST]",
    ),
    "a template of another family": Break(
        "Llama", _text("chat_template.jinja", "<|im_start|>", "<start>"), "forms", "template", "Phi-4's wrong template"
    ),
    "sampling by default": Break(
        "Llama",
        _json("generation_config.json", lambda c: c.update(do_sample=True, temperature=1.7)),
        "forms",
        "the generation config",
        "a generation config of another model",
    ),
    "no end in the generation config": Break(
        "Llama",
        _json("generation_config.json", lambda c: c.update(eos_token_id=3)),
        "forms",
        "the generation config",
        "Llama 3's missing <|eot_id|>",
    ),
}
