"""The rules of the token endpoint: credentials and parameters that a request needs, without HTTP."""

import hmac
from collections.abc import Mapping
from typing import Any

from whoop_simulator.http.grants import Grants, TokenRequestError


def answer_token_request(grants: Grants, fields: Mapping[str, str], now: int) -> dict[str, Any]:
    """Return the pair for a code or a refresh token. Client credentials must be in the body."""
    app = grants.app
    given = fields.get("client_id", "").encode(), fields.get("client_secret", "").encode()
    known = app.client_id.encode(), app.client_secret.encode()
    if not all(hmac.compare_digest(*pair) for pair in zip(given, known, strict=True)):
        raise TokenRequestError(
            401,
            "invalid_client",
            "Client authentication failed (e.g., unknown client, no client authentication included, or "
            "unsupported authentication method).",
        )
    match fields.get("grant_type", ""):
        case "authorization_code":
            return grants.exchange(_needed(fields, "code"), _needed(fields, "redirect_uri"), now)
        case "refresh_token":
            return grants.refresh(_needed(fields, "refresh_token"), now, fields.get("scope", "").split())
        case "":
            raise _invalid_request("Request parameter 'grant_type' is missing.")
        case _:
            raise TokenRequestError(
                400,
                "unsupported_grant_type",
                "The authorization grant type is not supported by the authorization server.",
            )


def _needed(fields: Mapping[str, str], name: str) -> str:
    value = fields.get(name, "")
    if not value:
        raise _invalid_request(f"Request parameter '{name}' is missing.")
    return value


def _invalid_request(hint: str) -> TokenRequestError:
    return TokenRequestError(
        400,
        "invalid_request",
        "The request is missing a required parameter, includes an invalid parameter value, includes a "
        f"parameter more than once, or is otherwise malformed. {hint}",
    )
