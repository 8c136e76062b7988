"""The asset graph under another prefix, group and configuration, and two graphs in one deployment."""

import subprocess
import sys
from datetime import date, timedelta

import dagster as dg
import pytest

from whoop_assets import WhoopResource, whoop_definitions
from whoop_assets.db.database import Database
from whoop_assets.definitions import NAMESPACE
from whoop_assets.definitions import defs as own_definitions
from whoop_assets.defs.asset_namespace import AssetNamespace
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.sensors.readings import in_flight
from whoop_assets.defs.sensors.summaries import stale_summaries
from whoop_assets.errors import ConfigurationError
from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets_tests.support.fixed_time import TODAY, minimal_environment

TEAM = AssetNamespace(("health", "whoop"), "health")


def keys(defs):
    return {spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()}


def team_definitions(**options):
    return whoop_definitions(["health", "whoop"], "health", **options)


def test_own_definitions_deployment_has_the_short_names_and_the_others_all_begin_with_the_prefix():
    team = team_definitions()
    assert keys(team) == {key.replace("whoop/", "health/whoop/", 1) for key in keys(own_definitions)}
    for kind in ("jobs", "schedules", "sensors"):
        names = [definition.name for definition in getattr(own_definitions, kind)]
        assert [definition.name for definition in getattr(team, kind)] == [
            f"health_whoop_{name}" for name in names
        ]
    checks = [defs.resolve_asset_graph().asset_check_keys for defs in (own_definitions, team)]
    assert {key.name for key in checks[0]} == {key.name for key in checks[1]}
    assert all(key.asset_key.path[:2] == ["health", "whoop"] for key in checks[1])


def test_column_lineage_leads_to_assets_under_the_same_prefix():
    specs = {spec.key: spec for spec in team_definitions().resolve_all_asset_specs()}
    lineage = specs[TEAM.key("daily_summary")].metadata["dagster/column_lineage"].deps_by_column
    sources = {dep.asset_key for deps in lineage.values() for dep in deps}
    assert sources == set(TEAM.keys(["cycles", "sleeps", "recoveries", "workouts"]))


def test_jobs_contain_only_assets_and_checks_of_this_project():
    @dg.asset(group_name="health", check_specs=[dg.AssetCheckSpec("team_check", asset="team_asset")])
    def team_asset(): ...

    merged = dg.Definitions.merge(dg.Definitions(assets=[team_asset]), team_definitions())
    refresh = merged.resolve_job_def("health_whoop_refresh")
    assert set(refresh.asset_layer.selected_asset_keys) == set(
        TEAM.keys(
            spec.key.path[-1]
            for spec in own_definitions.resolve_all_asset_specs()
            if spec.group_name == "whoop"
        )
    )
    check = merged.resolve_job_def("health_whoop_check")
    assert not check.asset_layer.selected_asset_keys
    assert all(
        key.asset_key.path[:2] == ["health", "whoop"]
        for key in check.asset_layer.asset_graph.asset_check_keys
    )


def test_without_automation_there_are_assets_checks_and_jobs_only():
    defs = team_definitions(automatic=False)
    assert not defs.sensors
    assert not defs.schedules
    assert len(list(defs.jobs)) == 4
    dg.Definitions.validate_loadable(defs)


def test_a_run_limited_to_members_keeps_the_other_resource_settings(monkeypatch):
    monkeypatch.setenv("TEAM_DATABASE_URL", "sqlite:///team.db")
    monkeypatch.setenv("WHOOP_DATABASE_URL", "sqlite:///another.db")
    whoop = WhoopResource(
        database_url=dg.EnvVar("TEAM_DATABASE_URL"), timezone="Europe/Berlin", requests_per_day=500
    )
    defs = team_definitions(resource=whoop)
    found = []

    @dg.op(required_resource_keys={TEAM.resource_key})
    def record_settings(context):
        resource = TEAM.resource_in(context)
        settings = resource.settings()
        found.append((settings.database_url, settings.timezone, settings.requests_per_day, resource.members))

    @dg.job(resource_defs=defs.resources)
    def settings_job():
        record_settings()

    for config in ({}, TEAM.members_config([5])):
        assert settings_job.execute_in_process(run_config=config).success
    assert found == [("sqlite:///team.db", "Europe/Berlin", 500, members) for members in ([], [5])]


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
def test_a_secret_in_plain_text_is_rejected_with_the_alternative(monkeypatch, field, value):
    with pytest.raises(ConfigurationError, match=rf"{field}.*dg\.EnvVar") as error:
        team_definitions(resource=WhoopResource(**{field: value}))
    assert "hunter2" not in str(error.value)
    monkeypatch.setenv("TEAM_VALUE", value)
    team_definitions(resource=WhoopResource(**{field: dg.EnvVar("TEAM_VALUE")}))


def test_two_graphs_in_one_deployment_need_different_prefixes(tmp_path):
    second = WhoopResource(
        database_url=f"sqlite:///{tmp_path}/second.db", timezone="Asia/Tokyo", start_date="2025-05-01"
    )
    both = dg.Definitions.merge(own_definitions, team_definitions(resource=second))
    dg.Definitions.validate_loadable(both)
    assert len(keys(both)) == 2 * len(keys(own_definitions))
    days = {spec.key: spec.partitions_def for spec in both.resolve_all_asset_specs()}
    assert days[TEAM.key("cycles")].timezone == "Asia/Tokyo"
    assert days[NAMESPACE.key("cycles")].timezone == "UTC"
    with pytest.raises(Exception, match="same key 'whoop'"):
        dg.Definitions.merge(own_definitions, whoop_definitions(resource=second))


def table_names(defs):
    return {
        spec.metadata["dagster/table_name"]
        for spec in defs.resolve_all_asset_specs()
        if "dagster/table_name" in spec.metadata
    }


def test_table_names_differ_between_databases_and_contain_no_secret(monkeypatch):
    monkeypatch.setenv("TEAM_DATABASE", "postgresql://me:hunter2@db.example:5432/health")
    monkeypatch.setenv("TEAM_API", "https://me:hunter2@proxy.example.org/v2?key=hunter2")
    resource = WhoopResource(database_url=dg.EnvVar("TEAM_DATABASE"), api_url=dg.EnvVar("TEAM_API"))
    team = team_definitions(resource=resource)
    assert "health.public.cycles" in table_names(team)
    assert not table_names(team) & table_names(own_definitions)
    specs = {spec.key: spec for spec in team.resolve_all_asset_specs()}
    assert specs[TEAM.key("cycles")].tags["dagster/storage_kind"] == "postgres"
    assert specs[TEAM.key("api")].metadata["dagster/uri"] == "https://proxy.example.org/v2"
    assert "hunter2" not in str(specs)


def test_a_table_name_contains_the_postgresql_schema():
    url = "postgresql:///health?options=-csearch_path%3Dwhoop"
    assert "health.whoop.cycles" in table_names(team_definitions(resource=WhoopResource(database_url=url)))


def test_definitions_load_with_an_unusable_database_url():
    names = table_names(team_definitions(resource=WhoopResource(database_url="mysql://nowhere")))
    assert "cycles" in names


def test_owners_and_freshness_can_be_configured():
    defs = team_definitions(owners=["team:sleep", "me@example.org"], freshness_hours=36)
    specs = list(defs.resolve_all_asset_specs())
    assert all(list(spec.owners) == ["team:sleep", "me@example.org"] for spec in specs)
    policies = {spec.key: spec.freshness_policy for spec in specs if spec.freshness_policy is not None}
    policy = dg.FreshnessPolicy.time_window(fail_window=timedelta(hours=36))
    assert policies == {TEAM.key(name): policy for name in ("profile", "cycles")}


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
def test_whoop_automatic_enables_sensors_and_schedules_unless_an_argument_does(
    monkeypatch, variable, argument, runs
):
    if variable is not None:
        monkeypatch.setenv("WHOOP_AUTOMATIC", variable)
    defs = whoop_definitions(automatic=argument)
    assert (bool(defs.sensors), bool(defs.schedules)) == (runs, runs)


def test_an_active_run_of_one_graph_does_not_delay_the_other(sqlite_url):
    database = Database(sqlite_url)
    with database.write() as connection:
        STALE_DAYS.mark(connection, 1, [TODAY], database.now(connection))
    database.close()
    whoop = WhoopResource(database_url=sqlite_url)
    job = dg.Definitions.merge(own_definitions, team_definitions()).resolve_implicit_global_asset_job_def()

    def requests(instance, namespace):
        with dg.build_sensor_context(instance, resources={namespace.resource_key: whoop}) as context:
            return stale_summaries.build(namespace).evaluate_tick(context).run_requests

    with dg.instance_for_test() as instance:
        (request,) = requests(instance, NAMESPACE)
        for namespace in (NAMESPACE, TEAM):
            assert len(requests(instance, namespace)) == 1
        instance.create_run_for_job(
            job_def=job,
            tags=request.tags | {"whoop/lane": "webhook"},
            asset_selection=frozenset(request.asset_selection),
            status=dg.DagsterRunStatus.STARTED,
        )
        assert requests(instance, NAMESPACE) == []
        (other,) = requests(instance, TEAM)
        assert other.asset_selection == TEAM.keys(["daily_summary", "trends"])
        assert (len(in_flight(instance, NAMESPACE)), len(in_flight(instance, TEAM))) == (1, 0)


def test_a_run_of_another_job_does_not_belong_to_the_namespace(sqlite_url):
    run = dg.DagsterRun(job_name="team_job", tags=range_tags(TODAY - timedelta(days=9), TODAY))
    assert not TEAM.has_part_in(run)
    assert not NAMESPACE.has_part_in(run)
    assert TEAM.has_part_in(dg.DagsterRun(job_name="health_whoop_refresh"))
    assert not NAMESPACE.has_part_in(dg.DagsterRun(job_name="health_whoop_refresh"))
    assert TEAM.has_part_in(dg.DagsterRun(job_name="__ASSET_JOB"))


@dg.op
def raise_error():
    raise RuntimeError


@pytest.mark.parametrize(
    ("job", "alerts_sent"), [("health_whoop_keep_tokens", 1), ("team_job", 0), ("keep_tokens", 0)]
)
def test_only_failed_runs_of_the_namespace_send_alerts(monkeypatch, listener, job, alerts_sent):
    url, posted = listener
    monkeypatch.setenv("TEAM_ALERT_URL", url)
    whoop = WhoopResource(alert_url=dg.EnvVar("TEAM_ALERT_URL"))
    sensor = next(
        sensor
        for sensor in team_definitions(resource=whoop).sensors
        if sensor.name == "health_whoop_failed_runs"
    )

    @dg.job(name=job)
    def failing_job():
        raise_error()

    with dg.instance_for_test() as instance:
        result = failing_job.execute_in_process(instance=instance, raise_on_error=False)
        event = next(event for event in result.all_events if event.is_failure and not event.is_step_event)
        sensor(
            dg.build_run_status_sensor_context(
                sensor_name=sensor.name,
                dagster_instance=instance,
                dagster_run=instance.get_run_by_id(result.run_id),
                dagster_event=event,
            ).for_run_failure()
        )
    assert len(posted) == alerts_sent


@pytest.mark.parametrize("prefix", ["", [], ["health", ""], "a/b", ["with space"], ["a-b"]])
def test_an_invalid_prefix_is_rejected_with_one_sentence(prefix):
    with pytest.raises(ConfigurationError, match="key prefix") as error:
        whoop_definitions(prefix)
    assert "\n" not in str(error.value)


def test_an_invalid_group_is_rejected_with_its_name():
    with pytest.raises(ConfigurationError, match="group 'a group'"):
        whoop_definitions("health", "a group")


def test_resource_fields_override_the_environment_and_empty_fields_use_it(monkeypatch):
    monkeypatch.setenv("WHOOP_START_DATE", "2021-01-01")
    monkeypatch.setenv("WHOOP_TIMEZONE", "Europe/Berlin")
    monkeypatch.setenv("WHOOP_CLIENT_ID", "from-environment")
    monkeypatch.setenv("TEAM_START", "2024-02-03")
    whoop = WhoopResource(start_date=dg.EnvVar("TEAM_START"), requests_per_day=500)
    loading = whoop.settings_at_loading()
    assert (loading.start_date, loading.timezone) == (date(2024, 2, 3), "Europe/Berlin")
    with whoop.process_config_and_initialize_cm() as opened:
        settings = opened.settings()
    assert settings.start_date == date(2024, 2, 3)
    assert settings.requests_per_day == 500
    assert settings.requests_per_minute == 100
    assert settings.client_id == "from-environment"


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
        env=minimal_environment(__import__("whoop_assets").__path__[0] + "/..")
        | {"WHOOP_START_DATE": "nonsense", "WHOOP_TIMEZONE": "nowhere"},
        capture_output=True,
        text=True,
    )  # fmt: skip
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.slow
def test_the_definitions_load_without_pandas():
    """Every run loads the definitions, and only trends, weeks and journal effects need pandas."""
    script = "import sys, whoop_assets.definitions; print(*{'pandas', 'numpy', 'scipy'} & set(sys.modules))"
    run = subprocess.run([sys.executable, "-W", "ignore", "-c", script], capture_output=True, text=True)
    assert (run.returncode, run.stdout.strip()) == (0, "")
