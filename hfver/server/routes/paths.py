"""How addresses are written: pieces of paths that several families of routes share."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _Kind(Convertor[str]):
    regex = "models|datasets|spaces"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _PagePrefix(_Kind):
    """Pages have no prefix for models."""

    regex = "(?:datasets/|spaces/)?"

    def convert(self, value: str) -> str:
        return value.rstrip("/") or "models"


class _Revision(_Kind):
    """A revision is one quoted segment; some clients leave the slashes of refs/pr/1 unquoted."""

    regex = "refs/(?:heads|tags|pr|convert)/[^/]+|[^/]+"


register_url_convertor("kind", _Kind())
register_url_convertor("page", _PagePrefix())
register_url_convertor("rev", _Revision())

API = "/api/{kind:kind}/{namespace}/{name}"
PAGE = "/{kind:page}{namespace}/{name}"
REV = "{revision:rev}"
