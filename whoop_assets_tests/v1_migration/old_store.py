"""An old store with v1 ids, and the result of its migration."""

import json
from datetime import date, timedelta
from types import SimpleNamespace

from sqlalchemy import select, update

from whoop_assets.records import tables
from whoop_assets.v1_migration import integrity
from whoop_assets.v1_migration import migrate as v1_migration
from whoop_assets.v1_migration.store import OldId
from whoop_assets.v1_migration.tables import v1_ids as log
from whoop_assets_tests.support.home import moment

FIRST, LAST = date(2025, 7, 1), date(2025, 8, 10)
UNKNOWN = 900_000_000
"""No activity has this v1 id or a larger one."""


def v1_ids_of(home, user_id=None):
    """Returns v2 id -> v1 id, as in WHOOP's mapping endpoint."""
    known = home.world.member(home.member if user_id is None else user_id).source.v1_ids
    return {uuid: number for number, uuid in known.items()}


def old_ids(home, *, user_id=None, stream="sleeps"):
    """Returns the loaded records of a stream as an old store has them, by v2 id."""
    user_id = home.member if user_id is None else user_id
    known = v1_ids_of(home, user_id)
    kind = {"sleeps": "sleep", "workouts": "workout"}[stream]
    return {
        row["id"]: OldId(user_id, kind, known[row["id"]], row["start_time"], row["end_time"])
        for row in home.rows(stream).values()
        if row["user_id"] == user_id and row["id"] in known
    }


def migrate(home, ids=(), **given):
    v1_migration.import_ids(home.database, ids, "an old store")
    return v1_migration.migrate(given.pop("connection", home.connection), **given)


def integrity_report(home):
    with home.database.read() as connection:
        return SimpleNamespace(**integrity.check_integrity(connection)[0])


def has_no_problems(home):
    with home.database.read() as connection:
        return integrity.check_integrity(connection)[1].count == 0


def log_rows(home):
    with home.database.read() as connection:
        rows = [dict(row) for row in connection.execute(select(log)).mappings()]
    return {(row["kind"], row["v1_id"]): row for row in rows}


def mapping_requests(home):
    return [entry.path for entry in home.world.request_log if "/activity-mapping/" in entry.path]


def set_v1_id(home, stream, key, number):
    """Sets the v1 id in a stored payload. WHOOP rarely fills that field."""
    table = tables.RECORD_TABLES[stream]
    payload = home.rows(stream)[key]["payload"] | {"v1_id": number}
    with home.database.write() as connection:
        connection.execute(update(table).where(table.c.id == key).values(payload=json.dumps(payload)))


def contradictions(home):
    with home.database.read() as connection:
        header, *rows = integrity.log_rows(connection)
    entries = [dict(zip(header, row, strict=True)) for row in rows]
    return {(row["user_id"], row["kind"], row["v1_id"]): row["contradiction"] for row in entries}


def last_sleep_before_loaded_days(home):
    """Returns WHOOP's last main sleep that is safely before the loaded days."""
    records = home.truth()["sleeps"]
    earlier = [record for record in records if moment(record["start"]).date() < FIRST - timedelta(days=4)]
    return max(
        (record for record in earlier if not record["nap"]), key=lambda record: moment(record["start"])
    )
