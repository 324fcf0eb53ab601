"""Differ: two folders or releases, described from headers, configs and digests, and compared.

Two releases on a Hub cost their manifests, their small files and their lists of tensors: kilobytes, whatever the size
of the models. A commit that hfver did not make is described by its tree and the headers of its safetensors files.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path, PurePosixPath
from typing import Any

from hfver.core.front_matter import split_front_matter
from hfver.core.manifest import CARD, CHANGELOG, LINEAGE, TENSORS, Manifest, digest_of, is_content
from hfver.core.progress import Progress, silent
from hfver.core.version import Bump
from hfver.errors import BadCheckpoint, BadConfig
from hfver.hub import TreeFile
from hfver.model.checkpoint import Checkpoint, HashCache, Tensor, decode_tensors, read_checkpoint, tensor_name
from hfver.model.checkpoint.safetensors_header import HeaderError, read_header
from hfver.model.compare import Difference, Side, compare, wanted_text
from hfver.model.lineage.record import Lineage
from hfver.registry.release_checks import read_verified
from hfver.registry.resolve import Pinned

__all__ = ["Described", "compare_described", "describe_checkpoint", "describe_folder", "describe_release"]

SMALL = 256 * 1024
"""Files up to this size, in bytes, are read on both sides; larger ones only where they differ."""
HEADER_GUESS = 128 * 1024
"""Bytes of a safetensors file asked for at first: most headers fit."""
_TOKENIZER = re.compile(r"token|vocab|merges|sentencepiece|spiece")
DOCUMENTS = (CARD, CHANGELOG, LINEAGE)


@dataclass(frozen=True)
class Described:
    """One side of a comparison before its small files are read.

    Attributes:
        name: What people call it.
        files: What each of the author's files is: ``sha256:…``, or ``blob:…`` where only git's id is known.
        sizes: Their sizes in bytes.
        documents: The same for card, changelog and lineage.
        read: Reads a file, verified.
        tensors: Lists the tensors.
        lineage: The lineage, if it is known without reading.
    """

    name: str
    files: Mapping[str, str]
    sizes: Mapping[str, int]
    documents: Mapping[str, str]
    read: Callable[[str], bytes] = field(repr=False)
    tensors: Callable[[], tuple[Tensor, ...]] = field(repr=False)
    lineage: Lineage | None = None


def compare_described(before: Described, after: Described, levels: Mapping[str, Bump] | None = None) -> Difference:
    """Read what the rules need of both sides, and compare."""
    with ThreadPoolExecutor(2) as pool:
        sides = list(pool.map(_side, (before, after), (after, before)))
    return compare(*sides, levels=levels)


def describe_folder(directory: Path, *, progress: Progress = silent) -> Described:
    """Describe a local folder.

    Raises:
        BadCheckpoint: It is no checkpoint, or a file in it is broken.
    """
    return describe_checkpoint(read_checkpoint(directory, progress=progress, cache=HashCache(), for_release=False))


def describe_checkpoint(checkpoint: Checkpoint, lineage: Lineage | None = None, card: bytes | None = None) -> Described:
    """Describe a checkpoint that was read; lineage and card stand in for those that the folder lacks."""
    held = {**checkpoint.content, **({CARD: card} if card is not None else {})}

    def read(path: str) -> bytes:
        return held[path] if path in held else (checkpoint.directory / path).read_bytes()

    return Described(
        name=str(checkpoint.directory),
        files={path: f"sha256:{entry.sha256}" for path, entry in checkpoint.files.items()},
        sizes={path: entry.size for path, entry in checkpoint.files.items()},
        documents={name: digest_of(held[name]) for name in DOCUMENTS if name in held},
        read=read,
        tensors=lambda: checkpoint.tensors,
        lineage=lineage,
    )


def describe_release(pinned: Pinned) -> Described:
    """Describe a release on a Hub, or a commit that hfver did not make."""
    release, manifest = pinned.release, pinned.release.manifest
    if manifest is None:
        return _describe_tree(pinned, pinned.tree or pinned.repo.tree(release.commit))
    known = {path: f"sha256:{entry.sha256}" for path, entry in manifest.files.items()}
    read = partial(read_verified, pinned.repo, release, manifest)
    if release.adopted:
        return _describe_adopted(pinned, manifest, known, read)
    return Described(
        name=str(release),
        files={path: digest for path, digest in known.items() if is_content(path)},
        sizes={path: entry.size for path, entry in manifest.files.items()},
        documents={path: known[path] for path in DOCUMENTS if path in known},
        read=read,
        tensors=lambda: decode_tensors(read(TENSORS), str(release)),
    )


def _describe_adopted(
    pinned: Pinned, manifest: Manifest, known: Mapping[str, str], read: Callable[[str], bytes]
) -> Described:
    """Describe a release that was made without hfver: its tensors by headers, its lineage only if it is one."""
    files = {path: TreeFile(path, entry.size, "", entry.sha256) for path, entry in manifest.files.items()}
    weights = [file for path, file in files.items() if path.endswith(".safetensors")]
    documents = {path: known[path] for path in DOCUMENTS if path in known}
    if LINEAGE in documents and not _is_lineage(read(LINEAGE)):
        del documents[LINEAGE]
    return Described(
        name=str(pinned.release),
        files={path: digest for path, digest in known.items() if is_content(path)},
        sizes={path: file.size for path, file in files.items()},
        documents=documents,
        read=read,
        tensors=lambda: tuple(tensor for file in weights for tensor in _header(pinned, file)),
    )


def _is_lineage(content: bytes) -> bool:
    try:
        Lineage.decode(content, LINEAGE)
    except BadConfig:
        return False
    return True


def _describe_tree(pinned: Pinned, tree: Mapping[str, TreeFile]) -> Described:
    release = pinned.release
    known = {path: f"sha256:{file.sha256}" if file.sha256 else f"blob:{file.blob}" for path, file in tree.items()}
    weights = [file for path, file in tree.items() if path.endswith(".safetensors")]
    return Described(
        name=str(release),
        files={path: identity for path, identity in known.items() if is_content(path)},
        sizes={path: file.size for path, file in tree.items()},
        documents={path: known[path] for path in DOCUMENTS if path in known},
        read=partial(pinned.repo.read, release.commit),
        tensors=lambda: tuple(tensor for file in weights for tensor in _header(pinned, file)),
    )


def _header(pinned: Pinned, file: TreeFile) -> list[Tensor]:
    """Read a safetensors file's header by a part of the file, and one more if it is long."""
    release, held = pinned.release, bytearray()

    class Parts:
        """A stream over parts of the file."""

        at = 0

        def read(self, size: int, /) -> bytes:
            if self.at + size > len(held):
                missing = max(self.at + size - len(held), HEADER_GUESS)
                held.extend(pinned.repo.read_range(release.commit, file.path, len(held), missing))
            part = bytes(held[self.at : self.at + size])
            self.at += len(part)
            return part

    try:
        header = read_header(Parts(), file.size)
    except HeaderError as error:
        raise BadCheckpoint(f"{release}: {file.path} is not a sound safetensors file: {error}.") from None
    name = partial(tensor_name, file.path)
    return [Tensor(name(span.name), file.path, span.dtype, span.shape, "") for span in header.spans]


def _side(one: Described, other: Described) -> Side:
    texts = {path: one.read(path) for path in one.files if _is_needed(path, one, other)}
    card = one.read(CARD) if CARD in one.documents else b""
    return Side(
        name=one.name,
        files=one.files,
        texts=texts,
        tensors=one.tensors(),
        card=_front_matter(card),
        lineage=one.lineage or _lineage(one),
        documents=one.documents,
    )


def _is_needed(path: str, one: Described, other: Described) -> bool:
    """Tell whether a file's content can matter: it is one that rules read, and is small or differs."""
    size = one.sizes[path]
    if not wanted_text(path, size):
        return False
    # Rules that look at a tokenizer encode with all of it, whichever of its files differs.
    return size <= SMALL or any(other.files.get(near) != one.files[near] for near in _neighbours(path, one))


def _neighbours(path: str, one: Described) -> Iterator[str]:
    """Name the files of a folder that matter to the same rules: the whole tokenizer, or the file alone."""
    folder, name = PurePosixPath(path).parent, PurePosixPath(path).name
    yield path
    if _TOKENIZER.search(name):
        for near in one.files:
            if PurePosixPath(near).parent == folder and _TOKENIZER.search(PurePosixPath(near).name):
                yield near


def _front_matter(card: bytes) -> Mapping[str, Any]:
    try:
        return split_front_matter(card.decode("utf-8", "replace"), CARD)[0]
    except BadConfig:
        return {}


def _lineage(one: Described) -> Lineage:
    return Lineage.decode(one.read(LINEAGE), f"{one.name}: {LINEAGE}") if LINEAGE in one.documents else Lineage()
