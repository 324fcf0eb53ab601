"""The public functions for a project's lock: writing it, fetching what it records, and comparing it with the Hub."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.references import expand_model, expand_reference
from hfver.api.shared_docs import public
from hfver.core.lockfile import LOCK, locate_lock
from hfver.core.progress import Progress, silent
from hfver.core.settings import PolicyLike, resolve_policy

if TYPE_CHECKING:
    from hfver.core.lockfile.results import Locked, Outdated, Synced
    from hfver.locking.requirements import LockRequest

__all__ = ["lock", "outdated", "sync"]


@public
def lock(
    *refs: str,
    path: PathLike | None = None,
    upgrade: bool = False,
    remove: Sequence[str] = (),
    trust_remote_code: bool = False,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> Locked:
    """Record the exact version, commit and files of every model that a project uses in ``hfver.lock``.

    A locked version stays as long as it satisfies the requirements in ``[models]`` of the policy and in ``refs``. Every
    package is checked against its ledger again. No weights are downloaded.

    Args:
        refs: Models to add, or to lock in a different version: ``ns/name@SPEC``.
        path: The lock; None for the nearest ``hfver.lock``, or else a new one beside ``hfver.toml`` or in the working
            directory.
        upgrade: Choose the newest versions that the requirements allow: of ``refs``, or of everything.
        remove: Repos to remove from the lock.
        trust_remote_code: Allow the Python code of exactly the commits that are chosen for ``refs``.

    Returns:
        The lock as it is now, and what changed in it.

    Raises:
        BadConfig: The lock or ``hfver.toml`` is broken.
        BadRef: A reference has no known form, or names a pull request.
        UsageError: A repo to remove is not in the lock.
        Refused: The requirements on a repo contradict each other.
        HubError: There is no such release, or the Hub does not answer.
        VerificationError: A locked package does not match its ledger anymore.
    """
    from dataclasses import replace

    from hfver.locking.lock import lock as run

    place = _place(path, policy)
    asked = replace(
        _asked(place, policy),
        refs=tuple(expand_reference(ref, policy) for ref in refs),
        upgrade=upgrade,
        remove=tuple(expand_model(repo, policy) for repo in remove),
        allow_code=trust_remote_code,
    )
    with open_hub(hub, token) as client:
        return run(client, place, asked, progress=progress)


@public
def sync(
    *,
    path: PathLike | None = None,
    frozen: bool = False,
    offline: bool = False,
    hub: HubLike = None,
    policy: PolicyLike = None,
    token: str | None = None,
    progress: Progress = silent,
) -> Synced:
    """Fetch exactly what the lock records into the Hugging Face cache, and verify every file.

    Args:
        frozen: Fail if the lock does not exist or lacks a requirement of ``hfver.toml``, instead of changing it.
        offline: Send no request: everything must be in the cache, and is verified there.

    Returns:
        Every package, with the folder that has its files.

    Raises:
        BadConfig: The lock is broken.
        UsageError: There is nothing to fetch.
        Refused: The lock lacks a requirement and must not be changed, or a file is missing and must not be downloaded.
        HubError: A package does not exist anymore, or the Hub does not answer.
        VerificationError: A file or a release does not match the lock.
    """
    from hfver.locking.sync import sync as run

    place = _place(path, policy)
    asked = _asked(place, policy)
    models = asked.models or {}
    if offline:
        return run(None, place, models, frozen=frozen, policy=asked.policy, progress=progress)
    with open_hub(hub, token) as client:
        return run(client, place, models, frozen=frozen, policy=asked.policy, progress=progress)


@public
def outdated(
    *, path: PathLike | None = None, hub: HubLike = None, policy: PolicyLike = None, token: str | None = None
) -> Outdated:
    """Compare every locked version with the newest one that its spec allows, and with the newest one of all.

    Returns:
        The versions of each package that the project requires.

    Raises:
        BadConfig: The lock does not exist or is broken.
        Refused: All locked packages are on other Hubs.
        HubError: A repo does not exist anymore, or the Hub does not answer.
        VerificationError: A ledger does not contain what the lock recorded.
    """
    from hfver.locking.outdated import outdated as run

    place = _place(path, policy)
    with open_hub(hub, token) as client:
        return run(client, place, _asked(place, policy))


def _place(path: PathLike | None, policy: PolicyLike) -> Path:
    """Return the lock's path: the given one, else the nearest, else beside the policy's file or in this folder."""
    if path is not None:
        return Path(path).absolute()
    here = Path.cwd()
    file = resolve_policy(policy).file
    return locate_lock(here) or (file.parent if file else here) / LOCK


def _asked(place: Path, policy: PolicyLike) -> LockRequest:
    """Return a request for the ``[models]`` of the policy, which by default is the file that is nearest to the lock."""
    from hfver.locking.requirements import LockRequest

    project = resolve_policy(policy, start=place.parent)
    name = project.file.name if project.file else "hfver.toml"
    return LockRequest(models=project.requirements, models_from=name, policy=resolve_policy(policy))
