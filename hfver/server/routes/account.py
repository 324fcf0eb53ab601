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
from hfver.server.storage.card_metadata import read_metadata
from hfver.server.storage.card_rules import judge_card


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


def validate_yaml(request: Request, fields: dict[str, Any]) -> Response:
    """Judge the metadata block of a README, before it is committed."""
    text, kind = text_field(fields, "content"), f"{text_field(fields, 'repoType', 'model')}s"
    errors = judge_card(text, kind)
    # In the Hub's words; an invalid block has been reported as an error.
    warnings = [] if errors or read_metadata(text) else ["empty or missing yaml metadata in repo card"]
    status = 400 if errors else 200
    if request.headers.get("accept", "").startswith("text/plain"):
        lines = [*(f"- Error: {error}" for error in errors), *(f"- Warning: {warning}" for warning in warnings)]
        return Response("\n".join(lines), status, media_type="text/plain")
    said = {"errors": [{"message": error} for error in errors], "warnings": [{"message": one} for one in warnings]}
    return json_response(said, status=status)


ROUTES = [
    Route("/api/whoami-v2", whoami),
    Route("/api/validate-yaml", json_endpoint(validate_yaml), methods=["POST"]),
]
