"""The caller's own account, and the validation of a card's metadata."""

from __future__ import annotations

from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Route

from hfver.server.http.repo_context import caller_of
from hfver.server.http.requests import json_endpoint, text_field
from hfver.server.problems import unauthorized
from hfver.server.responses import hub_date, json_response
from hfver.server.storage.card_metadata import CardError, read_metadata


def whoami(request: Request) -> Response:
    """Describe the caller."""
    caller = caller_of(request)
    if caller.anonymous:
        raise unauthorized("Invalid username or password.")
    token = {"displayName": caller.label, "role": "write", "createdAt": hub_date(caller.created)}
    return json_response(
        {
            "type": "user",
            "id": caller.name,
            "name": caller.name,
            "fullname": caller.name,
            "isPro": False,
            "orgs": [],  # the embedded Hub has no organizations
            "auth": {"type": "access_token", "accessToken": token},
        }
    )


def validate_yaml(_: Request, fields: dict[str, Any]) -> Response:
    """Check the metadata block of a README."""
    try:
        metadata = read_metadata(text_field(fields, "content"))
    except CardError as error:
        return json_response({"errors": [{"message": str(error)}], "warnings": []}, status=400)
    warnings = [] if metadata else [{"message": "empty or missing yaml metadata in repo card"}]
    return json_response({"errors": [], "warnings": warnings})


ROUTES = [
    Route("/api/whoami-v2", whoami),
    Route("/api/validate-yaml", json_endpoint(validate_yaml), methods=["POST"]),
]
