"""What the user asked of a release."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from hfver.core.policy import Policy
from hfver.core.version import Bump, Version
from hfver.registry.signing.keys import Signer

__all__ = ["Request"]


@dataclass(frozen=True)
class Request:
    """What the user asked for. The fields are the options of ``hfver release``."""

    directory: Path
    repo: str
    version: Version | None = None
    bump: Bump | None = None
    """None works it out from the change."""
    pre: str | None = None
    """Name of a prerelease line, such as ``rc``."""
    because: str | None = None
    """Why the version may say less than the change, or a metric be beyond its budget."""
    message: str | None = None
    smoke: str = "auto"
    device: str = "auto"
    base: str | None = None
    datasets: Sequence[str] = ()
    metrics: Path | None = None
    lineage: Path | None = None
    private: bool = True
    named: Path | None = None
    """The folder as the user named it, where ``directory`` is a converted copy of it; None: the same."""
    dry_run: bool = False
    trust_remote_code: bool = False
    sign: Signer | None = None
    """Who signs the release, if anybody."""
    review: bool = False
    """Whether people decide, in a pull request, if it lands."""
    # Not in the repr: receipts are made from it, and the same command under another policy is the same command.
    policy: Policy | None = field(default=None, repr=False)
    """The rules that the release must meet; None for the nearest file."""
