"""Lineage without typing: what a run folder, a checkout and an environment already know of a checkpoint."""

from __future__ import annotations

from hfver.model.lineage.capture import Wishes, capture
from hfver.model.lineage.importer import Importer

__all__ = ["Importer", "Wishes", "capture"]
