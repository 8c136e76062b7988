"""Notion's asset and sensor: present only when configured, level-triggered, and isolated from other runs."""

import itertools
from datetime import date, timedelta

import dagster as dg
import pytest
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets import whoop_definitions
from whoop_assets.cli.backfill.range_run import daily_assets
from whoop_assets.date_ranges import to_date_ranges
from whoop_assets.definitions import NAMESPACE
from whoop_assets.defs.assets.loading import MAX_SINK_RUN_DURATION, SINK_TAG
from whoop_assets.defs.definitions import ASSETS
from whoop_assets.defs.partitions import range_tags
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.defs.sensors.notion import MAX_PAGES, next_batch, stale_pages
from whoop_assets.defs.sensors.summaries import MAX_RANGES, stale_summaries
from whoop_assets.defs.sensors.webhooks import ATTEMPT_TAG
from whoop_assets.errors import ConfigurationError
from whoop_assets.records.stale_days import StaleCount
from whoop_assets.sinks.notion.sync import SETTLED_AFTER
from whoop_assets.sinks.notion.tables import notion_pages, notion_sources
from whoop_assets.sinks.notion.target import target
from whoop_assets_tests.support.fake_notion.server import serve_notion
from whoop_assets_tests.support.fake_notion.summaries import DEFAULT_PROPERTIES
from whoop_assets_tests.support.fake_notion.workspace import TOKEN, FakeNotion
from whoop_assets_tests.support.fixed_time import NOW


@pytest.fixture
def notion():
    # The rate limit uses `SystemClock`; other tests check it with a manual clock.
    with serve_notion(FakeNotion()) as served:
        yield served


@pytest.fixture
def configured(notion, monkeypatch):
    """Sets a token and a data source in the environment; returns the id of the data source."""
    source = notion.create_data_source(**DEFAULT_PROPERTIES)
    monkeypatch.setenv("NOTION_TOKEN", TOKEN)
    monkeypatch.setenv("WHOOP_NOTION_DATA_SOURCE", source)
    monkeypatch.setenv("WHOOP_NOTION_URL", notion.url)
    return source


def tick(p, sensor=stale_pages):
    """Evaluates the sensor with the definitions of this environment."""
    return p.tick(sensor, definitions=whoop_definitions())


def execute(p, request):
    return p.execute(request, definitions=whoop_definitions())


def write_pages(p, first, last):
    """Materializes the pages of a range of days, as a user does."""
    request = dg.RunRequest(asset_selection=[NAMESPACE.key("notion_daily")], tags=range_tags(first, last))
    return execute(p, request)


def failure(result):
    (event,) = (event for event in result.all_events if event.event_type_value == "STEP_FAILURE")
    return event.event_specific_data


def build_days(p, count=4):
    """Loads and summarises the last days; returns the number of summaries."""
    first = p.today - timedelta(days=count - 1)
    assert p.run(first, p.today).success
    with p.home.database.read() as connection:
        return connection.exec_driver_sql("select count(*) from daily_summary").scalar()


def build_yesterday(p):
    """Loads and summarises yesterday; today has no cycle until the member's next sleep."""
    day = p.today - timedelta(days=1)
    assert p.run(day, day).success


def asset_and_sensor_names(definitions):
    return (
        {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()},
        {sensor.name for sensor in definitions.sensors},
    )


@pytest.mark.parametrize("missing", ["NOTION_TOKEN", "WHOOP_NOTION_DATA_SOURCE"])
def test_asset_and_sensor_exist_only_when_configured(configured, monkeypatch, missing):
    with_notion = asset_and_sensor_names(whoop_definitions())
    monkeypatch.delenv(missing)
    without = asset_and_sensor_names(whoop_definitions())
    assert with_notion[0] - without[0] == {"whoop/notion_daily"}
    assert with_notion[1] - without[1] == {"stale_pages"}
    assert without[0] == {"whoop/api", *(f"whoop/{asset.name}" for asset in ASSETS)}


def test_no_job_and_no_backfill_includes_the_asset(configured):
    definitions = whoop_definitions()
    dg.Definitions.validate_loadable(definitions)
    key = NAMESPACE.key("notion_daily")
    for job in definitions.jobs:
        assert key not in definitions.resolve_job_def(job.name).asset_layer.selected_asset_keys
    assert key not in daily_assets()
    spec = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}[key]
    others = {spec.group_name for spec in definitions.resolve_all_asset_specs() if spec.key != key}
    assert spec.group_name == "whoop_notion"
    assert spec.group_name not in others
    assert spec.partitions_def == NAMESPACE.days
    assert spec.owners
    assert len(spec.description) > 40


def test_asset_and_sensor_follow_the_prefix_and_group_of_another_deployment(configured):
    theirs = whoop_definitions(["health", "whoop"], "health")
    specs = {spec.key.to_user_string(): spec for spec in theirs.resolve_all_asset_specs()}
    assert specs["health/whoop/notion_daily"].group_name == "health_notion"
    assert [dep.asset_key.to_user_string() for dep in specs["health/whoop/notion_daily"].deps] == [
        "health/whoop/daily_summary"
    ]
    assert "health_whoop_stale_pages" in {sensor.name for sensor in theirs.sensors}


def test_two_deployments_have_separate_data_sources(notion, monkeypatch):
    monkeypatch.setenv("NOTION_TOKEN", TOKEN)
    monkeypatch.setenv("SECOND_SOURCE", notion.create_data_source(**DEFAULT_PROPERTIES))
    sources = [notion.create_data_source(**DEFAULT_PROPERTIES), dg.EnvVar("SECOND_SOURCE")]
    graphs = [
        whoop_definitions(prefix, resource=WhoopResource(notion_data_source=source))
        for prefix, source in zip(("one", "two"), sources, strict=True)
    ]
    dg.Definitions.validate_loadable(dg.Definitions.merge(*graphs))
    assert "one/notion_daily" in asset_and_sensor_names(graphs[0])[0]
    assert "two/notion_daily" in asset_and_sensor_names(graphs[1])[0]
    assert "whoop/notion_daily" not in asset_and_sensor_names(whoop_definitions())[0]
    (resource,) = (
        resource for resource in graphs[0].resources.values() if isinstance(resource, WhoopResource)
    )
    assert target(resource.settings()).source.replace("-", "") == sources[0].replace("-", "")


@pytest.mark.slow
def test_invalid_settings_fail_only_the_notion_sensor_and_asset(project, configured, monkeypatch):
    with project(days=4) as p:
        build_days(p, 2)
        monkeypatch.setenv("WHOOP_NOTION_DATA_SOURCE", "no id")
        dg.Definitions.validate_loadable(whoop_definitions())
        tick(p, stale_summaries)  # Raises no error.
        with pytest.raises(ConfigurationError, match="WHOOP_NOTION_DATA_SOURCE is neither a Notion id"):
            tick(p)
        result = write_pages(p, p.today, p.today)
        assert (
            "WHOOP_NOTION_DATA_SOURCE is neither a Notion id" in failure(result).user_failure_data.description
        )


@pytest.mark.slow
def test_stale_pages_are_requested_once_and_written(project, notion, configured):
    with project(days=6) as p:
        summaries = build_days(p)
        (request,) = tick(p).run_requests
        assert [key.to_user_string() for key in request.asset_selection] == ["whoop/notion_daily"]
        assert request.tags[SINK_TAG] == "notion"
        assert request.tags["dagster/max_runtime"] == str(int(MAX_SINK_RUN_DURATION.total_seconds()))
        assert execute(p, request).success
        assert len(notion.pages) == len(notion.pages_by_day(configured)) == summaries
        assert p.metadata("notion_daily", p.today - timedelta(days=1))["dagster/partition_row_count"] == 1
        requests_before = len(notion.requests)
        assert tick(p).run_requests == []
        assert write_pages(p, p.today - timedelta(days=3), p.today).success
        assert len(notion.requests) == requests_before

        nights = [sleep for sleep in p.home.truth()["sleeps"] if not sleep["nap"] and "score" in sleep]
        edited = sorted(nights, key=lambda night: night["start"])[-2]
        p.home.world.edit(
            p.home.member, "sleeps", edited["id"], {"score": {"sleep_efficiency_percentage": 50.0}}
        )
        build_days(p)
        (request,) = tick(p).run_requests
        assert execute(p, request).success
        assert 50.0 in {notion.page_values(page)["Sleep efficiency (%)"] for page in notion.pages}


@pytest.mark.slow
def test_an_unreachable_notion_affects_no_other_run_and_catches_up_later(project, notion, configured):
    with project(days=6) as p:
        summaries = build_days(p)
        notion.fault("429:900", "data_sources", times=1)
        (request,) = tick(p).run_requests
        result = execute(p, request)
        assert not result.success
        assert "The remaining pages stay stale" in failure(result).user_failure_data.description
        assert TOKEN not in repr(result.all_events)
        assert "The last attempt failed" in tick(p).skip_message

        assert build_days(p) == summaries

        with p.home.database.write() as connection:
            connection.execute(
                notion_sources.update().values(
                    try_after=None, next_request_at=p.home.database.now(connection)
                )
            )
        (retry,) = tick(p).run_requests
        assert retry.run_key != request.run_key
        assert execute(p, retry).success
        assert len(notion.pages) == summaries
        assert tick(p).run_requests == []


@pytest.mark.slow
def test_a_page_with_an_unknown_outcome_is_retried_after_notion_has_settled(project, notion, configured):
    with project(days=4) as p:
        build_yesterday(p)
        notion.fault("silence", "POST /v1/pages", times=1)
        (request,) = tick(p).run_requests
        assert not execute(p, request).success
        assert "did not respond to the request for a page" in tick(p).skip_message
        with p.home.database.write() as connection:
            connection.execute(notion_sources.update().values(try_after=None))
        assert tick(p).run_requests == []
        with p.home.database.write() as connection:
            connection.execute(
                notion_pages.update()
                .where(notion_pages.c.state == "creating")
                .values(state_at=p.home.database.now(connection) - 2 * SETTLED_AFTER)
            )
        (retry,) = tick(p).run_requests
        assert (request.tags[ATTEMPT_TAG], retry.tags[ATTEMPT_TAG]) == (
            "1",
            "2",
        )  # Only the first attempt sends an alert.
        assert execute(p, retry).success
        assert tick(p).run_requests == []


@pytest.mark.slow
def test_a_refused_page_is_retried_under_the_same_key_with_one_alert(project, notion, configured):
    with project(days=4) as p:
        build_yesterday(p)
        notion.fault("400", "POST /v1/pages", times=1)
        (request,) = tick(p).run_requests
        assert not execute(p, request).success
        (retry,) = tick(p).run_requests
        assert (request.tags[ATTEMPT_TAG], retry.tags[ATTEMPT_TAG]) == ("1", "2")
        keys = [each.run_key.rsplit(":", 1)[0] for each in (request, retry)]  # Without the hour.
        assert keys[0] == keys[1]
        assert execute(p, retry).success
        assert tick(p).run_requests == []


@pytest.mark.slow
def test_only_one_run_at_a_time_writes_pages(project, notion, configured):
    with project(days=4) as p:
        build_yesterday(p)
        (request,) = tick(p).run_requests
        p.instance.add_run(
            dg.DagsterRun(
                job_name="__ASSET_JOB",
                status=dg.DagsterRunStatus.STARTED,
                asset_selection=frozenset(request.asset_selection),
                tags=request.tags,
            )
        )
        assert "in flight" in tick(p).skip_message


@pytest.mark.slow
def test_days_without_a_partition_are_not_requested(project, notion, configured):
    with project(days=4) as p:
        build_yesterday(p)
        with p.home.database.write() as connection:
            connection.exec_driver_sql("update daily_summary set day = '2019-05-01'")
        assert "without a partition" in tick(p).skip_message


def pages_behind(*pages, refused=(), before=date(2026, 11, 20)):
    """Returns stale days up to `before`, newest last, with their numbers of pages and of refused pages."""
    first = before - timedelta(days=len(pages) - 1)
    counts = itertools.zip_longest(pages, refused, fillvalue=0)
    return [
        StaleCount(first + timedelta(days=n), count, (0, 0, NOW), refused_count)
        for n, (count, refused_count) in enumerate(counts)
        if count
    ]


PAGES = st.sampled_from([0, 1, 3, MAX_PAGES // 2, MAX_PAGES])


@given(days=st.lists(st.tuples(PAGES, st.booleans()), max_size=80), hour=st.integers(0, 10_000))
def test_refused_pages_never_block_the_pages_of_other_days(days, hour):
    pages = [count for count, _ in days]
    waiting = pages_behind(*pages, refused=[count if is_refused else 0 for count, is_refused in days])
    refused = [entry for entry in waiting if entry.refused]
    for _ in range(len(waiting) - len(refused)):
        if waiting == refused:
            break
        batch = next_batch(waiting, hour)
        assert batch and not any(entry.refused for entry in batch)
        waiting = [entry for entry in waiting if entry not in batch]
    assert waiting == refused
    # Each refused page is requested again within as many hours as there are days.
    repeated = [entry for later in range(len(refused) + 1) for entry in next_batch(waiting, hour + later)]
    assert all(entry in repeated for entry in refused)


@given(pages=st.lists(PAGES, max_size=80), refused=st.booleans())
def test_a_batch_is_limited_in_pages_and_ranges(pages, refused):
    behind = pages_behind(*pages, refused=pages if refused else ())
    batch = next_batch(behind, 0)
    assert sum(entry.members for entry in batch[:-1]) < MAX_PAGES
    assert len(to_date_ranges(entry.day for entry in batch)) <= MAX_RANGES
    assert bool(batch) == bool(behind)


def test_a_day_with_a_page_that_was_not_refused_keeps_its_turn():
    old, new = pages_behind(2, 3, refused=(0, 2))
    assert next_batch([old, new], 0) == [new, old]
    old, new = pages_behind(2, 3, refused=(0, 3))
    assert next_batch([old, new], 0) == [old]
