"""/healthz and /metrics show the state of the service and name no member."""

import re
from collections.abc import Callable
from datetime import timedelta

from sqlalchemy import make_url, text, update

from whoop_assets.web.metrics import OUTCOMES
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.servers.postgres import Server
from whoop_assets_tests.support.waiting import SLOW_POLL_SECONDS, wait_until
from whoop_assets_tests.web.conftest import MEMBER, SECRET, Service, event, hold_the_write_lock

SAMPLE = re.compile(r'[a-z_]+(\{[a-z_]+="[^"\\\n]*"\})? [0-9.e+-]+')


def test_a_service_that_can_store_is_healthy(service: Service) -> None:
    answer = service.get("/healthz")
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})


def test_a_schema_of_another_version_is_not_healthy(serve: Callable[..., Service], sqlite_url: str) -> None:
    service = serve(sqlite_url)
    with service.database.write() as connection:
        connection.execute(text("update whoop_schema_version set version_num = '0001'"))
    answer = service.get("/healthz")
    assert answer.status_code == 503
    assert answer.json() == {"status": "failing", "reason": "the database's schema is of another version"}


def test_a_database_that_is_gone_is_not_healthy_and_is_not_named(
    serve: Callable[..., Service], postgres_url: str, postgres_server: Server
) -> None:
    service = serve(postgres_url)
    name = str(make_url(postgres_url).database)
    service.database.close()
    postgres_server.drop(name)
    answer = service.get("/healthz")
    assert (answer.status_code, answer.json()["reason"]) == (503, "the database does not answer")
    assert name not in answer.text
    assert "whoop_database_up 0.0" in service.get("/metrics").text
    assert service.deliver(event()).status_code == 503
    postgres_server.create(name)


def test_a_database_whose_write_lock_another_process_holds_is_not_healthy(
    serve: Callable[..., Service], sqlite_url: str
) -> None:
    service = serve(sqlite_url, max_commit_seconds=0.05)
    lock_holder, release = hold_the_write_lock(service.database)
    answer = service.get("/healthz")
    assert answer.status_code == 503
    assert answer.json()["reason"] == "the database does not take writes within a second"
    release.set()
    lock_holder.join()
    # The service reuses the result of a check for a second.
    wait_until(
        lambda: service.get("/healthz").status_code == 200, "the next check", poll_seconds=SLOW_POLL_SECONDS
    )


def test_a_database_without_the_events_table_is_not_healthy(sqlite_service: Service) -> None:
    with sqlite_service.database.write() as connection:
        connection.execute(text("alter table webhook_events rename to elsewhere"))
    assert sqlite_service.get("/healthz").status_code == 503


def test_the_metrics_are_prometheus_text_and_name_no_member(service: Service) -> None:
    service.deliver(event())
    service.deliver(event(user_id=4711))
    service.deliver(event(), **{"X-WHOOP-Signature": "x"})
    with service.database.write() as connection:
        connection.execute(update(webhook_events).values(open_since=NOW - timedelta(seconds=90)))
    answer = service.get("/metrics")
    assert answer.headers["content-type"] == "text/plain; version=0.0.4; charset=utf-8"
    assert answer.text.endswith("\n")
    lines = answer.text.splitlines()
    samples = [line for line in lines if not line.startswith("#")]
    assert all(SAMPLE.fullmatch(line) or 'le="' in line for line in samples)
    values = dict(line.rsplit(" ", 1) for line in samples)
    assert {name for name in values if name.startswith("whoop_deliveries_total")} == {
        f'whoop_deliveries_total{{outcome="{outcome}"}}' for outcome in OUTCOMES
    }
    assert values['whoop_deliveries_total{outcome="unsigned"}'] == "1.0"
    assert (
        values["whoop_delivery_seconds_count"] == values['whoop_delivery_seconds_bucket{le="+Inf"}'] == "3.0"
    )
    assert (values["whoop_events_open"], values["whoop_events_parked"]) == ("1.0", "1.0")
    assert 90 <= float(values["whoop_oldest_open_event_seconds"]) < 3600
    for secret in (SECRET, str(MEMBER), "4711", "sqlite", "postgres"):
        assert secret not in answer.text
    declared = [line.split()[2] for line in lines if line.startswith("# TYPE")]
    assert len(declared) == len(set(declared))
