"""The base model that a folder names, pinned to the commit it is at."""

from __future__ import annotations

from pathlib import Path

import pytest
from huggingface_hub import HfApi

import hfver
from hfver.api.hubs import LocalHub
from hfver.core.manifest import LINEAGE
from hfver.model.lineage.record import BaseModelLink, Lineage
from tests.conftest import MakeCheckpoint


def base_of(repo: str, hub: LocalHub) -> BaseModelLink | None:
    """Read the base model from the lineage of a repo's newest release."""
    path = HfApi(endpoint=hub.url, token=hub.token).hf_hub_download(repo, LINEAGE)
    return Lineage.decode(Path(path).read_bytes(), LINEAGE).base_model


@pytest.mark.parametrize("before", ["", "\n", "\ufeff\n", " \r\n"])
def test_a_readme_names_the_base_whatever_blanks_it_begins_with(
    before: str, local_hub: LocalHub, checkpoint: MakeCheckpoint
) -> None:
    base = hfver.release(checkpoint(1), "acme/base", hub=local_hub, smoke="off")
    folder = checkpoint(2)
    (folder / "README.md").write_text(f"{before}---\nbase_model: acme/base\n---\n# Bot\n")
    hfver.release(folder, "acme/bot", hub=local_hub, smoke="off")
    found = base_of("acme/bot", local_hub)
    assert found is not None
    assert (found.source, found.version, found.revision) == ("acme/base", "1.0.0", base.commit)
    assert found.digest == base.digest
