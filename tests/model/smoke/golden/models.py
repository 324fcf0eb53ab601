"""Tiny models of many architectures and tasks, for the calibration of goldens and the rates of what they catch.

Models of language are trained for a moment, so that their predictions differ from text to text; the weights of the
others are made larger than an initialization leaves them, for the same reason.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
import transformers as typed

from tests.model.smoke import tiny

transformers: Any = typed
"""Without its types: configs take more than their signatures say."""

SMALL: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "num_key_value_heads": 2,
    "max_position_embeddings": 256,
}
BERT: dict[str, Any] = {
    "hidden_size": 48,
    "intermediate_size": 96,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "max_position_embeddings": 128,
}
VISION: dict[str, Any] = {
    "hidden_size": 32,
    "intermediate_size": 64,
    "num_hidden_layers": 2,
    "num_attention_heads": 4,
    "image_size": 32,
    "patch_size": 8,
}


@dataclass(frozen=True)
class Made:
    """A model in memory with its tokenizer; None for a model that has none."""

    model: Any
    tokenizer: Any


def _ids(tokenizer: Any) -> dict[str, Any]:
    return {
        "vocab_size": len(tokenizer),
        "bos_token_id": tokenizer.bos_token_id,
        "eos_token_id": tokenizer.eos_token_id,
        "pad_token_id": tokenizer.pad_token_id,
    }


def _causal(name: str, **settings: Any) -> Callable[[], Made]:
    def make() -> Made:
        tokenizer = tiny.byte_tokenizer(chat_template=tiny.CHATML)
        config = getattr(transformers, f"{name}Config")(**_ids(tokenizer), **settings)
        model = getattr(transformers, f"{name}ForCausalLM" if name != "GPT2" else "GPT2LMHeadModel")(config)
        return Made(tiny.train(model, tokenizer, steps=60), tokenizer)

    return make


def _encoder(architecture: str, config: str = "BertConfig", **settings: Any) -> Callable[[], Made]:
    def make() -> Made:
        tokenizer = tiny.word_tokenizer()
        made = getattr(transformers, config)(
            vocab_size=len(tokenizer), pad_token_id=tokenizer.pad_token_id, **BERT, **settings
        )
        return Made(_livelier(getattr(transformers, architecture)(made)), tokenizer)

    return make


def _other(architecture: str, config: Callable[[], Any], *, text: bool = False) -> Callable[[], Made]:
    def make() -> Made:
        return Made(_livelier(getattr(transformers, architecture)(config())), tiny.byte_tokenizer() if text else None)

    return make


def _livelier(model: Any) -> Any:
    """Make matrices larger than an initialization leaves them: else rounding hides what the model computes."""
    generator = torch.Generator().manual_seed(3)
    with torch.no_grad():
        for weight in model.parameters():
            if weight.ndim == 2:
                weight.copy_(torch.randn(weight.shape, generator=generator) * (1.2 / weight.shape[1] ** 0.5))
    return model.eval()


def _seq2seq(name: str, **settings: Any) -> Callable[[], Made]:
    def make() -> Made:
        tokenizer = tiny.byte_tokenizer()
        ids = _ids(tokenizer) | {"decoder_start_token_id": tokenizer.pad_token_id}
        config = getattr(transformers, f"{name}Config")(**ids, **settings)
        return Made(_livelier(getattr(transformers, f"{name}ForConditionalGeneration")(config)), tokenizer)

    return make


def _clip() -> Any:
    return transformers.CLIPConfig(
        text_config={**BERT, "vocab_size": 439, "num_hidden_layers": 2, "eos_token_id": 1, "bos_token_id": 0},
        vision_config=VISION,
        projection_dim=24,
    )


def _wav2vec() -> Any:
    return transformers.Wav2Vec2Config(
        vocab_size=32,
        hidden_size=32,
        intermediate_size=64,
        num_hidden_layers=2,
        num_attention_heads=4,
        conv_dim=(16, 16),
        conv_stride=(5, 4),
        conv_kernel=(10, 8),
        num_conv_pos_embeddings=16,
        num_conv_pos_embedding_groups=4,
    )


def _whisper() -> Any:
    sizes = {"encoder_layers": 2, "decoder_layers": 2, "encoder_attention_heads": 4, "decoder_attention_heads": 4}
    return transformers.WhisperConfig(
        vocab_size=439,
        d_model=32,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_source_positions=100,
        max_target_positions=64,
        pad_token_id=2,
        bos_token_id=0,
        eos_token_id=1,
        decoder_start_token_id=0,
        **sizes,
    )


MODELS: dict[str, Callable[[], Made]] = {
    "Llama": _causal("Llama", **SMALL),
    "Llama, tied": _causal("Llama", tie_word_embeddings=True, **SMALL),
    "Olmo2": _causal("Olmo2", **SMALL),
    "Qwen3": _causal("Qwen3", **SMALL, head_dim=12),
    "Mistral": _causal("Mistral", **SMALL, sliding_window=32),
    "Gemma2": _causal("Gemma2", **SMALL, head_dim=12),
    "Phi": _causal("Phi", **(SMALL | {"num_key_value_heads": 4})),
    "GPT2": _causal("GPT2", n_embd=48, n_layer=3, n_head=4, n_positions=256),
    "GPTNeoX": _causal("GPTNeoX", **{key: value for key, value in SMALL.items() if key != "num_key_value_heads"}),
    "Mixtral": _causal("Mixtral", **SMALL, num_local_experts=4, num_experts_per_tok=2),
    "Qwen3Moe": _causal(
        "Qwen3Moe", **SMALL, head_dim=12, num_experts=8, num_experts_per_tok=2, moe_intermediate_size=32
    ),
    "Mamba": _causal("Mamba", hidden_size=48, num_hidden_layers=2, state_size=8),
    "T5": _seq2seq("T5", d_model=32, d_kv=8, d_ff=64, num_layers=2, num_heads=4),
    "Bart": _seq2seq(
        "Bart",
        d_model=32,
        encoder_layers=2,
        decoder_layers=2,
        encoder_attention_heads=4,
        decoder_attention_heads=4,
        encoder_ffn_dim=64,
        decoder_ffn_dim=64,
        max_position_embeddings=256,
    ),
    "Bert, masked": _encoder("BertForMaskedLM"),
    "Bert, classifier": _encoder("BertForSequenceClassification", num_labels=3),
    "Bert, regression": _encoder("BertForSequenceClassification", num_labels=1),
    "Bert, tokens": _encoder("BertForTokenClassification", num_labels=5),
    "Bert, answers": _encoder("BertForQuestionAnswering"),
    "Bert, vectors": _encoder("BertModel"),
    "Roberta, masked": _encoder("RobertaForMaskedLM", "RobertaConfig"),
    "DistilBert, classifier": lambda: Made(
        _livelier(
            transformers.DistilBertForSequenceClassification(
                transformers.DistilBertConfig(vocab_size=300, dim=48, hidden_dim=96, n_layers=2, n_heads=4)
            )
        ),
        tiny.word_tokenizer(),
    ),
    "ViT": _other("ViTForImageClassification", lambda: transformers.ViTConfig(**VISION, num_labels=4)),
    "ResNet": _other(
        "ResNetForImageClassification",
        lambda: transformers.ResNetConfig(embedding_size=16, hidden_sizes=[16, 32], depths=[1, 1], num_labels=4),
    ),
    "CLIP": _other("CLIPModel", _clip, text=True),
    "Wav2Vec2, CTC": _other("Wav2Vec2ForCTC", _wav2vec),
    "Wav2Vec2, classifier": _other("Wav2Vec2ForSequenceClassification", _wav2vec),
    "Whisper": _other("WhisperForConditionalGeneration", _whisper, text=True),
}
"""Makers by name, each of a model in float32 on the CPU."""


def save(name: str, folder: Path) -> Path:
    """Make a model and save it into a folder."""
    torch.manual_seed(7)
    made = MODELS[name]()
    return tiny.save(made.model, made.tokenizer, folder)
