"""Settings: everything that ``hfver.toml``, the environment and the user's configuration decide."""

from __future__ import annotations

import os
from pathlib import Path

from hfver.core.manifest import MANIFEST
from hfver.core.policy import Policy, find_policy, read_policy

__all__ = ["PolicyLike", "resolve_policy"]

PolicyLike = Policy | str | os.PathLike[str] | None


def resolve_policy(policy: PolicyLike = None, *, start: Path | None = None) -> Policy:
    """Return the policy that applies.

    Args:
        policy: A policy, the path of a file that holds one, or None for the nearest file.
        start: The folder from which the nearest file is searched upward; None for the working directory.

    Returns:
        The policy. It knows the file that it was read from (``Policy.file``).

    Raises:
        BadConfig: The file cannot be read, is not TOML, or holds an unknown key or a wrong value.
    """
    if isinstance(policy, Policy):
        return policy
    if policy is not None:
        return read_policy(Path(policy).expanduser().absolute())
    here = start or Path.cwd()
    return find_policy(here).with_outer(_outside_of_releases(here))


def _outside_of_releases(here: Path) -> tuple[Policy, ...]:
    """Read the policies of the folders that hold the pulled releases around a folder, the outermost first.

    Inside a pulled release the nearest policy may be part of that release, and must not excuse it.
    """
    releases = [folder for folder in (*reversed(here.parents), here) if (folder / MANIFEST).is_file()]
    return tuple(find_policy(folder.parent) for folder in releases)
