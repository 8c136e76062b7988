"""A program with a fifth stream, like workouts, registered before the modules that read the registry.

It stores a record in the database of its argument, rebuilds the days, and prints what became of the record.
"""

import json
import sys
from dataclasses import replace
from typing import Any

from sqlalchemy import Table, select
from sqlalchemy.schema import CreateTable

from whoop_assets.whoop_api import streams


def registered() -> Table:
    """Add the stream where `streams` and `tables` list it, and return its table."""
    from whoop_assets.db.columns import metadata
    from whoop_assets.records import tables

    registry: Any = streams
    meals = replace(streams.WORKOUTS, name="meals", event=None)
    registry.STREAMS["meals"] = registry.ALL_STREAMS["meals"] = meals
    tables.RECORD_TABLES["meals"] = tables.workouts.to_metadata(metadata, name="meals")
    tables.RECORD_KEYS["meals"] = meals.key
    return tables.RECORD_TABLES["meals"]


def main(url: str) -> None:
    """Print the results as JSON."""
    table = registered()

    import dagster as dg

    from whoop_assets.db.database import Database
    from whoop_assets.definitions import defs
    from whoop_assets.quality.consistency import missing_summaries
    from whoop_assets.records.commit import Batch, ReadSpan, StreamBatch, commit
    from whoop_assets.records.coverage import Span, covered
    from whoop_assets.summaries.rebuild import rebuild_days, rebuild_trends
    from whoop_assets.summaries.tables import daily_summary
    from whoop_assets_tests.support.data.factories import MEMBER, NOW, at, cycle, stale, workout

    database, span = Database(url), Span(at(3), at(7))
    with database.write([MEMBER]) as connection:
        connection.execute(CreateTable(table))
        commit(connection, MEMBER, Batch({"cycles": StreamBatch([cycle(1, at(3), at(4, 3))])}), NOW)
        meals = StreamBatch([workout("m1", at(4, 1)), workout("m2", at(6))])
        created = commit(connection, MEMBER, Batch({"meals": meals}, ReadSpan("meals", span, NOW)), NOW)
        days = sorted(stale(connection))
    rebuild_days(database, [MEMBER], days[0], days[-1])
    rebuild_trends(database, [MEMBER], days[0], days[-1])
    with database.read() as connection:
        result = {
            "created": created["meals"].created,
            "covered": [entry.records for entry in covered(connection, MEMBER, "meals", span)],
            "days": dict(connection.execute(select(table.c.id, table.c.day)).all()),
            "summaries": sorted(connection.scalars(select(daily_summary.c.day))),
            "workouts": sorted(connection.scalars(select(daily_summary.c.workout_count).distinct())),
            "missing summaries": missing_summaries(connection).count,
        }
    database.close()
    parents = defs.resolve_asset_graph().get(dg.AssetKey(["whoop", "daily_summary"])).parent_keys
    result["is a source of the summaries"] = dg.AssetKey(["whoop", "meals"]) in parents
    print(json.dumps(result, default=str))


if __name__ == "__main__":
    main(sys.argv[1])
