"""The paths of the files that hfver itself keeps in a repo, and in a folder that holds a release.

They stand apart from the formats of those files, so that whoever only looks for one loads no pydantic model.
"""

from __future__ import annotations

__all__ = [
    "ADOPTED",
    "ATTRIBUTES",
    "CARD",
    "CHANGELOG",
    "GOLDEN",
    "GOLDEN_NUMBERS",
    "LEDGER",
    "LINEAGE",
    "MANIFEST",
    "MARK",
    "SIGNATURE",
    "STAGES",
    "TENSORS",
    "VERSION_FILE",
]

MANIFEST = ".hfver/manifest.json"
TENSORS = ".hfver/tensors.json"
GOLDEN = ".hfver/golden.json"
GOLDEN_NUMBERS = ".hfver/golden.bin"
LEDGER = ".hfver/releases.jsonl"
STAGES = ".hfver/stages.json"
ADOPTED = ".hfver/adopted/"
LINEAGE = "lineage.yaml"
CARD = "README.md"
CHANGELOG = "CHANGELOG.md"
VERSION_FILE = "VERSION"
ATTRIBUTES = ".gitattributes"
SIGNATURE = "model.sig"
MARK = ".hfver/pulling.json"
"""Stands in a folder while a pull fills it; no file of a release."""
