"""The embedded Hub: serves a folder in such a way that unmodified Hugging Face and git clients take it for the Hub.

`EmbeddedHub` runs one on loopback for as long as a ``with`` block lasts; `serve` runs one until it is stopped. The
dependencies (extra ``server``) are imported on first use of either.
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

from hfver.server.errors import HubSetupError, NotAHubError, UnsafeBindingError

if TYPE_CHECKING:
    from hfver.server.run.embedded import EmbeddedHub
    from hfver.server.run.serve import serve

__all__ = ["EmbeddedHub", "HubSetupError", "NotAHubError", "UnsafeBindingError", "serve"]

_MODULES = {"EmbeddedHub": "hfver.server.run.embedded", "serve": "hfver.server.run.serve"}


def __getattr__(name: str) -> Any:
    """Import `EmbeddedHub` and `serve` on first use (PEP 562), so that importing this package stays fast."""
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(importlib.import_module(_MODULES[name]), name)
