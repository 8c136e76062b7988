"""A killed service has stored every delivery with a 2xx, each once."""

import json
import os
import random
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import httpx
import pytest

from whoop_assets.db.database import Database
from whoop_assets.members import store as member_store
from whoop_assets.webhooks import inbox
from whoop_assets_tests.web.conftest import MEMBER, SECRET, Service, event, signed

pytestmark = pytest.mark.slow

LISTENING = re.compile(r"listening on (http://\S+);")
SENDERS, RETRIES = 8, 5


@contextmanager
def service_process(url: str, *, background: bool = False) -> Iterator[tuple["subprocess.Popen[str]", str]]:
    """`whoop-assets serve` as a separate process, with the address for webhooks.

    `background`: it ignores SIGINT from the start, as a shell's background job does.
    """
    environment = {
        **os.environ,
        "WHOOP_CLIENT_ID": "app",
        "WHOOP_CLIENT_SECRET": SECRET,
        "WHOOP_DATABASE_URL": url,
    }
    command = [sys.executable, "-m", "whoop_assets.cli", "serve", "--port", "0"]
    if background:
        command = ["sh", "-c", 'trap "" INT; exec "$@"', "sh", *command]
    process = subprocess.Popen(command, env=environment, stdout=subprocess.PIPE, text=True)
    try:
        assert process.stdout is not None
        found = LISTENING.search(process.stdout.readline())
        assert found is not None
        yield process, found[1] + "/webhooks/whoop"
    finally:
        process.kill()
        process.communicate()


def deliver(http: httpx.Client, address: str, event_body: dict[str, Any]) -> int | None:
    """Return the status; None without a response."""
    body = json.dumps(event_body).encode()
    try:
        return http.post(address, content=body, headers=signed(body), timeout=60).status_code
    except httpx.TransportError:
        return None


def kill_while_delivering(url: str, kills: int, seed: int) -> None:
    database = Database(url)
    with database.write() as connection:
        no_profile = {"email": None, "first_name": None, "last_name": None}
        member_store.connect(connection, MEMBER, ["offline"], no_profile, database.now(connection))
    rng = random.Random(seed)
    answered: set[str] = set()
    sent: set[str] = set()
    unanswered: list[dict[str, Any]] = []
    for kill in range(kills + 1):
        last = kill == kills
        with (
            service_process(url) as (process, address),
            httpx.Client(timeout=60) as http,
            ThreadPoolExecutor(SENDERS) as pool,
        ):
            # Like WHOOP: a delivery without a response is sent again with the same trace id.
            waiting = [*unanswered, *(event() for _ in range(0 if last else 400))]
            sent |= {event_body["trace_id"] for event_body in waiting}
            unanswered, dies_after = [], rng.randrange(1, 300)
            results = pool.map(lambda event_body: (event_body, deliver(http, address, event_body)), waiting)
            for number, (event_body, status) in enumerate(results):
                assert status in (204, None)
                if status == 204:
                    answered.add(event_body["trace_id"])
                else:
                    unanswered.append(event_body)
                if number == dies_after and not last:
                    process.send_signal(signal.SIGKILL)
        with database.read() as connection:
            stored = [event.trace_id for event in inbox.listed(connection)]
        assert len(stored) == len(set(stored))
        assert answered <= set(stored) <= sent, f"after kill {kill}: lost {len(answered - set(stored))}"
    assert unanswered == []
    assert answered == sent == set(stored)
    database.close()


def test_a_killed_service_has_stored_every_delivery_with_a_2xx(database_url: str) -> None:
    kill_while_delivering(database_url, kills=1, seed=3)


def test_a_service_killed_ten_times_loses_nothing(database_url: str) -> None:
    kill_while_delivering(database_url, kills=10, seed=4)


def test_a_burst_of_five_thousand_deliveries_is_stored(service: Service) -> None:
    event_bodies = waiting = [event() for _ in range(5000)]
    with (
        httpx.Client(limits=httpx.Limits(max_connections=100), timeout=60) as http,
        ThreadPoolExecutor(100) as pool,
    ):
        for _ in range(1 + RETRIES):  # as WHOOP does, because a busy machine may send no response
            statuses = list(pool.map(lambda event_body: deliver(http, service.url, event_body), waiting))
            assert set(statuses) <= {204, None}
            waiting = [
                event_body for event_body, status in zip(waiting, statuses, strict=True) if status is None
            ]
            assert len(waiting) < 50
    assert waiting == []
    assert set(service.stored()) == {event_body["trace_id"] for event_body in event_bodies}


@pytest.mark.parametrize("background", [False, True])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_service_that_gets_a_signal_ends_with_status_zero(
    sqlite_url: str, number: signal.Signals, background: bool
) -> None:
    with service_process(sqlite_url, background=background) as (process, address):
        with httpx.Client(timeout=60) as http:
            assert deliver(http, address, event()) == 204
        process.send_signal(number)
        output, _ = process.communicate(timeout=120)
    assert (process.returncode, output) == (0, "Ended; what was answered is stored.\n")


def test_the_service_leaves_the_callbacks_secrets_out_of_its_output(
    sqlite_url: str, capfd: pytest.CaptureFixture[str]
) -> None:
    with service_process(sqlite_url) as (process, address):
        base = address.removesuffix("/webhooks/whoop")
        httpx.get(
            f"{base}/callback?code=the-code&state=the-state",
            cookies={"whoop_connect": "the-state"},
            timeout=60,
        )
        httpx.get(f"{base}/connect/the-link", timeout=60)
        process.send_signal(signal.SIGTERM)
        output, _ = process.communicate(timeout=120)
    assert not re.search("the-(code|state|link)", output + "".join(capfd.readouterr()))
