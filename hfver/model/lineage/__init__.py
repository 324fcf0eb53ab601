"""The lineage of a checkpoint, gathered from its run folder, its code checkout and its environment."""

from __future__ import annotations

from hfver.model.lineage.capture import LineageOptions, capture
from hfver.model.lineage.importer import Importer

__all__ = ["Importer", "LineageOptions", "capture"]
