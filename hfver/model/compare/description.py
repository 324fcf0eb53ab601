"""What is to be compared: which files there are is known at once, their content is read when it is first needed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from concurrent.futures import ThreadPoolExecutor
from functools import cached_property
from pathlib import Path
from threading import RLock
from typing import Any

from hfver.core.front_matter import split_front_matter
from hfver.core.manifest import CARD, CHANGELOG, LINEAGE, TensorRoots, digest_of
from hfver.core.progress import Progress, silent
from hfver.core.version import Bump
from hfver.errors import BadCheckpoint, BadConfig
from hfver.model.checkpoint import Checkpoint, HashCache, Tensor, read_checkpoint, tensor_roots
from hfver.model.compare.compare import compare
from hfver.model.compare.compared_files import is_needed
from hfver.model.compare.difference import Difference, Side
from hfver.model.lineage.record import Lineage

__all__ = ["DOCUMENTS", "Described", "compare_described", "describe_checkpoint", "describe_folder", "read_sides"]

DOCUMENTS = (CARD, CHANGELOG, LINEAGE)

MAX_LISTS = 256 * 1024
"""Bytes of both lists of tensors up to which they are always fetched, so that a difference says which tensors moved."""


class Described(ABC):
    """A checkpoint or release to be compared.

    Which small files a comparison needs depends on the other side, so they are read late. This object remembers what
    it has read: no file is read or fetched twice. The values that a comparison works on are the two ``Side`` objects
    that ``side`` returns.

    Attributes:
        name: What people call it: ``acme/bot@1.2.0`` or ``out/checkpoint``.
        files: The identity of each of the author's files: ``sha256:…``, or ``blob:…`` where only git's id is known.
        sizes: The size of each file in bytes.
        documents: The identities of card, changelog and lineage, where they exist.
    """

    def __init__(
        self, name: str, files: Mapping[str, str], sizes: Mapping[str, int], documents: Mapping[str, str]
    ) -> None:
        self.name = name
        self.files = files
        self.sizes = sizes
        self.documents = dict(documents)
        self._contents: dict[str, bytes] = {}
        # A release that is compared with itself is read from two threads.
        self._lock = RLock()

    @abstractmethod
    def _fetch(self, path: str) -> bytes:
        """Read a file where it is kept, and verify it if there is something to verify it with."""

    @abstractmethod
    def _list_tensors(self) -> tuple[Tensor, ...]:
        """List the tensors of all safetensors files."""

    @property
    def roots(self) -> TensorRoots | None:
        """The digests that stand for the list of tensors; None where nobody has computed them."""
        return None

    @property
    def list_size(self) -> int:
        """The number of bytes that must be fetched for the list of tensors."""
        return 0

    @property
    def measured(self) -> tuple[str, ...] | None:
        """What it was measured by, see ``Difference``; None where nobody has recorded it."""
        return None

    def read(self, path: str) -> bytes:
        """Return the content of a file, verified; it is fetched the first time only."""
        with self._lock:
            if path not in self._contents:
                self._contents[path] = self._fetch(path)
            return self._contents[path]

    @cached_property
    def tensors(self) -> tuple[Tensor, ...]:
        """Every tensor; without digests where nobody has computed them."""
        with self._lock:
            return self._list_tensors()

    @cached_property
    def card(self) -> Mapping[str, Any]:
        """The metadata at the top of the card; empty without a card, or if it cannot be read."""
        if CARD not in self.documents:
            return {}
        try:
            return split_front_matter(self.read(CARD).decode("utf-8", "replace"), CARD)[0]
        except BadConfig:
            return {}  # comparing reports problems and refuses nothing

    @cached_property
    def lineage(self) -> Lineage:
        """The lineage record; an empty one if there is none."""
        if LINEAGE not in self.documents:
            return Lineage()
        return Lineage.decode(self.read(LINEAGE), f"{self.name}: {LINEAGE}")

    def side(self, other: Described, *, lists: bool = True) -> Side:
        """Read what a comparison with another checkpoint or release needs.

        Args:
            other: The other side.
            lists: Whether the list of tensors is read even where the level is known without it.
        """
        # Everything is read here and now: rules must never wait for a network, or fail because of one.
        needed = [path for path in self.files if is_needed(path, self.sizes[path], self.files, other.files)]
        contents = {path: self.read(path) for path in needed}
        listed = lists or not _only_values_moved(self, other) or any(map(_is_quantized, contents.values()))
        return Side(
            name=self.name,
            files=self.files,
            contents=contents,
            tensors=self.tensors if listed else (),
            roots=self.roots,
            listed=listed,
            measured=self.measured,
            card=self.card,
            lineage=self.lineage,
            documents=self.documents,
        )


class CheckpointDescription(Described):
    """A local folder that was read as a checkpoint."""

    def __init__(self, checkpoint: Checkpoint, lineage: Lineage | None, card: bytes | None) -> None:
        self._checkpoint = checkpoint
        self._given_lineage = lineage
        contents = {**checkpoint.content, **({CARD: card} if card is not None else {})}
        super().__init__(
            name=str(checkpoint.directory),
            files={path: f"sha256:{entry.sha256}" for path, entry in checkpoint.files.items()},
            sizes={path: entry.size for path, entry in checkpoint.files.items()},
            documents={name: digest_of(contents[name]) for name in DOCUMENTS if name in contents},
        )
        # The card that was handed over is newer than the one in the folder, and must not be read over.
        self._contents.update(contents)

    def _fetch(self, path: str) -> bytes:
        directory = self._checkpoint.directory
        try:
            return (directory / path).read_bytes()
        except OSError as error:
            raise BadCheckpoint(f"{path!r} in {directory} cannot be read: {error.strerror}.") from None

    def _list_tensors(self) -> tuple[Tensor, ...]:
        return self._checkpoint.tensors

    @cached_property
    def roots(self) -> TensorRoots:
        """The digests that stand for the list of tensors."""
        return tensor_roots(self._checkpoint.tensors)

    @property
    def measured(self) -> tuple[str, ...]:
        """Nothing: the smoke eval and the metrics are a matter of the release."""
        return ()

    @cached_property
    def lineage(self) -> Lineage:
        """The lineage that was handed over; otherwise the folder's own."""
        return self._given_lineage or super().lineage


def describe_checkpoint(checkpoint: Checkpoint, lineage: Lineage | None = None, card: bytes | None = None) -> Described:
    """Describe a checkpoint that was read already.

    Args:
        checkpoint: The checkpoint.
        lineage: Replaces the folder's own lineage record.
        card: Replaces the folder's own card.
    """
    return CheckpointDescription(checkpoint, lineage, card)


def describe_folder(directory: Path, *, progress: Progress = silent) -> Described:
    """Read and describe a local folder.

    Args:
        directory: The folder.
        progress: Called with the number of bytes that were hashed.

    Raises:
        BadCheckpoint: The folder is not a checkpoint, or a file in it is broken.
    """
    return describe_checkpoint(read_checkpoint(directory, progress=progress, cache=HashCache(), for_release=False))


def _only_values_moved(one: Described, other: Described) -> bool:
    """Return whether two releases differ in the values of their tensors alone, and listing these would cost much.

    The level then follows from the digests of the lists: new values under the same names, shapes and dtypes.
    """
    if one.roots is None or other.roots is None or one.list_size + other.list_size <= MAX_LISTS:
        return False
    if one.roots.layout != other.roots.layout or one.roots.values == other.roots.values:
        return False
    paths = one.files.keys() | other.files.keys()
    changed = [path for path in paths if one.files.get(path) != other.files.get(path)]
    has_folders = any(path.endswith(("/config.json", "/adapter_config.json")) for path in paths)
    return not has_folders and all(path.endswith((".safetensors", ".safetensors.index.json")) for path in changed)


def _is_quantized(content: bytes) -> bool:
    # Whether values were only rounded differently shows in the dtypes of the tensors around them.
    return b'"quantization_config"' in content


def compare_described(
    before: Described, after: Described, levels: Mapping[str, Bump] | None = None, *, lists: bool = True
) -> Difference:
    """Read what the rules need of both sides, and compare them.

    Args:
        before: What consumers have.
        after: What they would get.
        levels: The repo's own levels, as in ``compare``.
        lists: Whether lists of tensors are read even where they are long and the level is known without them.

    Raises:
        BadConfig: ``levels`` names a rule that does not exist, or a lineage record cannot be read.
        HubError: A Hub does not answer.
        VerificationError: Something on a Hub is not what was released.
    """
    return compare(*read_sides(before, after, lists=lists), levels=levels)


def read_sides(before: Described, after: Described, *, lists: bool = True) -> tuple[Side, Side]:
    """Read what the rules need of both sides.

    Args:
        before: What consumers have.
        after: What they would get.
        lists: Whether lists of tensors are read even where they are long and the level is known without them.

    Raises:
        BadConfig: A lineage record cannot be read.
        HubError: A Hub does not answer.
        VerificationError: Something on a Hub is not what was released.
    """
    # Both sides wait for the network most of the time.
    with ThreadPoolExecutor(2) as pool:
        old, new = pool.map(lambda side, other: side.side(other, lists=lists), (before, after), (after, before))
    return old, new
