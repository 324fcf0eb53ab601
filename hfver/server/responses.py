"""JSON bodies and dates in the form that Hub clients parse."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from datetime import UTC, date, datetime
from typing import Any

from starlette.responses import Response


def json_response(value: object, status: int = 200, headers: Mapping[str, str] | None = None) -> Response:
    """Respond with JSON in ASCII: text from users may contain lone surrogates, which UTF-8 cannot encode."""
    body = json.dumps(value, separators=(",", ":")).encode("ascii")
    return Response(body, status, dict(headers or {}), "application/json; charset=utf-8")


def hub_date(seconds: float) -> str:
    """Format a Unix time as clients parse it: ``%Y-%m-%dT%H:%M:%S.%fZ``, in milliseconds."""
    try:
        moment = datetime.fromtimestamp(seconds, UTC)
    except (ValueError, OverflowError, OSError):
        moment = datetime.fromtimestamp(0, UTC)  # git accepts any 64-bit number as a date
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 1000:03d}Z"


def plain(value: Any) -> Any:
    """Convert what YAML can express to strict JSON: keys and dates become text, NaN and huge numbers become null."""
    if isinstance(value, dict):
        return {str(key): plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple | set):
        return [plain(item) for item in value]
    if (isinstance(value, float) and not math.isfinite(value)) or _is_huge(value):
        return None
    if value is None or isinstance(value, str | bool | int | float):
        return value
    return value.isoformat() if isinstance(value, date) else str(value)


def _is_huge(value: object) -> bool:
    """Return whether a number needs more than 64 bits; Python refuses to format those of thousands of digits."""
    return isinstance(value, int) and value.bit_length() > 64
