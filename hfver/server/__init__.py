"""The embedded Hub: a folder that unmodified Hugging Face and git clients take for huggingface.co.

Two doors: `LocalHub` runs one on loopback for as long as a ``with`` block lasts, and `serve` keeps
one running for a team. Both load the server's dependencies (extra ``server``) only when used.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hfver.server.errors import HubSetupError, NotAHubError, UnsafeBindingError

if TYPE_CHECKING:
    from hfver.server.run.local import LocalHub
    from hfver.server.run.serve import serve

__all__ = ["HubSetupError", "LocalHub", "NotAHubError", "UnsafeBindingError", "serve"]

_HOMES = {"LocalHub": "hfver.server.run.local", "serve": "hfver.server.run.serve"}


def __getattr__(name: str) -> Any:
    """Load `LocalHub` and `serve` on first use (PEP 562), so that importing this stays quick."""
    if name not in _HOMES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_HOMES[name]), name)
