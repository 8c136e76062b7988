"""The Notion sink as Dagster runs it: not there until configured, level-triggered, and in nobody's way."""

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
from whoop_assets.defs.sensors import stale_pages, stale_summaries
from whoop_assets.defs.sensors.notion import MAX_PAGES, next_batch
from whoop_assets.defs.sensors.summaries import MAX_RANGES
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
    # Its limit and the pace use `SystemClock`; that it is kept is shown where time is moved by hand.
    with serve_notion(FakeNotion()) as served:
        yield served


@pytest.fixture
def configured(notion, monkeypatch):
    """The environment has a token and a data source; returns its id."""
    source = notion.create_data_source(**DEFAULT_PROPERTIES)
    monkeypatch.setenv("NOTION_TOKEN", TOKEN)
    monkeypatch.setenv("WHOOP_NOTION_DATA_SOURCE", source)
    monkeypatch.setenv("WHOOP_NOTION_URL", notion.url)
    return source


def tick(p, sensor=stale_pages):
    """What the sensor asks for now, as it stands in the definitions of this environment."""
    with dg.build_sensor_context(
        instance=p.instance, definitions=(defs := whoop_definitions()), resources=defs.resources
    ) as context:
        return sensor.build(NAMESPACE).evaluate_tick(context)


def carry_out(p, request):
    """Run what a sensor asked for."""
    job = whoop_definitions().resolve_implicit_global_asset_job_def()
    return job.execute_in_process(
        instance=p.instance,
        tags=request.tags,
        asset_selection=request.asset_selection,
        raise_on_error=False,
    )


def write_pages(p, first, last):
    """Materialize the pages of these days by hand."""
    request = dg.RunRequest(asset_selection=[NAMESPACE.key("notion_daily")], tags=range_tags(first, last))
    return carry_out(p, request)


def failure(result):
    (event,) = (event for event in result.all_events if event.event_type_value == "STEP_FAILURE")
    return event.event_specific_data


def few_days(p, count=4):
    """Load and summarise the last days; how many have a summary."""
    first = p.today - timedelta(days=count - 1)
    assert p.run(first, p.today).success
    with p.home.database.read() as connection:
        return connection.exec_driver_sql("select count(*) from daily_summary").scalar()


def yesterday(p):
    """Load and summarise yesterday: today has no cycle before somebody has slept."""
    day = p.today - timedelta(days=1)
    assert p.run(day, day).success


def named(definitions):
    return (
        {spec.key.to_user_string() for spec in definitions.resolve_all_asset_specs()},
        {sensor.name for sensor in definitions.sensors},
    )


@pytest.mark.parametrize("left_out", ["NOTION_TOKEN", "WHOOP_NOTION_DATA_SOURCE"])
def test_it_is_in_the_graph_only_where_it_is_configured(configured, monkeypatch, left_out):
    with_notion = named(whoop_definitions())
    monkeypatch.delenv(left_out)
    without = named(whoop_definitions())
    assert with_notion[0] - without[0] == {"whoop/notion_daily"}
    assert with_notion[1] - without[1] == {"stale_pages"}
    assert without[0] == {"whoop/api", *(f"whoop/{asset.name}" for asset in ASSETS)}


def test_neither_jobs_nor_backfills_hold_it(configured):
    definitions = whoop_definitions()
    dg.Definitions.validate_loadable(definitions)
    key = NAMESPACE.key("notion_daily")
    for job in definitions.jobs:
        assert key not in definitions.resolve_job_def(job.name).asset_layer.selected_asset_keys
    assert key not in daily_assets()
    spec = {spec.key: spec for spec in definitions.resolve_all_asset_specs()}[key]
    others = {one.group_name for one in definitions.resolve_all_asset_specs() if one.key != key}
    assert spec.group_name == "whoop_notion"
    assert spec.group_name not in others
    assert spec.partitions_def == NAMESPACE.days
    assert spec.owners
    assert len(spec.description) > 40


def test_in_another_deployment_it_stands_under_its_prefix_and_in_its_group(configured):
    theirs = whoop_definitions(["health", "whoop"], "health")
    specs = {spec.key.to_user_string(): spec for spec in theirs.resolve_all_asset_specs()}
    assert specs["health/whoop/notion_daily"].group_name == "health_notion"
    assert [dep.asset_key.to_user_string() for dep in specs["health/whoop/notion_daily"].deps] == [
        "health/whoop/daily_summary"
    ]
    assert "health_whoop_stale_pages" in {sensor.name for sensor in theirs.sensors}


def test_two_graphs_have_a_data_source_each(notion, monkeypatch):
    monkeypatch.setenv("NOTION_TOKEN", TOKEN)
    monkeypatch.setenv("ANOTHERS_SOURCE", notion.create_data_source(**DEFAULT_PROPERTIES))
    sources = [notion.create_data_source(**DEFAULT_PROPERTIES), dg.EnvVar("ANOTHERS_SOURCE")]
    graphs = [
        whoop_definitions(prefix, resource=WhoopResource(notion_data_source=source))
        for prefix, source in zip(("one", "two"), sources, strict=True)
    ]
    dg.Definitions.validate_loadable(dg.Definitions.merge(*graphs))
    assert "one/notion_daily" in named(graphs[0])[0]
    assert "two/notion_daily" in named(graphs[1])[0]
    assert "whoop/notion_daily" not in named(whoop_definitions())[0]
    (resource,) = (one for one in graphs[0].resources.values() if isinstance(one, WhoopResource))
    assert target(resource.settings()).source.replace("-", "") == sources[0].replace("-", "")


@pytest.mark.slow
def test_a_mistake_in_its_settings_stops_nothing_but_it(project, configured, monkeypatch):
    with project(days=4) as p:
        few_days(p, 2)
        monkeypatch.setenv("WHOOP_NOTION_DATA_SOURCE", "no id")
        dg.Definitions.validate_loadable(whoop_definitions())
        tick(p, stale_summaries)  # as ever
        with pytest.raises(ConfigurationError, match="WHOOP_NOTION_DATA_SOURCE is neither a Notion id"):
            tick(p)
        result = write_pages(p, p.today, p.today)
        assert (
            "WHOOP_NOTION_DATA_SOURCE is neither a Notion id" in failure(result).user_failure_data.description
        )


@pytest.mark.slow
def test_what_is_behind_is_asked_for_and_written_and_then_nothing_is_asked_for(project, notion, configured):
    with project(days=6) as p:
        summaries = few_days(p)
        (request,) = tick(p).run_requests
        assert [key.to_user_string() for key in request.asset_selection] == ["whoop/notion_daily"]
        assert request.tags[SINK_TAG] == "notion"
        assert request.tags["dagster/max_runtime"] == str(int(MAX_SINK_RUN_DURATION.total_seconds()))
        assert carry_out(p, request).success
        assert len(notion.pages) == len(notion.pages_by_day(configured)) == summaries
        assert p.metadata("notion_daily", p.today - timedelta(days=1))["dagster/partition_row_count"] == 1
        before = len(notion.requests)
        assert tick(p).run_requests == []
        assert write_pages(p, p.today - timedelta(days=3), p.today).success
        assert len(notion.requests) == before

        nights = [one for one in p.home.truth()["sleeps"] if not one["nap"] and "score" in one]
        one = sorted(nights, key=lambda night: night["start"])[-2]
        p.home.world.edit(
            p.home.member, "sleeps", one["id"], {"score": {"sleep_efficiency_percentage": 50.0}}
        )
        few_days(p)
        (request,) = tick(p).run_requests
        assert carry_out(p, request).success
        assert 50.0 in {notion.page_values(page)["Sleep efficiency (%)"] for page in notion.pages}


@pytest.mark.slow
def test_while_notion_is_down_the_rest_goes_on_and_it_catches_up_by_itself(project, notion, configured):
    with project(days=6) as p:
        summaries = few_days(p)
        notion.fault("429:900", "data_sources", times=1)
        (request,) = tick(p).run_requests
        result = carry_out(p, request)
        assert not result.success
        assert "The remaining pages stay stale" in failure(result).user_failure_data.description
        assert TOKEN not in repr(result.all_events)
        assert "The last attempt failed" in tick(p).skip_message

        # Everything else goes on as ever.
        assert few_days(p) == summaries

        with p.home.database.write() as connection:
            connection.execute(
                notion_sources.update().values(
                    try_after=None, next_request_at=p.home.database.now(connection)
                )
            )
        (again,) = tick(p).run_requests
        assert again.run_key != request.run_key
        assert carry_out(p, again).success
        assert len(notion.pages) == summaries
        assert tick(p).run_requests == []


@pytest.mark.slow
def test_a_page_whose_fate_is_not_known_is_asked_for_when_it_can_be(project, notion, configured):
    with project(days=4) as p:
        yesterday(p)
        notion.fault("silence", "POST /v1/pages", times=1)
        (request,) = tick(p).run_requests
        assert not carry_out(p, request).success
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
        (again,) = tick(p).run_requests
        assert (request.tags[ATTEMPT_TAG], again.tags[ATTEMPT_TAG]) == ("1", "2")  # no second alert
        assert carry_out(p, again).success
        assert tick(p).run_requests == []


@pytest.mark.slow
def test_a_page_that_notion_refuses_is_the_same_work_again_and_news_only_once(project, notion, configured):
    with project(days=4) as p:
        yesterday(p)
        notion.fault("400", "POST /v1/pages", times=1)
        (request,) = tick(p).run_requests
        assert not carry_out(p, request).success
        (again,) = tick(p).run_requests
        assert (request.tags[ATTEMPT_TAG], again.tags[ATTEMPT_TAG]) == ("1", "2")
        work = [one.run_key.rsplit(":", 1)[0] for one in (request, again)]  # without the hour
        assert work[0] == work[1]
        assert carry_out(p, again).success
        assert tick(p).run_requests == []


@pytest.mark.slow
def test_one_run_writes_pages_at_a_time(project, notion, configured):
    with project(days=4) as p:
        yesterday(p)
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
def test_days_without_a_partition_wait(project, notion, configured):
    with project(days=4) as p:
        yesterday(p)
        with p.home.database.write() as connection:
            connection.exec_driver_sql("update daily_summary set day = '2019-05-01'")
        assert "no partition" in tick(p).skip_message


def pages_behind(*pages, refused=(), before=date(2026, 11, 20)):
    """So many pages on the days up to then, the newest last, and so many of them refused."""
    first = before - timedelta(days=len(pages) - 1)
    both = itertools.zip_longest(pages, refused, fillvalue=0)
    return [
        StaleCount(first + timedelta(days=n), count, (0, 0, NOW), no)
        for n, (count, no) in enumerate(both)
        if count
    ]


PAGES = st.sampled_from([0, 1, 3, MAX_PAGES // 2, MAX_PAGES])


@given(days=st.lists(st.tuples(PAGES, st.booleans()), max_size=80), hour=st.integers(0, 10_000))
def test_what_notion_refuses_never_keeps_another_day_from_its_page(days, hour):
    pages = [count for count, _ in days]
    waiting = pages_behind(*pages, refused=[count if no else 0 for count, no in days])
    refused = [entry for entry in waiting if entry.refused]
    for _ in range(len(waiting) - len(refused)):
        if waiting == refused:
            break
        lot = next_batch(waiting, hour)
        assert lot and not any(entry.refused for entry in lot)
        waiting = [entry for entry in waiting if entry not in lot]
    assert waiting == refused
    # And whatever is refused is asked for again, within as many hours as there are days at most.
    again = [entry for later in range(len(refused) + 1) for entry in next_batch(waiting, hour + later)]
    assert all(entry in again for entry in refused)


@given(pages=st.lists(PAGES, max_size=80), refused=st.booleans())
def test_a_run_is_asked_for_no_more_than_it_can_write(pages, refused):
    behind = pages_behind(*pages, refused=pages if refused else ())
    lot = next_batch(behind, 0)
    assert sum(entry.members for entry in lot[:-1]) < MAX_PAGES
    assert len(to_date_ranges(entry.day for entry in lot)) <= MAX_RANGES
    assert bool(lot) == bool(behind)


def test_a_day_with_a_page_that_was_not_refused_is_asked_for_as_ever():
    old, new = pages_behind(2, 3, refused=(0, 2))
    assert next_batch([old, new], 0) == [new, old]
    old, new = pages_behind(2, 3, refused=(0, 3))
    assert next_batch([old, new], 0) == [old]
