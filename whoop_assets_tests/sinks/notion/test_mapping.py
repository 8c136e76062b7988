"""The mapping of daily columns to Notion properties, and its validation before the first write."""

import math
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.db.types import ColumnKind
from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.mapping import DEFAULT, TYPES, parse, render
from whoop_assets.sinks.notion.pages import COLUMNS
from whoop_assets.sinks.notion.schema import checked_types, schema_of
from whoop_assets.sinks.notion.target import page_mapping
from whoop_assets_tests.support.fake_notion.summaries import DAY, MEMBER, store_summaries, summary_row
from whoop_assets_tests.support.fake_notion.values import shape_error


def mapping(text):
    return parse(yaml.safe_load(text), COLUMNS)


def test_the_default_mapping_shows_recovery_sleep_time_and_efficiency():
    values = mapping(DEFAULT).values(summary_row(MEMBER, DAY, sleep_duration_minutes=431.5))
    assert values == {
        "Recovery (%)": 66.0,
        "Sleep time (ms)": 25_890_000,
        "Sleep efficiency (%)": 91.25,
    }


@given(st.integers(0, 86_400_000))
def test_a_sleep_time_is_whoops_exact_number_of_milliseconds(milli):
    row = summary_row(MEMBER, DAY, sleep_duration_minutes=milli / 60_000)
    assert mapping(DEFAULT).values(row)["Sleep time (ms)"] == milli


def test_one_error_names_every_mistake_in_a_mapping():
    with pytest.raises(ConfigurationError) as error:
        mapping("""
            titel: day
            title: nonsense
            members: {anna: 1}
            properties:
              Recovery: recovery
              Sports: {column: sports, type: number}
              Date: strain
              Strain: {column: strain, kind: number}
        """)
    for part in (
        "'titel'",
        "'nonsense'",
        "members",
        "'recovery'",
        "'Sports'",
        "'Date' is named twice",
        "kind",
    ):
        assert part in str(error.value)
    assert "WHOOP_NOTION_MAPPING" in str(error.value)


@pytest.mark.parametrize("text", ["", "[]", "properties: []", "properties: {}", "date: 7", "just text"])
def test_a_text_that_is_not_a_mapping_is_rejected(text):
    with pytest.raises(ConfigurationError):
        mapping(text)


def test_an_unreadable_mapping_file_is_reported_without_its_content(tmp_path):
    path = tmp_path / "notion.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        page_mapping(Settings(notion_mapping=str(path)))
    path.write_text("members: {10129: Anna\nproperties: [")
    with pytest.raises(ConfigurationError, match="not YAML") as error:
        page_mapping(Settings(notion_mapping=str(path)))
    assert "Anna" not in str(error.value)


def test_the_fingerprint_depends_on_everything_that_changes_a_page():
    base = "properties: {Strain: strain}"
    changed = [
        "properties: {Strain: kilojoule}",
        "properties: {Load: strain}",
        "properties: {Strain: {column: strain, type: rich_text}}",
        f"{base}\ndate: Tag",
        f"{base}\nmember: Who",
        f"{base}\nmembers: {{10129: Me}}",
    ]
    fingerprints = {mapping(text).fingerprint for text in [base, *changed]}
    assert len(fingerprints) == len(changed) + 1
    assert mapping(f"title: day\n{base}").fingerprint == mapping(base).fingerprint


# Values

_VALUES = {
    ColumnKind.INTEGER: st.integers(-(2**40), 2**40),
    ColumnKind.BIG_INTEGER: st.integers(-(2**40), 2**40),
    ColumnKind.DOUBLE: st.floats(allow_nan=False, allow_infinity=False, width=32),
    ColumnKind.TEXT: st.text(max_size=3000),
    ColumnKind.BOOLEAN: st.booleans(),
    ColumnKind.DATE: st.dates().map(date.isoformat),
    ColumnKind.TIME: st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
}


@pytest.mark.parametrize(
    ("kind", "property_type"),
    [(kind, property_type) for kind, types in TYPES.items() for property_type in types],
)
@given(data=st.data())
def test_every_column_value_is_rendered_in_a_shape_that_notion_accepts(kind, property_type, data):
    value = data.draw(st.none() | _VALUES[kind])
    (content,) = render(property_type, value).values()
    assert shape_error(property_type, content) is None
    if value is None and property_type != "checkbox":
        assert content in (None, [])


def test_values_are_rendered_as_short_text():
    assert render("rich_text", 66.0)["rich_text"][0]["text"]["content"] == "66"
    assert render("rich_text", 123456.75)["rich_text"][0]["text"]["content"] == "123456.75"
    assert render("select", True) == {"select": {"name": "yes"}}
    assert render("multi_select", "running,yoga,running") == {
        "multi_select": [{"name": "running"}, {"name": "yoga"}]
    }
    assert not math.isnan(render("number", 1.5)["number"])


# The data source

WIDE = """
properties:
  Strain: strain
  Sports: {column: sports, type: multi_select}
  Woke up: sleep_end_time
  Open cycle: is_partial
  Band: {column: recovery_band, type: select}
  Steps: {column: step_count, type: rich_text}
"""


def test_a_data_source_created_from_a_mapping_fits_the_mapping(new_sink, sqlite_database):
    schema = {name: {"type": next(iter(kind))} for name, kind in schema_of(mapping(WIDE)).items()}
    checked_types(mapping(WIDE), schema)
    sink = new_sink(
        sqlite_database,
        WIDE,
        **{name: entry["type"] for name, entry in schema.items() if entry["type"] != "title"},
    )
    row = summary_row(
        MEMBER, DAY, strain=14.25, sports="running,yoga", is_partial=True, recovery_band="yellow",
        step_count=9000,
        sleep_end_time=datetime(2026, 11, 20, 6, 30, tzinfo=UTC),
    )  # fmt: skip
    store_summaries(sqlite_database, row)
    assert sink.sync().created == 1
    assert sink.notion.page_values(sink.page()) == {
        "Day": "2026-11-20",
        "Date": "2026-11-20",
        "Member": MEMBER,
        "Strain": 14.25,
        "Sports": ["running", "yoga"],
        "Woke up": "2026-11-20T06:30:00+00:00",
        "Open cycle": True,
        "Band": "yellow",
        "Steps": "9000",
    }


def test_an_unfit_data_source_gets_no_page_and_every_unfit_property_is_named(new_sink, sqlite_database):
    sink = new_sink(sqlite_database, WIDE, Date="rich_text", Member="number", Strain="select", Band="select")
    store_summaries(sqlite_database, summary_row(MEMBER, DAY))
    error = str(sink.sync().obstacle)
    for part in ("'Date'", "'Strain'", "'Sports'", "'Woke up'", "'Open cycle'", "'Steps'"):
        assert part in error
    assert "'Band'" not in error
    assert [(request.method, request.path.split("/")[2]) for request in sink.notion.requests] == [
        ("GET", "data_sources")
    ]


@pytest.mark.parametrize("kind", ["rich_text", "select"])
def test_pages_are_found_by_a_members_label(new_sink, sqlite_database, kind):
    text = f"members: {{{MEMBER}: 'Anna, team A'}}\nproperties: {{Strain: strain}}"
    sink = new_sink(sqlite_database, text, Date="date", Member=kind, Strain="number")
    store_summaries(sqlite_database, summary_row(MEMBER, DAY), summary_row(20222, DAY))
    assert sink.sync().created == 2
    labels = {sink.notion.page_values(page)["Member"] for (page,) in sink.pages.values()}
    assert labels == {"Anna, team A" if kind == "rich_text" else "Anna; team A", "20222"}
    with sqlite_database.write() as connection:
        connection.exec_driver_sql("delete from notion_pages")
    assert sink.sync().adopted == 2


def test_a_changed_mapping_updates_only_the_pages_that_it_changes(new_sink, sqlite_database, tmp_path):
    sink = new_sink(
        sqlite_database,
        "properties: {Strain: strain}",
        Date="date",
        Member="number",
        Strain="number",
        Nap="number",
    )
    store_summaries(
        sqlite_database, *(summary_row(MEMBER, date(2026, 11, day), strain=9.5) for day in (18, 19, 20))
    )
    sink.sync()
    Path(sink.settings.notion_mapping).write_text("title: null\nproperties: {Strain: strain}")
    assert sink.requests_of_next_run() == 0
    Path(sink.settings.notion_mapping).write_text("properties: {Strain: strain, Nap: nap_minutes}")
    assert sink.sync().updated == 3
    assert sink.requests_of_next_run() == 0


def test_pages_are_updated_if_another_property_holds_their_day(new_sink, sqlite_database):
    sink = new_sink(
        sqlite_database, "properties: {Strain: strain}", Date="date", Morning="date",
        Member="number", Strain="number"
    )  # fmt: skip
    store_summaries(sqlite_database, summary_row(MEMBER, DAY))
    sink.sync()
    Path(sink.settings.notion_mapping).write_text("date: Morning\nproperties: {Strain: strain}")
    assert sink.sync().updated == 1
    assert sink.notion.page_values(sink.page())["Morning"] == DAY.isoformat()


def test_the_id_of_a_database_gets_an_error_with_the_id_of_its_data_source(sink):
    store_summaries(sink.database, summary_row(MEMBER, DAY))
    source = sink.source
    (database,) = sink.notion.databases
    sink.settings = Settings(
        notion_token=sink.settings.notion_token.get_secret_value(),
        notion_data_source=database.replace("-", ""),
        notion_url=sink.settings.notion_url,
    )
    assert source in str(sink.sync().obstacle)
