"""The network and its weights: configs and tensors."""

from __future__ import annotations

from dataclasses import replace

from hfver.model.checkpoint import Tensor
from tests.model.compare.cases.case import MAJOR, MINOR, PATCH, Case
from tests.model.compare.edits import (
    GEN,
    HEAD,
    LEGACY_NAMES,
    PACKED,
    QUANTIZED,
    TOK,
    config,
    drop,
    header_only,
    moving,
    renamed,
    reordered,
    reshaped,
    resharded,
    retyped,
    same,
    settings,
    tensors,
    variant,
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
)
