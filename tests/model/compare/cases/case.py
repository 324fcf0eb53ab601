"""What a case is: a rule, edits that it must report, and edits that it must not."""

from __future__ import annotations

from dataclasses import dataclass

from hfver.core.version import Bump
from tests.model.compare.edits import Edit, same

MAJOR, MINOR, PATCH = Bump.MAJOR, Bump.MINOR, Bump.PATCH


@dataclass(frozen=True)
class Case:
    """One rule on one checkpoint: edits that it reports at a level, and edits that it does not report at that level."""

    rule: str
    on: str
    level: Bump
    triggers: tuple[Edit, ...]
    near: tuple[Edit, ...]
    first: Edit = same
    """Applied to both sides before anything else."""
