"""hfver: immutable, verified, semantic versions for fine-tuned models on the Hugging Face Hub.

    import hfver

    release = hfver.release("out/checkpoint", "acme/support-bot", message="More refunds data")
    loaded = hfver.load("acme/support-bot@^1.2")

Everything here is imported on first use, so that ``import hfver`` costs next to nothing.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

from hfver.about import __version__

if TYPE_CHECKING:
    from hfver.compare import Difference as Difference
    from hfver.embedded import LocalHub as LocalHub
    from hfver.embedded import serve as serve
    from hfver.errors import HfverError as HfverError
    from hfver.face.adopting import adopt as adopt
    from hfver.face.auditing import audit as audit
    from hfver.face.checking import pins as pins
    from hfver.face.locking import lock as lock
    from hfver.face.locking import outdated as outdated
    from hfver.face.locking import sync as sync
    from hfver.face.publishing import finish as finish
    from hfver.face.publishing import release as release
    from hfver.face.reading import changelog as changelog
    from hfver.face.reading import diff as diff
    from hfver.face.reading import resolve as resolve
    from hfver.face.reading import show as show
    from hfver.face.reading import versions as versions
    from hfver.face.using import load as load
    from hfver.face.using import pull as pull
    from hfver.face.using import smoke_eval as smoke_eval
    from hfver.face.using import verify as verify
    from hfver.face.withdrawing import yank as yank
    from hfver.findings import Audit as Audit
    from hfver.findings import Finding as Finding
    from hfver.lockfile.outcomes import Locked as Locked
    from hfver.lockfile.outcomes import Outdated as Outdated
    from hfver.lockfile.outcomes import Synced as Synced
    from hfver.records import SmokeReport as SmokeReport
    from hfver.results import Adoption as Adoption
    from hfver.results import Loaded as Loaded
    from hfver.results import Pulled as Pulled
    from hfver.results import Release as Release
    from hfver.results import Verified as Verified
    from hfver.results import Versions as Versions

_HOMES = {
    "Adoption": "hfver.results",
    "Audit": "hfver.findings",
    "Difference": "hfver.compare",
    "Finding": "hfver.findings",
    "HfverError": "hfver.errors",
    "Loaded": "hfver.results",
    "LocalHub": "hfver.embedded",
    "Locked": "hfver.lockfile.outcomes",
    "Outdated": "hfver.lockfile.outcomes",
    "Pulled": "hfver.results",
    "Release": "hfver.results",
    "SmokeReport": "hfver.records",
    "Synced": "hfver.lockfile.outcomes",
    "Verified": "hfver.results",
    "Versions": "hfver.results",
    "adopt": "hfver.face.adopting",
    "audit": "hfver.face.auditing",
    "changelog": "hfver.face.reading",
    "diff": "hfver.face.reading",
    "finish": "hfver.face.publishing",
    "load": "hfver.face.using",
    "lock": "hfver.face.locking",
    "outdated": "hfver.face.locking",
    "pins": "hfver.face.checking",
    "pull": "hfver.face.using",
    "release": "hfver.face.publishing",
    "resolve": "hfver.face.reading",
    "serve": "hfver.embedded",
    "show": "hfver.face.reading",
    "smoke_eval": "hfver.face.using",
    "sync": "hfver.face.locking",
    "verify": "hfver.face.using",
    "versions": "hfver.face.reading",
    "yank": "hfver.face.withdrawing",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hfver' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
