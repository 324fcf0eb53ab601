"""The two sides of a comparison, parsed: everything that rules ask about them, computed once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any, TypeVar, cast

from hfver.model.checkpoint import Tensor
from hfver.model.compare.difference import Side
from hfver.model.compare.json_values import ABSENT, parse_json

__all__ = ["Pair", "ParsedSide"]

T = TypeVar("T")


class ParsedSide:
    """One side, with its small files parsed when they are first asked for."""

    def __init__(self, side: Side) -> None:
        self.name = side.name
        self.files = side.files
        self.card = side.card
        self.lineage = side.lineage
        self.documents = side.documents
        self._contents = side.contents
        self._tensors = side.tensors
        self.roots = side.roots
        self.listed = side.listed
        self._parsed: dict[str, Any] = {}

    def json(self, path: str) -> Any:
        """Return what a JSON file contains; ``ABSENT`` if it does not exist or cannot be read."""
        value = self._parse(path)
        return ABSENT if isinstance(value, ValueError) else value

    def object(self, path: str) -> Mapping[str, Any]:
        """Return the object in a JSON file; an empty one if there is none."""
        value = self.json(path)
        return value if isinstance(value, dict) else {}

    def problem(self, path: str) -> str | None:
        """Return why an existing JSON file cannot be read; None if it can."""
        value = self._parse(path)
        return str(value)[:200] if isinstance(value, ValueError) else None

    def content(self, path: str) -> bytes | None:
        """Return the bytes of a file; None if it does not exist or was not fetched."""
        return self._contents.get(path) if path in self.files else None

    def _parse(self, path: str) -> Any:
        if path not in self._parsed:
            self._parsed[path] = self._read(path)
        return self._parsed[path]

    def _read(self, path: str) -> Any:
        data = self.content(path)
        if data is None:
            return ValueError("it was not fetched") if path in self.files else ABSENT
        try:
            return parse_json(data)
        except ValueError as error:
            return error

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """The tensors by name. Where files share a name, the first file keeps it and others prefix their path."""
        # Sorted, so that the result does not depend on the order in which a Hub or a disk lists the files.
        found: dict[str, Tensor] = {}
        for tensor in sorted(self._tensors, key=lambda tensor: (tensor.name, tensor.file)):
            key = tensor.name if tensor.name not in found else f"{tensor.file}:{tensor.name}"
            found[key] = tensor
        return found

    @cached_property
    def main_tensors(self) -> Mapping[str, Tensor]:
        """The tensors that a loader reads by default, without variants in separate files."""
        return {name: tensor for name, tensor in self.tensors.items() if not tensor.is_extra}

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter and not a full model."""
        return "adapter_config.json" in self.files

    @property
    def is_embedding(self) -> bool:
        """Whether it is a model whose output vectors people store."""
        if self._is_cross_encoder:
            return False
        # Many embedding models are plain transformers checkpoints; then only the card says what they are for.
        return (
            "modules.json" in self.files
            or self.card.get("pipeline_tag") in ("sentence-similarity", "feature-extraction")
            or self.card.get("library_name") == "sentence-transformers"
        )

    @property
    def _is_cross_encoder(self) -> bool:
        """Whether it scores pairs of texts: sentence-transformers makes these, too, and their output is no vector."""
        if self.object("config_sentence_transformers.json").get("model_type") == "CrossEncoder":
            return True
        tags = self.card.get("tags")
        if self.card.get("pipeline_tag") == "text-ranking" or (isinstance(tags, list) and "cross-encoder" in tags):
            return True
        architectures = self.object("config.json").get("architectures")
        heads = architectures if isinstance(architectures, list) else []
        return "modules.json" not in self.files and any(str(one).endswith("ForSequenceClassification") for one in heads)


class Pair:
    """Both sides, and which of their files and tensors differ."""

    def __init__(self, before: Side, after: Side) -> None:
        self.before = ParsedSide(before)
        self.after = ParsedSide(after)
        self._computed: dict[object, Any] = {}

    def once(self, compute: Callable[[Pair], T]) -> T:
        """Return ``compute(self)``, computed at most once: several rules share a result that is slow to get."""
        # A dictionary instead of cached properties, because rules and formats are above this module.
        if compute not in self._computed:
            self._computed[compute] = compute(self)
        return cast(T, self._computed[compute])

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every path of either side, sorted."""
        return tuple(sorted(self.before.files.keys() | self.after.files.keys()))

    @cached_property
    def changed_files(self) -> tuple[str, ...]:
        """The paths whose file was added, removed or has different bytes."""
        return tuple(path for path in self.paths if not self._same_file(path))

    def changed_named(self, *names: str) -> tuple[str, ...]:
        """Return the changed paths whose last part is one of the names."""
        return tuple(path for path in self.changed_files if PurePosixPath(path).name in names)

    def on_both(self, paths: Iterable[str]) -> Iterable[str]:
        """Return those of the paths that exist on both sides."""
        return (path for path in paths if path in self.before.files and path in self.after.files)

    @property
    def is_embedding(self) -> bool:
        """Whether people store the vectors of either of the two."""
        return self.before.is_embedding or self.after.is_embedding

    @cached_property
    def shared_tensors(self) -> Mapping[str, tuple[Tensor, Tensor]]:
        """The tensors that exist on both sides, by name: before and after."""
        old, new = self.before.tensors, self.after.tensors
        return {name: (old[name], new[name]) for name in sorted(old.keys() & new.keys())}

    @cached_property
    def changed_tensors(self) -> tuple[str, ...]:
        """Names of the shared tensors with the same shape and dtype whose values differ, or may differ."""
        return tuple(
            name
            for name, (old, new) in self.shared_tensors.items()
            if _same_form(old, new) and self._value_differs(old, new)
        )

    @property
    def only_values_moved(self) -> bool:
        """Whether the tensors were not listed, because new values under the same names are all that differs."""
        return not (self.before.listed and self.after.listed)

    @cached_property
    def uncertain_tensors(self) -> tuple[str, ...]:
        """Those of the changed tensors that lack a digest, so that nobody knows whether their values differ."""
        return tuple(
            name for name in self.changed_tensors if not all(tensor.digest for tensor in self.shared_tensors[name])
        )

    def _value_differs(self, old: Tensor, new: Tensor) -> bool:
        if old.digest and new.digest:
            return old.digest != new.digest
        # Without digests, only an identical file proves identical tensors, whatever its name.
        return not _same_identity(self.before.files.get(old.file), self.after.files.get(new.file))

    def _same_file(self, path: str) -> bool:
        old, new = self.before, self.after
        if path not in old.files or path not in new.files:
            return False
        if _same_identity(old.files[path], new.files[path]):
            return True
        if _kind(old.files[path]) == _kind(new.files[path]):
            return False
        # A SHA-256 and a git blob id say nothing about each other: only the bytes can.
        data = old.content(path)
        return data is not None and data == new.content(path)


def _same_form(old: Tensor, new: Tensor) -> bool:
    return old.shape == new.shape and old.dtype == new.dtype


def _same_identity(old: str | None, new: str | None) -> bool:
    return bool(old) and old == new


def _kind(identity: str) -> str:
    return identity.partition(":")[0]
