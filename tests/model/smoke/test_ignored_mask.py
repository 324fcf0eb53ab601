"""A mask that the model ignores shows in half precision too."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from hfver.model.runtime import load_model
from hfver.model.smoke import examine


@pytest.mark.parametrize("dtype", ["float32", "float16", "bfloat16"])
def test_an_encoder_that_ignores_the_mask(healthy: dict[str, Path], dtype: str) -> None:
    loaded = load_model(healthy["bert"], device="cpu", dtype=dtype)
    assert examine(loaded).failures == ()
    kind: Any = type(loaded.model)

    def forward(self: Any, input_ids: Any, attention_mask: Any = None, **others: Any) -> Any:
        return kind.forward(self, input_ids=input_ids, **others)

    loaded.model.__class__ = type(kind.__name__, (kind,), {"forward": forward, "__module__": kind.__module__})
    report = examine(replace(loaded))
    (found,) = [check for check in report.checks if check.name == "forward"]
    assert found.status == "failed", found.detail
    assert "different result in a padded batch" in found.detail
