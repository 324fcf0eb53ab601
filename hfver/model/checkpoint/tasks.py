"""The Hub's name of a model's task, by the class of the model."""

from __future__ import annotations

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
