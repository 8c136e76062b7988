"""Charts in the metadata of materializations, and the asset that writes the reports."""

import re
from datetime import timedelta

import dagster as dg
import pytest

from whoop_assets.defs.assets.loading import LANE_TAG
from whoop_assets.sync.events.event_load import LANE
from whoop_assets_tests.defs.dagster_project import job_of_assets
from whoop_assets_tests.report.rows import MAX_IMAGE_BYTES

ONE_DAY = timedelta(days=1)


@pytest.mark.slow
def test_only_the_newest_partition_of_a_run_has_charts(project, monkeypatch):
    monkeypatch.setenv("WHOOP_CHARTED_MEMBERS", "2")
    with project(members=2) as p:
        first = p.today - 9 * ONE_DAY
        assert p.run(first, p.today).success
        for asset, count in (("daily_summary", 3), ("trends", 2)):
            charts = p.metadata(asset, p.today)["charts"]
            images = re.findall(r"\(data:image/svg\+xml;base64,([A-Za-z0-9+/=]+)\)", charts)
            assert len(images) == 2 * count
            assert max(map(len, images)) <= MAX_IMAGE_BYTES
            for member in p.home.members:
                assert f"Member {member}" in charts
            for n in range(1, 10):
                assert "charts" not in p.metadata(asset, p.today - n * ONE_DAY)


@pytest.mark.slow
def test_by_default_several_members_get_no_charts(project):
    with project(members=2, days=4) as p:
        only = p.home.members[:1]
        assert p.run(p.today - 2 * ONE_DAY, p.today, members=only).success
        assert "charts" not in p.metadata("daily_summary", p.today)


@pytest.mark.slow
def test_runs_of_webhook_events_store_no_charts(project):
    with project() as p:
        assert p.run(p.today, p.today).success
        assert p.run(p.today, p.today, "daily_summary", "trends", tags={LANE_TAG: LANE}).success
        for asset in ("daily_summary", "trends"):
            assert "charts" not in p.metadata(asset, p.today)


@pytest.mark.slow
def test_the_report_asset_writes_one_page_per_member_and_builds_stale_weeks(project, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with project(members=2) as p:
        assert p.run(p.today - 9 * ONE_DAY, p.today).success
        result = job_of_assets().execute_in_process(
            instance=p.instance, asset_selection=[dg.AssetKey(["whoop", "report"])]
        )
        assert result.success
        for member in p.home.members:
            page = (tmp_path / "data" / "reports" / f"{member}.html").read_text()
            assert f"Member {member}" in page
            assert "Weeks</h2>" in page  # No other code in this test builds weeks.
        asset = p.instance.get_latest_materialization_event(dg.AssetKey(["whoop", "report"]))
        assert asset.asset_materialization.metadata["members"].value == 2
