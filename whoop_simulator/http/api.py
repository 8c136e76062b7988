"""The member-data API below /developer: endpoints, scopes and the checks of each request.

The order of the checks: the test's hook, rate limits (429), injected faults, bearer token (401), scope (401,
as observed with real tokens), id in the path (400), query (400), data (404). Error bodies are short texts,
not JSON.
"""

import asyncio
import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import parse_qsl

from starlette.types import Receive, Scope, Send

from whoop_simulator.http.faults import API, Fault
from whoop_simulator.http.grants import Grant
from whoop_simulator.http.paging import BadQuery, read_query, token_for
from whoop_simulator.http.responses import Headers, HttpResponse, send_response
from whoop_simulator.world.member import SimulatedMember
from whoop_simulator.world.records import CYCLES, RECOVERIES, SLEEPS, WORKOUTS, StoredRecord, to_json
from whoop_simulator.world.world import World


class Refusal(Exception):
    """The request gets this error response."""

    def __init__(self, status: int, text: str, headers: Headers = ()) -> None:
        super().__init__(text)
        self.answer = HttpResponse(status, text, "text/plain; charset=utf-8", headers)


@dataclass(frozen=True)
class Request:
    """A request with a valid token and scope."""

    world: World
    grant: Grant
    member: SimulatedMember
    now: int
    offset: str
    """The member's current time zone offset."""
    key: str
    """The validated id of the path; empty if the path has none."""
    query: dict[str, str]
    faults: dict[str, Fault]

    def entry(self, stream: str, key: object) -> StoredRecord:
        entry = self.member.records.streams[stream].get(key)
        if entry is None:
            raise Refusal(404, "Not found")
        return entry

    def record(self, entry: StoredRecord) -> HttpResponse:
        return HttpResponse(200, entry.json(self.now, self.offset))


def collection(stream: str) -> Callable[[Request], HttpResponse]:
    def page(request: Request) -> HttpResponse:
        try:
            query = read_query(request.query)
        except BadQuery as error:
            raise Refusal(400, str(error)) from None
        end = request.now if query.end is None else query.end
        records = request.member.records.streams[stream]
        if "endless" in request.faults:
            return HttpResponse(200, f'{{"records":[],"next_token":{to_json(token_for(query.offset + 1))}}}')
        entries, more = records.overlapping(query.start, end, query.offset, query.limit)
        token = token_for(query.offset + query.limit) if more else None
        if "repeat_cursor" in request.faults:
            token = request.query.get("nextToken") or token
        body = ",".join([entry.json(request.now, request.offset) for entry in entries])
        return HttpResponse(200, f'{{"records":[{body}],"next_token":{to_json(token)}}}')

    return page


def single(stream: str) -> Callable[[Request], HttpResponse]:
    return lambda request: request.record(request.entry(stream, request.key))


def sleep_of_cycle(request: Request) -> HttpResponse:
    request.entry(CYCLES, request.key)
    return request.record(_main_sleep(request))


def recovery_of_cycle(request: Request) -> HttpResponse:
    """Return the recovery of the main sleep. The recovery of a nap is only in the collection."""
    request.entry(CYCLES, request.key)
    return request.record(request.entry(RECOVERIES, _main_sleep(request).key))


def _main_sleep(request: Request) -> StoredRecord:
    cycle_id = int(request.key)
    sleeps = [
        sleep
        for sleep in request.member.records.streams[SLEEPS]
        if sleep.record["cycle_id"] == cycle_id and not sleep.record.get("nap")
    ]
    if not sleeps:
        raise Refusal(404, "Not found")
    return max(sleeps, key=lambda sleep: sleep.end - sleep.start)


def profile(request: Request) -> HttpResponse:
    return _object(request.member.profile(request.now))


def body_measurement(request: Request) -> HttpResponse:
    return _object(request.member.body_measurement(request.now))


def _object(value: dict[str, Any] | None) -> HttpResponse:
    if value is None:
        raise Refusal(404, "Not found")
    return HttpResponse(200, to_json(value))


def revoke(request: Request) -> HttpResponse:
    request.world.revoke_tokens(request.member.user_id)
    return HttpResponse(204)


def activity_mapping(request: Request) -> HttpResponse:
    uuid = request.member.source.v1_ids.get(int(request.key))
    return _object(None if uuid is None else {"v2_activity_id": uuid})


INT64 = r"(?P<int64>[^/]+)"
UUID = r"(?P<uuid>[^/]+)"
_INT64 = re.compile(r"[+-]?\d{1,19}", re.ASCII)
_UUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII | re.IGNORECASE)


@dataclass(frozen=True)
class Endpoint:
    method: str
    path: str
    """A regular expression."""
    scope: str | None
    answer: Callable[[Request], HttpResponse]


# WHOOP documents no scope for the sleep of a cycle. Other clients use the sleep scope, and so does the
# simulator.
ENDPOINTS = (
    Endpoint("GET", "/v2/user/profile/basic", "read:profile", profile),
    Endpoint("GET", "/v2/user/measurement/body", "read:body_measurement", body_measurement),
    Endpoint("DELETE", "/v2/user/access", None, revoke),
    Endpoint("GET", "/v2/cycle", "read:cycles", collection(CYCLES)),
    Endpoint("GET", f"/v2/cycle/{INT64}", "read:cycles", single(CYCLES)),
    Endpoint("GET", f"/v2/cycle/{INT64}/sleep", "read:sleep", sleep_of_cycle),
    Endpoint("GET", f"/v2/cycle/{INT64}/recovery", "read:recovery", recovery_of_cycle),
    Endpoint("GET", "/v2/recovery", "read:recovery", collection(RECOVERIES)),
    Endpoint("GET", "/v2/activity/sleep", "read:sleep", collection(SLEEPS)),
    Endpoint("GET", f"/v2/activity/sleep/{UUID}", "read:sleep", single(SLEEPS)),
    Endpoint("GET", "/v2/activity/workout", "read:workout", collection(WORKOUTS)),
    Endpoint("GET", f"/v2/activity/workout/{UUID}", "read:workout", single(WORKOUTS)),
    Endpoint("GET", f"/v1/activity-mapping/{INT64}", None, activity_mapping),
)


class MemberDataApi:
    """The ASGI application mounted at /developer."""

    def __init__(self, world: World, abort: Callable[[Scope], None]) -> None:
        self._world = world
        self._abort = abort
        """Resets the connection of a request."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        world = self._world
        method, path = scope["method"], scope["path"][len(API) :]
        query = dict(parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True))
        world.requests += 1
        if world.before_request is not None:
            world.before_request(world.requests, path, query)
        with world.lock:
            now = world.now()
            verdict = world.limits.count(now)
            faults = world.faults.matching(scope["path"])
            if (late := faults.get("latency")) is None:
                answer = self._answer(scope, method, path, query, now, faults, allowed=verdict.allowed)
        if late is not None:
            await asyncio.sleep(late.seconds)
            with world.lock:
                now = world.now()
                answer = self._answer(scope, method, path, query, now, faults, allowed=verdict.allowed)
        await send_response(scope, send, answer, verdict.headers, faults, self._abort)

    def _answer(
        self,
        scope: Scope,
        method: str,
        path: str,
        query: dict[str, str],
        now: int,
        faults: dict[str, Fault],
        *,
        allowed: bool,
    ) -> HttpResponse:
        try:
            if not allowed:
                raise Refusal(429, "")
            if "status" in faults:
                raise Refusal(faults["status"].status, "Injected fault.")
            if "answer" in faults:
                answer = HttpResponse(faults["answer"].status, faults["answer"].body)
            else:
                answer = self._granted(scope, method, path, query, now, faults)
        except Refusal as refusal:
            answer = refusal.answer
        self._world.log(now, method, path, query, 0 if "reset" in faults else answer.status)
        return answer

    def _granted(
        self, scope: Scope, method: str, path: str, query: dict[str, str], now: int, faults: dict[str, Fault]
    ) -> HttpResponse:
        endpoint, match = _endpoint(method, path)
        grant = self._world.grants.of_access_token(_bearer(scope), now)
        if grant is None:
            raise Refusal(401, "Authorization was not valid")
        if endpoint.scope is not None and endpoint.scope not in grant.scopes:
            raise Refusal(401, "Authorization was not valid")
        key = _key(endpoint, match)
        member = self._world.member(grant.user_id)
        offset = member.offset_text(now)
        return endpoint.answer(Request(self._world, grant, member, now, offset, key, query, faults))


def _endpoint(method: str, path: str) -> tuple[Endpoint, re.Match[str]]:
    found = [(endpoint, match) for endpoint in ENDPOINTS if (match := re.fullmatch(endpoint.path, path))]
    if not found:
        raise Refusal(404, "Not found")
    for endpoint, match in found:
        if endpoint.method == method:
            return endpoint, match
    allowed = ", ".join(sorted(endpoint.method for endpoint, _ in found))
    raise Refusal(405, "Method not allowed", (("Allow", allowed),))


def _bearer(scope: Scope) -> str:
    for name, value in scope["headers"]:
        if name == b"authorization":
            kind, _, token = value.decode("latin-1").partition(" ")
            return token.strip() if kind.lower() == "bearer" else ""
    return ""


def _key(endpoint: Endpoint, match: re.Match[str]) -> str:
    """The id in the path. An invalid id gets 400, or 404 where the API does not declare 400."""
    for kind, text in match.groupdict().items():
        if kind == "uuid" and _UUID.fullmatch(text):
            return text.lower()
        if kind == "int64" and _INT64.fullmatch(text) and -(1 << 63) <= int(text) < 1 << 63:
            return str(int(text))
        raise Refusal(404 if endpoint.answer is activity_mapping else 400, "Bad request")
    return ""
