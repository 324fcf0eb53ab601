from __future__ import annotations

import pytest

from .gallery import GALLERY, rendered


@pytest.mark.parametrize("name", sorted(rendered()))
def test_the_gallery_is_up_to_date(name: str) -> None:
    assert (GALLERY / name).read_bytes() == rendered()[name], "Run: python -m tests.model.card.gallery --write"


def test_the_gallery_has_no_other_files() -> None:
    assert {path.name for path in GALLERY.iterdir()} == rendered().keys()
