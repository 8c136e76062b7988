"""The control API below /_control: reads and changes the simulated world. JSON, loopback only."""

import json
from collections.abc import Callable
from typing import Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from whoop_simulator.clock import checked_instant
from whoop_simulator.errors import SimulatorError, UnknownRecord
from whoop_simulator.http.grants import ALL_SCOPES
from whoop_simulator.http.validation import flag, needed, number, whole
from whoop_simulator.http.webhook_control import WEBHOOK_ORDERS, deliver
from whoop_simulator.timestamps import SECOND, from_text, to_datetime, to_text
from whoop_simulator.world.editing import BODY
from whoop_simulator.world.world import World

Order = dict[str, Any]
MAX_CLOCK_STEP_SECONDS = 1e10
"""More than the range of the clock."""
MAX_EDITS = 10_000
LOOPBACK = ("127.0.0.1", "::1", "localhost")


def members(world: World, order: Order) -> Any:
    return [
        {
            "user_id": user_id,
            "profile": world.profile(user_id),
            "body_measurement": world.body_measurement(user_id),
        }
        for user_id in world.user_ids
    ]


def stats(world: World, order: Order) -> Any:
    return world.stats()


def requests(world: World, order: Order) -> Any:
    """The last thousand API requests, oldest first."""
    with world.lock:
        logged = world.request_log[-1000:]
    return [{**entry._asdict(), "time": entry.time.isoformat()} for entry in logged]


def secrets(world: World, order: Order) -> Any:
    """All secrets and personal data, including expired tokens: a search for leaks needs them."""
    with world.lock:
        return {
            "client_secret": world.app.client_secret,
            "tokens": sorted(world.grants.issued_tokens),
            "codes": sorted(world.grants.issued_codes),
            "profiles": [world.profile(user_id) for user_id in world.user_ids],
        }


def truth(world: World, order: Order) -> Any:
    return world.truth(_int(order, "user_id"))


def v1_ids(world: World, order: Order) -> Any:
    return world.member(_int(order, "user_id")).source.v1_ids


def clock(world: World, order: Order) -> Any:
    if not set(order) & {"set", "advance_seconds", "freeze", "run"}:
        raise SimulatorError("a clock order needs set, advance_seconds, freeze or run")
    freeze, run = (flag(name, order.get(name, False)) for name in ("freeze", "run"))
    with world.lock:
        instant = world.now()
        if "set" in order:
            try:
                instant = from_text(str(order["set"]))
            except ValueError as error:
                raise SimulatorError(f"set: {error}") from None
        if "advance_seconds" in order:
            seconds = number(
                "advance_seconds", order["advance_seconds"], -MAX_CLOCK_STEP_SECONDS, MAX_CLOCK_STEP_SECONDS
            )
            instant += int(seconds * SECOND)
        if "set" in order or "advance_seconds" in order:
            world.set_clock(to_datetime(checked_instant(instant)))
        if freeze:
            world.freeze()
        if run:
            world.run()
    return {"now": to_text(world.now()), "frozen": world.clock.frozen}


def next_event(world: World, order: Order) -> Any:
    """The time of the next record or webhook that the history brings."""
    at = world.next_at()
    return {"at": None if at is None else to_text(at)}


def edit(world: World, order: Order) -> Any:
    changes = needed(order, "changes")
    touch, follow = bool(order.get("touch", True)), bool(order.get("follow", True))
    return {"touched": world.edit(*_record(order), changes, touch=touch, follow=follow)}


def rescore(world: World, order: Order) -> Any:
    return {"touched": world.rescore(*_record(order))}


def delete(world: World, order: Order) -> Any:
    return {"touched": world.delete(*_record(order))}


def undelete(world: World, order: Order) -> Any:
    return {"touched": world.undelete(*_record(order))}


def add(world: World, order: Order) -> Any:
    return world.add(_int(order, "user_id"), str(needed(order, "stream")), order.get("record", {}))


def random_edits(world: World, order: Order) -> Any:
    count = whole("count", needed(order, "count"), 0, MAX_EDITS)
    return world.random_edits(_int(order, "user_id"), count, _int({"seed": 1, **order}, "seed"))


def faults(world: World, order: Order) -> Any:
    if order.get("clear"):
        world.clear_faults()
    else:
        world.inject_fault(str(needed(order, "kind")), **{k: v for k, v in order.items() if k != "kind"})
    return {"faults_ordered": world.stats()["faults_ordered"]}


def limits(world: World, order: Order) -> Any:
    world.set_limits(order.get("per_minute"), order.get("per_day"))
    return world.stats()["limits"]


def expire(world: World, order: Order) -> Any:
    return {"grants": world.expire_tokens(_int(order, "user_id"))}


def revoke(world: World, order: Order) -> Any:
    return {"grants": world.revoke_tokens(_int(order, "user_id"))}


def check(world: World, order: Order) -> Any:
    return {"live": world.accepts_refresh_token(_int(order, "user_id"), str(needed(order, "refresh_token")))}


def issue(world: World, order: Order) -> Any:
    scopes = order.get("scopes")
    if scopes and not (isinstance(scopes, list) and all(scope in ALL_SCOPES for scope in scopes)):
        raise SimulatorError(f"scopes must be a list of {', '.join(ALL_SCOPES)}")
    return world.issue_tokens(_int(order, "user_id"), *([scopes] if scopes else []))


ORDERS: tuple[tuple[str, str, Callable[[World, Order], Any]], ...] = (
    ("GET", "/members", members),
    ("GET", "/stats", stats),
    ("GET", "/requests", requests),
    ("GET", "/secrets", secrets),
    ("GET", "/truth/{user_id}", truth),
    ("GET", "/v1_ids/{user_id}", v1_ids),
    ("GET", "/next", next_event),
    ("POST", "/clock", clock),
    ("POST", "/edit", edit),
    ("POST", "/rescore", rescore),
    ("POST", "/delete", delete),
    ("POST", "/undelete", undelete),
    ("POST", "/add", add),
    ("POST", "/random_edits", random_edits),
    ("POST", "/faults", faults),
    ("POST", "/limits", limits),
    ("POST", "/tokens/expire", expire),
    ("POST", "/tokens/revoke", revoke),
    ("POST", "/tokens/check", check),
    ("POST", "/tokens/issue", issue),
    *WEBHOOK_ORDERS,
)
RUNS_IN_THREAD = {deliver}


def control_routes(world: World) -> list[Route]:
    return [Route(path, _endpoint(world, execute), methods=[method]) for method, path, execute in ORDERS]


def _endpoint(world: World, execute: Callable[[World, Order], Any]) -> Callable[[Request], Any]:
    async def endpoint(request: Request) -> Response:
        if request.client is None or request.client.host not in LOOPBACK:
            return JSONResponse({"error": "the control API answers this machine only"}, 403)
        try:
            body = await request.body()
            order = json.loads(body) if body else {}
            if not isinstance(order, dict):
                raise SimulatorError("an order is a JSON object")
            order |= request.path_params
            if execute in RUNS_IN_THREAD:
                return JSONResponse(await run_in_threadpool(execute, world, order))
            return JSONResponse(execute(world, order))
        except UnknownRecord as error:
            return JSONResponse({"error": str(error)}, 404)
        except (SimulatorError, ValueError, TypeError, OverflowError) as error:
            return JSONResponse({"error": str(error)}, 400)

    return endpoint


def _int(order: Order, name: str) -> int:
    try:
        return int(needed(order, name))
    except (TypeError, ValueError, OverflowError):
        raise SimulatorError(f"{name} must be an integer") from None


def _record(order: Order) -> tuple[int, str, object]:
    """User id, stream and record id. Profile and body measurement need no id."""
    user_id, stream = _int(order, "user_id"), str(needed(order, "stream"))
    return user_id, stream, user_id if stream in ("profile", BODY) else needed(order, "id")
