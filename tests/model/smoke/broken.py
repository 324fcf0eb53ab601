"""The ways in which releases were broken, as edits of a healthy folder.

``WITHOUT_REFERENCE`` lists what a smoke eval must see in the folder alone, each with the check that must name it.
``GOLDEN_ONLY`` lists what looks like a healthy model: only a record of how the model behaved before shows it.

An incident is named where its number or model is known for certain; otherwise the practice that leads to it is.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch

from tests.model.smoke.edits import Tensors, edit_json, edit_tokenizer, edit_weights, fill, randomize
from tests.model.smoke.tiny import CHATML

Edit = Callable[[Path], object]


@dataclass(frozen=True)
class Broken:
    """One way to break a healthy folder."""

    name: str
    model: str
    """Which healthy folder it is done to."""
    edit: Edit
    incident: str
    check: str = ""
    """The check that must name it; empty where only a golden can see it."""
    status: str = "failed"
    """The status that the check must have at least: ``failed`` or ``warned``."""


def weights(edit: Callable[[Tensors], object]) -> Edit:
    """Change tensors."""
    return lambda folder: edit_weights(folder, edit)


def config(**values: Any) -> Edit:
    """Change config.json."""
    return lambda folder: edit_json(folder, "config.json", **values)


def generation(**values: Any) -> Edit:
    """Change generation_config.json."""
    return lambda folder: edit_json(folder, "generation_config.json", **values)


def template(text: str) -> Edit:
    """Replace the chat template."""
    return lambda folder: (folder / "chat_template.jinja").write_text(text)


def tokenizer(edit: Callable[[dict[str, Any]], object]) -> Edit:
    """Change tokenizer.json."""
    return lambda folder: edit_tokenizer(folder, edit)


def tokenizer_config(**values: Any) -> Edit:
    """Change tokenizer_config.json; None removes a key."""

    def edit(folder: Path) -> None:
        path = folder / "tokenizer_config.json"
        merged = json.loads(path.read_text()) | values
        path.write_text(json.dumps({name: value for name, value in merged.items() if value is not None}))

    return edit


def on(pattern: str, change: Callable[[torch.Tensor], torch.Tensor]) -> Edit:
    """Replace every tensor whose name matches a pattern."""

    def edit(tensors: Tensors) -> None:
        found = [name for name in tensors if re.search(pattern, name)]
        assert found, f"no tensor is named {pattern}"
        for name in found:
            tensors[name] = change(tensors[name]).contiguous()

    return weights(edit)


def scaled(pattern: str, factor: float) -> Edit:
    """Multiply tensors."""
    return on(pattern, lambda tensor: tensor * factor)


def swapped(first: str, second: str) -> Edit:
    """Exchange the tensors whose names hold one part with those that hold the other."""

    def edit(tensors: Tensors) -> None:
        for name in [name for name in tensors if first in name]:
            other = name.replace(first, second)
            tensors[name], tensors[other] = tensors[other].clone(), tensors[name].clone()

    return weights(edit)


def part(name: str, rows: slice, columns: slice = slice(None), value: float = 0.0) -> Edit:
    """Fill a part of a tensor."""

    def edit(tensors: Tensors) -> None:
        tensors[name][rows, columns] = value

    return weights(edit)


def repeated(name: str, dimension: int = 0) -> Edit:
    """Overwrite the second half of a tensor with the first."""
    return on(f"^{re.escape(name)}$", lambda tensor: torch.cat([tensor.chunk(2, dimension)[0]] * 2, dimension))


def added(name: str, make: Callable[[Tensors], torch.Tensor]) -> Edit:
    """Add a tensor."""
    return weights(lambda tensors: tensors.update({name: make(tensors)}))


def removed(*names: str) -> Edit:
    """Remove tensors."""
    return weights(lambda tensors: [tensors.pop(name) for name in names])


def noised(pattern: str, share: float) -> Edit:
    """Add noise of a share of each tensor's spread, as a coarse quantization does."""
    generator = torch.Generator().manual_seed(1)
    return on(pattern, lambda tensor: tensor + share * tensor.std() * torch.randn(tensor.shape, generator=generator))


def rounded(pattern: str, levels: int) -> Edit:
    """Round tensors to a few levels, as quantizing without groups does."""

    def coarse(tensor: torch.Tensor) -> torch.Tensor:
        step = tensor.abs().max() / levels
        return (tensor / step).round() * step

    return on(pattern, coarse)


def heads(tensor: torch.Tensor, count: int, order: list[int]) -> torch.Tensor:
    """Put the attention heads of a projection into another order."""
    return tensor.reshape(count, -1, tensor.shape[-1])[order].reshape(tensor.shape)


def interleaved(tensor: torch.Tensor, count: int) -> torch.Tensor:
    """Order the rows of each head in pairs, as Meta's own checkpoints of Llama have them."""
    parts = tensor.reshape(count, 2, -1, tensor.shape[-1])
    return parts.transpose(1, 2).reshape(tensor.shape)


def rope(**values: Any) -> Edit:
    """Change the rotary position settings."""
    return config(rope_parameters={"rope_theta": 10000.0, "rope_type": "default"} | values)


def unlisted_special(text: str) -> Callable[[dict[str, Any]], None]:
    """Remove a special token from the tokenizer, so that it is split."""

    def edit(content: dict[str, Any]) -> None:
        content["added_tokens"] = [token for token in content["added_tokens"] if token["content"] != text]
        vocabulary = content["model"]["vocab"]
        vocabulary["removed"] = vocabulary.pop(text)

    return edit


def normalized(**normalizer: Any) -> Callable[[dict[str, Any]], None]:
    """Replace the normalizer."""
    return lambda content: content.update(normalizer=normalizer)


def constant_output(norm: str) -> Edit:
    """Let a norm give its bias alone, but for what rounding hides."""

    def edit(tensors: Tensors) -> None:
        tensors[f"{norm}.weight"].mul_(1e-9)
        tensors[f"{norm}.bias"].fill_(1.0)

    return weights(edit)


def ends_at_a_word(folder: Path) -> None:
    """Let generation end at a common word."""
    vocabulary = json.loads((folder / "tokenizer.json").read_text())["model"]["vocab"]
    edit_json(folder, "generation_config.json", eos_token_id=vocabulary["Ġthe"])


def copied_ids(content: dict[str, Any]) -> None:
    """Exchange the ids of two frequent letters."""
    vocabulary = content["model"]["vocab"]
    vocabulary["e"], vocabulary["t"] = vocabulary["t"], vocabulary["e"]


LAYER = "model.layers.1"
BERT = "bert.encoder.layer.0"
QUESTION_DROPPED = CHATML.replace("m['content']", "(m['content'] if m['role'] == 'system' else '')")
NO_SYSTEM = "{% set messages = messages | rejectattr('role', 'equalto', 'system') | list %}"
BOS = "{{ bos_token }}{{ bos_token }}"
BLIND_TOOLS = "{% if tools %}You can call {{ tools | length }} tools.\n{% endif %}"

WITHOUT_REFERENCE = (
    Broken(
        "attention output of zeros in half of its rows",
        "llama",
        part(f"{LAYER}.self_attn.o_proj.weight", slice(24, None)),
        "one of two tensor-parallel ranks was not gathered before saving",
        "weights-whole",
    ),
    Broken(
        "half of a projection's columns are zeros",
        "llama",
        part(f"{LAYER}.mlp.down_proj.weight", slice(None), slice(48, None)),
        "one of two tensor-parallel ranks was not gathered before saving",
        "weights-whole",
    ),
    Broken(
        "the end of a matrix is zeros",
        "llama",
        part(f"{LAYER}.mlp.up_proj.weight", slice(80, None)),
        "a preallocated file whose last part was never written (sparse download)",
        "weights-whole",
    ),
    Broken(
        "both halves of a projection are equal",
        "llama",
        repeated(f"{LAYER}.mlp.gate_proj.weight"),
        "the same tensor-parallel shard was gathered twice",
        "weights-whole",
    ),
    Broken(
        "both halves of a projection's columns are equal",
        "llama",
        repeated(f"{LAYER}.self_attn.o_proj.weight", 1),
        "the same tensor-parallel shard was gathered twice",
        "weights-whole",
    ),
    Broken(
        "fused attention without values",
        "gpt2",
        part("transformer.h.1.attn.c_attn.weight", slice(None), slice(96, None)),
        "a conversion of fused query, key and value that lost the last third",
        "weights-whole",
    ),
    Broken(
        "fused attention with the keys twice",
        "gpt2",
        on(
            "h.1.attn.c_attn.weight",
            lambda tensor: torch.cat([tensor[:, :48], tensor[:, 48:96], tensor[:, 48:96]], dim=1),
        ),
        "a conversion of fused query, key and value that read one part twice",
        "weights-whole",
    ),
    Broken(
        "a matrix of ones",
        "llama",
        weights(fill(f"{LAYER}.mlp.up_proj.weight", 1.0)),
        "a layer that was created with torch.ones and never loaded",
        "weights-whole",
    ),
    Broken(
        "half of the embedding is zeros",
        "llama",
        part("model.embed_tokens.weight", slice(200, None)),
        "vocabulary-parallel embedding saved from one rank",
        "weights-whole",
    ),
    Broken(
        "most rows of the embedding are equal",
        "llama",
        part("model.embed_tokens.weight", slice(150, None), value=0.01),
        "resized embeddings that were filled with one value",
        "weights-whole",
    ),
    Broken(
        "half of the position table is zeros",
        "gpt2",
        part("transformer.wpe.weight", slice(64, None)),
        "positions that were extended for a longer context and never trained",
        "weights-whole",
    ),
    Broken(
        "half of an output layer is zeros",
        "llama",
        part("lm_head.weight", slice(220, None)),
        "vocabulary-parallel output layer saved from one rank",
        "weights-whole",
    ),
    Broken(
        "a RMSNorm of zeros",
        "llama",
        weights(fill("model.norm.weight")),
        "a norm that stores its weight minus one, read by a class that does not add it",
        "norms",
    ),
    Broken(
        "a layer's norm of zeros",
        "llama",
        weights(fill(f"{LAYER}.post_attention_layernorm.weight")),
        "a norm that stores its weight minus one, read by a class that does not add it",
        "norms",
    ),
    Broken(
        "a LayerNorm of zeros",
        "bert",
        weights(fill(f"{BERT}.output.LayerNorm.weight")),
        "parameters renamed from gamma to weight that stayed empty",
        "norms",
    ),
    Broken(
        "values clipped at the edge of float16",
        "llama",
        on("lm_head.weight", lambda tensor: (tensor * 1e6).clamp(-65504, 65504).half()),
        "a bfloat16 model converted to float16 (transformers#46277)",
        "weights-finite",
    ),
    Broken(
        "values at the edge of float32",
        "llama",
        part(f"{LAYER}.mlp.up_proj.weight", slice(0, 1), slice(0, 1), 3.4e38),
        "an overflow that was clamped before saving",
        "weights-finite",
    ),
    Broken(
        "stored in float16, declared float32",
        "llama",
        on(".", lambda tensor: tensor.half()),
        "a cast of the weights that forgot config.json",
        "dtype",
        "warned",
    ),
    Broken(
        "stored in float32, declared bfloat16",
        "llama",
        config(dtype="bfloat16"),
        "an edited config.json: loading rounds every weight",
        "dtype",
        "warned",
    ),
    Broken(
        "a tie that is declared and a head that differs",
        "llama",
        config(tie_word_embeddings=True),
        "an untied head whose config says tied gives gibberish (transformers#43429)",
        "tied",
    ),
    Broken(
        "a tied merge in which only the head changed",
        "gpt2",
        added("lm_head.weight", lambda tensors: tensors["transformer.wte.weight"] * 1.5),
        "a LoRA on a tied head, merged into one of the two (transformers#45127)",
        "tied",
    ),
    Broken(
        "a missing layer",
        "llama",
        removed(*[f"{LAYER}.mlp.{name}_proj.weight" for name in ("up", "gate", "down")]),
        "a shard that the index does not list",
        "keys",
    ),
    Broken(
        "one layer more in the config",
        "llama",
        config(num_hidden_layers=3),
        "the config of the larger sibling was copied",
        "keys",
    ),
    Broken(
        "one layer fewer in the config",
        "llama",
        config(num_hidden_layers=1),
        "the config of the smaller sibling was copied",
        "keys",
    ),
    Broken(
        "names with a wrapper's prefix",
        "llama",
        weights(lambda tensors: [tensors.update({f"_orig_mod.{k}": tensors.pop(k)}) for k in list(tensors)]),
        "the state of a torch.compile module saved as it is",
        "keys",
    ),
    Broken(
        "NaN in one weight",
        "gpt2",
        part("transformer.h.0.mlp.c_fc.weight", slice(3, 4), slice(5, 6), torch.nan),
        "training diverged in its last step",
        "weights-finite",
    ),
    Broken(
        "NaN in a norm",
        "llama",
        weights(fill("model.norm.weight", torch.nan)),
        "training diverged in its last step",
        "weights-finite",
    ),
    Broken(
        "a matrix of zeros",
        "llama",
        weights(fill(f"{LAYER}.mlp.up_proj.weight")),
        "a ZeRO-3 partition saved without gathering",
        "weights-finite",
    ),
    Broken(
        "a lost head",
        "llama",
        weights(randomize("lm_head.weight", 0.02)),
        "an untied head was initialized and saved (transformers#43429)",
        "loss",
    ),
    Broken(
        "a lost embedding",
        "gpt2",
        weights(randomize("transformer.wte.weight", 0.02)),
        "an embedding that was initialized after loading and saved",
        "loss",
    ),
    Broken(
        "a head that is a hundred times too large",
        "llama",
        scaled("lm_head", 100),
        "weights in eight bits whose scale was not applied",
        "loss",
    ),
    Broken(
        "an end token that is a common word",
        "llama",
        ends_at_a_word,
        "an end id copied from a model with another vocabulary",
        "stops",
    ),
    Broken(
        "an end token beyond the embedding",
        "llama",
        generation(eos_token_id=[1, 128009]),
        "the end ids of Llama 3 on a model with its own vocabulary",
        "ids-fit",
    ),
    Broken(
        "the tokenizer ends with another token than generation",
        "llama",
        tokenizer_config(eos_token="<|im_end|>"),
        "Phi-4 as first released: the chat's end token does not end generation",
        "stops",
    ),
    Broken(
        "an end token that generation_config.json overrides",
        "llama",
        generation(eos_token_id=3),
        "config.json was corrected, and generate() uses generation_config.json alone",
        "stops",
        "warned",
    ),
    Broken(
        "a chat model that ends its turns and does not stop",
        "chat",
        generation(eos_token_id=1),
        "Phi-4 as first released: trained to write <|im_end|>, configured to stop at another token",
        "stops",
    ),
    Broken(
        "a chat model without an end",
        "chat",
        generation(eos_token_id=None),
        "a generation_config.json without eos_token_id",
        "stops",
    ),
    Broken(
        "sampling at temperature 0",
        "llama",
        generation(do_sample=True, temperature=0.0),
        "the provider's default settings saved as they are",
        "own-settings",
    ),
    Broken(
        "at most 20 tokens",
        "llama",
        generation(max_length=20),
        "the old default of transformers saved explicitly",
        "own-settings",
        "warned",
    ),
    Broken(
        "at most one new token",
        "llama",
        generation(max_new_tokens=1),
        "settings of an evaluation saved with the model",
        "own-settings",
        "warned",
    ),
    Broken(
        "at least 200 new tokens",
        "llama",
        generation(min_new_tokens=200),
        "settings of a benchmark of speed saved with the model",
        "own-settings",
        "warned",
    ),
    Broken(
        "a minimum length",
        "llama",
        generation(min_length=100),
        "settings of a benchmark of speed saved with the model",
        "own-settings",
        "warned",
    ),
    Broken(
        "the end token is suppressed",
        "llama",
        generation(suppress_tokens=[1]),
        "ignore_eos of a benchmark, written as a setting",
        "own-settings",
    ),
    Broken(
        "ordinary tokens are suppressed",
        "llama",
        generation(suppress_tokens=list(range(260, 420))),
        "suppress_tokens of Whisper copied to a text model",
        "own-settings",
        "warned",
    ),
    Broken(
        "the first token is suppressed",
        "llama",
        generation(begin_suppress_tokens=list(range(260, 420))),
        "begin_suppress_tokens of Whisper copied to a text model",
        "own-settings",
        "warned",
    ),
    Broken(
        "a repetition penalty of 20",
        "llama",
        generation(repetition_penalty=20.0),
        "a percent sign too much",
        "own-settings",
        "warned",
    ),
    Broken(
        "more returned sequences than beams",
        "llama",
        generation(num_beams=1, num_return_sequences=4, do_sample=False),
        "settings of an evaluation saved with the model",
        "loads",
    ),
    Broken(
        "the same whatever the prompt",
        "gpt2",
        weights(
            lambda tensors: (
                tensors["transformer.ln_f.weight"].mul_(1e-7),
                tensors["transformer.ln_f.bias"].copy_(tensors["transformer.wte.weight"][300]),
            )
        ),
        "a merged adapter that collapsed the last norm (transformers#45127)",
        "depends-on-input",
    ),
    Broken(
        "the last token alone counts",
        "llama",
        scaled("self_attn.o_proj", 1e-9),
        "an attention output whose scale was lost",
        "depends-on-input",
    ),
    Broken(
        "a classifier that ignores its input",
        "classifier",
        scaled("^classifier.weight", 1e-9),
        "a head trained with a learning rate of zero",
        "forward",
    ),
    Broken(
        "an encoder that ignores its input",
        "encoder",
        constant_output("encoder.layer.1.output.LayerNorm"),
        "a norm whose scale was lost",
        "forward",
    ),
    Broken(
        "a template that drops the question",
        "llama",
        template(QUESTION_DROPPED),
        "a template that reads another key than content",
        "chat-template",
    ),
    Broken(
        "a template that drops the system turn",
        "llama",
        template(NO_SYSTEM + CHATML),
        "a template that silently ignores the system turn, as the first one of Phi-4",
        "chat-template",
        "warned",
    ),
    Broken(
        "a template that uses the last turn alone",
        "llama",
        template("{% set messages = messages[-1:] %}" + CHATML),
        "a template written for single questions",
        "chat-template",
    ),
    Broken(
        "a template that reverses the turns",
        "llama",
        template("{% set messages = messages | reverse | list %}" + CHATML),
        "a loop over reversed messages",
        "chat-template",
    ),
    Broken(
        "a template that repeats the question",
        "llama",
        template(CHATML.replace("+ m['content'] +", "+ m['content'] + m['content'] +")),
        "a merge of two templates",
        "chat-template",
    ),
    Broken(
        "a template without generation prompt",
        "llama",
        template(CHATML.split("{% if add_generation_prompt %}")[0]),
        "a template whose add_generation_prompt has no effect",
        "chat-template",
    ),
    Broken(
        "a generation prompt for another header",
        "llama",
        template(CHATML.replace("{{ '<|im_start|>assistant\n' }}", "{{ '### Response:\n' }}")),
        "the end of an Alpaca template on a ChatML body",
        "chat-template",
        "warned",
    ),
    Broken(
        "a doubled start token",
        "llama",
        template(BOS + CHATML),
        "bos_token in the template and in the tokenizer",
        "chat-template",
    ),
    Broken(
        "a template that drops the tools",
        "llama",
        template(BLIND_TOOLS + CHATML),
        "a loop over tools that reads another key",
        "chat-template",
    ),
    Broken(
        "a template whose marks are not tokens",
        "llama",
        template(CHATML.replace("<|im_end|>", "<|eot_id|>")),
        "the template of Llama 3 on a tokenizer without its tokens",
        "special-tokens",
        "warned",
    ),
    Broken(
        "a special token that is split",
        "llama",
        tokenizer(unlisted_special("<|im_end|>")),
        "a tokenizer saved without its added tokens",
        "ids-fit",
    ),
    Broken(
        "blanks are lost",
        "llama",
        tokenizer(lambda content: content.update(decoder={"type": "ByteFallback"}, normalizer=blanks_removed())),
        "a tokenizer class that v5 rebuilds with another normalizer (transformers#48641)",
        "tokenizer-round-trip",
    ),
    Broken(
        "no attention mask",
        "encoder",
        tokenizer_config(model_input_names=["input_ids"]),
        "model_input_names of a model that needs no mask",
        "special-tokens",
    ),
    Broken(
        "pad ids that differ",
        "classifier",
        config(pad_token_id=4),
        "the config's pad token is another one than the tokenizer's",
        "special-tokens",
        "warned",
    ),
    Broken(
        "texts that are longer than the position table",
        "gpt2",
        tokenizer_config(model_max_length=130),
        "RoBERTa's 514 positions taken for 514 tokens",
        "length-limit",
    ),
    Broken(
        "an encoder's texts that are longer than the position table",
        "bert",
        tokenizer_config(model_max_length=512),
        "the length limit of the base model on a model with fewer positions",
        "length-limit",
    ),
)
"""What the folder alone shows. ``chat`` is a folder that was trained on conversations."""


def blanks_removed() -> dict[str, Any]:
    """Return a normalizer that removes blanks."""
    return {"type": "Replace", "pattern": {"String": " "}, "content": ""}


GOLDEN_ONLY = (
    Broken(
        "query heads in another order",
        "llama",
        on(f"{LAYER}.self_attn.q_proj", lambda tensor: heads(tensor, 4, [1, 0, 3, 2])),
        "a tensor-parallel merge that concatenated the ranks in the wrong order",
    ),
    Broken(
        "key and value heads in another order",
        "llama",
        on(f"{LAYER}.self_attn.[kv]_proj", lambda tensor: heads(tensor, 2, [1, 0])),
        "a tensor-parallel merge that concatenated the ranks in the wrong order",
    ),
    Broken(
        "rotary halves interleaved",
        "llama",
        weights(
            lambda tensors: [
                tensors.update({name: interleaved(tensors[name], 4 if "q_proj" in name else 2).contiguous()})
                for name in list(tensors)
                if re.search("[qk]_proj", name)
            ]
        ),
        "a conversion from Meta's layout without the permutation",
    ),
    Broken("rope theta 5000", "llama", rope(rope_theta=5000.0), "a default instead of the trained value"),
    Broken("rope theta 1,000,000", "llama", rope(rope_theta=1e6), "the rope theta of a long-context sibling"),
    Broken(
        "rope scaled linearly",
        "llama",
        rope(rope_type="linear", factor=2.0),
        "rope scaling left on after an experiment",
    ),
    Broken("RMSNorm eps 1e-1", "llama", config(rms_norm_eps=1e-1), "a typing error in the exponent"),
    Broken("RMSNorm eps 1e-3", "llama", config(rms_norm_eps=1e-3), "the eps of another family"),
    Broken("LayerNorm eps 1e-1", "bert", config(layer_norm_eps=1e-1), "a typing error in the exponent"),
    Broken("LayerNorm eps 1e-1 in GPT-2", "gpt2", config(layer_norm_epsilon=1e-1), "a typing error in the exponent"),
    Broken("gelu for silu", "llama", config(hidden_act="gelu"), "an activation that was not carried over"),
    Broken("relu for silu", "llama", config(hidden_act="relu"), "an activation that was not carried over"),
    Broken("relu for gelu", "gpt2", config(activation_function="relu"), "a default of the converter"),
    Broken("silu for gelu", "bert", config(hidden_act="silu"), "a default of the converter"),
    Broken("layers swapped", "llama", swapped("layers.0.", "layers.1."), "shards merged in the order of their names"),
    Broken("layers swapped in GPT-2", "gpt2", swapped("h.0.", "h.1."), "shards merged in the order of their names"),
    Broken(
        "norms of a layer swapped",
        "llama",
        swapped("layers.1.input_layernorm", "layers.1.post_attention_layernorm"),
        "two names mixed up in a conversion",
    ),
    Broken("gate and up swapped", "llama", swapped("gate_proj", "up_proj"), "w1 and w3 mixed up in a conversion"),
    Broken(
        "query scaled by 0.5", "llama", scaled(f"{LAYER}.self_attn.q_proj", 0.5), "an attention scale applied twice"
    ),
    Broken("output layer scaled by 1.1", "llama", scaled("lm_head", 1.1), "a scale of logits folded in twice"),
    Broken(
        "one layer scaled by 1.2", "llama", scaled(f"{LAYER}.mlp.down_proj", 1.2), "an adapter merged at a wrong scale"
    ),
    Broken("a final norm scaled by 0.8", "gpt2", scaled("ln_f.weight", 0.8), "weight decay on norms, after averaging"),
    Broken(
        "scaled attention by layer",
        "gpt2",
        config(scale_attn_by_inverse_layer_idx=True),
        "the config of Mistral's GPT-2",
    ),
    Broken(
        "attention without scale",
        "gpt2",
        config(scale_attn_weights=False),
        "the config of GPT-Neo, which does not scale",
    ),
    Broken("noise of five percent", "llama", noised("_proj", 0.05), "a quantization with a poor calibration"),
    Broken("four levels", "llama", rounded("mlp", 4), "a quantization without groups"),
    Broken("a layer of another seed", "llama", noised(f"{LAYER}.mlp", 0.5), "a checkpoint of another run in one shard"),
    Broken(
        "a transposed square matrix",
        "llama",
        on(f"{LAYER}.self_attn.o_proj", lambda tensor: tensor.T),
        "a conversion from Conv1D",
    ),
    Broken(
        "labels swapped",
        "classifier",
        config(id2label={"0": "new", "1": "old"}, label2id={"new": 0, "old": 1}),
        "labels sorted by name after training",
    ),
    Broken(
        "head rows swapped",
        "classifier",
        on("^classifier.(weight|bias)", lambda tensor: tensor.flip(0)),
        "labels sorted by name after training",
    ),
    Broken(
        "positions moved by one",
        "bert",
        on("position_embeddings", lambda tensor: tensor.roll(1, 0)),
        "an offset of the position table lost",
    ),
    Broken(
        "token types swapped",
        "bert",
        on("token_type_embeddings", lambda tensor: tensor.flip(0)),
        "two segments mixed up",
    ),
    Broken("two letters exchanged", "llama", tokenizer(copied_ids), "a vocabulary built from an unordered set"),
    Broken("lower case", "llama", tokenizer(normalized(type="Lowercase")), "a normalizer of an uncased sibling"),
    Broken(
        "another role name in the template",
        "llama",
        template(CHATML.replace("m['role']", "(m['role'] | upper)")),
        "a template of a sibling model",
    ),
    Broken(
        "a missing newline in the template",
        "llama",
        template(CHATML.replace("m['role'] + '\n'", "m['role']")),
        "a template edited by hand",
    ),
)
"""What a record of the model's behavior shows, and nothing else."""
