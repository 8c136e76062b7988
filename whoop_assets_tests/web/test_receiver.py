"""A delivery gets a 2xx after it is stored, and is stored once. An unsigned request stores nothing."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
from sqlalchemy import text

from whoop_assets.web.receiver import MAX_BODY_BYTES
from whoop_assets.webhooks import inbox
from whoop_assets_tests.support.waiting import wait_until
from whoop_assets_tests.web.conftest import MEMBER, SECRET, Service, event, hold_the_write_lock, signed


def test_a_delivery_gets_a_response_after_it_is_stored(service: Service) -> None:
    event_body = event()
    answer = service.deliver(event_body)
    assert (answer.status_code, answer.content) == (204, b"")
    (stored,) = service.stored().values()
    assert (stored.trace_id, stored.user_id, stored.record_id) == (
        event_body["trace_id"],
        MEMBER,
        event_body["id"],
    )
    assert stored.state == "open"
    assert stored.sent_at <= stored.received_at < stored.sent_at + timedelta(hours=1)
    with service.database.read() as connection:
        assert inbox.stored(connection, event_body["trace_id"])[1] == json.dumps(event_body)


def test_a_repeated_delivery_is_one_event(service: Service) -> None:
    event_body = event()
    assert [service.deliver(event_body).status_code for _ in range(3)] == [204] * 3
    assert len(service.stored()) == 1
    assert (service.count("open"), service.count("duplicate")) == (1, 2)


@pytest.mark.parametrize(
    ("event_body", "reason"),
    [
        (event(type="cycle.updated", id=93845), "does not know events of this type"),
        (event(id=10235), "v1"),
        (event(user_id=4711), "not a member"),
    ],
)
def test_an_event_that_cannot_be_loaded_is_stored_as_parked(
    service: Service, event_body: dict, reason: str
) -> None:
    assert service.deliver(event_body).status_code == 204
    (stored,) = service.stored().values()
    assert stored.state == "parked"
    assert reason in (stored.reason or "")


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"X-WHOOP-Signature": ""}, 401),
        ({"X-WHOOP-Signature": "AAAA"}, 401),
        ({"X-WHOOP-Signature-Timestamp": "1795262400"}, 401),
        (signed(b"another body"), 401),
        (signed(json.dumps(event()).encode(), secret="another"), 401),
    ],
)
def test_an_unsigned_request_is_rejected_in_plain_text_and_stores_no_row(
    sqlite_service: Service, headers: dict[str, str], status: int
) -> None:
    answer = sqlite_service.deliver(event(), **headers)
    assert answer.status_code == status
    assert answer.headers["content-type"].startswith("text/plain")
    assert len(answer.text) < 80
    assert sqlite_service.stored() == {}
    assert sqlite_service.count("unsigned") == 1


def test_a_signature_is_valid_for_the_configured_time(serve: Callable[..., Service], sqlite_url: str) -> None:
    service = serve(sqlite_url, webhook_max_age=600)
    raw = json.dumps(event()).encode()
    assert service.deliver(raw, **signed(raw, age=540)).status_code == 204
    assert service.deliver(raw, **signed(raw, age=610)).status_code == 401
    assert service.deliver(raw, **signed(raw, age=-400)).status_code == 401
    assert service.count("stale") == 2


def test_a_signed_body_that_is_not_an_event_stores_no_row(sqlite_service: Service) -> None:
    for body in (b"", b"{}", b"[" * 1000, b"\xff\xfe", json.dumps(event(id="../../v2/cycle")).encode()):
        assert sqlite_service.deliver(body).status_code == 400
    assert sqlite_service.stored() == {}
    assert sqlite_service.count("malformed") == 5


def test_a_body_larger_than_any_event_is_rejected_before_it_is_read(sqlite_service: Service) -> None:
    big = b" " * (MAX_BODY_BYTES + 1)
    assert sqlite_service.deliver(big).status_code == 413

    # The service answers after the first 64 KiB and closes the connection. A client that is still sending
    # sees the answer or the closed connection, so the service's own count decides.
    with suppress(httpx.TransportError):
        assert httpx.post(sqlite_service.url, content=iter([b"x" * 8192] * 1000)).status_code == 413
    wait_until(lambda: sqlite_service.count("too_large") == 2, "the second refusal")
    assert sqlite_service.stored() == {}
    text = json.dumps(event())
    assert sqlite_service.deliver(text.encode() + b" " * (MAX_BODY_BYTES - len(text))).status_code == 204


def test_concurrent_deliveries_are_all_stored(service: Service) -> None:
    event_bodies = [event() for _ in range(200)]
    with ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(service.deliver, event_bodies + event_bodies[:50]))
    assert {answer.status_code for answer in answers} == {204}
    assert set(service.stored()) == {event_body["trace_id"] for event_body in event_bodies}
    assert (service.count("open"), service.count("duplicate")) == (200, 50)


def test_a_delivery_that_the_database_rejects_does_not_affect_others(sqlite_service: Service) -> None:
    with sqlite_service.database.write() as connection:
        connection.execute(
            text(
                "create trigger poison before insert on webhook_events when new.trace_id like 'poison%'"
                " begin select raise(abort, 'no'); end"
            )
        )
    lock_holder, release = hold_the_write_lock(sqlite_service.database)
    with ThreadPoolExecutor(20) as pool:
        event_bodies = [
            event(trace_id=f"{'poison' if number % 10 == 0 else 'good'}-{number}") for number in range(20)
        ]
        answers = pool.map(sqlite_service.deliver, event_bodies)
        release.set()
        lock_holder.join()
        statuses = [answer.status_code for answer in answers]
    assert statuses == [503 if number % 10 == 0 else 204 for number in range(20)]
    assert len(sqlite_service.stored()) == 18


def test_no_2xx_before_the_commit(sqlite_service: Service) -> None:
    lock_holder, release = hold_the_write_lock(sqlite_service.database)
    event_body = event()
    with pytest.raises(httpx.ReadTimeout):
        body = json.dumps(event_body).encode()
        no_answer = httpx.Timeout(60, read=0.5)
        httpx.post(sqlite_service.url, content=body, headers=signed(body), timeout=no_answer)
    assert sqlite_service.stored() == {}
    release.set()
    lock_holder.join()
    # A client that did not wait for the response sends again, and the event is stored already.
    assert sqlite_service.deliver(event_body).status_code == 204
    assert set(sqlite_service.stored()) == {event_body["trace_id"]}


def test_a_delivery_that_is_not_committed_in_time_gets_503_and_its_repetition_is_stored(
    serve: Callable[..., Service], sqlite_url: str
) -> None:
    service = serve(sqlite_url, max_commit_seconds=0.05)
    lock_holder, release = hold_the_write_lock(service.database)
    event_body = event()
    assert service.deliver(event_body).status_code == 503
    assert service.stored() == {}
    assert service.count("not_stored") == 1
    release.set()
    lock_holder.join()
    wait_until(lambda: service.deliver(event_body).status_code == 204, "a repetition to be in time")
    assert set(service.stored()) == {event_body["trace_id"]}


def test_a_failing_database_gives_503_until_it_recovers(sqlite_service: Service) -> None:
    with sqlite_service.database.write() as connection:
        connection.execute(text("alter table webhook_events rename to elsewhere"))
    answer = sqlite_service.deliver(event())
    assert answer.status_code == 503
    assert "webhook_events" not in answer.text
    with sqlite_service.database.write() as connection:
        connection.execute(text("alter table elsewhere rename to webhook_events"))
    assert sqlite_service.deliver(event()).status_code == 204


def test_running_requests_are_finished_when_the_service_ends(sqlite_service: Service) -> None:
    lock_holder, release = hold_the_write_lock(sqlite_service.database)
    event_bodies = [event() for _ in range(5)]
    with ThreadPoolExecutor(5) as pool:
        answers = [pool.submit(sqlite_service.deliver, event_body) for event_body in event_bodies]
        wait_until(lambda: len(sqlite_service.server.server_state.tasks) == 5, "five running deliveries")
        sqlite_service.server.should_exit = True
        release.set()
        lock_holder.join()
        assert [answer.result().status_code for answer in answers] == [204] * 5
    sqlite_service.thread.join(60)
    assert set(sqlite_service.stored()) == {event_body["trace_id"] for event_body in event_bodies}


def test_no_response_names_the_software(sqlite_service: Service) -> None:
    answer = sqlite_service.deliver(event())
    assert "server" not in answer.headers
    assert SECRET not in str(answer.headers)
