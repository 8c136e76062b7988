"""Loads the due webhook events without Dagster."""

from datetime import date

from whoop_assets.members import store as members
from whoop_assets.sync.events.event_load import LANE
from whoop_assets.sync.events.load_events import (
    load_events,
    rebuild_days_of_run,
    rebuild_trends_of_run,
)
from whoop_assets.sync.load_members import LoadRequest, LoadResult
from whoop_assets.sync.session import WhoopSession
from whoop_assets.whoop_api.streams import ANNOUNCED_STREAMS, CYCLES

FIRST_DAY, LAST_DAY = date(1970, 1, 1), date(9999, 12, 31)


def process_due_events(session: WhoopSession, *, by: str) -> list[LoadResult]:
    """Load all due events and rebuild the summaries, without Dagster. A run does it for one day."""
    database = session.database
    with database.read() as connection:
        now = database.now(connection)
        user_ids = [member.user_id for member in members.chosen(connection, (), with_disconnected=True)]
    results = []
    for stream in (CYCLES.name, *ANNOUNCED_STREAMS):
        request = LoadRequest(
            stream, FIRST_DAY, LAST_DAY, now.date(), until=now, since=now, lane=LANE, run_id=by
        )
        results.append(load_events(session, request))
    rebuild_days_of_run(database, user_ids, FIRST_DAY, LAST_DAY, by=by, since=now)
    rebuild_trends_of_run(database, user_ids, FIRST_DAY, LAST_DAY, by=by, since=now)
    return results
