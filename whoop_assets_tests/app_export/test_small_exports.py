"""Small exports with invented values, imported by the command into an empty database.

Each folder of `small_exports` has one difficulty. Its values stand in the files, the correct days here.
"""

from datetime import date
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from sqlalchemy import select

from whoop_assets.app_export.tables import export_quarantine, imported_journal, imported_sleeps
from whoop_assets.cli import main
from whoop_assets.db.database import Database
from whoop_assets.quality import consistency
from whoop_assets.summaries.tables import daily_summary

FOLDER = Path(__file__).parent / "small_exports"
JUNE_2, JUNE_3, JUNE_4 = (date(2025, 6, day) for day in (2, 3, 4))

RECOVERY = ("recovery_score", "hrv_rmssd_milli", "resting_heart_rate", "spo2_percentage", "skin_temp_celsius")
NO_RECOVERY = dict.fromkeys(RECOVERY)
SECOND = {
    "strain": 10.0,
    "recovery_score": 65,
    "hrv_rmssd_milli": 60,
    "resting_heart_rate": 55,
    "sleep_duration_minutes": 440,
}
THIRD = {
    "strain": 10.0,
    "recovery_score": 70,
    "hrv_rmssd_milli": 62,
    "resting_heart_rate": 54,
    "sleep_duration_minutes": 450,
}
FOURTH = {
    "strain": 10.0,
    "recovery_score": 60,
    "hrv_rmssd_milli": 58,
    "resting_heart_rate": 56,
    "sleep_duration_minutes": 430,
}
PLAIN_DAYS = {JUNE_2: SECOND, JUNE_3: THIRD, JUNE_4: FOURTH}

WITH_NAP = NO_RECOVERY | {"strain": 10.0, "nap_count": 1, "nap_minutes": 65}
DAYS = {
    "nap": PLAIN_DAYS | {JUNE_3: WITH_NAP | {"sleep_duration_minutes": 450}},
    "naponly": PLAIN_DAYS | {JUNE_3: NO_RECOVERY | {"strain": 10.0, "sleep_duration_minutes": None}},
    "napshort": PLAIN_DAYS | {JUNE_3: WITH_NAP | {"sleep_duration_minutes": 60}},
    "mis2": PLAIN_DAYS | {JUNE_3: THIRD | {"sleep_duration_minutes": 470}},
    "jblank": PLAIN_DAYS,
    "eff": PLAIN_DAYS | {JUNE_2: SECOND | {"nap_count": 1, "nap_minutes": 50}},
    "effmain": PLAIN_DAYS | {JUNE_3: THIRD | {"sleep_efficiency_percentage": 101}},
    "de": PLAIN_DAYS,
    "es": PLAIN_DAYS,
    "renamed": PLAIN_DAYS,
    "blankzone": {JUNE_2: SECOND, JUNE_4: FOURTH},
}
"""Export -> day -> the values that a member would confirm."""


@pytest.fixture
def warehouse(sqlite_url, monkeypatch):
    monkeypatch.setenv("WHOOP_DATABASE_URL", sqlite_url)
    database = Database(sqlite_url)
    yield database
    database.close()


def run(*arguments) -> Result:
    result = CliRunner().invoke(main, list(map(str, arguments)))
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def rows(database, table):
    with database.read() as connection:
        return [dict(row) for row in connection.execute(select(table)).mappings()]


def test_each_export_has_its_days_here():
    assert {folder.name for folder in FOLDER.iterdir()} == DAYS.keys()


@pytest.mark.parametrize("name", DAYS)
def test_the_days_of_the_export_have_the_values_of_the_member(warehouse, name):
    done = run("import", FOLDER / name)
    assert done.exit_code == (name == "blankzone"), done.output
    found = {row["day"]: row for row in rows(warehouse, daily_summary)}
    assert found.keys() == DAYS[name].keys()
    for day, values in DAYS[name].items():
        assert {column: found[day][column] for column in values} == values, day
    # The night that begins the cycle is the only main sleep of a day.
    nights = [row["day"] for row in rows(warehouse, imported_sleeps) if not row["nap"]]
    assert sorted(nights) == [day for day in DAYS[name] if not (name == "naponly" and day == JUNE_3)]


@pytest.mark.parametrize("name", ["nap", "naponly", "napshort"])
def test_the_import_counts_the_days_with_the_recovery_of_a_nap(warehouse, name):
    assert "On 1 day the export has the recovery of a nap" in run("import", FOLDER / name).stdout


@pytest.mark.parametrize("name", ["nap", "naponly", "napshort"])
def test_a_later_export_with_the_recovery_of_a_nap_keeps_the_value_of_an_earlier_one(warehouse, name):
    assert run("import", FOLDER / "renamed").exit_code == 0
    assert run("import", FOLDER / name).exit_code == 0
    (third,) = (row for row in rows(warehouse, daily_summary) if row["day"] == JUNE_3)
    assert (third["recovery_score"], third["hrv_rmssd_milli"], third["resting_heart_rate"]) == (70, 62, 54)


def test_journal_answers_without_a_cycle_are_counted_and_leave_no_warning(warehouse):
    for _ in range(2):
        done = run("import", FOLDER / "jblank")
        assert (done.exit_code, done.stderr) == (0, "")
        assert "Not stored: 1 journal answer that no cycle gives a day." in done.stdout
    assert [row["answered_yes"] for row in rows(warehouse, imported_journal)] == [True]
    assert rows(warehouse, export_quarantine) == []


@pytest.mark.parametrize("name", ["eff", "effmain"])
def test_an_efficiency_of_101_is_kept_and_reported_by_the_check_of_ranges(warehouse, name):
    assert run("import", FOLDER / name).exit_code == 0
    with warehouse.read() as connection:
        (problem,) = consistency.out_of_bounds(connection).examples
    assert "sleep_efficiency_percentage 101" in problem.what


def test_a_row_without_a_zone_is_rejected_with_its_line(warehouse):
    done = run("import", FOLDER / "blankzone")
    assert "physiological_cycles.csv, line 3: Cycle timezone: it is empty." in done.stderr
    assert [(row["line"], row["resolved_at"]) for row in rows(warehouse, export_quarantine)] == [(3, None)]
