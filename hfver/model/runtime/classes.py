"""From the architecture that a config names to the class that is built and the task it is made for."""

from __future__ import annotations

from typing import Any

from hfver.errors import BadCheckpoint
from hfver.model.runtime.opened import Opening

TASKS = (
    ("text-classification", "MODEL_FOR_SEQUENCE_CLASSIFICATION"),
    ("token-classification", "MODEL_FOR_TOKEN_CLASSIFICATION"),
    ("question-answering", "MODEL_FOR_QUESTION_ANSWERING"),
    ("image-text-to-text", "MODEL_FOR_IMAGE_TEXT_TO_TEXT"),
    ("automatic-speech-recognition", "MODEL_FOR_SPEECH_SEQ_2_SEQ"),
    ("automatic-speech-recognition", "MODEL_FOR_CTC"),
    ("text2text-generation", "MODEL_FOR_SEQ_TO_SEQ_CAUSAL_LM"),
    ("text-generation", "MODEL_FOR_CAUSAL_LM"),
    ("fill-mask", "MODEL_FOR_MASKED_LM"),
    ("image-classification", "MODEL_FOR_IMAGE_CLASSIFICATION"),
    ("object-detection", "MODEL_FOR_OBJECT_DETECTION"),
    ("image-segmentation", "MODEL_FOR_SEMANTIC_SEGMENTATION"),
    ("audio-classification", "MODEL_FOR_AUDIO_CLASSIFICATION"),
    ("zero-shot-image-classification", "MODEL_FOR_ZERO_SHOT_IMAGE_CLASSIFICATION"),
    ("image-feature-extraction", "MODEL_FOR_IMAGE"),
    ("feature-extraction", "MODEL"),
)
"""Hub tasks and the tables of transformers that list their classes. The first that names a class wins: BART,
which is in three of them, is what people use it for."""


def model_class(config: Any, opening: Opening) -> Any:
    """Find the class that the config names as its architecture; AutoModel where it names none.

    Raises:
        BadCheckpoint: The installed transformers has no such class, or it belongs to another model type.
    """
    import transformers

    names = getattr(config, "architectures", None) or []
    if not names:
        return transformers.AutoModel
    auto = getattr(config, "auto_map", None) or {}
    if opening.trust_remote_code and auto:
        return _auto_class(auto, names[0])
    return _library_class(names[0], config.model_type, opening)


def pipeline_tag(class_name: str) -> str | None:
    """Name the task that a model class is made for, or None where transformers' tables do not have it."""
    from transformers.models.auto import modeling_auto

    for tag, table in TASKS:
        if class_name in _names(getattr(modeling_auto, f"{table}_MAPPING_NAMES", {})):
            return tag
    return None


def auto_class(task: str) -> Any:
    """Return the Auto class for a PEFT task type such as ``SEQ_CLS``."""
    import transformers

    names = {
        "CAUSAL_LM": "AutoModelForCausalLM",
        "SEQ_CLS": "AutoModelForSequenceClassification",
        "TOKEN_CLS": "AutoModelForTokenClassification",
        "QUESTION_ANS": "AutoModelForQuestionAnswering",
        "SEQ_2_SEQ_LM": "AutoModelForSeq2SeqLM",
    }
    return getattr(transformers, names.get(task, "AutoModel"))


def _library_class(name: str, model_type: str, opening: Opening) -> Any:
    import transformers

    found = getattr(transformers, str(name), None)
    if not (isinstance(found, type) and issubclass(found, transformers.PreTrainedModel)):
        raise BadCheckpoint(
            f"{opening.directory}: config.json names the architecture {name}, which transformers "
            f"{transformers.__version__} does not have.",
            "Install the transformers version it was saved with.",
        )
    theirs = getattr(found.config_class, "model_type", None)
    if theirs != model_type:
        raise BadCheckpoint(
            f"{opening.directory}: config.json says model_type {model_type}, but its architecture {name} "
            f"is a {theirs}.",
            "Save the model again with the right config.",
        )
    return found


def _auto_class(auto: dict[str, Any], name: str) -> Any:
    """Find the Auto class through which a folder's own code offers the architecture."""
    import transformers

    for key, target in auto.items():
        if str(target).rpartition(".")[2] == name:
            return getattr(transformers, key)
    return transformers.AutoModel


def _names(table: Any) -> set[str]:
    names: set[str] = set()
    for value in table.values():
        names.update([value] if isinstance(value, str) else value)
    return names
