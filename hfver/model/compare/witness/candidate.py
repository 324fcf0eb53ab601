"""A candidate for a witness: a question that may show the difference."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import PurePosixPath
from typing import Any, Final, Literal

from hfver.model.compare.difference import Change
from hfver.model.compare.pair import Pair

__all__ = ["UNKNOWN", "Candidate", "Kind", "Recipe", "Subject"]

Kind = Literal["behavior", "content", "hash"]
"""What a witness shows: what the libraries make of the model, what a file says, or only that its bytes differ."""


class _Unknown:
    """Stands for an answer that has to be found by loading."""


UNKNOWN: Final = _Unknown()


@dataclass(frozen=True)
class Candidate:
    """A question that may show the difference.

    Attributes:
        probe: The file in ``probes/`` that answers it.
        question: The question, as JSON can hold it.
        kind: What it shows.
        expected: What the older side answers. Where that is known, the newer side is known to answer differently.
        may_fail: Whether it shows the difference, too, that the newer side cannot be loaded.
    """

    probe: str
    question: Mapping[str, Any]
    kind: Kind = "behavior"
    expected: Any = UNKNOWN
    may_fail: bool = False


@dataclass(frozen=True)
class Subject:
    """A change for which a witness is looked for.

    Attributes:
        pair: Both sides: the checkpoint itself, or a folder of its own.
        folder: That folder; empty for the checkpoint itself.
        change: The change.
        where: Where it is, within the folder.
    """

    pair: Pair
    folder: str
    change: Change
    where: str

    @property
    def path(self) -> str:
        """The file, within the folder."""
        return self.where.partition(":")[0]

    @property
    def part(self) -> str:
        """The setting, tensor or template within the file; empty if the change is the file's."""
        return self.where.partition(":")[2]

    def full(self, path: str) -> str:
        """Return a path of the folder as a path of the checkpoint."""
        return f"{self.folder}/{path}" if self.folder else path

    def parent(self, path: str) -> str:
        """Return the folder of a file, from the checkpoint's root; empty for the root."""
        parent = str(PurePosixPath(self.full(path)).parent)
        return "" if parent == "." else parent


Recipe = Callable[[Subject], Iterator[Candidate]]
"""Yields candidates for a change, what shows it best first."""
