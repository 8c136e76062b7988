"""Iceberg's assets and sensor: present only with a configured catalog, and isolated from other runs."""

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import update

from whoop_assets.definitions import NAMESPACE
from whoop_assets.defs.assets.iceberg import ICEBERG_ASSETS
from whoop_assets.defs.assets.loading import MAX_RUNTIME_TAG, SINK_TAG
from whoop_assets.defs.definitions import whoop_definitions
from whoop_assets.defs.sensors.iceberg import SINK, iceberg_behind
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.records import tables
from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg.catalog import open_catalog
from whoop_assets.sinks.iceberg.sync import sync
from whoop_assets.sinks.source import TABLES
from whoop_assets_tests.support.data.delivered import assert_delivered
from whoop_assets_tests.support.servers.ports import REFUSING_PORT

with pytest.MonkeyPatch.context() as environment:
    environment.setenv("WHOOP_ICEBERG_CATALOG", "local")
    DEFS = whoop_definitions()


def test_assets_and_sensor_exist_only_with_a_configured_catalog(monkeypatch):
    monkeypatch.delenv("WHOOP_ICEBERG_CATALOG", raising=False)
    without_catalog = whoop_definitions()
    assert not [spec.key for spec in without_catalog.resolve_all_asset_specs() if "iceberg" in str(spec.key)]
    assert not [sensor.name for sensor in without_catalog.sensors if "iceberg" in sensor.name]
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
    with_catalog = whoop_definitions(["health", "whoop"], "health")
    found = {spec.key: spec for spec in with_catalog.resolve_all_asset_specs() if "iceberg" in str(spec.key)}
    assert {
        key.to_user_string(): [dep.asset_key.to_user_string() for dep in spec.deps]
        for key, spec in found.items()
    } == {f"health/whoop/iceberg_{name}": [f"health/whoop/{table.stream}"] for name, table in TABLES.items()}
    assert {spec.group_name for spec in found.values()} == {"health_iceberg"}
    assert [sensor.name for sensor in with_catalog.sensors if "iceberg" in sensor.name] == [
        "health_whoop_iceberg_behind"
    ]
    assert list(Path().iterdir()) == []  # Loading definitions opens no catalog.


def key_of(table):
    return NAMESPACE.key(ICEBERG_ASSETS[table].name)


def test_every_table_has_owners_kinds_and_described_columns():
    specs = {spec.key: spec for spec in DEFS.resolve_all_asset_specs()}
    for name, table in TABLES.items():
        spec = specs[key_of(name)]
        assert spec.description.startswith(f"The Iceberg table {name},")
        assert spec.owners
        assert spec.kinds == {"iceberg"}
        columns = spec.metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == [column.name for column in table.all_columns]
        assert all(column.description and column.type for column in columns)


def requests(p):
    return p.tick(iceberg_behind, definitions=DEFS).run_requests


def execute(p, request, config=None):
    return p.execute(request, definitions=DEFS, run_config=config)


def assert_all_delivered(p):
    assert_delivered(p.home.database, open_catalog(Settings.from_environment()))


@pytest.mark.slow
def test_changed_tables_are_requested_once_and_delivered(project, monkeypatch):
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
    with project() as p:
        p.home.load(
            p.today, p.today, ("profile", "body_measurement", "cycles", "sleeps", "recoveries", "workouts")
        )
        (request,) = requests(p)
        assert request.tags[SINK_TAG] == SINK
        assert int(request.tags[MAX_RUNTIME_TAG]) > 0
        assert key_of("cycles") in request.asset_selection
        assert execute(p, request).success
        assert requests(p) == []
        assert_all_delivered(p)
        with p.home.database.write() as connection:
            p.home.advance(1)
            connection.execute(update(tables.cycles).values(strain=1.5, changed_at=p.home.clock.now()))
        (request,) = requests(p)
        assert request.asset_selection == [key_of("cycles")]
        assert execute(p, request).success
        assert_all_delivered(p)
        materialization = p.instance.get_latest_materialization_event(key_of("cycles")).asset_materialization
        assert materialization.metadata["dagster/row_count"].value == len(p.home.rows("cycles"))
        assert materialization.metadata["commits"].value == 1
        rewrite = {"ops": {"whoop__iceberg_cycles": {"config": {"rewrite": True}}}}
        assert execute(p, request, rewrite).success
        materialization = p.instance.get_latest_materialization_event(key_of("cycles")).asset_materialization
        assert materialization.metadata["rows"].value == materialization.metadata["dagster/row_count"].value
        assert_all_delivered(p)


@pytest.mark.slow
def test_an_unreachable_catalog_fails_only_its_own_run_which_is_retried(project, monkeypatch):
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "down")
    monkeypatch.setenv("PYICEBERG_CATALOG__DOWN__TYPE", "sql")
    monkeypatch.setenv(
        "PYICEBERG_CATALOG__DOWN__URI", f"postgresql+psycopg2://me:hunter2@127.0.0.1:{REFUSING_PORT}/none"
    )
    monkeypatch.setenv("PYICEBERG_CATALOG__DOWN__WAREHOUSE", "file:///nowhere")
    with project() as p:
        p.catch_up()
        p.home.load(p.today, p.today)
        (request,) = requests(p)
        result = execute(p, request)
        assert not result.success
        messages = [
            event.event_specific_data.error.message for event in result.all_events if event.is_step_failure
        ]
        assert len(messages) == len(request.asset_selection)
        assert all(
            "SinkUnavailable" not in message and "pyiceberg's configuration" in message
            for message in messages
        )
        events = p.instance.all_logs(result.run_id)
        assert events
        assert not any("hunter2" in str(event) for event in events)
        assert p.run(p.today, p.today, "cycles", "daily_summary").success
        (retry,) = requests(p)
        assert [each.tags[ATTEMPT_TAG] for each in (request, retry)] == [
            "1",
            "2",
        ]  # Only the first attempt sends an alert.
        assert set(request.asset_selection) <= set(retry.asset_selection)
        monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
        assert execute(p, retry).success
        assert requests(p) == []


def test_a_table_in_another_namespace_does_not_hide_a_stale_one(project, monkeypatch):
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
    with project() as p:
        p.home.load(p.today, p.today, ("cycles",))
        sync(p.home.database, open_catalog(Settings.from_environment()), "elsewhere", TABLES["cycles"])
        (request,) = requests(p)
        assert key_of("cycles") in request.asset_selection


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED])
def test_no_second_run_is_requested_while_a_run_is_active(project, status):
    with project() as p:
        p.catch_up()
        p.home.load(p.today, p.today, ("cycles",))
        job = DEFS.resolve_implicit_global_asset_job_def()
        p.instance.create_run_for_job(job, status=status, tags={SINK_TAG: SINK})
        assert requests(p) == []
