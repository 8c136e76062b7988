"""Iceberg's assets and sensor: there when a catalog is named, catching up by themselves, in nobody's way."""

from pathlib import Path

import dagster as dg
import pytest
from sqlalchemy import update

from whoop_assets.definitions import NAMESPACE
from whoop_assets.defs.assets.iceberg import ICEBERG_ASSETS
from whoop_assets.defs.assets.loading import MAX_RUNTIME_TAG, SINK_TAG
from whoop_assets.defs.definitions import whoop_definitions
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.iceberg import SINK, iceberg_behind
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.records import tables
from whoop_assets.settings import Settings
from whoop_assets.sinks.iceberg.catalog import open_catalog
from whoop_assets.sinks.source import TABLES
from whoop_assets_tests.support.delivered import assert_delivered
from whoop_assets_tests.support.ports import REFUSING_PORT

with pytest.MonkeyPatch.context() as environment:
    environment.setenv("WHOOP_ICEBERG_CATALOG", "local")
    DEFS = whoop_definitions()


def test_the_assets_and_the_sensor_are_there_only_where_a_catalog_is_named(monkeypatch):
    monkeypatch.delenv("WHOOP_ICEBERG_CATALOG", raising=False)
    off = whoop_definitions()
    assert not [spec.key for spec in off.resolve_all_asset_specs() if "iceberg" in str(spec.key)]
    assert not [one.name for one in off.sensors if "iceberg" in one.name]
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
    on = whoop_definitions(["health", "whoop"], "health")
    found = {spec.key: spec for spec in on.resolve_all_asset_specs() if "iceberg" in str(spec.key)}
    assert {
        key.to_user_string(): [dep.asset_key.to_user_string() for dep in spec.deps]
        for key, spec in found.items()
    } == {f"health/whoop/iceberg_{name}": [f"health/whoop/{table.stream}"] for name, table in TABLES.items()}
    assert {spec.group_name for spec in found.values()} == {"health_iceberg"}
    assert [one.name for one in on.sensors if "iceberg" in one.name] == ["health_whoop_iceberg_behind"]
    assert list(Path().iterdir()) == []  # nothing is opened to show them


def key_of(table):
    return NAMESPACE.key(ICEBERG_ASSETS[table].name)


def test_every_table_says_whose_it_is_and_what_it_holds():
    specs = {spec.key: spec for spec in DEFS.resolve_all_asset_specs()}
    for name, table in TABLES.items():
        spec = specs[key_of(name)]
        assert spec.description.startswith(f"The Iceberg table {name},")
        assert spec.owners
        assert spec.kinds == {"iceberg"}
        columns = spec.metadata["dagster/column_schema"].columns
        assert [column.name for column in columns] == [column.name for column in table.all_columns]
        assert all(column.description and column.type for column in columns)


def tick(p):
    with dg.build_sensor_context(
        instance=p.instance, definitions=DEFS, resources={"whoop": WhoopResource()}
    ) as context:
        return iceberg_behind.build(NAMESPACE).evaluate_tick(context).run_requests


def carry_out(p, request, config=None):
    return DEFS.resolve_implicit_global_asset_job_def().execute_in_process(
        instance=p.instance,
        asset_selection=request.asset_selection,
        tags=request.tags,
        run_config=config or {},
        raise_on_error=False,
    )


def delivered(p):
    settings = Settings.from_environment()
    assert_delivered(p.home.database, open_catalog(settings))


@pytest.mark.slow
def test_what_changed_is_delivered_and_then_nothing_is_asked_for(project, monkeypatch):
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
    with project() as p:
        p.home.load(
            p.today, p.today, ("profile", "body_measurement", "cycles", "sleeps", "recoveries", "workouts")
        )
        (request,) = tick(p)
        assert request.tags[SINK_TAG] == SINK
        assert int(request.tags[MAX_RUNTIME_TAG]) > 0
        assert key_of("cycles") in request.asset_selection
        assert carry_out(p, request).success
        assert tick(p) == []
        delivered(p)
        with p.home.database.write() as connection:
            p.home.advance(1)
            connection.execute(update(tables.cycles).values(strain=1.5, changed_at=p.home.clock.now()))
        (request,) = tick(p)
        assert request.asset_selection == [key_of("cycles")]
        assert carry_out(p, request).success
        delivered(p)
        done = p.instance.get_latest_materialization_event(key_of("cycles")).asset_materialization
        assert done.metadata["dagster/row_count"].value == len(p.home.rows("cycles"))
        assert done.metadata["commits"].value == 1
        again = {"ops": {"whoop__iceberg_cycles": {"config": {"rewrite": True}}}}
        assert carry_out(p, request, again).success
        done = p.instance.get_latest_materialization_event(key_of("cycles")).asset_materialization
        assert done.metadata["rows"].value == done.metadata["dagster/row_count"].value
        delivered(p)


@pytest.mark.slow
def test_a_catalog_that_is_down_fails_its_own_run_alone_and_is_made_good_later(project, monkeypatch):
    monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "down")
    monkeypatch.setenv("PYICEBERG_CATALOG__DOWN__TYPE", "sql")
    monkeypatch.setenv(
        "PYICEBERG_CATALOG__DOWN__URI", f"postgresql+psycopg2://me:hunter2@127.0.0.1:{REFUSING_PORT}/none"
    )
    monkeypatch.setenv("PYICEBERG_CATALOG__DOWN__WAREHOUSE", "file:///nowhere")
    with project() as p:
        p.catch_up()
        p.home.load(p.today, p.today)
        (request,) = tick(p)
        result = carry_out(p, request)
        assert not result.success
        said = [
            event.event_specific_data.error.message for event in result.all_events if event.is_step_failure
        ]
        assert len(said) == len(request.asset_selection)
        assert all("SinkUnavailable" not in one and "pyiceberg's configuration" in one for one in said)
        events = p.instance.all_logs(result.run_id)
        assert events
        assert not any("hunter2" in str(event) for event in events)
        assert p.run(p.today, p.today, "cycles", "daily_summary").success
        (again,) = tick(p)
        assert [one.tags[ATTEMPT_TAG] for one in (request, again)] == [
            "1",
            "2",
        ]  # an alert of the first alone
        assert set(request.asset_selection) <= set(again.asset_selection)
        monkeypatch.setenv("WHOOP_ICEBERG_CATALOG", "local")
        assert carry_out(p, again).success
        assert tick(p) == []


@pytest.mark.parametrize("status", [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED])
def test_while_a_run_is_writing_none_is_asked_for(project, status):
    with project() as p:
        p.catch_up()
        p.home.load(p.today, p.today, ("cycles",))
        job = DEFS.resolve_implicit_global_asset_job_def()
        p.instance.create_run_for_job(job, status=status, tags={SINK_TAG: SINK})
        assert tick(p) == []
