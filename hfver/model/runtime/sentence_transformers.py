"""Opening a sentence-transformers folder: the pipeline if that library is there, else its transformer."""

from __future__ import annotations

from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.opened import Opening, OpenModel
from hfver.model.runtime.processors import has_tokenizer

TAG = "sentence-similarity"
WITHOUT = "sentence-transformers is not installed: its transformer alone was opened, without pooling"


def open_sentence(opening: Opening) -> OpenModel:
    """Open the transformer module, and the pipeline around it where sentence-transformers is installed."""
    from hfver.model.runtime.plain import open_plain

    inner = open_plain(replace(opening, directory=_transformer(opening.directory)))
    if find_spec("sentence_transformers") is None:
        return replace(inner, pipeline_tag=TAG, notes=(WITHOUT,))
    return replace(inner, model=_pipeline(opening), pipeline_tag=TAG, notes=("opened with sentence-transformers",))


def _pipeline(opening: Opening) -> Any:
    """Load the pipeline; the transformer was opened before only to learn which keys fit."""
    SentenceTransformer: Any = import_module("sentence_transformers").SentenceTransformer  # noqa: N806

    return SentenceTransformer(
        str(opening.directory),
        device=opening.device,
        local_files_only=True,
        trust_remote_code=opening.trust_remote_code,
        model_kwargs={"dtype": opening.dtype, "use_safetensors": True},
    ).eval()


def _transformer(directory: Path) -> Path:
    """Find the folder of the transformer module.

    Raises:
        BadCheckpoint: modules.json names none that lies in the folder.
    """
    root = directory.resolve()
    modules = read_json(directory / "modules.json")
    for module in modules if isinstance(modules, list) else []:
        folder = (root / str(module.get("path", ""))).resolve()
        if folder.is_relative_to(root) and (folder / "config.json").is_file() and has_tokenizer(folder):
            return folder
    raise BadCheckpoint(
        f"{directory}: modules.json names no transformer module with a config.json and a tokenizer.",
        "Save the model again with SentenceTransformer.save_pretrained.",
    )
