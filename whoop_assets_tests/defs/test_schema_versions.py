"""A run or a tick on a database of another version says so in one sentence, and does nothing."""

import dagster as dg
import pytest
from sqlalchemy import text

from whoop_assets.definitions import defs, ours
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors import stale_summaries


@pytest.mark.parametrize(
    ("version", "way_out"),
    [("9999", "install the newer whoop-assets"), ("0004", "run `whoop-assets db upgrade`")],
)
def test_a_database_of_another_version_fails_runs_and_ticks_with_the_way_out(project, version, way_out):
    with project(days=3) as p:
        with p.home.database.write() as connection:
            connection.execute(text("update whoop_schema_version set version_num = :v"), {"v": version})
        result = p.run(p.today, p.today, "cycles")
        assert not result.success
        failed = [event for event in result.all_events if event.is_step_failure]
        said = failed[0].step_failure_data.error.to_string()
        assert f"has schema {version}" in said
        assert way_out in said
        assert p.home.rows("cycles") == {}
        with (
            dg.build_sensor_context(
                instance=p.instance, definitions=defs, resources={"whoop": WhoopResource()}
            ) as context,
            pytest.raises(Exception) as error,
        ):
            stale_summaries.built(ours).evaluate_tick(context)
        assert way_out in f"{error.value} {error.value.__cause__}"
