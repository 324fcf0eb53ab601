"""Changes of config.json: what a class makes of it decides, not how it is written."""

from __future__ import annotations

from typing import Any

from tests.model.compare.pairs.made import MAJOR, MINOR, PATCH, Files, MadePair, saved_config

_NF4 = {"quant_method": "bitsandbytes", "load_in_4bit": True, "bnb_4bit_quant_type": "nf4"}
_NF4_REST = {
    "_load_in_4bit": True,
    "_load_in_8bit": False,
    "load_in_8bit": False,
    "bnb_4bit_compute_dtype": "float32",
    "bnb_4bit_quant_storage": "uint8",
    "bnb_4bit_use_double_quant": False,
    "llm_int8_skip_modules": None,
    "llm_int8_enable_fp32_cpu_offload": False,
    "llm_int8_has_fp16_weight": False,
    "llm_int8_threshold": 6.0,
}
_GEN = {"eos_token_id": 2, "bos_token_id": 1, "transformers_version": "5.23.0"}


def _config(kind: str, **settings: Any) -> Files:
    return {"config.json": saved_config(kind, **settings), "generation_config.json": _GEN}


def _raw(**settings: Any) -> Files:
    return {"config.json": settings, "generation_config.json": _GEN}


def _set(family: str, level: Any, kind: str, why: str = "", **settings: Any) -> MadePair:
    """One or more settings get another value."""
    name = f"{kind}: {', '.join(settings)} set"
    return MadePair(name, family, level, lambda: _config(kind), lambda: _config(kind, **settings), why)


def _gemma3_ropes(**settings: Any) -> Files:
    held = saved_config("gemma3_text", whole=True)
    ropes = {
        "full_attention": {"rope_type": "default", "rope_theta": 1e6},
        "sliding_attention": {"rope_type": "default", "rope_theta": settings.pop("sliding", 1e4)},
    }
    return {"config.json": {**held, "rope_parameters": ropes, **settings}, "generation_config.json": _GEN}


def _llama4_5(**settings: Any) -> dict[str, Any]:
    """A Llama config as transformers 4 wrote it."""
    plain = {"model_type": "llama", "architectures": ["LlamaForCausalLM"], "hidden_size": 64, "intermediate_size": 128}
    plain |= {"num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4, "pretraining_tp": 1}
    return {**plain, "rope_theta": 5e5, "rope_scaling": None, "torch_dtype": "bfloat16", **settings}


def _nested(text: dict[str, Any] | None = None, vision: dict[str, Any] | None = None, **settings: Any) -> Files:
    texts = {"model_type": "llama", "hidden_size": 64, "num_attention_heads": 4, "num_hidden_layers": 2, **(text or {})}
    visions = {
        "model_type": "clip_vision_model",
        "hidden_size": 64,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        **(vision or {}),
    }
    return _raw(**{"model_type": "llava", "text_config": texts, "vision_config": visions, **settings})


_WRITTEN_OTHERWISE = (
    MadePair(
        "llama: every default spelled out",
        "text",
        PATCH,
        lambda: _config("llama"),
        lambda: _config("llama", whole=True),
    ),
    MadePair(
        "llava: every default spelled out, nested too",
        "vision",
        PATCH,
        lambda: _config("llava"),
        lambda: _config("llava", whole=True),
    ),
    MadePair(
        "whisper: every default spelled out",
        "speech",
        PATCH,
        lambda: _config("whisper"),
        lambda: _config("whisper", whole=True),
    ),
    MadePair(
        "llama: saved again by transformers 5",
        "text",
        MAJOR,  # 4.57 ignores rope_parameters
        lambda: _raw(**_llama4_5()),
        lambda: _raw(
            **{
                key: value
                for key, value in _llama4_5().items()
                if key not in ("rope_theta", "rope_scaling", "torch_dtype")
            },
            dtype="bfloat16",
            rope_parameters={"rope_type": "default", "rope_theta": 5e5},
        ),
    ),
    MadePair(
        "llama: rope_theta lost in the move to transformers 5",
        "text",
        MAJOR,
        lambda: _raw(**_llama4_5()),
        lambda: _raw(**_llama4_5(rope_theta=1e4)),
    ),
    MadePair(
        "llama: head_dim spelled out",
        "text",
        PATCH,
        lambda: _raw(**_llama4_5()),
        lambda: _raw(**_llama4_5(head_dim=16)),
    ),
    MadePair(
        "llama: another head_dim", "text", MAJOR, lambda: _raw(**_llama4_5()), lambda: _raw(**_llama4_5(head_dim=32))
    ),
    MadePair(
        "gemma3: a rope for each type of layer, and a default spelled out",
        "text",
        PATCH,
        lambda: {k: ({a: b for a, b in v.items() if a != "attention_bias"}) for k, v in _gemma3_ropes().items()},
        _gemma3_ropes,
    ),
    MadePair("gemma3: the rope of sliding layers", "text", MAJOR, _gemma3_ropes, lambda: _gemma3_ropes(sliding=2e4)),
    MadePair(
        "gpt2: null where the default is null",
        "text",
        PATCH,
        lambda: _raw(model_type="gpt2", n_embd=64, n_head=4),
        lambda: _raw(model_type="gpt2", n_embd=64, n_head=4, n_inner=None),
    ),
    MadePair("llava: a nested default spelled out", "vision", PATCH, _nested, lambda: _nested({"rms_norm_eps": 1e-6})),
    MadePair(
        "llava: the nested dtype spelled out",
        "vision",
        PATCH,
        lambda: _nested(dtype="bfloat16"),
        lambda: _nested({"dtype": "bfloat16"}, {"dtype": "bfloat16"}, dtype="bfloat16"),
    ),
    MadePair("llava: a nested epsilon", "vision", MAJOR, _nested, lambda: _nested({"rms_norm_eps": 1e-5})),
    MadePair("llava: a nested activation", "vision", MAJOR, _nested, lambda: _nested({}, {"hidden_act": "gelu"})),
    MadePair("llava: nested dropout", "vision", PATCH, _nested, lambda: _nested({"attention_dropout": 0.1})),
    MadePair(
        "llava: nested initial values", "vision", PATCH, _nested, lambda: _nested({}, {"initializer_range": 0.05})
    ),
    MadePair(
        "llama: bitsandbytes with its defaults spelled out",
        "text",
        PATCH,
        lambda: _raw(**_llama4_5(quantization_config=_NF4)),
        lambda: _raw(**_llama4_5(quantization_config={**_NF4, **_NF4_REST})),
    ),
    MadePair(
        "llama: bitsandbytes with another type",
        "text",
        MAJOR,
        lambda: _raw(**_llama4_5(quantization_config=_NF4)),
        lambda: _raw(**_llama4_5(quantization_config={**_NF4, "bnb_4bit_quant_type": "fp4"})),
    ),
    MadePair(
        "llama: bitsandbytes with another dtype",
        "text",
        MAJOR,
        lambda: _raw(**_llama4_5(quantization_config=_NF4)),
        lambda: _raw(**_llama4_5(quantization_config={**_NF4, "bnb_4bit_compute_dtype": "bfloat16"})),
    ),
    MadePair(
        "llama: an attention implementation",
        "text",
        MAJOR,
        lambda: _raw(**_llama4_5()),
        lambda: _raw(**_llama4_5(attn_implementation="eager")),
        "The class takes it away from the file and computes with it.",
    ),
)

_NO_EFFECT = (
    _set("text", PATCH, "llama", initializer_range=0.01),
    _set("text", PATCH, "llama", attention_dropout=0.1),
    _set("text", PATCH, "llama", use_cache=False),
    _set("text", PATCH, "mixtral", router_aux_loss_coef=0.02),
    _set("text", PATCH, "mixtral", router_jitter_noise=0.1),
    _set("text", PATCH, "bert", hidden_dropout_prob=0.2, attention_probs_dropout_prob=0.0),
    _set("text", PATCH, "gpt2", attn_pdrop=0.0, resid_pdrop=0.0, embd_pdrop=0.0),
    _set("text", PATCH, "t5", dropout_rate=0.0, initializer_factor=0.5),
    _set("text", PATCH, "bart", dropout=0.0, activation_dropout=0.1, encoder_layerdrop=0.1),
    _set("text", PATCH, "deberta-v2", pooler_dropout=0.1),
    _set("speech", PATCH, "wav2vec2", mask_time_prob=0.075, mask_feature_prob=0.05, layerdrop=0.0),
    _set("speech", PATCH, "wav2vec2", apply_spec_augment=False),
    _set("speech", PATCH, "wav2vec2", ctc_loss_reduction="mean", ctc_zero_infinity=True),
    _set("speech", PATCH, "whisper", apply_spec_augment=True, mask_time_prob=0.05, dropout=0.1),
    _set("vision", PATCH, "swin", drop_path_rate=0.2, attention_probs_dropout_prob=0.1),
    _set("vision", PATCH, "convnext", drop_path_rate=0.1),
    _set("vision", PATCH, "vit", hidden_dropout_prob=0.1, initializer_range=0.01),
    _set("vision", PATCH, "clip", logit_scale_init_value=4.6),
    MadePair(
        "own code: use_cache",
        "text",
        PATCH,
        lambda: _raw(model_type="acme_lm", use_cache=True),
        lambda: _raw(model_type="acme_lm", use_cache=False),
    ),
)

_EFFECT = (
    _set("text", MAJOR, "gemma2", final_logit_softcapping=20.0),
    _set("text", MAJOR, "gemma2", attn_logit_softcapping=20.0),
    _set("text", MAJOR, "granite", logits_scaling=8.0),
    _set("text", MAJOR, "granite", embedding_multiplier=12.0),
    _set("text", MAJOR, "granite", residual_multiplier=0.22),
    _set("text", MAJOR, "cohere", logit_scale=0.25),
    _set("text", MAJOR, "falcon_h1", lm_head_multiplier=0.5),
    _set("text", MAJOR, "bert", layer_norm_eps=1e-5),
    _set("text", MAJOR, "mistral", sliding_window=1024),
    _set("text", MAJOR, "qwen2", use_sliding_window=True),
    _set("text", MAJOR, "gpt2", scale_attn_by_inverse_layer_idx=True),
    _set("text", MAJOR, "t5", feed_forward_proj="gated-gelu"),
    _set("text", MAJOR, "esm", token_dropout=True, mask_token_id=32, vocab_size=33),
    _set("text", MAJOR, "llama", return_dict=False, why="forward then returns a tuple, and generate fails."),
    _set("text", MINOR, "qwen2", max_position_embeddings=65536),
    _set("vision", MAJOR, "mobilenet_v2", output_stride=16),
    _set("vision", MAJOR, "vit", layer_norm_eps=1e-6),
    _set("speech", MAJOR, "wav2vec2", feat_extract_activation="relu"),
    MadePair(
        "own code: dropout",
        "text",
        MAJOR,
        lambda: _raw(model_type="acme_lm", dropout=0.0),
        lambda: _raw(model_type="acme_lm", dropout=0.1),
        "Nobody knows what a repo's own code does with it.",
    ),
)

PAIRS = (*_WRITTEN_OTHERWISE, *_NO_EFFECT, *_EFFECT)
