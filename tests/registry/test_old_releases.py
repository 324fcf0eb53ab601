"""Old releases stay readable: this version reads what earlier versions of hfver wrote."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pytest

import hfver

FIXTURES = Path(__file__).parents[1] / "fixtures"
REPO = "acme/bot"


@pytest.fixture(params=sorted(path.name for path in FIXTURES.glob("hub-*.tar.xz")))
def old_hub(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    with tarfile.open(FIXTURES / request.param) as archive:
        # Python has filters since 3.11.4, and 3.12 warns without one.
        archive.extraction_filter = getattr(tarfile, "data_filter", lambda member, _: member)
        archive.extractall(tmp_path)  # noqa: S202 - our own archive
    return tmp_path / "hub"


def test_old_releases_are_listed_pulled_and_verified(old_hub: Path, tmp_path: Path) -> None:
    listed = hfver.versions(REPO, hub=old_hub)
    assert [release.version for release in listed.releases] == ["2.0.0-rc.1", "1.1.0", "1.0.0"]
    for release in listed.releases:
        folder = tmp_path / str(release.version)
        assert hfver.pull(f"{REPO}@{release.version}", folder, hub=old_hub).release.digest == release.digest
        assert hfver.verify(str(folder), hub=old_hub, force=True).evidence == "ledger"


def test_an_old_repo_passes_an_audit(old_hub: Path) -> None:
    found = hfver.audit(REPO, hub=old_hub)
    assert found.clean, found


def test_an_old_repo_takes_new_releases_and_yanks(old_hub: Path, tmp_path: Path) -> None:
    folder = hfver.pull(f"{REPO}@1.1.0", tmp_path / "model", hub=old_hub).path
    (folder / "generation_config.json").write_text('{"eos_token_id": 2, "temperature": 0.5}\n')
    released = hfver.release(folder, REPO, hub=old_hub, smoke="off")
    assert (released.version, released.bump) == ("1.2.0", "minor")
    assert hfver.yank(f"{REPO}@1.2.0", "too cold", hub=old_hub).yanked == "too cold"
    assert hfver.resolve(f"{REPO}@^1", hub=old_hub).version == "1.1.0"
    assert hfver.audit(REPO, hub=old_hub).clean
