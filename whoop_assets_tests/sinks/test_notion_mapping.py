"""The mapping: what a page shows, and everything that is wrong with it named before anything is written."""

import math
from datetime import UTC, date, datetime
from pathlib import Path

import pytest
import yaml
from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.errors import ConfigurationError
from whoop_assets.settings import Settings
from whoop_assets.sinks.notion.mapping import DEFAULT, TYPES, parse, render
from whoop_assets.sinks.notion.pages import COLUMNS
from whoop_assets.sinks.notion.schema import checked_types, schema_of
from whoop_assets.sinks.notion.target import page_mapping
from whoop_assets_tests.sinks.conftest import DAY, MEMBER, keep, summary
from whoop_assets_tests.sinks.notion_stand_in import misshapen


def mapping(text):
    return parse(yaml.safe_load(text), COLUMNS)


def test_by_default_recovery_sleep_and_efficiency_are_shown():
    values = mapping(DEFAULT).values(summary(MEMBER, DAY, sleep_duration_minutes=431.5))
    assert values == {
        "Recovery (%)": 66.0,
        "Sleep time (ms)": 25_890_000,
        "Sleep efficiency (%)": 91.25,
    }


@given(st.integers(0, 86_400_000))
def test_milliseconds_are_those_that_whoop_gave(milli):
    row = summary(MEMBER, DAY, sleep_duration_minutes=milli / 60_000)
    assert mapping(DEFAULT).values(row)["Sleep time (ms)"] == milli


def test_everything_that_is_wrong_is_named_at_once():
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
def test_what_is_no_mapping_is_refused(text):
    with pytest.raises(ConfigurationError):
        mapping(text)


def test_a_file_that_cannot_be_read_or_is_no_yaml_is_named_without_its_content(tmp_path):
    path = tmp_path / "notion.yaml"
    with pytest.raises(ConfigurationError, match="cannot be read"):
        page_mapping(Settings(notion_mapping=str(path)))
    path.write_text("members: {10129: Anna\nproperties: [")
    with pytest.raises(ConfigurationError, match="not YAML") as error:
        page_mapping(Settings(notion_mapping=str(path)))
    assert "Anna" not in str(error.value)


def test_the_fingerprint_follows_whatever_changes_a_page():
    base = "properties: {Strain: strain}"
    others = [
        "properties: {Strain: kilojoule}",
        "properties: {Load: strain}",
        "properties: {Strain: {column: strain, type: rich_text}}",
        f"{base}\ndate: Tag",
        f"{base}\nmember: Who",
        f"{base}\nmembers: {{10129: Me}}",
    ]
    prints = {mapping(text).fingerprint for text in [base, *others]}
    assert len(prints) == len(others) + 1
    assert mapping(f"title: day\n{base}").fingerprint == mapping(base).fingerprint


# The values, against what Notion takes

_VALUES = {
    "integer": st.integers(-(2**40), 2**40),
    "number": st.floats(allow_nan=False, allow_infinity=False, width=32),
    "text": st.text(max_size=3000),
    "boolean": st.booleans(),
    "date": st.dates().map(date.isoformat),
    "time": st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat),
}


@pytest.mark.parametrize(
    ("kind", "shown_as"), [(kind, one) for kind, types in TYPES.items() for one in types]
)
@given(data=st.data())
def test_whatever_a_column_holds_has_the_shape_that_notion_takes(kind, shown_as, data):
    value = data.draw(st.none() | _VALUES[kind])
    (content,) = render(shown_as, value).values()
    assert misshapen(shown_as, content) is None
    if value is None and shown_as != "checkbox":
        assert content in (None, [])


def test_a_number_as_text_is_short_and_right():
    assert render("rich_text", 66.0)["rich_text"][0]["text"]["content"] == "66"
    assert render("rich_text", 123456.75)["rich_text"][0]["text"]["content"] == "123456.75"
    assert render("select", True) == {"select": {"name": "yes"}}
    assert render("multi_select", "running,yoga,running") == {
        "multi_select": [{"name": "running"}, {"name": "yoga"}]
    }
    assert not math.isnan(render("number", 1.5)["number"])


# Against the data source

WIDE = """
properties:
  Strain: strain
  Sports: {column: sports, type: multi_select}
  Woke up: sleep_end_time
  Still going on: is_partial
  Band: {column: recovery_band, type: select}
  Steps: {column: step_count, type: rich_text}
"""


def test_what_init_makes_fits_the_mapping_it_was_made_for(new_sink, sqlite_database):
    schema = {name: {"type": next(iter(kind))} for name, kind in schema_of(mapping(WIDE)).items()}
    checked_types(mapping(WIDE), schema)
    sink = new_sink(
        sqlite_database, WIDE, **{name: one["type"] for name, one in schema.items() if one["type"] != "title"}
    )
    row = summary(
        MEMBER, DAY, strain=14.25, sports="running,yoga", is_partial=True, recovery_band="yellow",
        step_count=9000,
        sleep_end_time=datetime(2026, 11, 20, 6, 30, tzinfo=UTC),
    )  # fmt: skip
    keep(sqlite_database, row)
    assert sink.sync().created == 1
    assert sink.notion.shown(sink.page()) == {
        "Day": "2026-11-20",
        "Date": "2026-11-20",
        "Member": MEMBER,
        "Strain": 14.25,
        "Sports": ["running", "yoga"],
        "Woke up": "2026-11-20T06:30:00+00:00",
        "Still going on": True,
        "Band": "yellow",
        "Steps": "9000",
    }


def test_nothing_is_written_while_the_data_source_does_not_fit_and_all_of_it_is_named(
    new_sink, sqlite_database
):
    sink = new_sink(sqlite_database, WIDE, Date="rich_text", Member="number", Strain="select", Band="select")
    keep(sqlite_database, summary(MEMBER, DAY))
    said = str(sink.sync().obstacle)
    for part in ("'Date'", "'Strain'", "'Sports'", "'Woke up'", "'Still going on'", "'Steps'"):
        assert part in said
    assert "'Band'" not in said
    assert [(one.method, one.path.split("/")[2]) for one in sink.notion.asked] == [("GET", "data_sources")]


@pytest.mark.parametrize("kind", ["rich_text", "select"])
def test_a_member_can_have_a_label_and_pages_are_found_by_it(new_sink, sqlite_database, kind):
    text = f"members: {{{MEMBER}: 'Anna, at home'}}\nproperties: {{Strain: strain}}"
    sink = new_sink(sqlite_database, text, Date="date", Member=kind, Strain="number")
    keep(sqlite_database, summary(MEMBER, DAY), summary(20222, DAY))
    assert sink.sync().created == 2
    shown = {sink.notion.shown(page)["Member"] for (page,) in sink.pages.values()}
    assert shown == {"Anna, at home" if kind == "rich_text" else "Anna; at home", "20222"}
    with sqlite_database.write() as connection:
        connection.exec_driver_sql("delete from notion_pages")
    assert sink.sync().adopted == 2


def test_a_changed_mapping_writes_the_pages_that_it_changes_and_no_others(
    new_sink, sqlite_database, tmp_path
):
    sink = new_sink(
        sqlite_database,
        "properties: {Strain: strain}",
        Date="date",
        Member="number",
        Strain="number",
        Nap="number",
    )
    keep(sqlite_database, *(summary(MEMBER, date(2026, 11, day), strain=9.5) for day in (18, 19, 20)))
    sink.sync()
    Path(sink.settings.notion_mapping).write_text("title: null\nproperties: {Strain: strain}")
    assert sink.cost() == 0
    Path(sink.settings.notion_mapping).write_text("properties: {Strain: strain, Nap: nap_minutes}")
    assert sink.sync().updated == 3
    assert sink.cost() == 0


def test_pages_move_with_the_property_that_holds_their_day(new_sink, sqlite_database):
    sink = new_sink(
        sqlite_database, "properties: {Strain: strain}", Date="date", Morning="date",
        Member="number", Strain="number"
    )  # fmt: skip
    keep(sqlite_database, summary(MEMBER, DAY))
    sink.sync()
    Path(sink.settings.notion_mapping).write_text("date: Morning\nproperties: {Strain: strain}")
    assert sink.sync().updated == 1
    assert sink.notion.shown(sink.page())["Morning"] == DAY.isoformat()


def test_the_id_of_a_database_is_told_from_that_of_its_data_source(sink):
    keep(sink.database, summary(MEMBER, DAY))
    source = sink.source
    (database,) = sink.notion.databases
    sink.settings = Settings(
        notion_token=sink.settings.notion_token.get_secret_value(),
        notion_data_source=database.replace("-", ""),
        notion_url=sink.settings.notion_url,
    )
    assert source in str(sink.sync().obstacle)
