"""Sixty days worked by hand (sixty_days/README.md), compared with the pipeline and with the pure function."""

import copy
import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from whoop_assets.records.stale_days import STALE_DAYS
from whoop_assets.records.tables import RECORD_TABLES
from whoop_assets.summaries.daily.rows import daily_rows
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.summaries.tables import DAILY_COLUMNS
from whoop_assets_tests.summaries.daily.test_daily_rows import CONTRACT_COLUMNS
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.home import KEY, RECORDS, at_home
from whoop_simulator.world.world import World

FOLDER = Path(__file__).parent / "sixty_days"
MEMBER = 4021
FIRST, LAST = date(2026, 9, 24), date(2026, 11, 22)
DAYS = {
    date.fromisoformat(day): expected
    for day, expected in json.loads((FOLDER / "days.json").read_text()).items()
}
SERVED = {stream: json.loads((FOLDER / "records" / f"{stream}.json").read_text()) for stream in RECORDS}
CHANGES = json.loads((FOLDER / "changes.json").read_text())
SYNC_COLUMNS = {"last_recovery_data_changed_at", "last_recovery_synced_at"}
READINGS = {
    "first reading": NOW + timedelta(milliseconds=1),
    "second reading": NOW + timedelta(days=1, milliseconds=2),
}


def expected_rows(*, second, without=frozenset()):
    """Return day -> row worked out by hand, for days with a row."""
    rows = {}
    for day, expected in DAYS.items():
        row = dict(expected["row"] or {})
        if second and "second_reading" in expected:
            row |= expected["second_reading"]["row"]
        if row:
            row["source"] = "api"
        if row:
            rows[day] = {name: read(name, value) for name, value in row.items() if name not in without}
    return rows


def read(name, value):
    if value is None:
        return None
    if value in READINGS.values() or value in READINGS:
        return READINGS.get(value, value)
    if name.endswith("_time"):
        return datetime.fromisoformat(value)
    return date.fromisoformat(value) if name.endswith("_date") else value


def expected_days(*, second):
    """Stream -> the day of each record, by key."""
    found = {stream: {} for stream in RECORDS}
    for day, expected in DAYS.items():
        records = expected["records"]
        if second and "second_reading" in expected:
            records = records | expected["second_reading"]["records"]
        for stream, keys in records.items():
            found[stream] |= dict.fromkeys(keys, day)
    return found


def differing(actual, expected):
    """Return the differences by day and column: actual and expected value."""
    return {
        str(day): {
            name: (actual.get(day, {}).get(name, "no row"), expected.get(day, {}).get(name, "no row"))
            for name in {*actual.get(day, {}), *expected.get(day, {})}
            if actual.get(day, {}).get(name, "no row") != expected.get(day, {}).get(name, "no row")
        }
        for day in sorted({*actual, *expected})
        if actual.get(day) != expected.get(day)
    }


# The real pipeline


def kept(home):
    later = set(DAILY_COLUMNS) - set(CONTRACT_COLUMNS)
    rows = home.rows("daily_summary", without={"user_id", "day", "built_at", *later})
    assert {user_id for user_id, _ in rows} == {MEMBER}
    return {day: row for (_, day), row in rows.items()}


def records_by_day(home):
    return {stream: {key: row["day"] for key, row in home.rows(stream).items()} for stream in RECORDS}


def carry_out(world):
    for change in CHANGES:
        if change["order"] == "add":
            world.add(MEMBER, change["stream"], change["record"])
        elif change["order"] == "delete":
            world.delete(MEMBER, change["stream"], change["id"])
        else:
            touch = change.get("touch", True)
            world.edit(MEMBER, change["stream"], change["id"], change["changes"], touch=touch, follow=False)


@pytest.fixture
def home(database_url):
    world = World(data=FOLDER / "records", now=NOW, frozen=True, limits=False)
    with at_home(database_url, world) as made:
        yield made


def test_the_pipeline_gives_the_rows_worked_out_by_hand_and_marks_changed_days(home):
    home.load_and_summarise(FIRST, LAST)
    assert records_by_day(home) == expected_days(second=False)
    assert differing(kept(home), expected_rows(second=False)) == {}

    home.advance(timedelta(days=1))
    carry_out(home.world)
    home.load(FIRST, LAST)
    assert records_by_day(home) == expected_days(second=True)
    with home.database.read() as connection:
        stale = {entry.day for entry in STALE_DAYS.stale(connection)}
    assert stale == {day for day, expected in DAYS.items() if "second_reading" in expected}
    for day in stale:
        rebuild_days(home.database, [MEMBER], day, day)
    assert differing(kept(home), expected_rows(second=True)) == {}


def test_percent_recorded_stays_a_fraction(home):
    home.load(FIRST, LAST)
    kept_shares = {key: row["percent_recorded"] for key, row in home.rows("workouts").items()}
    sent = {record["id"]: record.get("score", {}).get("percent_recorded") for record in SERVED["workouts"]}
    assert kept_shares == sent
    assert {share for share in sent.values() if share is not None} == {0.5, 0.9875, 1.0}


# The pure function alone


def records_then(*, second):
    """Return the records of that reading as flat rows with the expected day."""
    records = {
        stream: {record[KEY[stream]]: record for record in copy.deepcopy(SERVED[stream])}
        for stream in RECORDS
    }
    for change in CHANGES if second else ():
        of = records[change["stream"]]
        if change["order"] == "add":
            of[change["record"][KEY[change["stream"]]]] = change["record"]
        elif change["order"] == "edit":
            of[change["id"]] |= change["changes"]
        else:
            del records["sleeps"][change["id"]], records["recoveries"][change["id"]]
    days = expected_days(second=second)
    return {
        stream: [flat(record, days[stream][key]) for key, record in records[stream].items()]
        for stream in RECORDS
    }


def flat(record, day):
    stream = next(
        name
        for name, mark in (
            ("workouts", "sport_name"), ("sleeps", "nap"), ("recoveries", "sleep_id"), ("cycles", "id")
        )
        if mark in record
    )  # fmt: skip
    row = {name: value for name, value in record.items() if name not in ("score", "start", "end")}
    score = dict(record.get("score") or {})
    for part in ("stage_summary", "sleep_needed", "zone_durations"):
        score |= score.pop(part, {})
    names = [column.name for column in RECORD_TABLES[stream].columns]
    row = dict.fromkeys(names) | row | {name: value for name, value in score.items() if name in names}
    for side in ("start", "end"):
        row[f"{side}_time"] = datetime.fromisoformat(record[side]) if record.get(side) else None
    read_at = datetime(2026, 11, 22, tzinfo=UTC)
    row |= {"day": day, "changed_at": read_at, "synced_at": read_at}
    return row


@pytest.mark.parametrize("second", [False, True], ids=["first reading", "second reading"])
def test_the_pure_function_gives_the_rows_worked_out_by_hand(second):
    records = records_then(second=second)
    rows = daily_rows(records, {MEMBER: 7060 if second else 7059})
    without = {"user_id", "day", *SYNC_COLUMNS, *set(DAILY_COLUMNS) - set(CONTRACT_COLUMNS)}
    actual = {row["day"]: {name: row[name] for name in row if name not in without} for row in rows}
    assert differing(actual, expected_rows(second=second, without=SYNC_COLUMNS)) == {}


def test_the_fixture_covers_sixty_days_every_contract_column_and_every_record():
    assert list(DAYS) == [FIRST + timedelta(days=n) for n in range(60)]
    assert DAYS[date(2026, 10, 21)]["row"] is None
    columns = {tuple(expected["row"]) for expected in DAYS.values() if expected["row"]}
    assert columns == {tuple(name for name in CONTRACT_COLUMNS if name not in ("user_id", "day", "source"))}
    for stream, days in expected_days(second=False).items():
        assert set(days) == {record[KEY[stream]] for record in SERVED[stream]}
