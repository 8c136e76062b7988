"""The graph under other names: everything follows the prefix, and two of them do not get into each other's
way."""

import subprocess
import sys
from datetime import date, timedelta

import dagster as dg
import pytest

from whoop_assets import WhoopResource, whoop_definitions
from whoop_assets.db.database import Database
from whoop_assets.definitions import NAMESPACE
from whoop_assets.definitions import defs as our_own
from whoop_assets.defs import alerts
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.sensors import stale_summaries
from whoop_assets.defs.sensors.readings import in_flight
from whoop_assets.errors import ConfigurationError
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets_tests.support.fixed_time import TODAY, only_time

THEIRS = AssetNamespace(("health", "whoop"), "health")


def keys(defs):
    return {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}


def their_definitions(**options):
    return whoop_definitions(["health", "whoop"], "health", **options)


def test_our_own_deployment_has_the_short_names_and_the_others_all_begin_with_the_prefix():
    theirs = their_definitions()
    assert keys(theirs) == {key.replace("whoop/", "health/whoop/", 1) for key in keys(our_own)}
    for kind in ("jobs", "schedules", "sensors"):
        names = [one.name for one in getattr(our_own, kind)]
        assert [one.name for one in getattr(theirs, kind)] == [f"health_whoop_{name}" for name in names]
    checks = [defs.resolve_asset_graph().asset_check_keys for defs in (our_own, theirs)]
    assert {key.name for key in checks[0]} == {key.name for key in checks[1]}
    assert all(key.asset_key.path[:2] == ["health", "whoop"] for key in checks[1])


def test_the_lineage_of_columns_leads_to_the_assets_under_the_same_prefix():
    specs = {spec.key: spec for spec in their_definitions().resolve_all_asset_specs()}
    lineage = specs[THEIRS.key("daily_summary")].metadata["dagster/column_lineage"].deps_by_column
    sources = {dep.asset_key for deps in lineage.values() for dep in deps}
    assert sources == set(THEIRS.keys(["cycles", "sleeps", "recoveries", "workouts"]))


def test_jobs_hold_our_assets_and_checks_and_none_of_the_teams_own():
    @dg.asset(group_name="health", check_specs=[dg.AssetCheckSpec("theirs", asset="mine")])
    def mine(): ...

    merged = dg.Definitions.merge(dg.Definitions(assets=[mine]), their_definitions())
    refresh = merged.resolve_job_def("health_whoop_refresh")
    assert set(refresh.asset_layer.selected_asset_keys) == set(
        THEIRS.keys(
            spec.key.path[-1] for spec in our_own.resolve_all_asset_specs() if spec.group_name == "whoop"
        )
    )
    check = merged.resolve_job_def("health_whoop_check")
    assert not check.asset_layer.selected_asset_keys
    assert all(
        key.asset_key.path[:2] == ["health", "whoop"]
        for key in check.asset_layer.asset_graph.asset_check_keys
    )


def test_without_what_runs_by_itself_there_are_assets_checks_and_jobs():
    defs = their_definitions(automatic=False)
    assert not defs.sensors
    assert not defs.schedules
    assert len(list(defs.jobs)) == 4
    dg.Definitions.validate_loadable(defs)


def test_a_run_that_is_narrowed_to_members_keeps_the_rest_of_the_resources_configuration(monkeypatch):
    monkeypatch.setenv("THEIR_DATABASE", "sqlite:///their.db")
    monkeypatch.setenv("WHOOP_DATABASE_URL", "sqlite:///another.db")
    whoop = WhoopResource(
        database_url=dg.EnvVar("THEIR_DATABASE"), timezone="Europe/Berlin", requests_per_day=500
    )
    defs = their_definitions(resource=whoop)
    seen = []

    @dg.op(required_resource_keys={THEIRS.resource_key})
    def look(context):
        found = THEIRS.resource_in(context)
        settings = found.settings()
        seen.append((settings.database_url, settings.timezone, settings.requests_per_day, found.members))

    @dg.job(resource_defs=defs.resources)
    def looking():
        look()

    for config in ({}, THEIRS.members_config([5])):
        assert looking.execute_in_process(run_config=config).success
    assert seen == [("sqlite:///their.db", "Europe/Berlin", 500, members) for members in ([], [5])]


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("client_secret", "hunter2"),
        ("token_key", "hunter2"),
        ("alert_url", "https://hooks.example.org/hunter2"),
        ("database_url", "postgresql://whoop:hunter2@localhost/whoop"),
        ("database_url", "postgresql://localhost/whoop?user=whoop&password=hunter2"),
        ("api_url", "https://me:hunter2@proxy.example.org"),
    ],
)
def test_a_secret_in_plain_text_is_rejected_with_the_way_to_hide_it(monkeypatch, field, value):
    with pytest.raises(ConfigurationError, match=rf"{field}.*dg\.EnvVar") as refused:
        their_definitions(resource=WhoopResource(**{field: value}))
    assert "hunter2" not in str(refused.value)
    monkeypatch.setenv("THEIR_VALUE", value)
    their_definitions(resource=WhoopResource(**{field: dg.EnvVar("THEIR_VALUE")}))


def test_two_graphs_stand_in_one_deployment_and_two_of_one_prefix_are_refused(tmp_path):
    there = WhoopResource(
        database_url=f"sqlite:///{tmp_path}/there.db", timezone="Asia/Tokyo", start_date="2025-05-01"
    )
    both = dg.Definitions.merge(our_own, their_definitions(resource=there))
    dg.Definitions.validate_loadable(both)
    assert len(keys(both)) == 2 * len(keys(our_own))
    days = {spec.key: spec.partitions_def for spec in both.resolve_all_asset_specs()}
    assert days[THEIRS.key("cycles")].timezone == "Asia/Tokyo"
    assert days[NAMESPACE.key("cycles")].timezone == "UTC"
    with pytest.raises(Exception, match="same key 'whoop'"):
        dg.Definitions.merge(our_own, whoop_definitions(resource=there))


def table_names(defs):
    return {
        spec.metadata["dagster/table_name"]
        for spec in defs.resolve_all_asset_specs()
        if "dagster/table_name" in spec.metadata
    }


def test_tables_of_two_databases_have_different_names_and_no_secret_in_them(monkeypatch):
    monkeypatch.setenv("TEAM_DATABASE", "postgresql://me:hunter2@db.example:5432/health")
    monkeypatch.setenv("TEAM_API", "https://me:hunter2@proxy.example.org/v2?key=hunter2")
    resource = WhoopResource(database_url=dg.EnvVar("TEAM_DATABASE"), api_url=dg.EnvVar("TEAM_API"))
    theirs = their_definitions(resource=resource)
    assert "health.public.cycles" in table_names(theirs)
    assert not table_names(theirs) & table_names(our_own)
    specs = {spec.key: spec for spec in theirs.resolve_all_asset_specs()}
    assert specs[THEIRS.key("cycles")].tags["dagster/storage_kind"] == "postgres"
    assert specs[THEIRS.key("api")].metadata["dagster/uri"] == "https://proxy.example.org/v2"
    assert "hunter2" not in str(specs)


def test_a_schema_of_postgresql_is_part_of_the_table_name():
    url = "postgresql:///health?options=-csearch_path%3Dwhoop"
    assert "health.whoop.cycles" in table_names(their_definitions(resource=WhoopResource(database_url=url)))


def test_definitions_load_with_an_unusable_database_url():
    names = table_names(their_definitions(resource=WhoopResource(database_url="mysql://nowhere")))
    assert "cycles" in names


def test_owners_and_freshness_can_be_chosen():
    defs = their_definitions(owners=["team:sleep", "me@example.org"], freshness_hours=36)
    specs = list(defs.resolve_all_asset_specs())
    assert all(list(spec.owners) == ["team:sleep", "me@example.org"] for spec in specs)
    fresh = {spec.key: spec.freshness_policy for spec in specs if spec.freshness_policy is not None}
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))
    assert fresh == {THEIRS.key(name): policy for name in ("profile", "cycles")}


@pytest.mark.parametrize(
    ("variable", "argument", "runs"),
    [
        (None, None, True),
        ("false", None, False),
        ("true", None, True),
        ("false", True, True),
        ("true", False, False),
    ],
)
def test_the_environment_decides_whether_anything_runs_by_itself(monkeypatch, variable, argument, runs):
    if variable is not None:
        monkeypatch.setenv("WHOOP_AUTOMATIC", variable)
    defs = whoop_definitions(automatic=argument)
    assert (bool(defs.sensors), bool(defs.schedules)) == (runs, runs)


def test_what_runs_in_one_graph_is_not_waited_for_in_the_other(sqlite_url):
    database = Database(sqlite_url)
    with database.write() as connection:
        STALE_DAYS.mark(connection, 1, [TODAY], database.now(connection))
    database.close()
    whoop = WhoopResource(database_url=sqlite_url)
    job = dg.Definitions.merge(our_own, their_definitions()).resolve_implicit_global_asset_job_def()

    def asked(instance, namespace):
        with dg.build_sensor_context(instance, resources={namespace.resource_key: whoop}) as context:
            return stale_summaries.build(namespace).evaluate_tick(context).run_requests

    with dg.instance_for_test() as instance:
        (request,) = asked(instance, NAMESPACE)
        for namespace in (NAMESPACE, THEIRS):
            assert len(asked(instance, namespace)) == 1
        instance.create_run_for_job(
            job_def=job,
            tags=request.tags | {"whoop/lane": "webhook"},
            asset_selection=frozenset(request.asset_selection),
            status=dg.DagsterRunStatus.STARTED,
        )
        assert asked(instance, NAMESPACE) == []
        (other,) = asked(instance, THEIRS)
        assert other.asset_selection == THEIRS.keys(["daily_summary", "trends"])
        assert (len(in_flight(instance, NAMESPACE)), len(in_flight(instance, THEIRS))) == (1, 0)


def test_a_run_of_the_teams_own_partitioned_job_is_none_of_ours(sqlite_url):
    run = dg.DagsterRun(job_name="their_own", tags=range_tags(TODAY - timedelta(days=9), TODAY))
    assert not THEIRS.has_part_in(run)
    assert not NAMESPACE.has_part_in(run)
    assert THEIRS.has_part_in(dg.DagsterRun(job_name="health_whoop_refresh"))
    assert not NAMESPACE.has_part_in(dg.DagsterRun(job_name="health_whoop_refresh"))
    assert THEIRS.has_part_in(dg.DagsterRun(job_name="__ASSET_JOB"))


@dg.op
def breaks():
    raise RuntimeError


@pytest.mark.parametrize(
    ("job", "told"), [("health_whoop_keep_tokens", 1), ("their_own", 0), ("keep_tokens", 0)]
)
def test_only_our_failed_runs_are_alerted_where_the_resource_says(monkeypatch, job, told):
    sent = []
    monkeypatch.setenv("TEAM_ALERT_URL", "https://alerts.example/hook")
    monkeypatch.setattr(
        alerts, "send", lambda alert, settings: sent.append(settings.alert_url.get_secret_value()) or []
    )
    whoop = WhoopResource(alert_url=dg.EnvVar("TEAM_ALERT_URL"))
    sensor = next(
        one for one in their_definitions(resource=whoop).sensors if one.name == "health_whoop_failed_runs"
    )

    @dg.job(name=job)
    def broken():
        breaks()

    with dg.instance_for_test() as instance:
        result = broken.execute_in_process(instance=instance, raise_on_error=False)
        event = next(one for one in result.all_events if one.is_failure and not one.is_step_event)
        sensor(
            dg.build_run_status_sensor_context(
                sensor_name=sensor.name,
                dagster_instance=instance,
                dagster_run=instance.get_run_by_id(result.run_id),
                dagster_event=event,
            ).for_run_failure()
        )
    assert sent == ["https://alerts.example/hook"] * told


@pytest.mark.parametrize("prefix", ["", [], ["health", ""], "a/b", ["with space"], ["a-b"]])
def test_a_prefix_that_dagster_does_not_take_is_one_sentence(prefix):
    with pytest.raises(ConfigurationError, match="key prefix") as error:
        whoop_definitions(prefix)
    assert "\n" not in str(error.value)


def test_a_group_that_dagster_does_not_take_is_one_sentence():
    with pytest.raises(ConfigurationError, match="group 'a group'"):
        whoop_definitions("health", "a group")


def test_the_resource_wins_over_the_environment_and_leaves_it_the_rest(monkeypatch):
    monkeypatch.setenv("WHOOP_START_DATE", "2021-01-01")
    monkeypatch.setenv("WHOOP_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("WHOOP_CLIENT_ID", "ours")
    monkeypatch.setenv("TEAM_START", "2024-02-03")
    whoop = WhoopResource(start_date=dg.EnvVar("TEAM_START"), requests_per_day=500)
    loading = whoop.settings_at_loading()
    assert (loading.start_date, loading.timezone) == (date(2024, 2, 3), "Europe/Berlin")
    with whoop.process_config_and_initialize_cm() as opened:
        settings = opened.settings()
    assert settings.start_date == date(2024, 2, 3)
    assert settings.requests_per_day == 500
    assert settings.requests_per_minute == 100
    assert settings.client_id == "ours"


@pytest.mark.slow
def test_importing_reads_no_environment(tmp_path):
    script = (
        "import os, sys; before = set(sys.modules); import whoop_assets; assert 'dagster' not in sys.modules;"
        "from whoop_assets import WhoopResource, whoop_definitions;"
        "whoop_definitions('x', resource=WhoopResource(start_date='2026-01-01', timezone='UTC'))"
    )
    run = subprocess.run(
        [sys.executable, "-W", "ignore", "-c", script],
        cwd=tmp_path,
        env=only_time(__import__("whoop_assets").__path__[0] + "/..")
        | {"WHOOP_START_DATE": "nonsense", "WHOOP_TIMEZONE": "nowhere"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
