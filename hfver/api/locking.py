"""Locking what a project uses, and fetching exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.core.progress import Progress, silent

if TYPE_CHECKING:
    from hfver.core.lockfile.results import Locked, Outdated, Synced
    from hfver.locking.requirements import Asked

__all__ = ["lock", "outdated", "sync"]


def lock(
    *refs: str,
    path: PathLike | None = None,
    upgrade: bool = False,
    remove: Sequence[str] = (),
    trust_remote_code: bool = False,
    hub: HubLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> Locked:
    """Write down the exact version, commit and files of every model that a project uses.

    What is locked stays while it meets what is wanted; only what is new is looked up. Everything is compared with
    the ledger again. No weights are downloaded.

    Args:
        refs: What to add, or to want in another version: ``ns/name@SPEC``.
        path: The lock; None takes the nearest ``hfver.lock``, or makes one beside ``hfver.toml`` or here.
        upgrade: Take the newest version that the specs allow: of ``refs``, or of everything.
        remove: Repos to take out.
        trust_remote_code: Allow the own Python code of exactly the commits that ``refs`` come to.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        BadConfig: The lock or ``hfver.toml`` is broken.
        Refused: What is wanted of one repo excludes itself.
        HubError: There is no such release, or no answer.
        VerificationError: What is locked is not true any more.
    """
    from dataclasses import replace

    from hfver.locking.lock import lock as run

    place = _place(path)
    asked = replace(_asked(place), refs=refs, upgrade=upgrade, remove=tuple(remove), allow_code=trust_remote_code)
    with open_hub(hub, token) as client:
        return run(client, place, asked, progress=progress)


def sync(
    *,
    path: PathLike | None = None,
    frozen: bool = False,
    offline: bool = False,
    hub: HubLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> Synced:
    """Bring exactly what is locked into the Hugging Face cache, every file compared with the lock's SHA-256.

    Args:
        path: The lock; None takes the nearest ``hfver.lock``.
        frozen: Refuse if the lock is missing or does not hold what ``hfver.toml`` wants; never write it.
        offline: Ask nobody: everything must be here, and is verified.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        BadConfig: The lock is broken.
        Refused: The lock may not be changed and lacks something, or a file is not here and may not be fetched.
        HubError: Something is gone, or there is no answer.
        VerificationError: Something is not what the lock holds.
    """
    from hfver.locking.sync import sync as run

    place = _place(path)
    models = _asked(place).models or {}
    if offline:
        return run(None, place, models, frozen=frozen, progress=progress)
    with open_hub(hub, token) as client:
        return run(client, place, models, frozen=frozen, progress=progress)


def outdated(*, path: PathLike | None = None, hub: HubLike = None, token: str | None = None) -> Outdated:
    """Compare what is locked with the newest that its spec allows, and with the newest at all.

    Args:
        path: The lock; None takes the nearest ``hfver.lock``.
        hub: None, a URL, or the folder of an embedded Hub.
        token: Access token; None for the user's own.

    Raises:
        BadConfig: The lock is missing or broken.
        HubError: A repo is gone, or there is no answer.
        Refused: All that it holds is on other Hubs.
        VerificationError: A ledger does not hold what the lock saw.
    """
    from hfver.locking.outdated import outdated as run

    place = _place(path)
    with open_hub(hub, token) as client:
        return run(client, place, _asked(place))


def _place(path: PathLike | None) -> Path:
    """Name the lock: as asked, else the nearest, else beside ``hfver.toml``, else here."""
    from hfver.core.lockfile import LOCK, locate_lock
    from hfver.core.policy import locate_policy

    if path is not None:
        return Path(path).absolute()
    here = Path.cwd()
    policy = locate_policy(here)
    return locate_lock(here) or (policy.parent if policy else here) / LOCK


def _asked(place: Path) -> Asked:
    """Start from what the project's ``hfver.toml`` wants."""
    from hfver.core.policy import find_policy, locate_policy
    from hfver.locking.requirements import Asked

    policy = locate_policy(place.parent)
    return Asked(models=find_policy(place.parent).models, models_from=policy.name if policy else "hfver.toml")
