"""hfver: immutable, verified, semantic versions for fine-tuned models on the Hugging Face Hub.

    import hfver

    release = hfver.release("out/checkpoint", "acme/support-bot", message="More refunds data")
    loaded = hfver.load("acme/support-bot@^1.2")

Everything is imported on first use, so that ``import hfver`` takes next to no time.
"""

from __future__ import annotations

from importlib import import_module

from hfver.core.about import __version__

TYPE_CHECKING = False
if TYPE_CHECKING:  # importing typing would double the time of `import hfver`
    from typing import Any

    from hfver.api.auditing import audit as audit
    from hfver.api.config import config as config
    from hfver.api.doctor import doctor as doctor
    from hfver.api.hubs import LocalHub as LocalHub
    from hfver.api.hubs import serve as serve
    from hfver.api.inspecting import changelog as changelog
    from hfver.api.inspecting import diff as diff
    from hfver.api.inspecting import resolve as resolve
    from hfver.api.inspecting import show as show
    from hfver.api.inspecting import versions as versions
    from hfver.api.linting import pins as pins
    from hfver.api.loading import load as load
    from hfver.api.loading import pull as pull
    from hfver.api.loading import smoke_eval as smoke_eval
    from hfver.api.loading import verify as verify
    from hfver.api.locking import lock as lock
    from hfver.api.locking import outdated as outdated
    from hfver.api.locking import sync as sync
    from hfver.api.releasing import adopt as adopt
    from hfver.api.releasing import finish as finish
    from hfver.api.releasing import release as release
    from hfver.api.releasing import yank as yank
    from hfver.core.audit_report import Audit as Audit
    from hfver.core.audit_report import Finding as Finding
    from hfver.core.diagnosis import Diagnosis as Diagnosis
    from hfver.core.lockfile.results import Locked as Locked
    from hfver.core.lockfile.results import Outdated as Outdated
    from hfver.core.lockfile.results import Synced as Synced
    from hfver.core.policy import Policy as Policy
    from hfver.core.results import Adoption as Adoption
    from hfver.core.results import Loaded as Loaded
    from hfver.core.results import Pulled as Pulled
    from hfver.core.results import Release as Release
    from hfver.core.results import Verified as Verified
    from hfver.core.results import Versions as Versions
    from hfver.core.settings import Configuration as Configuration
    from hfver.core.smoke_report import SmokeReport as SmokeReport
    from hfver.errors import HfverError as HfverError
    from hfver.model.compare import Difference as Difference

_HOMES = {
    "Adoption": "hfver.core.results",
    "Audit": "hfver.core.audit_report",
    "Configuration": "hfver.core.settings",
    "Diagnosis": "hfver.core.diagnosis",
    "Difference": "hfver.model.compare",
    "Finding": "hfver.core.audit_report",
    "HfverError": "hfver.errors",
    "Loaded": "hfver.core.results",
    "LocalHub": "hfver.api.hubs",
    "Locked": "hfver.core.lockfile.results",
    "Outdated": "hfver.core.lockfile.results",
    "Policy": "hfver.core.policy",
    "Pulled": "hfver.core.results",
    "Release": "hfver.core.results",
    "SmokeReport": "hfver.core.smoke_report",
    "Synced": "hfver.core.lockfile.results",
    "Verified": "hfver.core.results",
    "Versions": "hfver.core.results",
    "adopt": "hfver.api.releasing",
    "audit": "hfver.api.auditing",
    "changelog": "hfver.api.inspecting",
    "config": "hfver.api.config",
    "diff": "hfver.api.inspecting",
    "doctor": "hfver.api.doctor",
    "finish": "hfver.api.releasing",
    "load": "hfver.api.loading",
    "lock": "hfver.api.locking",
    "outdated": "hfver.api.locking",
    "pins": "hfver.api.linting",
    "pull": "hfver.api.loading",
    "release": "hfver.api.releasing",
    "resolve": "hfver.api.inspecting",
    "serve": "hfver.api.hubs",
    "show": "hfver.api.inspecting",
    "smoke_eval": "hfver.api.loading",
    "sync": "hfver.api.locking",
    "verify": "hfver.api.loading",
    "versions": "hfver.api.inspecting",
    "yank": "hfver.api.releasing",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name == "golden":
        return import_module("hfver.golden")
    if name not in _HOMES:
        raise AttributeError(f"module 'hfver' has no attribute {name!r}")
    if name != "HfverError":
        from hfver.core.platform import check_platform

        check_platform()
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
