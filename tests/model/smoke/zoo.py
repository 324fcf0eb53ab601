"""Healthy models of many architectures and tasks: tiny, made from config classes with a fixed seed, nothing fetched."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
import transformers

from tests.model.smoke import tiny

hf: Any = transformers
Made = tuple[Any, Any]
"""A model, and its tokenizer or None."""

LABELS: dict[str, Any] = {"id2label": {0: "A", 1: "B", 2: "C"}, "label2id": {"A": 0, "B": 1, "C": 2}}
SEES: dict[str, Any] = {"image_size": 32, "patch_size": 8}
SPEECH: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
    "conv_dim": (16, 16),
    "conv_kernel": (10, 5),
    "conv_stride": (10, 8),
    "num_feat_extract_layers": 2,
    "num_conv_pos_embeddings": 16,
    "num_conv_pos_embedding_groups": 2,
    "classifier_proj_size": 16,
}
ENDS: dict[str, Any] = {"bos_token_id": 0, "eos_token_id": 1}
SMALL: dict[str, Any] = {
    "hidden_size": 32,
    "num_hidden_layers": 2,
    "num_attention_heads": 2,
    "intermediate_size": 64,
}
PAIR: dict[str, Any] = {
    "d_model": 32,
    "encoder_layers": 2,
    "decoder_layers": 2,
    "encoder_attention_heads": 2,
    "decoder_attention_heads": 2,
    "encoder_ffn_dim": 64,
    "decoder_ffn_dim": 64,
    "max_position_embeddings": 128,
}
T5: dict[str, Any] = {"d_model": 32, "d_kv": 16, "d_ff": 64, "num_layers": 2, "num_heads": 2}


def built(name: str, config: str, **settings: Any) -> Any:
    """Build a model of transformers from the names of its class and of its config's class."""
    kind, made = getattr(hf, name), getattr(hf, config)
    return kind(made(**settings)).eval()


def causal(name: str, config: str, **settings: Any) -> Callable[[], Made]:
    """Return what makes an untrained model that continues text, with a byte-level tokenizer."""

    def make() -> Made:
        tokenizer = tiny.byte_tokenizer()
        ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
        # Qwen's tokenizer adds a token when it is loaded, so there is room for it.
        return built(name, config, **{"vocab_size": len(tokenizer) + 8, **ids, **settings}), tokenizer

    return make


def masked(name: str, config: str, **settings: Any) -> Callable[[], Made]:
    """Return what makes a model that reads text both ways, with a lower-casing tokenizer."""

    def make() -> Made:
        tokenizer = tiny.word_tokenizer()
        return built(name, config, vocab_size=len(tokenizer), pad_token_id=0, **settings), tokenizer

    return make


def pair(name: str, config: str, **settings: Any) -> Callable[[], Made]:
    """Return what makes a model with an encoder and a decoder."""

    def make() -> Made:
        tokenizer = tiny.byte_tokenizer()
        ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2, "decoder_start_token_id": 2}
        return built(name, config, vocab_size=len(tokenizer), **ids, **settings), tokenizer

    return make


def alone(name: str, config: str, **settings: Any) -> Callable[[], Made]:
    """Return what makes a model without a tokenizer."""
    return lambda: (built(name, config, **settings), None)


def cast(make: Callable[[], Made], dtype: torch.dtype) -> Callable[[], Made]:
    """Return what makes the same in another dtype."""

    def made() -> Made:
        model, tokenizer = make()
        return model.to(dtype), tokenizer

    return made


def clip(name: str = "CLIPModel", kind: str = "CLIP", **settings: Any) -> Callable[[], Made]:
    """Return what makes a model of pictures and texts."""

    def make() -> Made:
        tokenizer = tiny.word_tokenizer()
        text = {**SMALL, "vocab_size": len(tokenizer), "max_position_embeddings": 64, "eos_token_id": 3}
        text |= {"bos_token_id": 2, "pad_token_id": 0}
        config = getattr(hf, f"{kind}Config")
        return getattr(hf, name)(
            config(text_config=text, vision_config={**SMALL, **SEES}, **settings)
        ).eval(), tokenizer

    return make


def llava() -> Made:
    """Make a model that continues a text about a picture."""
    tokenizer = tiny.byte_tokenizer()
    tokenizer.add_tokens(["<image>"], special_tokens=True)
    config = hf.LlavaConfig(
        vision_config=hf.CLIPVisionConfig(**SMALL, **SEES),
        text_config=hf.LlamaConfig(
            **SMALL, vocab_size=len(tokenizer) + 8, bos_token_id=0, eos_token_id=1, pad_token_id=2
        ),
        image_token_index=len(tokenizer) - 1,
        vision_feature_layer=-1,
    )
    return hf.LlavaForConditionalGeneration(config).eval(), tokenizer


def added_tokens() -> Made:
    """Make a model whose embeddings grew with tokens that were added to the tokenizer."""
    tokenizer = tiny.byte_tokenizer(chat_template=tiny.CHATML)
    tokenizer.add_tokens(["<|tool|>", "<|think|>"], special_tokens=True)
    return tiny.llama(tokenizer), tokenizer


def padded_vocabulary() -> Made:
    """Make a model whose embedding has more rows than the tokenizer has tokens."""
    tokenizer = tiny.byte_tokenizer()
    ids = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 2}
    return hf.LlamaForCausalLM(hf.LlamaConfig(**SMALL, vocab_size=512 + 64, **ids)), tokenizer


def without_pad() -> Made:
    """Make a model whose tokenizer and config have no pad token."""
    tokenizer = tiny.byte_tokenizer()
    tokenizer.pad_token = None
    return hf.LlamaForCausalLM(hf.LlamaConfig(**SMALL, vocab_size=512, bos_token_id=0, eos_token_id=1)), tokenizer


def encoder_of_pictures() -> Made:
    """Make a model that reads a picture with one model and writes with another."""
    tokenizer = tiny.byte_tokenizer()
    sees = hf.ViTConfig(**SMALL, **SEES)
    writes = hf.GPT2Config(vocab_size=len(tokenizer), n_embd=32, n_layer=2, n_head=2, add_cross_attention=True, **ENDS)
    config: Any = hf.VisionEncoderDecoderConfig
    both = config.from_encoder_decoder_configs(sees, writes)
    both.decoder_start_token_id, both.pad_token_id = 0, 2
    return hf.VisionEncoderDecoderModel(both).eval(), None


HALF = causal("LlamaForCausalLM", "LlamaConfig", **SMALL)
BERT = {**SMALL, "max_position_embeddings": 128}
VIT = alone("ViTForImageClassification", "ViTConfig", **SMALL, **SEES, **LABELS)
WAVE = alone("Wav2Vec2ForCTC", "Wav2Vec2Config", vocab_size=32, **SPEECH)
SWIN: dict[str, Any] = {"image_size": 32, "patch_size": 4, "embed_dim": 16, "depths": [1, 1], "num_heads": [2, 2]}

ZOO: dict[str, Callable[[], Made]] = {
    # Models that continue text.
    "llama, untied": HALF,
    "llama, tied": causal("LlamaForCausalLM", "LlamaConfig", tie_word_embeddings=True, **SMALL),
    "llama, bfloat16": cast(HALF, torch.bfloat16),
    "llama, float16": cast(HALF, torch.float16),
    "llama, added tokens": added_tokens,
    "llama, padded vocabulary": padded_vocabulary,
    "llama, no pad token": without_pad,
    "mistral": causal("MistralForCausalLM", "MistralConfig", num_key_value_heads=2, sliding_window=64, **SMALL),
    "qwen2": causal("Qwen2ForCausalLM", "Qwen2Config", num_key_value_heads=2, **SMALL),
    "qwen3": causal("Qwen3ForCausalLM", "Qwen3Config", num_key_value_heads=2, head_dim=16, **SMALL),
    "gemma": causal("GemmaForCausalLM", "GemmaConfig", num_key_value_heads=2, head_dim=16, **SMALL),
    "phi": causal("PhiForCausalLM", "PhiConfig", **SMALL),
    "gpt-neox": causal("GPTNeoXForCausalLM", "GPTNeoXConfig", **SMALL),
    "opt": causal(
        "OPTForCausalLM",
        "OPTConfig",
        hidden_size=32,
        ffn_dim=64,
        num_hidden_layers=2,
        num_attention_heads=2,
        word_embed_proj_dim=32,
    ),
    "bloom": causal("BloomForCausalLM", "BloomConfig", hidden_size=32, n_layer=2, n_head=2),
    "mixtral, experts": causal(
        "MixtralForCausalLM", "MixtralConfig", num_key_value_heads=2, num_local_experts=4, **SMALL
    ),
    "mamba": causal("MambaForCausalLM", "MambaConfig", hidden_size=32, num_hidden_layers=2, state_size=8),
    "mamba2": causal(
        "Mamba2ForCausalLM",
        "Mamba2Config",
        hidden_size=32,
        num_hidden_layers=2,
        state_size=8,
        num_heads=4,
        head_dim=16,
        n_groups=1,
    ),
    "rwkv": causal("RwkvForCausalLM", "RwkvConfig", hidden_size=32, num_hidden_layers=2, attention_hidden_size=32),
    # Encoders of text.
    "bert, masked": masked("BertForMaskedLM", "BertConfig", **BERT),
    "distilbert, masked": masked("DistilBertForMaskedLM", "DistilBertConfig", dim=32, n_layers=2, n_heads=2),
    "roberta, classifier": masked(
        "RobertaForSequenceClassification", "RobertaConfig", **BERT, **LABELS, bos_token_id=2, eos_token_id=3
    ),
    "bert, classifier": masked("BertForSequenceClassification", "BertConfig", **BERT, **LABELS),
    "llama, reward": causal("LlamaForSequenceClassification", "LlamaConfig", num_labels=1, **SMALL),
    "bert, tokens": masked("BertForTokenClassification", "BertConfig", **BERT, **LABELS),
    "distilbert, tokens": masked(
        "DistilBertForTokenClassification", "DistilBertConfig", dim=32, n_layers=2, n_heads=2, **LABELS
    ),
    "bert, tokens, bfloat16": cast(
        masked("BertForTokenClassification", "BertConfig", **BERT, **LABELS), torch.bfloat16
    ),
    "bert, answers": masked("BertForQuestionAnswering", "BertConfig", **BERT),
    "electra, answers": masked("ElectraForQuestionAnswering", "ElectraConfig", embedding_size=32, **BERT),
    "bert, multiple choice": masked("BertForNextSentencePrediction", "BertConfig", **BERT),
    "bert, vectors": masked("BertModel", "BertConfig", **BERT),
    "mpnet, vectors": masked("MPNetModel", "MPNetConfig", **BERT),
    "albert, vectors": masked("AlbertModel", "AlbertConfig", embedding_size=32, **BERT),
    # An encoder and a decoder.
    "t5": pair("T5ForConditionalGeneration", "T5Config", **T5),
    "t5, gated, untied": pair(
        "T5ForConditionalGeneration", "T5Config", feed_forward_proj="gated-gelu", tie_word_embeddings=False, **T5
    ),
    "t5, bfloat16": cast(pair("T5ForConditionalGeneration", "T5Config", **T5), torch.bfloat16),
    "bart": pair("BartForConditionalGeneration", "BartConfig", forced_eos_token_id=1, **PAIR),
    "marian": pair("MarianMTModel", "MarianConfig", forced_eos_token_id=1, **PAIR),
    "pegasus": pair("PegasusForConditionalGeneration", "PegasusConfig", forced_eos_token_id=1, **PAIR),
    "switch transformers, experts": pair(
        "SwitchTransformersForConditionalGeneration",
        "SwitchTransformersConfig",
        num_experts=2,
        num_decoder_layers=2,
        **T5,
    ),
    "t5, bare": pair("T5Model", "T5Config", **T5),
    # Pictures.
    "vit": VIT,
    "vit, float16": cast(VIT, torch.float16),
    "vit, bfloat16": cast(VIT, torch.bfloat16),
    "deit": alone("DeiTForImageClassification", "DeiTConfig", **SMALL, **SEES, **LABELS),
    "beit": alone("BeitForImageClassification", "BeitConfig", vocab_size=32, **SMALL, **SEES, **LABELS),
    "dinov2": alone("Dinov2Model", "Dinov2Config", **SMALL, **SEES),
    "resnet": alone(
        "ResNetForImageClassification",
        "ResNetConfig",
        embedding_size=8,
        hidden_sizes=[8, 16],
        depths=[1, 1],
        **LABELS,
    ),
    "convnext": alone(
        "ConvNextForImageClassification", "ConvNextConfig", hidden_sizes=[8, 16], depths=[1, 1], num_stages=2, **LABELS
    ),
    "swin": alone("SwinForImageClassification", "SwinConfig", window_size=4, **SWIN, **LABELS),
    "vit, masked pictures": alone("ViTForMaskedImageModeling", "ViTConfig", encoder_stride=8, **SMALL, **SEES),
    "vit mae": alone(
        "ViTMAEForPreTraining",
        "ViTMAEConfig",
        decoder_hidden_size=32,
        decoder_num_hidden_layers=1,
        decoder_num_attention_heads=2,
        decoder_intermediate_size=64,
        **SMALL,
        **SEES,
    ),
    "segformer": alone(
        "SegformerForSemanticSegmentation",
        "SegformerConfig",
        num_encoder_blocks=2,
        depths=[1, 1],
        sr_ratios=[2, 1],
        hidden_sizes=[8, 16],
        patch_sizes=[7, 3],
        strides=[4, 2],
        num_attention_heads=[1, 2],
        mlp_ratios=[2, 2],
        decoder_hidden_size=16,
        **LABELS,
    ),
    "yolos": alone("YolosForObjectDetection", "YolosConfig", image_size=[32, 32], patch_size=8, **SMALL, **LABELS),
    "glpn, depth": alone(
        "GLPNForDepthEstimation",
        "GLPNConfig",
        num_encoder_blocks=4,
        depths=[1, 1, 1, 1],
        hidden_sizes=[8, 8, 16, 16],
        num_attention_heads=[1, 1, 2, 2],
        decoder_hidden_size=16,
    ),
    "videomae": alone(
        "VideoMAEForVideoClassification", "VideoMAEConfig", num_frames=4, tubelet_size=2, **SMALL, **SEES, **LABELS
    ),
    "timesformer": alone(
        "TimesformerForVideoClassification", "TimesformerConfig", num_frames=2, **SMALL, **SEES, **LABELS
    ),
    "clip": clip(),
    "clip, bfloat16": cast(clip(), torch.bfloat16),
    "siglip": clip("SiglipModel", "Siglip"),
    "clip, pictures alone": alone("CLIPVisionModel", "CLIPVisionConfig", **SMALL, **SEES),
    "llava": llava,
    "vit and gpt2": encoder_of_pictures,
    # Sound.
    "whisper": alone(
        "WhisperForConditionalGeneration",
        "WhisperConfig",
        vocab_size=300,
        num_mel_bins=16,
        max_source_positions=50,
        max_target_positions=64,
        pad_token_id=0,
        bos_token_id=1,
        eos_token_id=2,
        decoder_start_token_id=3,
        suppress_tokens=None,
        begin_suppress_tokens=None,
        **{name: value for name, value in PAIR.items() if name != "max_position_embeddings"},
    ),
    "wav2vec2, ctc": WAVE,
    "wav2vec2, ctc, bfloat16": cast(WAVE, torch.bfloat16),
    "wav2vec2, pretraining": alone("Wav2Vec2ForPreTraining", "Wav2Vec2Config", **SPEECH),
    "hubert, ctc": alone("HubertForCTC", "HubertConfig", vocab_size=32, **SPEECH),
    "wavlm, classifier": alone("WavLMForSequenceClassification", "WavLMConfig", **SPEECH, **LABELS),
    "wav2vec2, bare": alone("Wav2Vec2Model", "Wav2Vec2Config", **SPEECH),
    "ast": alone("ASTForAudioClassification", "ASTConfig", max_length=64, num_mel_bins=32, **SMALL, **LABELS),
    "speech to text": alone(
        "Speech2TextForConditionalGeneration",
        "Speech2TextConfig",
        vocab_size=100,
        input_feat_per_channel=16,
        conv_channels=32,
        **{name: value for name, value in PAIR.items() if name != "max_position_embeddings"},
    ),
    # Series.
    "patchtst": alone(
        "PatchTSTForPrediction",
        "PatchTSTConfig",
        num_input_channels=2,
        context_length=32,
        prediction_length=8,
        d_model=16,
        num_hidden_layers=2,
        num_attention_heads=2,
        ffn_dim=32,
        patch_length=4,
        patch_stride=4,
    ),
    "time series transformer": alone(
        "TimeSeriesTransformerForPrediction",
        "TimeSeriesTransformerConfig",
        prediction_length=8,
        context_length=16,
        lags_sequence=[1, 2, 3],
        num_time_features=2,
        d_model=16,
        encoder_layers=1,
        decoder_layers=1,
    ),
}
