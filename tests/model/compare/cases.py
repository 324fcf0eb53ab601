"""For every rule: what triggers it, at which level, and near misses that must not."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from typing import Any

from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from tests.model.compare.sides import (
    Edit,
    both,
    card,
    change,
    config,
    drop,
    lineage,
    moving,
    put,
    requires,
    same,
    settings,
    tensors,
)
from tests.model.smoke.tiny import CHATML

MAJOR, MINOR, PATCH = Bump.MAJOR, Bump.MINOR, Bump.PATCH


@dataclass(frozen=True)
class Case:
    """One rule, on one checkpoint: edits that it reports at a level, and edits that it does not report."""

    rule: str
    on: str
    level: Bump
    triggers: tuple[Edit, ...]
    near: tuple[Edit, ...]
    first: Edit = same
    """Done to both sides before anything else."""


def tokenizer(edit: Any) -> Edit:
    return change("tokenizer.json", edit)


def swapped(held: Any) -> None:
    vocab = held["model"]["vocab"]
    one, other = sorted(vocab)[40:42]
    vocab[one], vocab[other] = vocab[other], vocab[one]


def appended(number: int, content: str = "<|tool|>") -> Edit:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False, "special": True}

    def edit(held: Any) -> None:
        held["added_tokens"].append({"id": number, "content": content} | flags)

    return tokenizer(edit)


def lowered(held: Any) -> None:
    held["normalizer"] = {"type": "Lowercase"}


def cut_merges(held: Any) -> None:
    held["model"]["merges"].pop()


def old_merges(held: Any) -> None:
    held["model"]["merges"] = [" ".join(pair) for pair in held["model"]["merges"]]


def undefaulted(held: Any) -> None:
    del held["pre_tokenizer"]["use_regex"]


def truncated(held: Any) -> None:
    held["truncation"] = {"direction": "Right", "max_length": 8, "strategy": "LongestFirst", "stride": 0}


def padded_left(held: Any) -> None:
    strategy = {"strategy": "BatchLongest", "direction": "Left", "pad_to_multiple_of": 8}
    held["padding"] = strategy | {"pad_id": 2, "pad_type_id": 0, "pad_token": "<pad>"}


def template(text: str) -> Edit:
    return put("chat_template.jinja", text)


def in_config(text: str = CHATML) -> Edit:
    return both(drop("chat_template.jinja"), settings("tokenizer_config.json", chat_template=text))


def reordered(path: str) -> Edit:
    return change(path, lambda held: dict(reversed(held.items())))


def resharded(count: int = 2) -> Edit:
    """The same tensors in several files."""
    names = [f"model-{n + 1:05}-of-{count:05}.safetensors" for n in range(count)]

    def shard(tensor: Tensor) -> Tensor:
        return replace(tensor, file=names[sum(tensor.name.encode()) % count])

    return both(tensors(shard), put("model.safetensors.index.json", json.dumps({"weight_map": {}})))


def renamed(old: str, new: str) -> Edit:
    return tensors(lambda t: replace(t, name=t.name.replace(old, new)))


def reshaped(name: str, shape: tuple[int, ...]) -> Edit:
    return tensors(lambda t: replace(t, shape=shape) if t.name == name else t)


def retyped(dtype: str) -> Edit:
    return tensors(lambda t: replace(t, dtype=dtype))


def variant(digest: str) -> Tensor:
    name = "model.fp16.safetensors"
    return Tensor(f"{name}:w", name, "F16", (2,), f"xxh3:{digest * 32}")


def header_only(side: Any) -> Any:
    return replace(side, files={**side.files, "model.safetensors": "sha256:other-header"})


HEAD = "lm_head.weight"
QUANTIZED = config(quantization_config={"quant_method": "gptq", "bits": 4})
PACKED = both(QUANTIZED, tensors(lambda t: replace(t, dtype="I32") if t.name.endswith("q_proj.weight") else t))
PLAIN_ADAPTER = "adapter_config.json"
LEGACY_NAMES = config(
    dtype=...,
    torch_dtype="torch.float32",
    rope_parameters=...,
    rope_theta=10000.0,
    rope_scaling=None,
    head_dim=...,
    mlp_bias=...,
    tie_word_embeddings=...,
)
GEN, TOK = "generation_config.json", "tokenizer_config.json"
SPELLED_OUT = settings(
    TOK,
    padding_side="right",
    truncation_side="right",
    pad_token_type_id=0,
    pad_to_multiple_of=None,
    split_special_tokens=False,
)

CASES = (
    Case(
        "architecture",
        "bot",
        MAJOR,
        (config(model_type="mistral"), config(architectures=["LlamaModel"]), drop("config.json")),
        (config(use_cache=False), LEGACY_NAMES, reordered("config.json")),
    ),
    Case(
        "dimensions",
        "bot",
        MAJOR,
        (config(num_hidden_layers=3), config(hidden_size=64), config(num_key_value_heads=4), config(head_dim=24)),
        (LEGACY_NAMES, config(vocab_size=999), config(model_type="mistral")),
    ),
    Case(
        "context-cut",
        "bot",
        MAJOR,
        (
            config(max_position_embeddings=128),
            config(max_position_embeddings=512, rope_parameters={"rope_type": "linear", "factor": 2.0}),
            config(rope_parameters={"rope_type": "default", "rope_theta": 5e5}),
            settings(TOK, model_max_length=128),
        ),
        (config(max_position_embeddings=512), LEGACY_NAMES),
    ),
    Case(
        "context-raised",
        "bot",
        MINOR,
        (config(max_position_embeddings=512), config(max_position_embeddings=512.0)),
        (config(max_position_embeddings=128), config(max_position_embeddings=256.0)),
    ),
    Case(
        "metadata",
        "bot",
        PATCH,
        (
            config(transformers_version="5.99.0"),
            config(use_cache=False),
            config(_name_or_path="/home/x"),
            config(attention_dropout=0.1),
            settings(GEN, transformers_version="5.99.0"),
            header_only,
        ),
        (reordered("config.json"), config(hidden_act="gelu"), moving()),
    ),
    Case(
        "unknown-setting",
        "bot",
        MAJOR,
        (config(my_scaling=2.0), config(hidden_act="gelu"), settings(GEN, my_own=1), settings(TOK, my_flag=True)),
        (LEGACY_NAMES, config(use_cache=False), config(my_scaling=...)),
    ),
    Case(
        "tensor-names",
        "bot",
        MAJOR,
        (
            tensors(lambda t: None if t.name.endswith("norm.weight") else t),
            renamed("q_proj", "query"),
            tensors(lambda t: t, Tensor("extra.bias", "model.safetensors", "F32", (2,), "xxh3:" + "1" * 32)),
        ),
        (resharded(), moving(), tensors(lambda t: None if t.name == HEAD else t)),
    ),
    Case(
        "tensor-shape",
        "bot",
        MAJOR,
        (reshaped("model.norm.weight", (49,)), reshaped("model.embed_tokens.weight", (451, 50))),
        (reshaped("model.embed_tokens.weight", (500, 48)), moving()),
    ),
    Case(
        "tied-embeddings",
        "bot",
        MAJOR,
        (config(tie_word_embeddings=True), tensors(lambda t: None if t.name == HEAD else t)),
        (LEGACY_NAMES, moving(HEAD)),
    ),
    Case(
        "vocab-size",
        "bot",
        MAJOR,
        (config(vocab_size=512), reshaped("model.embed_tokens.weight", (512, 48)), reshaped(HEAD, (512, 48))),
        (config(vocab_size=451.0), moving("model.embed_tokens.weight")),
    ),
    Case(
        "dtype",
        "bot",
        MAJOR,
        (retyped("BF16"), config(dtype="bfloat16")),
        (config(dtype=...), config(dtype=..., torch_dtype="float32"), moving()),
    ),
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (
            tokenizer(swapped),
            tokenizer(lowered),
            tokenizer(cut_merges),
            tokenizer(truncated),
            tokenizer(lambda held: held["added_tokens"][3].update(lstrip=True)),
            put("tokenizer.json", "[]"),
            put("tokenizer.json", "{"),
            settings(TOK, padding_side="left"),
            settings(TOK, pad_token_type_id=1),
        ),
        (tokenizer(old_merges), tokenizer(undefaulted), reordered("tokenizer.json"), appended(440), SPELLED_OUT),
    ),
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (
            settings(TOK, padding_side="right"),
            settings(TOK, truncation_side="left"),
            settings(TOK, pad_to_multiple_of=4),
        ),
        (settings(TOK, padding_side="left", pad_to_multiple_of=8, pad_token_type_id=0),),
        first=tokenizer(padded_left),
    ),
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (settings(TOK, padding_side=...), settings(TOK, padding_side="right")),
        (settings(TOK, truncation_side="right"),),
        first=settings(TOK, padding_side="left"),
    ),
    Case(
        "token-ids",
        "bot",
        MAJOR,
        (SPELLED_OUT,),
        (reordered(TOK),),
        first=settings(TOK, auto_map={"AutoTokenizer": ["x.T", None]}),
    ),
    Case(
        "tokens-appended",
        "bot",
        MINOR,
        (
            appended(440),
            both(appended(440), settings(TOK, extra_special_tokens=["<|im_start|>", "<|im_end|>", "<|tool|>"])),
        ),
        (tokenizer(swapped), reordered("tokenizer.json"), tokenizer(cut_merges)),
    ),
    Case(
        "tokens-appended",
        "bot",
        MAJOR,
        (appended(451), appended(10**9), both(appended(440), reshaped("model.embed_tokens.weight", (439, 48)))),
        (appended(440, "<|im_end|>"),),
    ),
    Case(
        "tokenizer-class",
        "bot",
        PATCH,
        (settings(TOK, add_prefix_space=False), settings(TOK, tokenizer_class="PreTrainedTokenizerFast")),
        (settings(TOK, model_max_length=10**31), reordered(TOK)),
    ),
    Case(
        "tokenizer-class",
        "bot",
        MAJOR,
        (settings(TOK, tokenizer_class="GPT2Tokenizer"),),
        (settings(TOK, padding_side="left"),),
    ),
    Case(
        "chat-template",
        "bot",
        MAJOR,
        (
            template(CHATML.replace("assistant", "model")),
            template("{{ 1 / 0 }}"),
            template("{% for"),
            drop("chat_template.jinja"),
            in_config(CHATML + "!"),
        ),
        (
            template(CHATML + "{# a comment #}"),
            in_config(),
            template(CHATML + "\n"),
            template(CHATML.replace("{{ ", "{{")),
        ),
    ),
    Case(
        "chat-template",
        "bot",
        MAJOR,
        (template(CHATML),),
        (put("additional_chat_templates/rag.jinja", CHATML),),
        first=drop("chat_template.jinja"),
    ),
    Case(
        "chat-template-extended",
        "bot",
        MINOR,
        (
            template(CHATML + "{# a comment #}"),
            template("{% if audio %}x{% endif %}" + CHATML),
            put("additional_chat_templates/rag.jinja", CHATML),
        ),
        (template(CHATML + "x"), in_config(), template("{% if tools %}x{% endif %}" + CHATML)),
    ),
    Case(
        "chat-template-moved",
        "bot",
        PATCH,
        (
            in_config(),
            both(drop("chat_template.jinja"), put("chat_template.json", json.dumps({"chat_template": CHATML}))),
            settings(TOK, chat_template=CHATML),
            template(CHATML + "\n"),
        )[:2],
        (in_config(CHATML + "x"), template(CHATML + "x"), template(CHATML + "{# y #}")),
    ),
    Case(
        "special-ids",
        "bot",
        MAJOR,
        (
            config(eos_token_id=4),
            config(eos_token_id=[1, 4]),
            settings(GEN, eos_token_id=[1, 4]),
            settings(GEN, pad_token_id=1),
            settings(TOK, eos_token="<|im_end|>"),
            settings(TOK, extra_special_tokens=["<|im_start|>"]),
        ),
        (
            config(eos_token_id=[1]),
            settings(GEN, eos_token_id=[1]),
            settings(TOK, eos_token={"content": "</s>", "lstrip": False}),
            drop(GEN),
        ),
    ),
    Case(
        "sampling",
        "bot",
        MINOR,
        (settings(GEN, temperature=0.7), settings(GEN, do_sample=True), settings(GEN, max_new_tokens=64)),
        (settings(GEN, temperature=1.0, top_p=1), settings(GEN, eos_token_id=4), settings(GEN, use_cache=False)),
    ),
    Case(
        "labels",
        "classifier",
        MAJOR,
        (
            config(id2label={"0": "new", "1": "old"}, label2id={"new": 0, "old": 1}),
            config(id2label={"0": "Old", "1": "new"}),
            config(id2label={"0": "old", "1": "new", "2": "x"}),
        ),
        (config(num_labels=2), reordered("config.json"), config(id2label={"1": "new", "0": "old"})),
    ),
    Case(
        "task",
        "bot",
        MAJOR,
        (card(pipeline_tag="text-classification"), card(library_name="peft"), config(problem_type="regression")),
        (card(tags=["x"]), config(use_cache=False), card()),
        first=config(problem_type="single_label_classification"),
    ),
    Case(
        "processor",
        "viewer",
        MAJOR,
        (
            settings("preprocessor_config.json", image_mean=[0.4, 0.5, 0.5]),
            settings("preprocessor_config.json", size={"height": 336}),
            drop("preprocessor_config.json"),
        ),
        (
            settings("preprocessor_config.json", processor_class="ViTProcessor"),
            reordered("preprocessor_config.json"),
            both(
                drop("preprocessor_config.json"),
                put(
                    "processor_config.json",
                    json.dumps(
                        {
                            "image_processor": {
                                "size": {"height": 224},
                                "image_mean": [0.5, 0.5, 0.5],
                                "image_processor_type": "ViTImageProcessor",
                            }
                        }
                    ),
                ),
            ),
        ),
    ),
    Case(
        "embedding-space",
        "sentence",
        MAJOR,
        (
            moving("2_Dense/linear.weight"),
            settings("1_Pooling/config.json", pooling_mode_cls_token=True),
            change("modules.json", lambda held: held[:3]),
            put("config_sentence_transformers.json", '{"similarity_fn_name": "dot"}'),
        ),
        (
            resharded(),
            put("config_sentence_transformers.json", '{"__version__": {"x": "1"}}'),
            reordered("config.json"),
        ),
    ),
    Case("embedding-space", "bot", MAJOR, (moving(),), (resharded(),), first=card(pipeline_tag="feature-extraction")),
    Case(
        "base-model",
        "bot",
        MAJOR,
        (lineage(name="x", source="acme/other"),),
        (lineage(name="x", source="Acme/Base"), lineage(name="x", source="acme/base", revision="b" * 40)),
    ),
    Case(
        "base-model",
        "adapter",
        MAJOR,
        (settings(PLAIN_ADAPTER, base_model_name_or_path="demo/other"),),
        (settings(PLAIN_ADAPTER, revision="x"), lineage(name="base", source="demo/base")),
    ),
    Case(
        "base-revision",
        "bot",
        MINOR,
        (lineage(name="x", source="acme/base", revision="b" * 40),),
        (lineage(name="x", source="acme/base"), lineage(name="x", source="acme/other", revision="b" * 40)),
    ),
    Case(
        "minimum-library",
        "bot",
        MAJOR,
        (
            requires(transformers=">=5.4"),
            requires(transformers=">=5.1,<6", peft=">=1"),
            config(min_transformers_version="9"),
        ),
        (requires(transformers=">=5.0"), requires(), requires(transformers=">= 5.1.0")),
        first=requires(transformers=">=5.1.0"),
    ),
    Case(
        "adapter",
        "adapter",
        MAJOR,
        (
            settings(PLAIN_ADAPTER, r=8),
            settings(PLAIN_ADAPTER, target_modules=["q_proj", "v_proj"]),
            settings(PLAIN_ADAPTER, modules_to_save=["lm_head"]),
            settings(PLAIN_ADAPTER, peft_type="IA3"),
        ),
        (
            settings(PLAIN_ADAPTER, r=1),
            settings(PLAIN_ADAPTER, lora_alpha=99),
            settings(PLAIN_ADAPTER, target_modules=["q_proj", "q_proj"]),
            settings(PLAIN_ADAPTER, exclude_modules=[], use_dora=...),
            settings(PLAIN_ADAPTER, lora_dropout=0.1),
        ),
    ),
    Case(
        "adapter-scaling",
        "adapter",
        MINOR,
        (
            settings(PLAIN_ADAPTER, lora_alpha=99),
            settings(PLAIN_ADAPTER, use_rslora=True),
            settings(PLAIN_ADAPTER, r=1),
        ),
        (
            settings(PLAIN_ADAPTER, lora_alpha=8.0),
            settings(PLAIN_ADAPTER, r=64),
            settings(PLAIN_ADAPTER, lora_alpha=...),
        ),
    ),
    Case(
        "adapter-merged",
        "bot",
        MAJOR,
        (put(PLAIN_ADAPTER, '{"peft_type": "LORA"}'),),
        (moving(), drop("config.json")),
    ),
    Case(
        "weights",
        "bot",
        MINOR,
        (moving(), moving(HEAD)),
        (resharded(), header_only, renamed("q_proj", "query")),
    ),
    Case(
        "weights",
        "bot",
        MAJOR,
        (tensors(lambda t: None if t.is_extra else t),),
        (tensors(lambda t: replace(t, digest=variant("2").digest) if t.is_extra else t),),
        first=tensors(lambda t: t, variant("1")),
    ),
    Case("weights", "bot", MINOR, (tensors(lambda t: t, variant("1")),), (same,)),
    Case(
        "requantized",
        "bot",
        MINOR,
        (moving("model.layers.0.self_attn.q_proj.weight"),),
        (moving(), moving("model.norm.weight"), resharded()),
        first=PACKED,
    ),
    Case(
        "quantization",
        "bot",
        MAJOR,
        (config(quantization_config={"quant_method": "gptq", "bits": 8}), config(quantization_config=...)),
        (config(quantization_config={"bits": 4, "quant_method": "gptq"}), moving()),
        first=QUANTIZED,
    ),
    Case("resharded", "bot", PATCH, (resharded(), resharded(5)), (moving(), header_only)),
    Case(
        "license",
        "bot",
        MAJOR,
        (
            card(license="cc-by-nc-4.0"),
            card(license="llama3.1"),
            card(license=...),
            card(license="gpl-3.0"),
            card(extra_gated_prompt="Agree."),
        ),
        (card(license="mit"), card(license=["apache-2.0"]), card(tags=["x"])),
    ),
    Case(
        "license",
        "bot",
        MAJOR,
        (card(license="agpl-3.0"),),
        (card(license="cc0-1.0"),),
        first=card(license="cc-by-nc-4.0"),
    ),
    Case(
        "license-relaxed",
        "bot",
        MINOR,
        (card(license="apache-2.0"), card(license="mpl-2.0"), card(license="cc0-1.0")),
        (card(license="agpl-3.0"), card(license="other", license_name="mine"), card(license=...), card()),
        first=card(license="gpl-3.0"),
    ),
    Case(
        "remote-code",
        "bot",
        MAJOR,
        (
            put("modeling_x.py", "x = 2"),
            drop("modeling_x.py"),
            config(auto_map={"AutoModel": "modeling_x.M"}),
            settings(TOK, auto_map={"AutoTokenizer": ["x.T", None]}),
            config(_attn_implementation_internal="x/y"),
        ),
        (put("notes.md", "x = 2"), config(use_cache=False)),
        first=put("modeling_x.py", "x = 1"),
    ),
    Case(
        "rewritten",
        "bot",
        PATCH,
        (
            reordered("config.json"),
            LEGACY_NAMES,
            config(eos_token_id=[1]),
            tokenizer(old_merges),
            tokenizer(undefaulted),
            settings(GEN, temperature=1.0),
            settings(TOK, model_max_length=10**31),
            SPELLED_OUT,
        ),
        (config(mlp_bias=True), put("config.json", "{"), tokenizer(swapped)),
    ),
    Case(
        "rewritten",
        "adapter",
        PATCH,
        (settings(PLAIN_ADAPTER, use_dora=..., exclude_modules=[]), reordered(PLAIN_ADAPTER)),
        (settings(PLAIN_ADAPTER, use_dora=True),),
    ),
    Case(
        "docs",
        "bot",
        PATCH,
        (
            put("LICENSE", "MIT"),
            put("images/loss.png", b"x"),
            put("eval_results.json", "{}"),
            lambda side: replace(side, documents={**side.documents, "README.md": "sha256:9"}),
        ),
        (put("data.csv", "1"), lambda side: replace(side, documents={})),
    ),
    Case(
        "opaque-weights",
        "bot",
        MAJOR,
        (put("model-q4.gguf", "2"), drop("model-q4.gguf")),
        (put("readme.md", "x"), put("other.txt", "x")),
        first=put("model-q4.gguf", "1"),
    ),
    Case("opaque-weights", "bot", MINOR, (put("model-q4.gguf", "1"),), (put("x.csv", "1"),)),
    Case(
        "unreadable",
        "bot",
        MAJOR,
        (put("config.json", "{"), put("config.json", "[" * 10000), put(TOK, b"\xff"), put(GEN, '{"a": 1, "a": 2}')),
        (put("mine.json", "{"), config(hidden_act="gelu")),
    ),
    Case(
        "other-file",
        "bot",
        MAJOR,
        (put("labels.csv", "2"), drop("labels.csv")),
        (put("NOTES.md", "x"),),
        first=put("labels.csv", "1"),
    ),
    Case("other-file", "bot", MINOR, (put("labels.csv", "1"),), (put("NOTES.md", "x"),)),
)
