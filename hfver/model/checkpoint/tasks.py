"""The Hub's name of a model's task, by the class of the model."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

# The order does not matter: no suffix ends in another one.
_SUFFIXES = {
    "ForCausalLM": "text-generation",
    "LMHeadModel": "text-generation",
    "MTModel": "translation",
    "ForMaskedLM": "fill-mask",
    "ForSequenceClassification": "text-classification",
    "ForTokenClassification": "token-classification",
    "ForQuestionAnswering": "question-answering",
    "ForMultipleChoice": "multiple-choice",
    "ForNextSentencePrediction": "text-classification",
    "ForTableQuestionAnswering": "table-question-answering",
    "ForImageClassification": "image-classification",
    "ForImageClassificationWithTeacher": "image-classification",
    "ForImageToImage": "image-to-image",
    "ForMaskedImageModeling": "image-feature-extraction",
    "ForObjectDetection": "object-detection",
    "ForZeroShotObjectDetection": "zero-shot-object-detection",
    "ForSemanticSegmentation": "image-segmentation",
    "ForInstanceSegmentation": "image-segmentation",
    "ForUniversalSegmentation": "image-segmentation",
    "ForDepthEstimation": "depth-estimation",
    "ForKeypointDetection": "keypoint-detection",
    "ForVideoClassification": "video-classification",
    "ForAudioClassification": "audio-classification",
    "ForSpeechSeq2Seq": "automatic-speech-recognition",
    "ForCTC": "automatic-speech-recognition",
    "ForTextToSpeech": "text-to-speech",
    "ForTextToWaveform": "text-to-audio",
    "ForVisualQuestionAnswering": "visual-question-answering",
    "ForDocumentQuestionAnswering": "document-question-answering",
    "ForTimeSeriesPrediction": "time-series-forecasting",
    "ForPrediction": "time-series-forecasting",
}

_VISION_LANGUAGE = (
    "aya_vision",
    "blip-2",
    "gemma3",
    "gemma3n",
    "glm4v",
    "idefics",
    "idefics2",
    "idefics3",
    "instructblip",
    "internvl",
    "kosmos-2",
    "llava",
    "llava_next",
    "llava_onevision",
    "mistral3",
    "mllama",
    "paligemma",
    "pixtral",
    "qwen2_vl",
    "qwen2_5_vl",
    "qwen3_vl",
    "qwen3_vl_moe",
    "smolvlm",
    "vipllava",
)

# These classes serve many tasks, so the model type decides.
_CONDITIONAL = {
    "whisper": "automatic-speech-recognition",
    "speech_to_text": "automatic-speech-recognition",
    "moonshine": "automatic-speech-recognition",
    "marian": "translation",
    "m2m_100": "translation",
    "fsmt": "translation",
    "nllb-moe": "translation",
    "pegasus": "summarization",
    "pegasus_x": "summarization",
    "led": "summarization",
    "bigbird_pegasus": "summarization",
    "blip": "image-to-text",
    "git": "image-to-text",
    "pix2struct": "image-to-text",
    "musicgen": "text-to-audio",
    **dict.fromkeys(_VISION_LANGUAGE, "image-text-to-text"),
}

_BARE_MODELS = {
    "clip": "zero-shot-image-classification",
    "siglip": "zero-shot-image-classification",
    "siglip2": "zero-shot-image-classification",
    **dict.fromkeys(("vit", "dinov2", "dinov3_vit", "beit", "deit", "swin", "convnext"), "image-feature-extraction"),
}

_PEFT_TASKS = {
    "CAUSAL_LM": "text-generation",
    "SEQ_CLS": "text-classification",
    "TOKEN_CLS": "token-classification",
    "QUESTION_ANS": "question-answering",
    "FEATURE_EXTRACTION": "feature-extraction",
}


# Of the parts of a pipeline's class name the first that matches counts: what comes in, then what comes out.
_PIPELINES = (
    (r"ImageToVideo|I2V|Image2Video|^StableVideo", "image-to-video"),
    (r"Video2Video|VideoToVideo", "video-to-video"),
    (r"Video|^Wan|^CogVideo|^LTX|^Mochi|^Allegro|^AnimateDiff|^SkyReels|^Latte|^Cosmos", "text-to-video"),
    (r"^AudioLDM|^MusicLDM|^StableAudio|^AceStep|AudioDiT", "text-to-audio"),
    (r"^DanceDiffusion|^AudioDiffusion", "audio-to-audio"),
    (r"^ShapE", "text-to-3d"),
    (r"^Marigold.*Depth", "depth-estimation"),
    (
        r"Img2Img|Inpaint|Upscale|SuperResolution|InstructPix2Pix|Depth2Img|ImageVariation|Kontext|Edit",
        "image-to-image",
    ),
    (r"^(DDPM|DDIM|PNDM|LDM|ScoreSdeVe|KarrasVe|ConsistencyModel|DiT)Pipeline", "unconditional-image-generation"),
    (
        r"^(StableDiffusion|Flux|PixArt|Sana|Kandinsky|LatentConsistency|Wuerstchen|StableCascade|HunyuanDiT|HunyuanImage"
        r"|Lumina|AuraFlow|CogView|QwenImage|Kolors|IFPipeline|LDMTextToImage|UniDiffuser|VersatileDiffusion|Chroma"
        r"|HiDream|OmniGen|Bria|ZImage|Amused|AltDiffusion|UnCLIP)",
        "text-to-image",
    ),
)


def tag_of_pipeline(class_name: str) -> str | None:
    """Return the Hub's name of the task of a class of diffusers pipelines, or None if its name does not show it."""
    if not class_name.endswith("Pipeline"):
        return None
    return next((tag for pattern, tag in _PIPELINES if re.search(pattern, class_name)), None)


def pipeline_tag_of(architectures: Iterable[str], model_type: str | None, task_type: Any = None) -> str | None:
    """Return the Hub's name of the task (its pipeline tag), or None if the class names do not show it.

    Args:
        architectures: Class names from ``config.json``.
        model_type: ``model_type`` from ``config.json``.
        task_type: PEFT's name of the task, which wins: an adapter changes what the base model does.
    """
    if isinstance(task_type, str) and task_type in _PEFT_TASKS:
        return _PEFT_TASKS[task_type]
    tags = (_tag_of_class(name, model_type or "") for name in architectures)
    return next((tag for tag in tags if tag), None)


def _tag_of_class(name: str, model_type: str) -> str | None:
    # Only the end counts: "TFBertModel" and "FlaxBertModel" have the same task in another framework.
    for suffix, tag in _SUFFIXES.items():
        if name.endswith(suffix):
            return tag
    if name.endswith("ForConditionalGeneration"):
        return _CONDITIONAL.get(model_type)
    if name.endswith("Model"):
        return _BARE_MODELS.get(model_type, "feature-extraction")
    return None
