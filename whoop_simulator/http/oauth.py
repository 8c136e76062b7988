"""OAuth over HTTP: the consent page at /oauth/oauth2/auth and the token endpoint at /oauth/oauth2/token.

The form of the consent page posts the parameters of the query to /auth, plus `member` (a user_id) and
`decision` (`allow` or `deny`). Errors and their texts are those of Ory Hydra, which WHOOP appears to run.
"""

import asyncio
from collections.abc import Callable, Mapping
from html import escape
from urllib.parse import parse_qsl, urlencode

from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.types import Receive, Scope, Send

from whoop_simulator.http.grants import ALL_SCOPES, READ_SCOPES, TokenRequestError
from whoop_simulator.http.responses import HttpResponse, send_response
from whoop_simulator.world.records import to_json
from whoop_simulator.world.world import World

FORM = "application/x-www-form-urlencoded"
REQUEST_FIELDS = ("client_id", "redirect_uri", "response_type", "scope", "state")
MIN_STATE_LENGTH = 8
NO_STORE = {"Cache-Control": "no-store", "Pragma": "no-cache"}


class RefusedRequest(Exception):
    """The authorization request gets a 400 page, because its redirect URI cannot be trusted."""


class Authorization:
    """A checked authorization request."""

    def __init__(self, world: World, fields: Mapping[str, str]) -> None:
        self.fields = {name: fields.get(name, "") for name in REQUEST_FIELDS}
        if self.fields["client_id"] != world.app.client_id:
            raise RefusedRequest("invalid_client: there is no app with this client_id.")
        if not world.app.accepts_redirect(self.fields["redirect_uri"]):
            raise RefusedRequest("invalid_request: this redirect_uri is not registered for the app.")
        self.scopes = self.fields["scope"].split()

    def error(self) -> tuple[str, str] | None:
        """The error and its description that the redirect reports, or None."""
        if len(self.fields["state"]) < MIN_STATE_LENGTH:
            return (
                "invalid_state",
                "The state is missing or does not have enough characters and is therefore considered too "
                f"weak. Request parameter 'state' must be at least be {MIN_STATE_LENGTH} characters "
                "long to ensure sufficient entropy.",
            )
        if self.fields["response_type"] != "code":
            return (
                "unsupported_response_type",
                "The authorization server does not support obtaining a token using this method.",
            )
        for scope in self.scopes:
            if scope not in ALL_SCOPES:
                return (
                    "invalid_scope",
                    "The requested scope is invalid, unknown, or malformed. "
                    f"The OAuth 2.0 Client is not allowed to request scope '{scope}'.",
                )
        return None

    def redirect(self, answer: Mapping[str, str]) -> Response:
        uri = self.fields["redirect_uri"]
        query = urlencode({**answer, "state": self.fields["state"]})
        return RedirectResponse(f"{uri}{'&' if '?' in uri else '?'}{query}", 302, headers=NO_STORE)


async def authorize(request: Request) -> Response:
    world: World = request.app.state.world
    fields = dict(request.query_params)
    if request.method == "POST":
        fields = dict(parse_qsl((await request.body()).decode("utf-8", "replace"), keep_blank_values=True))
    try:
        authorization = Authorization(world, fields)
    except RefusedRequest as refusal:
        page = (
            "<!doctype html><title>Error</title><h1>The request was refused</h1>"
            f"<p>{escape(str(refusal))}</p>"
        )
        return HTMLResponse(page, 400)
    if (error := authorization.error()) is not None:
        return authorization.redirect({"error": error[0], "error_description": error[1]})
    if request.method != "POST":
        return HTMLResponse(consent_page(world, authorization))
    if fields.get("decision") != "allow":
        return authorization.redirect(
            {"error": "access_denied", "error_description": "The resource owner denied the request"}
        )
    member = fields.get("member", "")
    user_id = int(member) if member.isascii() and member.isdecimal() else -1
    if user_id not in world.members:
        return HTMLResponse("<!doctype html><title>Error</title><h1>There is no such member</h1>", 400)
    code = world.grant_code(user_id, authorization.scopes, authorization.fields["redirect_uri"])
    return authorization.redirect({"code": code, "scope": " ".join(authorization.scopes)})


def consent_page(world: World, authorization: Authorization) -> str:
    hidden = "".join(
        f'<input type="hidden" name="{name}" value="{escape(value)}">'
        for name, value in authorization.fields.items()
    )
    members = "".join(
        f'<option value="{user_id}">{escape(name)} ({user_id})</option>'
        for user_id, name in world.member_names()
    )
    asked = "".join(
        f"<li><code>{escape(scope)}</code>:"
        f" {escape(READ_SCOPES.get(scope, 'access while you are away'))}</li>"
        for scope in authorization.scopes
    )
    return (
        "<!doctype html><html lang=en><meta charset=utf-8><title>WHOOP simulator: consent</title>"
        "<style>body{font:16px/1.5 system-ui,sans-serif;max-width:34rem;margin:4rem auto;padding:0 1rem}"
        "button{font:inherit;padding:.4rem 1.4rem;margin-right:.6rem}</style>"
        "<h1>Share WHOOP data?</h1>"
        f"<p>The app <b>{escape(authorization.fields['client_id'])}</b> asks for:</p>"
        f"<ul>{asked}</ul>"
        f'<form method="post" action="auth">{hidden}'
        f'<p><label>Member: <select name="member">{members}</select></label></p>'
        '<p><button name="decision" value="allow">Allow</button>'
        '<button name="decision" value="deny">Deny</button></p></form>'
        "<p><small>This is a simulator: the members and their data are invented.</small></p></html>"
    )


class TokenEndpoint:
    """POST /oauth/oauth2/token. An ASGI application, so that injected faults can reset its connection."""

    def __init__(self, world: World, abort: Callable[[Scope], None]) -> None:
        self._world = world
        self._abort = abort

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        request = Request(scope, receive)
        body = (await request.body()).decode("utf-8", "replace")
        faults = self._world.faults.matching(scope["path"])
        if "latency" in faults:
            await asyncio.sleep(faults["latency"].seconds)
        if "answer" in faults:
            answer = HttpResponse(faults["answer"].status, faults["answer"].body)
        elif "status" in faults:
            answer = HttpResponse(faults["status"].status, "Injected fault.", "text/plain; charset=utf-8")
        else:
            answer = self._answer(request, body)
        await send_response(scope, send, answer, tuple(NO_STORE.items()), faults, self._abort)

    def _answer(self, request: Request, body: str) -> HttpResponse:
        if request.method != "POST":
            return HttpResponse(405, headers=(("Allow", "POST"),))
        content_type = request.headers.get("content-type", "").split(";")[0].strip().lower()
        try:
            if content_type != FORM:
                raise TokenRequestError(
                    400,
                    "invalid_request",
                    f"The request is malformed. Make sure that the client is using {FORM} as content type.",
                )
            return HttpResponse(
                200, to_json(self._world.token_request(dict(parse_qsl(body, keep_blank_values=True))))
            )
        except TokenRequestError as error:
            return HttpResponse(error.status, to_json(error.body))
