"""The values of a comparison: a side, one change, and the difference of two sides."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from hfver.core.manifest import TensorRoots
from hfver.core.version import Bump
from hfver.model.checkpoint import Tensor
from hfver.model.lineage.record import Lineage

__all__ = [
    "UNMEASURED",
    "Change",
    "ChangedWeights",
    "Consumer",
    "ConsumerAnswer",
    "Difference",
    "Side",
    "TensorChange",
    "Verdict",
    "Witness",
    "highest",
]


UNMEASURED = "Unmeasured: no smoke eval and no metric with a budget backs this MINOR change."
"""What people read about a MINOR change that nothing has measured."""


@dataclass(frozen=True)
class Side:
    """One side of a comparison: a folder or a release, with everything that the rules look at.

    Attributes:
        name: What people call it: ``acme/bot@1.2.0`` or ``out/checkpoint``.
        files: Each of the author's files, with the identity of its content: ``sha256:…`` or ``blob:…`` (git's
            SHA-1). Two identities of the same kind are equal or not. Where the kinds differ, the bytes in
            ``contents`` decide; without these the file counts as different.
        contents: The bytes of the small files that the rules read, see ``needs_content``.
        tensors: Every tensor. Its digest is empty where nobody has computed it.
        roots: The digests that stand for the list of tensors, where somebody has computed them.
        listed: Whether ``tensors`` was read. If not, then both sides have the same names, shapes and dtypes, and
            different values.
        measured: What it was measured by, see ``Difference``.
        card: The metadata at the top of README.md; empty if there is none.
        lineage: What it was made from.
        documents: Identities of those of README.md, CHANGELOG.md and lineage.yaml that it has.
    """

    name: str
    files: Mapping[str, str]
    contents: Mapping[str, bytes] = field(default_factory=dict, repr=False)
    tensors: tuple[Tensor, ...] = field(default=(), repr=False)
    roots: TensorRoots | None = None
    listed: bool = True
    measured: tuple[str, ...] | None = None
    card: Mapping[str, Any] = field(default_factory=dict)
    lineage: Lineage = field(default_factory=Lineage)
    documents: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Witness:
    """The script that shows a change, or why there is none.

    Attributes:
        file: The script's name; None if there is none.
        kind: What it shows: ``behavior``, what the libraries make of the model; ``content``, what a file says; or
            ``hash``, only that a file's bytes differ.
        reason: Why there is no script.
    """

    file: str | None
    kind: str = ""
    reason: str = ""

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {"file": self.file, "kind": self.kind} if self.file else {"file": None, "reason": self.reason}


@dataclass(frozen=True)
class Change:
    """One thing that differs.

    Attributes:
        rule: The id of the rule that found it, a key of ``RULES``.
        level: The bump it requires, after the repo's own levels were applied.
        where: The file, followed by a colon and the setting or tensor in it: ``config.json:hidden_size``.
        before: The value before, abbreviated so that JSON can hold it; None if there was none.
        after: The value after, likewise.
        message: One or two sentences that say what it means to a consumer.
        witness: Of a MAJOR change, where witnesses were asked for: the script that shows it.
    """

    rule: str
    level: Bump
    where: str
    before: Any
    after: Any
    message: str
    witness: Witness | None = None

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "rule": self.rule,
            "level": self.level.value,
            "where": self.where,
            "before": self.before,
            "after": self.after,
            "message": self.message,
            **({"witness": self.witness.to_json()} if self.witness else {}),
        }


Verdict = Literal["breaks", "does not", "cannot tell"]
"""Whether a change breaks a consumer."""


@dataclass(frozen=True)
class ConsumerAnswer:
    """Whether one change breaks one consumer, and why.

    Attributes:
        rule: The rule of the change.
        where: Where the change is.
        verdict: The answer.
        why: One sentence.
    """

    rule: str
    where: str
    verdict: Verdict
    why: str

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {"rule": self.rule, "where": self.where, "verdict": self.verdict, "why": self.why}


@dataclass(frozen=True)
class Consumer:
    """What depends on a model, and what each change means to it.

    Attributes:
        path: The file or folder, as it was given.
        kind: What it was taken for: ``adapter``, ``token-ids``, ``grammar``, ``labels``, ``lock``, ``serving``,
            ``python`` or ``unknown``.
        answers: One for each change, in the order of the changes.
    """

    path: str
    kind: str
    answers: tuple[ConsumerAnswer, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """The worst of the answers; ``does not`` if nothing changed."""
        found = {answer.verdict for answer in self.answers}
        order: tuple[Verdict, ...] = ("breaks", "cannot tell")
        return next((verdict for verdict in order if verdict in found), "does not")

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {
            "path": self.path,
            "kind": self.kind,
            "verdict": self.verdict,
            "changes": [answer.to_json() for answer in self.answers],
        }


@dataclass(frozen=True)
class ChangedWeights:
    """How much of the weights changed.

    Attributes:
        share: Bytes of changed tensors as a share of the bytes of all tensors after the change, 0 to 1. A tensor
            counts as changed if its bytes differ, if it is new, or if nobody knows (``Difference.notes`` says so).
            None where the tensors were not listed.
        moved: Number of changed tensors; None where the tensors were not listed, and some or all have changed.
        total: Number of tensors after the change.
    """

    share: float | None = 0.0
    moved: int | None = 0
    total: int = 0

    def __str__(self) -> str:
        if self.share is None:
            return f"the weights changed (some or all of {self.total} tensors; --tensors shows which)"
        return f"{self.share:.1%} of the weights changed ({self.moved} of {self.total} tensors)"


@dataclass(frozen=True)
class TensorChange:
    """One tensor that differs.

    Attributes:
        name: Its name.
        change: ``added``, ``removed``, ``reshaped`` (another shape or dtype) or ``moved`` (other values).
        dtype: Its dtype after the change, or before it if it was removed.
        shape: Its shape, likewise.
    """

    name: str
    change: Literal["added", "removed", "reshaped", "moved"]
    dtype: str
    shape: tuple[int, ...]

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``."""
        return {"name": self.name, "change": self.change, "dtype": self.dtype, "shape": list(self.shape)}


@dataclass(frozen=True)
class Difference:
    """What changed from one checkpoint to another.

    Attributes:
        level: The highest level of the changes; None if nothing differs at all.
        changes: Every change: the highest level first, then in the order of the rules.
        notes: What could not be determined, so that the higher level was taken.
        weights: How much of the weights changed.
        libraries: The versions of the libraries that the tokenizers and configs were read with, by name: with other
            versions the level may be a different one.
        tensors: Every tensor that differs, by name; empty where the tensors were not listed.
        measured: What the newer side was measured by: ``smoke``, and ``metric:NAME`` for each metric with a budget.
            None where nobody has recorded it.
        requires: The minimum version of each library that reads a side, by library, under ``from`` and ``to``:
            ``{"from": {}, "to": {"transformers": ">=5.0.0"}}``.
        consumers: Of each consumer that was asked about: whether the changes break it.
    """

    level: Bump | None
    changes: tuple[Change, ...] = ()
    notes: tuple[str, ...] = ()
    weights: ChangedWeights = ChangedWeights()
    libraries: Mapping[str, str] = field(default_factory=dict)
    tensors: tuple[TensorChange, ...] = field(default=(), repr=False)
    measured: tuple[str, ...] | None = None
    requires: Mapping[str, Mapping[str, str]] = field(default_factory=dict)
    consumers: tuple[Consumer, ...] = ()

    @property
    def is_unmeasured(self) -> bool:
        """Whether the change is MINOR, and nothing has measured that what callers build on still stands."""
        return self.level is Bump.MINOR and self.measured == ()

    def to_json(self) -> dict[str, Any]:
        """Return plain values for ``--json``; the caller adds ``from`` and ``to``."""
        return {
            "level": self.level.value if self.level else "none",
            "changes": [change.to_json() for change in self.changes],
            "notes": list(self.notes),
            "libraries": dict(self.libraries),
            "requires": {side: dict(found) for side, found in self.requires.items()},
            "measured": None if self.measured is None else list(self.measured),
            "unmeasured": self.is_unmeasured,
            "weights": {"share": self.weights.share, "moved": self.weights.moved, "total": self.weights.total},
            **({"consumers": [consumer.to_json() for consumer in self.consumers]} if self.consumers else {}),
        }


def highest(*levels: Bump) -> Bump | None:
    """Return the highest of the levels; None if there are none."""
    return max(levels, key=lambda level: level.height, default=None)
