"""Web addresses on the Hub that a release is published on."""

from __future__ import annotations

import re
from dataclasses import dataclass
from ipaddress import ip_address
from urllib.parse import urlsplit

__all__ = ["Links", "is_hub_id"]

DEFAULT = "https://huggingface.co"

_HUB_ID = re.compile(r"(?:[A-Za-z0-9][\w.-]{0,95}/)?[A-Za-z0-9][\w.-]{0,95}", re.ASCII)


def is_hub_id(value: object) -> bool:
    """Return whether a value has the form of a repo id: ``name`` or ``namespace/name``."""
    return isinstance(value, str) and _HUB_ID.fullmatch(value) is not None and ".." not in value


@dataclass(frozen=True)
class Links:
    """Addresses on one Hub; none on a Hub that only this machine reaches, whose port changes."""

    base: str | None

    @classmethod
    def of(cls, endpoint: str | None) -> Links:
        """Make the links for an endpoint; None stands for huggingface.co."""
        address = (endpoint or DEFAULT).rstrip("/")
        return cls(None if _is_local(urlsplit(address).hostname or "") else address)

    @property
    def is_default(self) -> bool:
        """Whether this is huggingface.co."""
        return self.base == DEFAULT

    def model(self, repo: str, revision: str | None) -> str | None:
        """Return the address of a model at a revision."""
        return self._at(repo, revision)

    def dataset(self, repo: str, revision: str | None) -> str | None:
        """Return the address of a dataset at a revision."""
        return self._at(f"datasets/{repo}", revision)

    def file(self, repo: str, revision: str, path: str) -> str:
        """Return the address of a file of a model, or its bare path if the Hub has no lasting address."""
        return f"{self.base}/{repo}/blob/{revision}/{path}" if self.base else path

    def _at(self, path: str, revision: str | None) -> str | None:
        if self.base is None or not is_hub_id(path.removeprefix("datasets/")):
            return None
        return f"{self.base}/{path}/tree/{revision}" if revision else f"{self.base}/{path}"


def _is_local(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost" or host.endswith(".localhost")
