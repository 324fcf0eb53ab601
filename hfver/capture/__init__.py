"""Lineage without typing: what a run folder, a checkout and an environment already know of a checkpoint."""

from __future__ import annotations

from hfver.capture.capturing import Wishes, capture
from hfver.capture.importing import Importer

__all__ = ["Importer", "Wishes", "capture"]
