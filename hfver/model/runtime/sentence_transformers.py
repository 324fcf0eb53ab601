"""Loading a sentence-transformers folder: the pipeline if that library is installed, else its transformer alone."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import replace
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.tokenizer_files import TOKENIZER_FILES
from hfver.model.child import JobRaised
from hfver.model.runtime.config_files import read_json
from hfver.model.runtime.loaded import LoadedModel, LoadRequest
from hfver.model.runtime.processors import has_tokenizer

TAG = "sentence-similarity"
NOT_INSTALLED = (
    "sentence-transformers is not installed, so only its transformer was loaded, without pooling "
    "(pip install 'hfver[sentence-transformers]')"
)


def load_sentence_transformers(request: LoadRequest) -> LoadedModel:
    """Load the transformer module, and the pipeline around it if sentence-transformers is installed.

    Raises:
        BadCheckpoint: The folder has no transformer module, or it cannot be loaded.
    """
    from hfver.model.runtime.plain import load_plain

    transformer = load_plain(replace(request, directory=_transformer_folder(request.directory)))
    if find_spec("sentence_transformers") is None:
        return replace(transformer, pipeline_tag=TAG, notes=(NOT_INSTALLED,))
    note = "loaded with sentence-transformers"
    return replace(transformer, model=_load_pipeline(request), pipeline_tag=TAG, notes=(note,))


def _load_pipeline(request: LoadRequest) -> Any:
    """Load the pipeline. It does not report which tensors fit, which is why the transformer is loaded before it."""
    _try_modules(request)
    SentenceTransformer: Any = import_module("sentence_transformers").SentenceTransformer  # noqa: N806

    return SentenceTransformer(
        str(request.directory),
        device=request.device,
        local_files_only=True,
        trust_remote_code=request.trust_remote_code,
        model_kwargs={"dtype": request.dtype, "use_safetensors": True},
    ).eval()


def _try_modules(request: LoadRequest) -> None:
    """Load the config and tokenizer of every module in the child process first: the pipeline loads them in this one."""
    if request.child is None:
        return
    for path in sorted(request.directory.rglob("config.json")):
        request.child.check_config(path.parent)
    for folder in sorted({path.parent for name in TOKENIZER_FILES for path in request.directory.rglob(name)}):
        # What AutoTokenizer does not know, the module may load in its own way, or report.
        with suppress(JobRaised):
            request.child.load_tokenizer(folder)


def _transformer_folder(directory: Path) -> Path:
    """Find the folder of the transformer module.

    Raises:
        BadCheckpoint: modules.json names none inside the folder.
    """
    root = directory.resolve()
    modules = read_json(directory / "modules.json")
    for module in modules if isinstance(modules, list) else []:
        folder = (root / str(module.get("path", ""))).resolve()
        # The path comes from the folder's author: it must not lead out of the folder.
        if folder.is_relative_to(root) and (folder / "config.json").is_file() and has_tokenizer(folder):
            return folder
    raise BadCheckpoint(
        f"{directory}: modules.json names no transformer module with a config.json and a tokenizer.",
        "Save the model again with SentenceTransformer.save_pretrained.",
    )
