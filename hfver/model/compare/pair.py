"""Two described checkpoints side by side: what rules ask them, read and parsed once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import PurePosixPath
from typing import Any

from hfver.model.checkpoint import Tensor
from hfver.model.compare.difference import Side
from hfver.model.compare.json_values import ABSENT, parse_json

__all__ = ["Pair", "View"]


@dataclass(frozen=True)
class View:
    """One side, with its small files parsed when first asked for."""

    side: Side
    _parsed: dict[str, Any] = field(default_factory=dict, repr=False)

    def json(self, path: str) -> Any:
        """Return what a JSON file holds; ``ABSENT`` if it is not there or cannot be read."""
        value = self._parse(path)
        return ABSENT if isinstance(value, ValueError) else value

    def object(self, path: str) -> Mapping[str, Any]:
        """Return the object that a JSON file holds, empty if there is none."""
        value = self.json(path)
        return value if isinstance(value, dict) else {}

    def problem(self, path: str) -> str | None:
        """Say why a JSON file that is there cannot be read, or None."""
        value = self._parse(path)
        return str(value)[:200] if isinstance(value, ValueError) else None

    def text(self, path: str) -> bytes | None:
        """Return the bytes of a file, None if it is not there or was not fetched."""
        return self.side.texts.get(path) if path in self.side.files else None

    def _parse(self, path: str) -> Any:
        if path not in self._parsed:
            self._parsed[path] = self._read(path)
        return self._parsed[path]

    def _read(self, path: str) -> Any:
        data = self.text(path)
        if data is None:
            return ValueError("it was not fetched") if path in self.side.files else ABSENT
        try:
            return parse_json(data)
        except ValueError as error:
            return error

    @cached_property
    def tensors(self) -> Mapping[str, Tensor]:
        """The tensors by name; of several with one name all but the first by file and name."""
        found: dict[str, Tensor] = {}
        for tensor in sorted(self.side.tensors, key=lambda tensor: (tensor.name, tensor.file)):
            key = tensor.name if tensor.name not in found else f"{tensor.file}:{tensor.name}"
            found[key] = tensor
        return found

    @cached_property
    def main_tensors(self) -> Mapping[str, Tensor]:
        """The tensors that loading the folder takes, without variants in files of their own."""
        return {name: tensor for name, tensor in self.tensors.items() if not tensor.is_extra}

    @property
    def is_adapter(self) -> bool:
        """Whether it is an adapter, and not a model of its own."""
        return "adapter_config.json" in self.side.files

    @property
    def is_embedding(self) -> bool:
        """Whether people store the vectors that it makes."""
        card = self.side.card
        return (
            "modules.json" in self.side.files
            or card.get("pipeline_tag") in ("sentence-similarity", "feature-extraction")
            or card.get("library_name") == "sentence-transformers"
        )


@dataclass(frozen=True)
class Pair:
    """Both sides, and which files differ."""

    before: View
    after: View
    memo: dict[str, Any] = field(default_factory=dict, repr=False)
    """What families worked out once for several rules."""

    @classmethod
    def of(cls, before: Side, after: Side) -> Pair:
        """Look at two sides."""
        return cls(View(before), View(after))

    @cached_property
    def paths(self) -> tuple[str, ...]:
        """Every path of either side, sorted."""
        return tuple(sorted(self.before.side.files.keys() | self.after.side.files.keys()))

    @cached_property
    def changed(self) -> tuple[str, ...]:
        """The paths whose file was added, removed, or has other bytes."""
        return tuple(path for path in self.paths if not self._same_file(path))

    def named(self, *names: str) -> tuple[str, ...]:
        """Return the changed paths whose last part is one of the names."""
        return tuple(path for path in self.changed if PurePosixPath(path).name in names)

    def of_both(self, paths: Iterable[str]) -> Iterable[str]:
        """Return those of the paths that both sides have."""
        return (path for path in paths if path in self.before.side.files and path in self.after.side.files)

    @property
    def is_embedding(self) -> bool:
        """Whether people store the vectors that one of the two makes."""
        return self.before.is_embedding or self.after.is_embedding

    @cached_property
    def shared(self) -> Mapping[str, tuple[Tensor, Tensor]]:
        """The tensors that both have, by name: before and after."""
        old, new = self.before.tensors, self.after.tensors
        return {name: (old[name], new[name]) for name in sorted(old.keys() & new.keys())}

    @cached_property
    def moved(self) -> tuple[str, ...]:
        """Names of the tensors that both have in one form and whose bytes differ, or may."""
        return tuple(name for name, (old, new) in self.shared.items() if _same_form(old, new) and self._moved(old, new))

    @cached_property
    def unknown(self) -> tuple[str, ...]:
        """Those of the moved tensors of which nobody knows whether they moved."""
        return tuple(name for name in self.moved if not all(tensor.digest for tensor in self.shared[name]))

    def _moved(self, old: Tensor, new: Tensor) -> bool:
        if old.digest and new.digest:
            return old.digest != new.digest
        # A file that is the same holds the same tensors, wherever it lies.
        return not _same_identity(self.before.side.files.get(old.file), self.after.side.files.get(new.file))

    def _same_file(self, path: str) -> bool:
        old, new = self.before.side, self.after.side
        if path not in old.files or path not in new.files:
            return False
        if _same_identity(old.files[path], new.files[path]):
            return True
        if _kind(old.files[path]) == _kind(new.files[path]):
            return False
        return path in old.texts and old.texts[path] == new.texts.get(path)


def _same_form(old: Tensor, new: Tensor) -> bool:
    return old.shape == new.shape and old.dtype == new.dtype


def _same_identity(old: str | None, new: str | None) -> bool:
    return bool(old) and old == new


def _kind(identity: str) -> str:
    return identity.partition(":")[0]
