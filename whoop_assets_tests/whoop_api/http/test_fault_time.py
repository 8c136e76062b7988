"""Limits on the time that faults cost a request, an endpoint and a run with several clients."""

import itertools
import random
from datetime import timedelta

import httpx
import pytest

from whoop_assets.whoop_api.client import WhoopClient
from whoop_assets.whoop_api.errors import ApiError, NetworkFault, NotFound, ServerFault, Unavailable
from whoop_assets.whoop_api.http.fault_time import (
    MAX_ENDPOINT_SECONDS,
    MAX_RUN_SECONDS,
    RESET_AFTER,
    SECONDS_PER_RESPONSE,
    FaultTime,
    endpoint,
)
from whoop_assets.whoop_api.http.transport import MAX_RETRY_SECONDS
from whoop_assets_tests.support.manual_clock import ManualClock
from whoop_assets_tests.whoop_api.doubles import BASE, NOW, CountingBudget, ScriptedServer, TokenRow, ok

ATTEMPT = 30.0
"""Seconds that an attempt without any response takes: the timeout of the client."""


class Run:
    """Clients of several members that share one run's accounts, and a server that answers by path."""

    def __init__(self, broken: dict[str, float | None]) -> None:
        """`broken`: path -> seconds after which a request times out, or None: it answers 500 at once."""
        self.clock = ManualClock(NOW)
        self.fault_time = FaultTime(self.clock)
        self.budget = CountingBudget(self.clock)
        self.broken = broken
        self.server = ScriptedServer(self._answer)
        self.seeds = itertools.count()

    def _answer(self, request: httpx.Request) -> httpx.Response:
        for path, seconds in self.broken.items():
            if request.url.path.startswith("/developer" + path):
                if seconds is None:
                    return httpx.Response(500)
                self.clock.advance(seconds)
                raise httpx.ReadTimeout("slow")
        return ok({"id": 1})

    def client(self) -> WhoopClient:
        return WhoopClient(
            base_url=BASE,
            tokens=TokenRow("a-token"),
            budget=self.budget,
            clock=self.clock,
            http=self.server.http,
            fault_time=self.fault_time,
            jitter=random.Random(next(self.seeds)),
        )

    def error(self, path: str) -> ApiError | None:
        """Return the error of another member's request; None if it succeeds."""
        try:
            self.client().get(path)
        except ApiError as error:
            return error
        return None

    @property
    def seconds(self) -> float:
        return (self.clock.now() - NOW).total_seconds()


STREAMS = ("/v2/cycle", "/v2/recovery", "/v2/activity/sleep", "/v2/activity/workout")


@pytest.mark.parametrize("seconds", [None, ATTEMPT], ids=["500 at once", "no response"])
def test_an_outage_ends_a_run_within_the_time_limit_for_any_number_of_members(seconds: float | None) -> None:
    run = Run({"/v2": seconds})
    errors = [run.error(path) for path in STREAMS for _ in range(50)]
    assert run.seconds <= MAX_RUN_SECONDS + (seconds or 0.0)
    kinds = [type(error) for error in errors]
    assert kinds[0] is (ServerFault if seconds is None else NetworkFault)
    assert kinds.count(Unavailable) >= len(errors) - 4
    assert all(error is not None and error.transient for error in errors)
    assert len(run.budget.lanes) < 40


def test_a_failing_endpoint_does_not_affect_other_endpoints() -> None:
    run = Run({"/v2/activity/sleep": ATTEMPT})
    sleeps = [run.error("/v2/activity/sleep") for _ in range(50)]
    assert None not in sleeps
    assert run.seconds <= MAX_ENDPOINT_SECONDS + ATTEMPT
    others = [run.error(path) for path in ("/v2/recovery", "/v2/activity/workout") for _ in range(50)]
    assert others == [None] * 100


def test_a_failing_record_does_not_affect_other_records_of_its_endpoint() -> None:
    run = Run({"/v2/cycle/7": None})
    assert isinstance(run.error("/v2/cycle/7"), ServerFault)
    assert run.error("/v2/cycle/8/recovery") is None
    assert run.error("/v2/cycle/8") is None


def test_the_time_lost_to_faults_is_limited_by_the_number_of_responses() -> None:
    run = Run({"/v2/cycle/7": None})
    responses = 0
    for _ in range(200):
        run.error("/v2/cycle/7")
        responses += run.error("/v2/cycle/8") is None
    assert run.seconds < MAX_ENDPOINT_SECONDS + responses * SECONDS_PER_RESPONSE + 0.001


def test_a_404_uses_no_fault_time() -> None:
    run = Run({})
    run.server.replies = [httpx.Response(404)]
    assert all(isinstance(run.error("/v2/cycle/8/recovery"), NotFound) for _ in range(100))
    assert run.seconds == 0


def test_requests_are_sent_again_some_time_after_an_outage() -> None:
    run = Run({"/v2": ATTEMPT})
    while not isinstance(run.error("/v2/cycle"), Unavailable):
        pass
    run.broken = {}
    assert isinstance(run.error("/v2/cycle"), Unavailable)
    run.clock.advance(RESET_AFTER + timedelta(seconds=1))
    assert run.error("/v2/cycle") is None


def test_a_clock_set_back_during_a_request_does_not_extend_the_limits() -> None:
    run = Run({})
    steps = itertools.chain([timedelta(hours=-1)], itertools.repeat(timedelta(0)))

    def answer(_: httpx.Request) -> httpx.Response:
        run.clock.advance(next(steps))
        return httpx.Response(500)

    run.server.replies = [answer]
    assert isinstance(run.error("/v2/cycle"), ServerFault)
    assert run.seconds + 3600 == pytest.approx(MAX_RETRY_SECONDS)
    assert {type(run.error("/v2/cycle")) for _ in range(5)} == {ServerFault, Unavailable}
    assert run.seconds + 3600 == pytest.approx(MAX_ENDPOINT_SECONDS)


def test_the_time_limits_of_request_endpoint_and_run_increase() -> None:
    assert MAX_RETRY_SECONDS < MAX_ENDPOINT_SECONDS < MAX_RUN_SECONDS


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("/v2/cycle", "/v2/cycle"),
        ("/v2/cycle/93845", "/v2/cycle/{id}"),
        ("/v2/cycle/93845/recovery", "/v2/cycle/{id}/recovery"),
        ("/v2/activity/sleep/ecfc6a15-4661-442f-a9a4-f160dd7afae8", "/v2/activity/sleep/{id}"),
        ("/v2/user/measurement/body", "/v2/user/measurement/body"),
        ("/v2/user/body_measurement", "/v2/user/body_measurement"),
        ("/token", "/token"),
    ],
)
def test_an_endpoint_is_a_path_without_ids(path: str, expected: str) -> None:
    assert endpoint(path) == expected
