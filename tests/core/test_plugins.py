"""Which version of a Protocol a plug-in was written for."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from types import SimpleNamespace

import pytest

from hfver.core.plugins import check_protocol
from hfver.errors import PluginError

POINT = EntryPoint("acme", "acme_runs:Runs", "hfver.importers")


@pytest.mark.parametrize("declared", [1, 2])
def test_a_version_that_this_hfver_has_is_returned(declared: int) -> None:
    assert check_protocol(SimpleNamespace(PROTOCOL_VERSION=declared), POINT, 2) == declared


def test_a_plug_in_need_not_declare_a_version() -> None:
    assert check_protocol(SimpleNamespace(), POINT, 2) is None


def test_a_plug_in_for_a_later_hfver_says_to_upgrade() -> None:
    with pytest.raises(PluginError, match=r"'acme' .*version 3 .*this hfver has version 2") as caught:
        check_protocol(SimpleNamespace(PROTOCOL_VERSION=3), POINT, 2)
    assert "Upgrade hfver" in caught.value.hint


@pytest.mark.parametrize("declared", ["2", 0, -1, True, 1.0])
def test_a_declaration_that_is_no_version_is_refused(declared: object) -> None:
    with pytest.raises(PluginError, match="not a version"):
        check_protocol(SimpleNamespace(PROTOCOL_VERSION=declared), POINT, 2)
