"""Writing Dagster's events cheaply loses none of them and leaves the files as they always are."""

from pathlib import Path

import dagster as dg

from whoop_assets.cli.dagster_home import make_home, open_instance
from whoop_assets.cli.event_log import cheap_events

DAYS = dg.DailyPartitionsDefinition("2026-01-01")


@dg.asset(partitions_def=DAYS, backfill_policy=dg.BackfillPolicy.single_run())
def empty(context: dg.AssetExecutionContext) -> dg.MaterializeResult[None]:
    return dg.MaterializeResult()


def test_every_day_is_in_the_log_and_the_files_are_closed_again(tmp_path: Path) -> None:
    run_id = "00000000-0000-4000-8000-000000000001"
    home = make_home(tmp_path / "home")
    with open_instance(home) as instance:
        with cheap_events(instance, run_id):
            job = dg.Definitions(assets=[empty]).resolve_implicit_global_asset_job_def()
            tags = {
                "dagster/asset_partition_range_start": "2026-01-01",
                "dagster/asset_partition_range_end": "2026-01-05",
            }
            quiet = {"loggers": {"console": {"config": {"log_level": "CRITICAL"}}}}
            assert job.execute_in_process(quiet, instance, run_id=run_id, tags=tags).success
        assert len(instance.get_materialized_partitions(dg.AssetKey("empty"))) == 5
        assert not list(home.rglob("*.db-wal"))


def test_an_instance_in_memory_is_left_as_it_is() -> None:
    with dg.DagsterInstance.ephemeral() as instance, cheap_events(instance, "any"):
        pass
