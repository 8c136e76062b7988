"""Iceberg tables have the rows and columns of the database."""

from datetime import UTC, datetime, timedelta

import pytest
from pyiceberg.schema import Schema
from pyiceberg.types import DateType, IntegerType, NestedField

from whoop_assets.records import upsert
from whoop_assets.records.parsed_record import ParsedRecord
from whoop_assets.sinks.source import TABLES
from whoop_assets.sync.parsing import parse_record
from whoop_assets.whoop_api.streams import RECOVERIES, STREAMS
from whoop_assets_tests.sinks.iceberg.conftest import FIRST, OpenHome, newest_record
from whoop_assets_tests.support.data.delivered import (
    VERSIONS,
    assert_delivered,
    by_duckdb,
    by_pyiceberg,
)
from whoop_assets_tests.support.fixed_time import TODAY
from whoop_assets_tests.support.marks import slow


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["sqlite", *slow("postgresql")])
def test_tables_equal_the_database_after_changes_and_deletions(
    open_iceberg_home: OpenHome, kind: str
) -> None:
    with open_iceberg_home(kind, members=2) as iceberg:
        iceberg.load()
        iceberg.sync()
        assert_delivered(iceberg.home.database, iceberg.catalog())
        for user_id in iceberg.home.members:
            iceberg.home.world.random_edits(user_id, 8, seed=user_id)
            iceberg.home.world.delete(user_id, "workouts", iceberg.home.truth(user_id)["workouts"][3]["id"])
        iceberg.home.advance(timedelta(minutes=5))
        iceberg.load()
        results = iceberg.sync()
        assert_delivered(iceberg.home.database, iceberg.catalog())
        assert 0 < sum(result.days for result in results.values()) < 13 * 4
        assert max(result.commits for result in results.values()) == 1


@pytest.mark.slow
def test_only_changed_days_are_written(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync()
        before = {name: iceberg.catalog().load_table(f"whoop.{name}").metadata_location for name in TABLES}
        iceberg.load()  # changes only synced_at
        results = iceberg.sync()
        assert {name: result.days for name, result in results.items() if result.days} == {}
        assert before == {
            name: iceberg.catalog().load_table(f"whoop.{name}").metadata_location for name in TABLES
        }
        workout = newest_record(iceberg, "workouts")
        iceberg.home.world.edit(iceberg.home.member, "workouts", workout["id"], {"sport_name": "polo"})
        iceberg.load()
        changed = iceberg.sync()
        assert changed["workout"].days == 1
        assert changed["cycles"].days == 0


@pytest.mark.slow
def test_tables_of_single_record_endpoints_have_every_content_with_its_endpoint(
    open_iceberg_home: OpenHome,
) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load(FIRST, TODAY - timedelta(days=3))
        iceberg.sync()
        for name in VERSIONS:  # the first sync already fills these tables
            assert by_pyiceberg(iceberg.catalog(), name)
        iceberg.home.advance(timedelta(minutes=1))
        sleep = newest_record(iceberg, "sleeps", -5)
        iceberg.home.world.edit(
            iceberg.home.member, "sleeps", sleep["id"], {"score": {"respiratory_rate": 99.5}}
        )
        updated_at = datetime(2026, 11, 21, 11, 59, tzinfo=UTC)
        client = iceberg.home.connection.client(iceberg.home.member, "backfill")
        cycle_id = newest_record(iceberg, "cycles", -6)["id"]
        responses = {
            "cycle_by_id": ("cycles", client.record(STREAMS["cycles"], cycle_id)),
            "recovery_for_cycle": ("recoveries", client.record(RECOVERIES, cycle_id)),
            "sleep_by_id": ("sleeps", client.record(STREAMS["sleeps"], sleep["id"])),
            "sleep_for_cycle": ("sleeps", client.cycle_sleep(cycle_id)),
            "workout_by_id": (
                "workouts",
                client.record(STREAMS["workouts"], newest_record(iceberg, "workouts")["id"]),
            ),
        }
        with iceberg.home.database.write([iceberg.home.member]) as connection:
            for stream, response in responses.values():
                # Each content is stored once, so these contents must be new.
                payload = response.payload | {"updated_at": "2026-11-21T11:59:00.000Z"}
                record = parse_record(
                    STREAMS[stream], payload, iceberg.home.member, response.requested_at, response.endpoint
                )
                assert isinstance(record, ParsedRecord)
                upsert.store(
                    connection, iceberg.home.member, stream, [record], iceberg.home.database.now(connection)
                )
        iceberg.sync()
        assert_delivered(iceberg.home.database, iceberg.catalog())
        for name, (_, response) in responses.items():
            (row,) = [
                row
                for row in by_duckdb(iceberg.catalog(), name).values()
                if (row["updated_at"], row["endpoint"]) == (updated_at, response.endpoint)
            ]
            assert row["endpoint"] == response.endpoint
        contents = by_pyiceberg(iceberg.catalog(), "sleep_by_id").values()
        (row,) = [row for row in contents if row["respiratory_rate"] == 99.5]
        assert row["id"] == sleep["id"]
        assert row["total_rem_sleep_time_milli"] > 0
        assert row["cycle_id"] == sleep["cycle_id"]


@pytest.mark.slow
def test_a_new_field_of_whoop_becomes_a_column_that_is_null_in_old_rows(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync()
        small, large = newest_record(iceberg, "cycles", -2), newest_record(iceberg, "cycles", -5)
        for cycle, value in ((small, 71), (large, 2**40)):
            new_fields = {"stress_minutes": value, "score": {"stress": {"peak": 2.5}}}
            iceberg.home.world.edit(iceberg.home.member, "cycles", cycle["id"], new_fields, follow=False)
        iceberg.load()
        result = iceberg.sync()["cycles"]
        assert sorted(result.added) == ["score_stress_peak", "stress_minutes"]
        assert result.notes == []
        assert_delivered(iceberg.home.database, iceberg.catalog())
        for found in (by_pyiceberg(iceberg.catalog(), "cycles"), by_duckdb(iceberg.catalog(), "cycles")):
            assert {key[0]: row["stress_minutes"] for key, row in found.items() if row["stress_minutes"]} == {
                small["id"]: 71,
                large["id"]: 2**40,
            }
            assert found[(small["id"],)]["score_stress_peak"] == 2.5
        schema = iceberg.catalog().load_table("whoop.cycles").schema()
        assert str(schema.find_field("stress_minutes").field_type) == "long"


def test_a_value_that_does_not_fit_its_column_gets_another_column_and_a_note(
    open_iceberg_home: OpenHome,
) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        ids = [newest_record(iceberg, "cycles", place)["id"] for place in (-1, -3, -5)]
        for key, value, note in ((ids[0], 7, 0), (ids[1], 7.5, 1), (ids[2], "7 of 8", 1)):
            iceberg.home.world.edit(iceberg.home.member, "cycles", key, {"stress": value}, follow=False)
            iceberg.home.advance(1)
            iceberg.load()
            result = iceberg.sync("cycles")["cycles"]
            assert len(result.notes) == note
        rows = by_duckdb(iceberg.catalog(), "cycles")
        stored = [
            tuple(rows[(key,)][name] for name in ("stress", "stress_double", "stress_string")) for key in ids
        ]
        assert stored == [(7, None, None), (None, 7.5, None), (None, None, "7 of 8")]
        assert "7 of 8" not in str(result.notes)


def test_a_column_with_a_narrower_type_is_widened(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        catalog = iceberg.catalog()
        catalog.create_namespace("whoop")
        old = Schema(NestedField(1, "day", DateType()), NestedField(2, "cycle_id", IntegerType()))
        catalog.create_table("whoop.sleep", old)
        iceberg.sync("sleep")
        assert_delivered(iceberg.home.database, catalog, ["sleep"])
        assert str(catalog.load_table("whoop.sleep").schema().find_field("cycle_id").field_type) == "long"


def test_deleting_the_last_record_of_a_day_deletes_its_rows(open_iceberg_home: OpenHome) -> None:
    with open_iceberg_home() as iceberg:
        iceberg.load()
        iceberg.sync("workout")
        workout = newest_record(iceberg, "workouts", -2)
        day = next(row["day"] for key, row in iceberg.home.rows("workouts").items() if key == workout["id"])
        for row in iceberg.home.rows("workouts").values():
            if row["day"] == day:
                iceberg.home.world.delete(iceberg.home.member, "workouts", row["id"])
        iceberg.home.advance(timedelta(minutes=5))
        iceberg.load()
        assert iceberg.sync("workout")["workout"].rows == 0
        assert_delivered(iceberg.home.database, iceberg.catalog(), ["workout"])
        assert day not in {row["day"] for row in by_duckdb(iceberg.catalog(), "workout").values()}
        assert iceberg.sync("workout")["workout"].days == 0
