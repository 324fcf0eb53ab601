"""The calls that load something from a Hub: where each takes the repo's name and its revision."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Literal

from hfver.lint.report import RepoKind

__all__ = ["PACKAGED_DATASETS", "Target", "find_target", "may_load"]


@dataclass(frozen=True)
class Target:
    """How one function takes its arguments.

    Attributes:
        position: Where the repo's name stands among the positional arguments.
        names: The keywords by which the name can be given.
        revision: Where the revision stands among the positional arguments; None if it is a keyword only.
        kind: What kind of repo it loads; None if the argument ``repo_type`` says so.
        has_default: Whether the library picks a repo where none is named.
        form: ``name`` takes a repo's name; ``ref`` takes ``ns/name@SPEC`` in one string, as hfver does.
    """

    position: int
    names: tuple[str, ...]
    revision: int | None = None
    kind: RepoKind | None = "models"
    form: Literal["name", "ref"] = "name"
    has_default: bool = False


_PRETRAINED = Target(
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
_ADAPTER = Target(1, ("model_id",))
_FILES = Target(0, ("repo_id",), kind=None)
_DATASET = Target(0, ("path",), 12, "datasets")
_ENGINE = Target(0, ("model",))
_SENTENCES = Target(0, ("model_name_or_path", "model_name"), 8)
_RELEASE = Target(0, ("ref",), form="ref")

_BY_LAST_NAME: dict[str, tuple[frozenset[str] | None, Target]] = {
    # Unusual names: whoever offers them passes them on from huggingface_hub.
    "hf_hub_download": (None, _FILES),
    "snapshot_download": (None, _FILES),
    # Usual names: only where they come from these packages.
    "load_dataset": (frozenset({"datasets"}), _DATASET),
    "load_dataset_builder": (frozenset({"datasets"}), replace(_DATASET, revision=8)),
    "pipeline": (frozenset({"transformers", "optimum"}), Target(1, ("model",), 8, has_default=True)),
    "SentenceTransformer": (frozenset({"sentence_transformers"}), _SENTENCES),
    "CrossEncoder": (frozenset({"sentence_transformers"}), replace(_SENTENCES, revision=7)),
    "SparseEncoder": (frozenset({"sentence_transformers"}), _SENTENCES),
    "LLM": (frozenset({"vllm"}), _ENGINE),
    "EngineArgs": (frozenset({"vllm"}), _ENGINE),
    "AsyncEngineArgs": (frozenset({"vllm"}), _ENGINE),
    "load": (frozenset({"hfver"}), _RELEASE),
    "pull": (frozenset({"hfver"}), _RELEASE),
}

_ELSEWHERE = frozenset({"modelscope", "paddlenlp", "openmind_hub"})
"""Packages whose functions of the same names ask other places than a Hugging Face Hub."""

_NO_REPO = frozenset({"Embedding", "EmbeddingBag"})
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
"""What ``load_dataset`` takes for a file format rather than a repo."""


def find_target(name: str) -> Target | None:
    """Find how a function takes its arguments, by its full import path (``?`` where that cannot be told)."""
    root, last = name.partition(".")[0], name.rpartition(".")[2]
    if root in _ELSEWHERE:
        return None
    if last == "from_pretrained":
        return _from_pretrained(name)
    packages, target = _BY_LAST_NAME.get(last, (None, None))
    if packages is None:
        return target
    return target if root in packages else None


def _from_pretrained(name: str) -> Target | None:
    owner = name.rpartition(".")[0].rpartition(".")[2]
    if not owner or owner in _NO_REPO:
        return None
    return _ADAPTER if _ADAPTERS.fullmatch(owner) else _PRETRAINED


def may_load(content: bytes) -> bool:
    """Tell by its words alone whether a file may load something: most files need no parsing."""
    return any(word in content and any(package in content for package in packages) for word, packages in _MARKS)


_MARKS: tuple[tuple[bytes, tuple[bytes, ...]], ...] = (
    (b"from_pretrained", (b"",)),
    (b"hf://", (b"",)),
    *(
        (name.encode(), tuple(package.encode() for package in packages or ("",)))
        for name, (packages, _) in _BY_LAST_NAME.items()
    ),
)
