"""The ``lineage.yaml`` that a folder already holds: the author's own, or an earlier release's."""

from __future__ import annotations

from hfver.core.manifest import LINEAGE, MANIFEST
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Lineage, read_lineage
from hfver.model.lineage.run_files import read_json_object

__all__ = ["earlier_record"]


def earlier_record(checkpoint: Checkpoint) -> Lineage:
    """Read what the folder's own record still says truly.

    A record without a manifest beside it was written by the author. One that came with a pulled release holds
    for its weights: while they are the same it says how they came about, and new weights have outgrown it.

    Raises:
        BadConfig: The record or the manifest is broken.
    """
    path = checkpoint.directory / LINEAGE
    if not path.is_file():
        return Lineage()
    manifest = read_json_object(checkpoint.directory / MANIFEST)
    if not manifest:
        return read_lineage(path)
    return _about_weights(read_lineage(path)) if _same_weights(checkpoint, manifest) else Lineage()


def _about_weights(record: Lineage) -> Lineage:
    named = {"model_version", "model_name", "created_at", "created_by", "artifacts"}
    return Lineage.model_validate(record.model_dump(mode="json", exclude_none=True, exclude=named))


def _same_weights(checkpoint: Checkpoint, manifest: dict[str, object]) -> bool:
    files = manifest.get("files")
    released = files if isinstance(files, dict) else {}
    now = {path: entry.sha256 for path, entry in checkpoint.files.items() if path.endswith(".safetensors")}
    before = {path: _sha256(entry) for path, entry in released.items() if path.endswith(".safetensors")}
    return now == before


def _sha256(entry: object) -> object:
    return entry.get("sha256") if isinstance(entry, dict) else None
