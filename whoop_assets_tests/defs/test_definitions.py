"""The definitions that Dagster loads, from the checkout and from an installed wheel."""

import importlib
import inspect
import pkgutil
import subprocess
import sys
import zipfile
from pathlib import Path

import dagster as dg
import pytest

import whoop_assets
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.defs import assets as assets_package
from whoop_assets.defs import checks, definitions, schedules, sensors
from whoop_assets.defs.assets.factory import AssetFactory
from whoop_assets.defs.assets.streams import STREAM_ASSETS
from whoop_assets.defs.checks.factory import CheckFactory
from whoop_assets.defs.sensors.factory import SensorFactory
from whoop_assets.schema import metadata
from whoop_assets_tests.support.fixed_time import minimal_environment
from whoop_assets_tests.support.wheel import build_wheel

# A changed key loses the asset's history in Dagster.
ASSETS = {
    "whoop/api": set(),
    "whoop/profile": {"whoop/api"},
    "whoop/body_measurement": {"whoop/api"},
    "whoop/cycles": {"whoop/api"},
    "whoop/sleeps": {"whoop/api", "whoop/cycles"},
    "whoop/recoveries": {"whoop/api", "whoop/cycles"},
    "whoop/workouts": {"whoop/api", "whoop/cycles"},
    "whoop/daily_summary": {"whoop/cycles", "whoop/sleeps", "whoop/recoveries", "whoop/workouts"},
    "whoop/trends": {"whoop/daily_summary"},
    "whoop/weekly_summary": {"whoop/daily_summary"},
    "whoop/report": {
        "whoop/daily_summary",
        "whoop/trends",
        "whoop/weekly_summary",
        "whoop/journal_effects",
    },
    "whoop/journal": {"whoop/daily_summary"},
    "whoop/journal_effects": {"whoop/journal", "whoop/daily_summary"},
}
WEEKLY_ASSETS = {"whoop/weekly_summary"}
WITHOUT_TABLE = {"whoop/report", "whoop/api"}
JOURNAL = {"whoop/journal", "whoop/journal_effects"}
CHECKS = {
    "whoop/trends:loads_complete",
    "whoop/daily_summary:events_loaded",
    "whoop/profile:members_connected",
    "whoop/profile:timezone_covers_members",
    "whoop/daily_summary:values_within_bounds",
    "whoop/daily_summary:nothing_twice",
    "whoop/daily_summary:records_linked",
    "whoop/sleeps:stages_add_up",
    "whoop/cycles:cycles_follow_each_other",
    "whoop/daily_summary:days_complete",
    "whoop/daily_summary:summaries_follow",
    "whoop/daily_summary:quarantine_empty",
    "whoop/daily_summary:counts_match_whoop",
    "whoop/daily_summary:v1_ids_mapped",
    "whoop/daily_summary:readings_in_time",
}
JOBS = {"refresh", "keep_tokens", "check", "journal"}
SCHEDULES = {"keep_tokens_alive", "check_daily", "follow_journal"}
SENSORS = {"webhook_events", "due_readings", "stale_summaries", "stale_weeks", "failed_runs"}

SPECS = {spec.key.to_user_string(): spec for spec in defs.resolve_all_asset_specs()}


def test_the_definitions_can_be_loaded():
    dg.Definitions.validate_loadable(defs)


def test_the_assets_and_their_dependencies_are_as_listed():
    found = {key: {dep.asset_key.to_user_string() for dep in spec.deps} for key, spec in SPECS.items()}
    assert found == ASSETS


def test_the_checks_jobs_schedules_and_sensors_are_as_listed():
    keys = defs.resolve_asset_graph().asset_check_keys
    assert {f"{key.asset_key.to_user_string()}:{key.name}" for key in keys} == CHECKS
    assert {job.name for job in defs.jobs or ()} == JOBS
    assert {schedule.name for schedule in defs.schedules or ()} == SCHEDULES
    assert {sensor.name for sensor in defs.sensors or ()} == SENSORS


def test_schedules_and_sensors_are_active_by_default():
    for schedule in defs.schedules or ():
        assert schedule.default_status is dg.DefaultScheduleStatus.RUNNING
    for sensor in defs.sensors or ():
        assert sensor.default_status is dg.DefaultSensorStatus.RUNNING


FACTORIES = {
    AssetFactory: [*definitions.ASSETS, *(asset for sink in definitions.SINKS for asset in sink.assets)],
    CheckFactory: definitions.CHECKS,
    SensorFactory: [*definitions.SENSORS, *(sensor for sink in definitions.SINKS for sensor in sink.sensors)],
}


def modules():
    for package in (assets_package, schedules, checks, sensors):
        names = pkgutil.walk_packages(getattr(package, "__path__", []), f"{package.__name__}.")
        yield from (importlib.import_module(module.name) for module in names)
        yield package


@pytest.mark.parametrize("kind", FACTORIES)
def test_every_factory_in_the_package_is_listed(kind):
    found = {
        id(value): value for module in modules() for value in vars(module).values() if isinstance(value, kind)
    }
    assert found
    assert [
        value.name for value in found.values() if not any(value is listed for listed in FACTORIES[kind])
    ] == []


def test_no_module_creates_definitions_outside_a_namespace():
    definition = dg.AssetsDefinition | dg.SensorDefinition | dg.ScheduleDefinition | dg.JobDefinition
    assert [
        (module.__name__, name)
        for module in modules()
        for name, value in vars(module).items()
        if isinstance(value, definition)
    ] == []


@pytest.mark.parametrize("key", sorted(ASSETS.keys() - WITHOUT_TABLE))
def test_every_asset_has_owners_group_description_and_column_schema(key):
    spec = SPECS[key]
    assert spec.owners
    groups = dict.fromkeys(WEEKLY_ASSETS, "whoop_weekly") | dict.fromkeys(JOURNAL, "whoop_journal")
    assert spec.group_name == groups.get(key, "whoop")
    assert spec.kinds
    assert len(spec.description or "") > 40
    partitions = dict.fromkeys(WEEKLY_ASSETS, NAMESPACE.weeks) | dict.fromkeys(JOURNAL)
    assert spec.partitions_def == partitions.get(key, NAMESPACE.days)
    assert spec.metadata["dagster/table_name"].startswith("whoop.")
    table = metadata.tables[spec.metadata["dagster/table_name"].removeprefix("whoop.")]
    assert spec.tags["dagster/storage_kind"] == "sqlite"
    assert spec.tags["pii"] == ("identity" if key == "whoop/profile" else "health")
    schema = spec.metadata["dagster/column_schema"]
    assert [column.name for column in schema.columns] == [column.name for column in table.columns]
    assert all(column.description and column.type for column in schema.columns)


@pytest.mark.parametrize("key", sorted(ASSETS.keys() - {"whoop/api"}))
def test_every_asset_links_to_its_function(key):
    (source,) = SPECS[key].metadata["dagster/code_references"].code_references
    lines = Path(source.file_path).read_text().splitlines()[source.line_number - 1 :]
    function = next(line.strip() for line in lines if line.strip().startswith("def "))
    name = key.removeprefix("whoop/")
    assert function.startswith("def read(" if name in STREAM_ASSETS else f"def {name}(")


def test_the_whoop_api_is_an_external_asset_with_its_url():
    api = SPECS["whoop/api"]
    assert api.metadata["dagster/uri"] == "https://api.prod.whoop.com/developer"
    assert not defs.resolve_asset_graph().get(api.key).is_executable


def test_a_backfill_of_any_asset_is_one_run():
    for asset in defs.assets or ():
        if isinstance(asset, dg.AssetSpec) or asset.partitions_def is None:
            continue
        assert isinstance(asset, dg.AssetsDefinition)
        assert asset.backfill_policy == dg.BackfillPolicy.single_run()


def test_no_asset_uses_an_io_manager():
    for asset in defs.assets or ():
        if isinstance(asset, dg.AssetSpec):
            continue
        annotation = inspect.signature(asset.op.compute_fn.decorated_fn).return_annotation
        assert annotation is None or "MaterializeResult" in str(annotation)


WHEEL_SCRIPT = """
import sys
from pathlib import Path

import whoop_assets, whoop_simulator
from whoop_assets.definitions import NAMESPACE, defs
from whoop_assets.db.database import Database
from whoop_assets.schema import prepare
from sqlalchemy import inspect

assert Path(whoop_assets.__file__).is_relative_to(sys.argv[1]), whoop_assets.__file__
assert Path(whoop_simulator.__file__).is_relative_to(sys.argv[1]), whoop_simulator.__file__
print(*sorted(spec.key.to_user_string() for spec in defs.resolve_all_asset_specs()))
database = Database("sqlite:///whoop.db")
prepare(database)
with database.read() as connection:
    print(*sorted(inspect(connection).get_table_names()))
"""


@pytest.mark.slow
def test_the_definitions_and_the_migrations_load_from_an_installed_wheel(tmp_path):
    installed, elsewhere = tmp_path / "site", tmp_path / "elsewhere"
    elsewhere.mkdir()
    wheel = build_wheel(tmp_path)
    with zipfile.ZipFile(wheel) as archive:
        tops = {name.split("/")[0] for name in archive.namelist()}
        archive.extractall(installed)
    assert {top for top in tops if not top.endswith(".dist-info")} == {"whoop_assets", "whoop_simulator"}
    run = subprocess.run(
        [sys.executable, "-P", "-W", "ignore", "-c", WHEEL_SCRIPT, installed],
        cwd=elsewhere,
        env=minimal_environment(installed),
        check=False,
        capture_output=True,
        text=True,
    )
    assert run.returncode == 0, run.stderr
    keys, table_names = (line.split() for line in run.stdout.splitlines())
    assert keys == sorted(ASSETS)
    assert set(table_names) == {*metadata.tables, "derived_versions", "whoop_schema_version"}


@pytest.mark.slow
def test_loading_the_definitions_needs_no_credentials_or_database_and_prints_nothing(tmp_path):
    run = subprocess.run(
        [sys.executable, "-c", "import whoop_assets.definitions"],
        cwd=tmp_path,
        env=minimal_environment(Path(whoop_assets.__file__).parent.parent),
        check=False,
        capture_output=True,
        text=True,
    )
    assert (run.returncode, run.stdout, run.stderr) == (0, "", "")
    assert list(tmp_path.iterdir()) == []
