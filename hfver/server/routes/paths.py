"""Path patterns that several families of routes share."""

from __future__ import annotations

from starlette.convertors import Convertor, register_url_convertor


class _Kind(Convertor[str]):
    regex = "models|datasets|spaces"

    def convert(self, value: str) -> str:
        return value

    def to_string(self, value: str) -> str:
        return value


class _PagePrefix(_Kind):
    """The prefix of a page; pages of models have none."""

    regex = "(?:datasets/|spaces/)?"

    def convert(self, value: str) -> str:
        return value.rstrip("/") or "models"


class _Revision(_Kind):
    """A revision is one quoted segment, but some clients do not quote the slashes of refs/pr/1."""

    regex = "refs/(?:heads|tags|pr|convert)/[^/]+|[^/]+"


register_url_convertor("kind", _Kind())
register_url_convertor("page", _PagePrefix())
register_url_convertor("rev", _Revision())

API = "/api/{kind:kind}/{namespace}/{name}"
PAGE = "/{kind:page}{namespace}/{name}"
REV = "{revision:rev}"
