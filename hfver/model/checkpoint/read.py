"""Read a checkpoint folder: walk it, find its kind, read every file once, and check that its parts agree."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from hfver.core.manifest import CARD, FileEntry
from hfver.core.progress import Progress, silent
from hfver.errors import BadCheckpoint
from hfver.model.checkpoint.checkpoint import Checkpoint
from hfver.model.checkpoint.content import is_kept, is_read_whole, read_documents
from hfver.model.checkpoint.description import check_sizes, describe
from hfver.model.checkpoint.exclusions import is_ambiguous
from hfver.model.checkpoint.file_pass import ByteCounter, FileRead, ReadTask, read_files
from hfver.model.checkpoint.hash_cache import FileFacts, HashCache
from hfver.model.checkpoint.kind import ADAPTER_CONFIG, PIPELINE, kind_of, likely_kind
from hfver.model.checkpoint.portable import entry_of, find_loaded_from, rewrite_card, rewrite_configs
from hfver.model.checkpoint.tensors import name_tensors
from hfver.model.checkpoint.untrusted_files import shown, stat_regular
from hfver.model.checkpoint.walk import (
    FileOnDisk,
    check_weights,
    exclude_pickles,
    find_pickles,
    move_pickles,
    walk_folder,
    with_pickles,
)
from hfver.model.secrets import SecretMatch, find_secrets


def read_checkpoint(
    directory: Path,
    *,
    progress: Progress = silent,
    cache: HashCache | None = None,
    for_release: bool = True,
    tensor_sha256: bool = False,
) -> Checkpoint:
    """Read a folder as ``save_pretrained``, a Trainer, PEFT or sentence-transformers writes it.

    For a release every file is opened once at most, several at a time, and one pass over it feeds everything that wants
    its bytes. A large file that the cache knows is not opened at all. Configs and the card that name folders of this
    machine are read as a release holds them; see ``portable.py``.

    Args:
        directory: The folder; files in it may be links to files elsewhere.
        progress: Called with the number of bytes that are done.
        cache: Where facts about unchanged files are found and kept (``HashCache()`` is the user's); none by default.
        for_release: Whether the folder is to be released: what no release may hold is then refused, and the files are
            searched for secrets. Otherwise pickles are files like any other, and weights may be missing, so that a
            folder can be compared that cannot be released.
        tensor_sha256: Whether each tensor is also hashed by SHA-256, which takes about as long again.

    Raises:
        BadCheckpoint: The folder is not a checkpoint, is broken or unsafe, or changes while it is read.
    """
    walk = walk_folder(directory) if for_release else with_pickles(find_pickles(walk_folder(directory)))
    kind = kind_of(walk) if for_release else likely_kind(walk)
    # All that the names and sizes show is checked before the first byte is read.
    check_weights(walk)
    check_sizes(walk)
    tasks = {
        path: _task(path, file, for_release=for_release, tensor_sha256=tensor_sha256)
        for path, file in walk.files.items()
    }
    counter = ByteCounter(progress, "hashing", sum(task.stamp.size for task in tasks.values()))
    # What describes the folder is read first, so that a broken one is refused before its weights are read.
    reads = read_files({path: task for path, task in tasks.items() if is_read_whole(path)}, counter, cache)
    documents = read_documents(walk, for_release=for_release)
    small = {**documents, **_content(reads)}
    changed = rewrite_configs(small)
    described = describe(walk, kind, {**small, **changed}, find_loaded_from(small), for_release=for_release)
    changed |= rewrite_card(small)
    reads |= read_files({path: task for path, task in tasks.items() if path not in reads}, counter, cache)
    # Only the first bytes of a .bin or .npy file show whether it is a pickle; the pass over it stopped there.
    walk = move_pickles(walk, {path for path, read in reads.items() if read.facts is None})
    facts = {path: reads[path].whole for path in walk.files}
    files = {path: FileEntry(size=file.stamp.size, sha256=facts[path].sha256) for path, file in walk.files.items()}
    return Checkpoint(
        directory=directory,
        kind=kind,
        files=files | {path: entry_of(data) for path, data in changed.items() if path in files},
        exclusions=exclude_pickles(walk),
        tensors=name_tensors(walk, described.indexes, facts),
        content={**documents, **_content(reads), **changed},
        config=described.config(PIPELINE if kind == "pipeline" else "config.json"),
        generation_config=described.config("generation_config.json"),
        tokenizer_config=described.config("tokenizer_config.json"),
        adapter_config=described.config(ADAPTER_CONFIG),
        base=described.base,
        secrets=_secrets(facts, documents) if for_release else None,
        stamps={path: file.stamp for path, file in walk.files.items()},
    )


def check_unchanged(checkpoint: Checkpoint) -> None:
    """Check that the files still look on disk as they did when they were read.

    Raises:
        BadCheckpoint: One was written to, replaced or removed since.
    """
    for path, stamp in checkpoint.stamps.items():
        if stat_regular(checkpoint.directory / path) != stamp:
            raise BadCheckpoint(
                f"{shown(checkpoint.directory / path)} changed since it was read.",
                "Wait until nothing writes to the folder, then run the command again.",
            )


def _task(path: str, file: FileOnDisk, *, for_release: bool, tensor_sha256: bool) -> ReadTask:
    return ReadTask(
        file.path,
        file.stamp,
        tensors=path.endswith(".safetensors"),
        tensor_sha256=tensor_sha256 and path.endswith(".safetensors"),
        keep=is_kept(path, file.stamp.size, for_release=for_release),
        scan=for_release,
        check_pickle=for_release and is_ambiguous(file.path.name),
    )


def _content(reads: Mapping[str, FileRead]) -> dict[str, bytes]:
    return {path: read.content for path, read in reads.items() if read.content is not None}


def _secrets(facts: Mapping[str, FileFacts], documents: Mapping[str, bytes]) -> dict[str, tuple[SecretMatch, ...]]:
    """Collect the secrets in the author's files, and in the author's README, whose own lines they are named by."""
    found = {path: fact.secrets for path, fact in facts.items()}
    if CARD in documents:
        found[CARD] = find_secrets(documents[CARD])
    # A file without a verdict must not pass for a file without secrets.
    unsearched = [path for path, secrets in found.items() if secrets is None]
    if unsearched:
        raise AssertionError(f"not searched for secrets: {unsearched}")
    return {path: secrets for path, secrets in found.items() if secrets}
