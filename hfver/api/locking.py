"""Locking what a project uses, and fetching exactly that."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from hfver.api.hubs import HubLike, PathLike, open_hub
from hfver.api.references import expand_model, expand_reference
from hfver.core.lockfile import LOCK, locate_lock
from hfver.core.progress import Progress, silent
from hfver.core.settings import PolicyLike, resolve_policy

if TYPE_CHECKING:
    from hfver.core.lockfile.results import Locked, Outdated, Synced
    from hfver.locking.requirements import LockRequest

__all__ = ["lock", "outdated", "sync"]


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
        policy: The rules that apply, with ``[models]``: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
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
    """Bring exactly what is locked into the Hugging Face cache, every file compared with the lock's SHA-256.

    Args:
        path: The lock; None takes the nearest ``hfver.lock``.
        frozen: Refuse if the lock is missing or does not hold what ``hfver.toml`` wants; never write it.
        offline: Ask nobody: everything must be here, and is verified.
        hub: None, a URL, or the folder of an embedded Hub.
        policy: The rules that apply, with ``[models]``: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.
        progress: Told the bytes.

    Raises:
        BadConfig: The lock is broken.
        Refused: The lock may not be changed and lacks something, or a file is not here and may not be fetched.
        HubError: Something is gone, or there is no answer.
        VerificationError: Something is not what the lock holds.
    """
    from hfver.locking.sync import sync as run

    place = _place(path, policy)
    asked = _asked(place, policy)
    models = asked.models or {}
    if offline:
        return run(None, place, models, frozen=frozen, policy=asked.policy, progress=progress)
    with open_hub(hub, token) as client:
        return run(client, place, models, frozen=frozen, policy=asked.policy, progress=progress)


def outdated(
    *, path: PathLike | None = None, hub: HubLike = None, policy: PolicyLike = None, token: str | None = None
) -> Outdated:
    """Compare what is locked with the newest that its spec allows, and with the newest at all.

    Args:
        path: The lock; None takes the nearest ``hfver.lock``.
        hub: None, a URL, or the folder of an embedded Hub.
        policy: The rules that apply, with ``[models]``: a file, a ``Policy``, or None for the nearest ``hfver.toml``.
        token: Access token; None for the user's own.

    Raises:
        BadConfig: The lock is missing or broken.
        HubError: A repo is gone, or there is no answer.
        Refused: All that it holds is on other Hubs.
        VerificationError: A ledger does not hold what the lock saw.
    """
    from hfver.locking.outdated import outdated as run

    place = _place(path, policy)
    with open_hub(hub, token) as client:
        return run(client, place, _asked(place, policy))


def _place(path: PathLike | None, policy: PolicyLike) -> Path:
    """Return the lock's path: the one asked for, else the nearest, else beside the policy's file, else here."""
    if path is not None:
        return Path(path).absolute()
    here = Path.cwd()
    file = resolve_policy(policy).file
    return locate_lock(here) or (file.parent if file else here) / LOCK


def _asked(place: Path, policy: PolicyLike) -> LockRequest:
    """Start from the ``[models]`` of the policy; by default that is the file nearest to the lock."""
    from hfver.locking.requirements import LockRequest

    project = resolve_policy(policy, start=place.parent)
    name = project.file.name if project.file else "hfver.toml"
    return LockRequest(models=project.requirements, models_from=name, policy=resolve_policy(policy))
