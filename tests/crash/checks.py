"""What must be true of a repo after a crash, checked by a reader without any memory of it."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import huggingface_hub.constants
import pytest

import hfver
from hfver.errors import HubNotFound, Refused
from hfver.hub import Hub as Client
from tests.crash.environment import TOKEN, Hub

__all__ = ["check_no_partial_version", "check_one_version_added", "fresh_reader"]


@contextmanager
def fresh_reader(memory: Path) -> Iterator[None]:
    """Run the block with an empty cache and no memory."""
    with tempfile.TemporaryDirectory(dir=memory) as folder, pytest.MonkeyPatch.context() as patch:
        patch.setenv("HFVER_CACHE", f"{folder}/hfver")
        patch.setattr(huggingface_hub.constants, "HF_HUB_CACHE", f"{folder}/hub")
        yield


def check_no_partial_version(hub: Hub, repo: str, before: Sequence[str], memory: Path) -> bool:
    """Check that every visible version is complete; return whether there is one more than before.

    The earlier versions are known to be complete; the new one is read to the last byte.
    """
    with fresh_reader(memory):
        try:
            listed = hfver.versions(repo, hub=hub.url, token=TOKEN)
        except HubNotFound:
            assert not before
            return False
        found = [str(release.version) for release in listed.releases]
        assert found[len(found) - len(before) :] == list(before)
        assert len(found) - len(before) <= 1
        _check_pending(hub, repo, listed.pending, found)
        if len(found) > len(before):
            _check_newest(hub, repo, found[0])
        elif found:
            assert hfver.resolve(f"{repo}@>=0.0.1", hub=hub.url, token=TOKEN).version == before[0]
        assert hfver.audit(repo, hub=hub.url, token=TOKEN).clean
        return len(found) > len(before)


def _check_pending(hub: Hub, repo: str, pending: Sequence[str], found: Sequence[str]) -> None:
    for tag in pending:
        with pytest.raises(Refused, match="pending"):
            hfver.resolve(f"{repo}@{tag.removeprefix('v')}", hub=hub.url, token=TOKEN)
    if not found:
        with pytest.raises(HubNotFound):
            hfver.resolve(f"{repo}@>=0.0.1", hub=hub.url, token=TOKEN)


def _check_newest(hub: Hub, repo: str, newest: str) -> None:
    assert hfver.resolve(f"{repo}@>=0.0.1", hub=hub.url, token=TOKEN).version == newest
    assert hfver.verify(f"{repo}@{newest}", hub=hub.url, token=TOKEN).evidence == "ledger"


def check_one_version_added(hub: Hub, repo: str, before: Sequence[str], memory: Path, *, seen: bool = False) -> str:
    """Check that exactly one version was added and nothing else is left; return the version.

    Args:
        hub: The Hub.
        repo: The repo.
        before: The earlier versions.
        memory: Where to make temporary folders.
        seen: Whether the new version was there before the last run, and was found to be complete.
    """
    with fresh_reader(memory):
        listed = hfver.versions(repo, hub=hub.url, token=TOKEN)
        refs = Client(hub.url, TOKEN).repo(repo).refs()
    assert [str(release.version) for release in listed.releases[1:]] == list(before)
    assert seen or check_no_partial_version(hub, repo, before, memory)
    assert listed.pending == ()
    assert set(refs.branches) == {"main"}
    assert set(refs.tags) == {f"v{release.version}" for release in listed.releases}
    return str(listed.releases[0].version)
