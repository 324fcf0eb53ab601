"""Text in pydantic models that hfver's own parsers check: model ids, versions and specs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated

from pydantic import AfterValidator, StringConstraints

from hfver.core.ref import check_model_id, parse_ref
from hfver.core.version import parse_version
from hfver.errors import BadRef, BadVersion

__all__ = ["ModelId", "SpecText", "VersionText"]


def _by(check: Callable[[str], object]) -> AfterValidator:
    """Make a validator of a parser: pydantic reports only ValueError as a wrong value."""

    def checked(value: str) -> str:
        try:
            check(value)
        except (BadRef, BadVersion) as error:
            raise ValueError(error.message) from None
        return value

    return AfterValidator(checked)


def _check_spec(text: str) -> None:
    try:
        parse_ref(f"{_ANY_REPO}@{text}")
    except BadRef as error:
        raise BadRef(error.message.removeprefix(f"{_ANY_REPO}@{text[:80]}: ")) from None


_ANY_REPO = "a/b"  # a spec is only read as part of a reference
ModelId = Annotated[str, _by(check_model_id)]
VersionText = Annotated[str, _by(parse_version)]
SpecText = Annotated[str, StringConstraints(min_length=1), _by(_check_spec)]
