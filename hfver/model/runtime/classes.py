"""From the architecture that a config names to the class to build and the task that it is made for."""

from __future__ import annotations

from typing import Any

from hfver.errors import BadCheckpoint
from hfver.model.runtime.loaded import LoadRequest

TASKS = (
    ("text-classification", "MODEL_FOR_SEQUENCE_CLASSIFICATION"),
    ("token-classification", "MODEL_FOR_TOKEN_CLASSIFICATION"),
    ("question-answering", "MODEL_FOR_QUESTION_ANSWERING"),
    ("multiple-choice", "MODEL_FOR_MULTIPLE_CHOICE"),
    ("visual-question-answering", "MODEL_FOR_VISUAL_QUESTION_ANSWERING"),
    ("document-question-answering", "MODEL_FOR_DOCUMENT_QUESTION_ANSWERING"),
    ("table-question-answering", "MODEL_FOR_TABLE_QUESTION_ANSWERING"),
    ("image-text-to-text", "MODEL_FOR_IMAGE_TEXT_TO_TEXT"),
    ("automatic-speech-recognition", "MODEL_FOR_SPEECH_SEQ_2_SEQ"),
    ("automatic-speech-recognition", "MODEL_FOR_CTC"),
    ("text2text-generation", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM"),
    ("text-generation", "MODEL_FOR_CAUSAL_LM"),
    ("fill-mask", "MODEL_FOR_MASKED_LM"),
    ("image-classification", "MODEL_FOR_IMAGE_CLASSIFICATION"),
    ("object-detection", "MODEL_FOR_OBJECT_DETECTION"),
    ("image-segmentation", "MODEL_FOR_SEMANTIC_SEGMENTATION"),
    ("image-segmentation", "MODEL_FOR_UNIVERSAL_SEGMENTATION"),
    ("image-segmentation", "MODEL_FOR_INSTANCE_SEGMENTATION"),
    ("mask-generation", "MODEL_FOR_MASK_GENERATION"),
    ("depth-estimation", "MODEL_FOR_DEPTH_ESTIMATION"),
    ("keypoint-detection", "MODEL_FOR_KEYPOINT_DETECTION"),
    ("video-classification", "MODEL_FOR_VIDEO_CLASSIFICATION"),
    ("image-to-image", "MODEL_FOR_IMAGE_TO_IMAGE"),
    ("zero-shot-object-detection", "MODEL_FOR_ZERO_SHOT_OBJECT_DETECTION"),
    ("time-series-forecasting", "MODEL_FOR_TIME_SERIES_PREDICTION"),
    ("text-to-audio", "MODEL_FOR_TEXT_TO_WAVEFORM"),
    ("text-to-audio", "MODEL_FOR_TEXT_TO_SPECTROGRAM"),
    ("audio-classification", "MODEL_FOR_AUDIO_CLASSIFICATION"),
    ("zero-shot-image-classification", "MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION"),
    ("image-feature-extraction", "MODEL_FOR_IMAGE"),
    ("feature-extraction", "MODEL"),
)
"""Hub tasks, each with the table of transformers' ``modeling_auto`` that lists its classes. A class may be in several
tables (BART is in three of them); the first entry that has it wins, so the order is that of what people use it for."""


def model_class(config: Any, request: LoadRequest) -> Any:
    """Return the class that the config names as its architecture; AutoModel if it names none.

    Raises:
        BadCheckpoint: The installed transformers has no such class, or the class belongs to another model type.
    """
    import transformers

    names = getattr(config, "architectures", None) or []
    if not names:
        return transformers.AutoModel
    auto_map = getattr(config, "auto_map", None) or {}
    if request.trust_remote_code and auto_map:
        return _remote_auto_class(auto_map, names[0])
    return _library_class(names[0], config.model_type, request)


def pipeline_tag(class_name: str) -> str | None:
    """Return the task that a model class is made for; None if transformers' tables do not list the class."""
    from transformers.models.auto import modeling_auto

    for tag, table in TASKS:
        if class_name in _class_names(getattr(modeling_auto, f"{table}_MAPPING_NAMES", {})):
            return tag
    return None


def auto_class(task_type: str) -> Any:
    """Return the Auto class for a PEFT task type such as ``SEQ_CLS``; AutoModel if the type is unknown."""
    import transformers

    names = {
        "CAUSAL_LM": "AutoModelForCausalLM",
        "SEQ_CLS": "AutoModelForSequenceClassification",
        "TOKEN_CLS": "AutoModelForTokenClassification",
        "QUESTION_ANS": "AutoModelForQuestionAnswering",
        "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    }
    return getattr(transformers, names.get(task_type, "AutoModel"))


def _library_class(name: str, model_type: str, request: LoadRequest) -> Any:
    """Return a class of transformers. Its Auto classes are not used: they would replace an architecture silently."""
    import transformers

    found = getattr(transformers, str(name), None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        raise BadCheckpoint(
            f"{request.directory}: config.json names the architecture {name}, which transformers "
            f"{transformers.__version__} does not have.",
            "Install the transformers version that saved it.",
        )
    expected = getattr(found.config_class, "model_type", None)
    if expected != model_type:
        raise BadCheckpoint(
            f"{request.directory}: config.json says model_type {model_type}, but its architecture {name} "
            f"has the model_type {expected}.",
            "Save the model again with the right config.",
        )
    return found


def _remote_auto_class(auto_map: dict[str, Any], name: str) -> Any:
    """Return the Auto class under which the folder's own code registers the architecture."""
    import transformers

    for auto_name, target in auto_map.items():
        if str(target).rpartition(".")[2] == name:
            return getattr(transformers, auto_name)
    return transformers.AutoModel


def _class_names(table: Any) -> set[str]:
    names: set[str] = set()
    for value in table.values():
        names.update([value] if isinstance(value, str) else value)
    return names
