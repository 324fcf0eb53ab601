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
    from hfver.embedded import LocalHub as LocalHub
    from hfver.embedded import serve as serve
    from hfver.errors import HfverError as HfverError
    from hfver.face import changelog as changelog
    from hfver.face import diff as diff
    from hfver.face import load as load
    from hfver.face import pull as pull
    from hfver.face import release as release
    from hfver.face import resolve as resolve
    from hfver.face import show as show
    from hfver.face import smoke_eval as smoke_eval
    from hfver.face import verify as verify
    from hfver.face import versions as versions

_HOMES = {
    "HfverError": "hfver.errors",
    "LocalHub": "hfver.embedded",
    "changelog": "hfver.face",
    "diff": "hfver.face",
    "load": "hfver.face",
    "pull": "hfver.face",
    "release": "hfver.face",
    "resolve": "hfver.face",
    "serve": "hfver.embedded",
    "show": "hfver.face",
    "smoke_eval": "hfver.face",
    "verify": "hfver.face",
    "versions": "hfver.face",
}

__all__ = [*_HOMES, "__version__"]


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'hfver' has no attribute {name!r}")
    return getattr(import_module(_HOMES[name]), name)


def __dir__() -> list[str]:
    return sorted(__all__)
