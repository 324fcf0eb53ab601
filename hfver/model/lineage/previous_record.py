"""The ``lineage.yaml`` that a folder already holds: the author's own, or that of an earlier release."""

from __future__ import annotations

from hfver.core.manifest import LINEAGE, MANIFEST
from hfver.model.checkpoint import Checkpoint
from hfver.model.lineage.record import Lineage
from hfver.model.lineage.run_files import read_json_object

__all__ = ["earlier_record"]


def earlier_record(checkpoint: Checkpoint) -> Lineage:
    """Return what the folder's own record says that still holds.

    A record without a manifest beside it was written by the author. One that came with a pulled release describes the
    weights of that release: it still says how they were made while they are the same, and nothing about new weights.

    Raises:
        BadConfig: The record or the manifest is broken.
    """
    content = checkpoint.content.get(LINEAGE)
    if content is None:
        return Lineage()
    where = str(checkpoint.directory / LINEAGE)
    manifest = read_json_object(checkpoint, MANIFEST)
    if not manifest:
        return Lineage.decode(content, where)
    return _about_weights(Lineage.decode(content, where)) if _same_weights(checkpoint, manifest) else Lineage()


def _about_weights(record: Lineage) -> Lineage:
    about_release = {"model_version", "model_name", "created_at", "created_by", "artifacts"}
    return Lineage.model_validate(record.model_dump(mode="json", exclude_none=True, exclude=about_release))


def _same_weights(checkpoint: Checkpoint, manifest: dict[str, object]) -> bool:
    files = manifest.get("files")
    released = files if isinstance(files, dict) else {}
    now = {path: entry.sha256 for path, entry in checkpoint.files.items() if path.endswith(".safetensors")}
    before = {path: _sha256(entry) for path, entry in released.items() if path.endswith(".safetensors")}
    return now == before


def _sha256(entry: object) -> object:
    return entry.get("sha256") if isinstance(entry, dict) else None
