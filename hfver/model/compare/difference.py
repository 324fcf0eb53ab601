"""The nouns of this room: a described checkpoint, one change, and the difference of two checkpoints."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from hfver.model.lineage.record import Lineage

__all__ = ["Change", "Difference", "Side", "WeightsMoved", "highest"]


@dataclass(frozen=True)
class Side:
    """A described checkpoint: a folder, or a release on a Hub. Pure values.

    Attributes:
        name: What people call it: ``acme/bot@1.2.0`` or ``out/checkpoint``.
        files: Every file of the author's, path to the identity of its content: ``sha256:…`` or ``blob:…``
            (git's SHA-1). Two identities of one kind are equal or not; where the kinds differ the bytes in
            ``texts`` decide, and in doubt the file counts as another one.
        texts: The bytes of the small files that rules read (see ``wanted_text``).
        tensors: Every tensor. Its digest is empty where nobody computed it.
        card: The metadata at the head of README.md; empty where unknown.
        lineage: What it was made from.
        documents: Identities of README.md, CHANGELOG.md and lineage.yaml; empty where unknown.
    """

    name: str
    files: Mapping[str, str]
    texts: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tensors: tuple[Tensor, ...] = field(default=(), repr=False)
    card: Mapping[str, Any] = field(default_factory=dict)
    lineage: Lineage = field(default_factory=Lineage)
    documents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes:
        rule: The id of the rule that saw it, a key of ``RULES``.
        level: The bump it asks for, after the repo's own levels.
        where: The file, and after a colon the setting or tensor in it: ``config.json:hidden_size``.
        before: What it was; a short value that JSON can hold, None where it was not there.
        after: What it is.
        message: One sentence that says what it means to a consumer.
    """

    rule: str
    level: Bump
    where: str
    before: Any
    after: Any
    message: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "rule": self.rule,
            "level": self.level.value,
            "where": self.where,
            "before": self.before,
            "after": self.after,
            "message": self.message,
        }


@dataclass(frozen=True)
class WeightsMoved:
    """How much of the weights is not what it was.

    Attributes:
        share: Share of the bytes of the new tensors that moved, 0 to 1. A tensor moved if its bytes differ, if
            it was not there, or if nobody knows (then ``Difference.notes`` says so).
        moved: Number of tensors that moved.
        total: Number of tensors there are now.
    """

    share: float = 0.0
    moved: int = 0
    total: int = 0


@dataclass(frozen=True)
class Difference:
    """What changed from one checkpoint to another.

    Attributes:
        level: The highest level of the changes; None if nothing differs at all.
        changes: Every change: the highest level first, then in the order of the rules.
        notes: Where something was not known, and the higher level was taken.
        weights: How much of the weights moved.
    """

    level: Bump | None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    weights: WeightsMoved = WeightsMoved()

    @property
    def weights_moved(self) -> float:
        """Share of the tensors' bytes that moved, 0 to 1."""
        return self.weights.share

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``; the caller adds ``from`` and ``to``."""
        return {
            "level": self.level.value if self.level else "none",
            "changes": [change.to_json() for change in self.changes],
            "notes": list(self.notes),
        }


def highest(*levels: Bump) -> Bump | None:
    """Return the highest of the levels, None of none."""
    return max(levels, key=lambda level: level.height, default=None)
