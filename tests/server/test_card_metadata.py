"""The metadata that the embedded Hub reads from a README."""

from __future__ import annotations

import pytest

from hfver.server.storage.card_metadata import CardError, read_metadata
from tests.front_matter_cases import FRONT_MATTER_CASES, FrontMatterCase


@pytest.mark.parametrize("case", FRONT_MATTER_CASES, ids=lambda case: case.name)
def test_front_matter_is_read_as_on_the_hub(case: FrontMatterCase) -> None:
    if case.valid:
        assert read_metadata(case.text) == (case.expected or {})
        return
    with pytest.raises(CardError):
        read_metadata(case.text)
