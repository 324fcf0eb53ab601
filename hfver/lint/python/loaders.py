"""The functions that load from a Hub, and which of their arguments are the repo and the revision.

Positions and keywords are those of the libraries' own signatures; to cover another function, add a line to
``_BY_LAST_NAME``.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from hfver.lint.report import RepoKind

__all__ = ["PACKAGED_DATASETS", "Loader", "find_loader", "may_load"]


@dataclass(frozen=True)
class Loader:
    """How a function that loads takes its arguments.

    Attributes:
        position: Index of the repo among the positional arguments.
        names: The keywords by which the repo can be given.
        revision: Index of the revision among the positional arguments; None if it can only be a keyword.
        kind: The kind of repo that is loaded; None if the argument ``repo_type`` says so.
        form: ``name`` if the repo's name and the revision are two arguments; ``ref`` if one argument is both, as in
            hfver's ``ns/name@SPEC``.
        has_default: Whether the library picks a repo if none is named.
    """

    position: int
    names: tuple[str, ...]
    revision: int | None = None
    kind: RepoKind | None = "models"
    form: Literal["name", "ref"] = "name"
    has_default: bool = False


_PRETRAINED = Loader(
    0,
    (
        "pretrained_model_name_or_path",
        "pretrained_model_name",
        "pretrained_model_or_path",
        "pretrained_processor_name_or_path",
        "model_name_or_path",
        "model_name",
        "model_id",
        "repo_id",
        "path",
    ),
)
_ADAPTER = Loader(1, ("model_id",))
_FILES = Loader(0, ("repo_id",), kind=None)
_DATASET = Loader(0, ("path",), 12, "datasets")
_ENGINE = Loader(0, ("model",))
_SENTENCES = Loader(0, ("model_name_or_path", "model_name"), 8)
_RELEASE = Loader(0, ("ref",), form="ref")

_BY_LAST_NAME: dict[str, tuple[frozenset[str] | None, Loader]] = {
    # Distinctive names: these are huggingface_hub's functions, wherever they are imported from.
    "hf_hub_download": (None, _FILES),
    "snapshot_download": (None, _FILES),
    # Common words: only if they are imported from these packages.
    "load_dataset": (frozenset({"datasets"}), _DATASET),
    "load_dataset_builder": (frozenset({"datasets"}), replace(_DATASET, revision=8)),
    "pipeline": (frozenset({"transformers", "optimum"}), Loader(1, ("model",), 8, has_default=True)),
    "SentenceTransformer": (frozenset({"sentence_transformers"}), _SENTENCES),
    "CrossEncoder": (frozenset({"sentence_transformers"}), replace(_SENTENCES, revision=7)),
    "SparseEncoder": (frozenset({"sentence_transformers"}), _SENTENCES),
    "LLM": (frozenset({"vllm"}), _ENGINE),
    "EngineArgs": (frozenset({"vllm"}), _ENGINE),
    "AsyncEngineArgs": (frozenset({"vllm"}), _ENGINE),
    "load": (frozenset({"hfver"}), _RELEASE),
    "pull": (frozenset({"hfver"}), _RELEASE),
}

_OTHER_HUBS = frozenset({"modelscope", "paddlenlp", "openmind_hub"})
"""Packages that have functions of the same names for hubs other than a Hugging Face Hub."""

_TENSOR_CLASSES = frozenset({"Embedding", "EmbeddingBag"})
"""Classes of torch whose ``from_pretrained`` takes a tensor."""

_ADAPTERS = re.compile(r"Peft(Mixed)?Model(For\w+)?")

PACKAGED_DATASETS = frozenset(
    [
        "arrow",
        "audiofolder",
        "conll",
        "csv",
        "eval",
        "fasta",
        "fastq",
        "genbank",
        "generator",
        "harbor",
        "hdf5",
        "iceberg",
        "imagefolder",
        "json",
        "lance",
        "meshfolder",
        "mmcif",
        "niftifolder",
        "pandas",
        "parquet",
        "pdb",
        "pdffolder",
        "spark",
        "sql",
        "text",
        "tsfile",
        "videofolder",
        "vortex",
        "webdataset",
        "xml",
    ]
)
"""Names that ``load_dataset`` reads as a file format, not as a repo (``_PACKAGED_DATASETS_MODULES`` of datasets)."""


def find_loader(name: str) -> Loader | None:
    """Return how a function takes its arguments; None if it does not load from a Hub.

    Args:
        name: Its full import path; ``?`` stands for a part that is unknown.
    """
    root, last = name.partition(".")[0], name.rpartition(".")[2]
    if root in _OTHER_HUBS:
        return None
    if last == "from_pretrained":
        return _from_pretrained(name)
    packages, loader = _BY_LAST_NAME.get(last, (None, None))
    if packages is None:
        return loader
    return loader if root in packages else None


def _from_pretrained(name: str) -> Loader | None:
    owner = name.rpartition(".")[0].rpartition(".")[2]
    if not owner or owner in _TENSOR_CLASSES:
        return None
    return _ADAPTER if _ADAPTERS.fullmatch(owner) else _PRETRAINED


def may_load(content: bytes) -> bool:
    """Return whether a file can contain a call that loads, judged by its bytes alone, so that most are never parsed."""
    return any(word in content and any(package in content for package in packages) for word, packages in _HINTS)


_HINTS: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"from_pretrained", (b"",)),
    (b"hf://", (b"",)),
    *(
        (name.encode(), tuple(package.encode() for package in packages or ("",)))
        for name, (packages, _) in _BY_LAST_NAME.items()
    ),
)
"""Words of which a file must contain one, each together with one of its packages."""
