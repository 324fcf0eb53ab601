"""Configs as older versions of transformers wrote them, loaded and saved again by the installed one."""

from __future__ import annotations

import json
import tempfile
from pathlib import Path
from typing import Any

from tests.model.compare.pairs.made import MAJOR, PATCH, Files, MadePair, written

_TEXT = {"torch_dtype": "bfloat16", "transformers_version": "4.43.0", "use_cache": True, "_name_or_path": "/data/run-7"}

# From public models, with fewer layers.
_OLD: dict[str, dict[str, Any]] = {
    "llama 3.1": {
        "model_type": "llama",
        "architectures": ["LlamaForCausalLM"],
        "attention_bias": False,
        "attention_dropout": 0.0,
        "bos_token_id": 128000,
        "eos_token_id": [128001, 128009],
        "hidden_act": "silu",
        "hidden_size": 128,
        "initializer_range": 0.02,
        "intermediate_size": 256,
        "max_position_embeddings": 131072,
        "mlp_bias": False,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "pretraining_tp": 1,
        "rms_norm_eps": 1e-05,
        "rope_theta": 500000.0,
        "rope_scaling": {
            "factor": 8.0,
            "low_freq_factor": 1.0,
            "high_freq_factor": 4.0,
            "original_max_position_embeddings": 8192,
            "rope_type": "llama3",
        },
        "tie_word_embeddings": False,
        "vocab_size": 128256,
        **_TEXT,
    },
    "qwen2.5": {
        "model_type": "qwen2",
        "architectures": ["Qwen2ForCausalLM"],
        "attention_dropout": 0.0,
        "bos_token_id": 151643,
        "eos_token_id": 151645,
        "hidden_act": "silu",
        "hidden_size": 128,
        "initializer_range": 0.02,
        "intermediate_size": 256,
        "max_position_embeddings": 32768,
        "max_window_layers": 2,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "num_key_value_heads": 2,
        "rms_norm_eps": 1e-06,
        "rope_theta": 1000000.0,
        "sliding_window": 131072,
        "tie_word_embeddings": False,
        "use_sliding_window": False,
        "vocab_size": 152064,
        **_TEXT,
    },
    "mistral": {
        "model_type": "mistral",
        "architectures": ["MistralForCausalLM"],
        "bos_token_id": 1,
        "eos_token_id": 2,
        "hidden_size": 128,
        "intermediate_size": 256,
        "sliding_window": None,
        "max_position_embeddings": 32768,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "rope_theta": 1000000.0,
        "num_key_value_heads": 2,
        "vocab_size": 32768,
        "rms_norm_eps": 1e-05,
        **_TEXT,
    },
    "gemma 2": {
        "model_type": "gemma2",
        "architectures": ["Gemma2ForCausalLM"],
        "attn_logit_softcapping": 50.0,
        "final_logit_softcapping": 30.0,
        "cache_implementation": "hybrid",
        "head_dim": 32,
        "hidden_size": 128,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "rope_theta": 10000.0,
        "hidden_activation": "gelu_pytorch_tanh",
        "hidden_act": "gelu_pytorch_tanh",
        "num_hidden_layers": 2,
        "query_pre_attn_scalar": 224,
        "sliding_window": 4096,
        "sliding_window_size": 4096,
        "vocab_size": 256000,
        "pad_token_id": 0,
        "bos_token_id": 2,
        "eos_token_id": 1,
        **_TEXT,
    },
    "gpt2": {
        "model_type": "gpt2",
        "architectures": ["GPT2LMHeadModel"],
        "activation_function": "gelu_new",
        "attn_pdrop": 0.1,
        "bos_token_id": 50256,
        "eos_token_id": 50256,
        "embd_pdrop": 0.1,
        "initializer_range": 0.02,
        "layer_norm_epsilon": 1e-05,
        "n_ctx": 1024,
        "n_embd": 128,
        "n_head": 4,
        "n_layer": 2,
        "n_positions": 1024,
        "resid_pdrop": 0.1,
        "vocab_size": 50257,
        "task_specific_params": {"text-generation": {"do_sample": True, "max_length": 50}},
    },
    "bert": {
        "model_type": "bert",
        "architectures": ["BertForMaskedLM"],
        "attention_probs_dropout_prob": 0.1,
        "gradient_checkpointing": False,
        "hidden_act": "gelu",
        "hidden_size": 128,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "pad_token_id": 0,
        "vocab_size": 30522,
        "position_embedding_type": "absolute",
        "type_vocab_size": 2,
        "layer_norm_eps": 1e-12,
    },
    "classifier": {
        "model_type": "distilbert",
        "architectures": ["DistilBertForSequenceClassification"],
        "activation": "gelu",
        "dim": 128,
        "n_heads": 4,
        "n_layers": 2,
        "hidden_dim": 256,
        "seq_classif_dropout": 0.2,
        "id2label": {"0": "NEGATIVE", "1": "POSITIVE"},
        "label2id": {"NEGATIVE": 0, "POSITIVE": 1},
        "finetuning_task": "sst-2",
        "output_past": True,
        "sinusoidal_pos_embds": False,
        "tie_weights_": True,
    },
    "bart": {
        "model_type": "bart",
        "architectures": ["BartForConditionalGeneration"],
        "d_model": 128,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "vocab_size": 50264,
        "decoder_attention_heads": 4,
        "bos_token_id": 0,
        "eos_token_id": 2,
        "pad_token_id": 1,
        "num_beams": 4,
        "decoder_start_token_id": 2,
        "forced_eos_token_id": 2,
        "max_length": 142,
        "min_length": 56,
        "early_stopping": True,
        "length_penalty": 2.0,
        "no_repeat_ngram_size": 3,
        "num_hidden_layers": 2,
    },
    "t5": {
        "model_type": "t5",
        "architectures": ["T5ForConditionalGeneration"],
        "d_model": 64,
        "d_ff": 128,
        "d_kv": 16,
        "num_heads": 4,
        "num_layers": 2,
        "dropout_rate": 0.1,
        "n_positions": 512,
        "decoder_start_token_id": 0,
        "eos_token_id": 1,
        "pad_token_id": 0,
        "output_past": True,
        "vocab_size": 32128,
    },
    "whisper": {
        "model_type": "whisper",
        "architectures": ["WhisperForConditionalGeneration"],
        "d_model": 64,
        "encoder_layers": 2,
        "decoder_layers": 2,
        "encoder_attention_heads": 4,
        "vocab_size": 51865,
        "decoder_attention_heads": 4,
        "bos_token_id": 50257,
        "eos_token_id": 50257,
        "pad_token_id": 50257,
        "decoder_start_token_id": 50258,
        "max_length": 448,
        "begin_suppress_tokens": [220, 50257],
        "forced_decoder_ids": [[1, 50259], [2, 50359], [3, 50363]],
        "suppress_tokens": [1, 2, 7],
    },
    "wav2vec2": {
        "model_type": "wav2vec2",
        "architectures": ["Wav2Vec2ForCTC"],
        "hidden_size": 128,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "ctc_loss_reduction": "sum",
        "freeze_feat_extract_train": True,
        "gradient_checkpointing": True,
        "mask_channel_length": 10,
        "vocab_size": 32,
    },
    "vit": {
        "model_type": "vit",
        "architectures": ["ViTForImageClassification"],
        "hidden_size": 128,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "image_size": 224,
        "patch_size": 16,
        "id2label": {"0": "cat", "1": "dog", "2": "cow"},
        "label2id": {"cat": 0, "dog": 1, "cow": 2},
    },
    "clip": {
        "model_type": "clip",
        "architectures": ["CLIPModel"],
        "projection_dim": 64,
        "logit_scale_init_value": 2.6592,
        "torch_dtype": "float32",
        "text_config": {
            "hidden_size": 128,
            "num_attention_heads": 4,
            "num_hidden_layers": 2,
            "model_type": "clip_text_model",
        },
        "vision_config": {"hidden_size": 128, "num_attention_heads": 4, "num_hidden_layers": 2, "patch_size": 32},
    },
    "llava": {
        "model_type": "llava",
        "architectures": ["LlavaForConditionalGeneration"],
        "ignore_index": -100,
        "image_token_index": 32000,
        "projector_hidden_act": "gelu",
        "pad_token_id": 32001,
        "vision_feature_layer": -2,
        "vision_feature_select_strategy": "default",
        "torch_dtype": "float16",
        "text_config": {"model_type": "llama", "hidden_size": 128, "num_attention_heads": 4, "torch_dtype": "float16"},
        "vision_config": {"model_type": "clip_vision_model", "hidden_size": 128, "num_attention_heads": 4},
    },
    "deberta": {
        "model_type": "deberta-v2",
        "hidden_size": 128,
        "num_attention_heads": 4,
        "num_hidden_layers": 2,
        "pos_att_type": "p2c|c2p",
        "relative_attention": True,
        "max_relative_positions": -1,
        "position_buckets": 256,
        "vocab_size": 128100,
    },
}


def _before(name: str) -> Files:
    return {"config.json": _OLD[name]}


def _after(name: str) -> Files:
    """Do as ``save_pretrained`` of a loaded model does, without its weights."""
    from transformers import AutoConfig, GenerationConfig

    kind: Any = GenerationConfig
    with tempfile.TemporaryDirectory() as folder:
        Path(folder, "config.json").write_bytes(written(_OLD[name]))
        files = {}
        config = AutoConfig.from_pretrained(folder)
        if "Generation" in str(config.architectures) or "CausalLM" in str(config.architectures):
            generation = kind.from_pretrained(folder, config_file_name="config.json", _from_model_config=True)
            files["generation_config.json"] = json.loads(generation.to_json_string())
        config.save_pretrained(folder)
        return {"config.json": json.loads(Path(folder, "config.json").read_text()), **files}


# transformers 5 writes `rope_parameters`, and 4.57 then computes positions with its default of 10000, without an error.
_MISREAD_BY_4 = {"llama 3.1", "qwen2.5", "mistral"}

PAIRS = tuple(
    MadePair(
        f"{name}: loaded and saved again",
        "saved again",
        MAJOR if name in _MISREAD_BY_4 else PATCH,
        lambda name=name: _before(name),  # type: ignore[misc]
        lambda name=name: _after(name),  # type: ignore[misc]
    )
    for name in _OLD
)
