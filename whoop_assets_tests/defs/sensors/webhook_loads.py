"""Changes at WHOOP that announce events, and runs that load the events."""

from datetime import date, timedelta

from sqlalchemy import update

from whoop_assets.defs.sensors.summaries import stale_summaries
from whoop_assets.defs.sensors.webhooks import webhook_events
from whoop_assets.summaries.rebuild import rebuild_days
from whoop_assets.webhooks.tables import webhook_events as events_table


def requested_day(request):
    return date.fromisoformat(request.partition_key)


def rescore(p, stream, member=0, index=0):
    """Scores a record of a member again; returns its id."""
    user_id = p.home.members[member]
    record = p.home.truth(user_id)[stream][index]
    p.home.world.rescore(user_id, stream, record["id"])
    return record["id"]


def make_events_due(p):
    """Ends the retry delays of all open events. Runs use `SystemClock`, which no test can advance."""
    with p.home.database.write() as connection:
        connection.execute(
            update(events_table)
            .where(events_table.c.state == "open")
            .values(next_attempt_at=events_table.c.received_at)
        )


def process_due_events(p, max_ticks=8):
    """Evaluates the sensor and executes its runs until it requests none; returns their results."""
    results = []
    for _ in range(max_ticks):
        requests = p.tick(webhook_events).run_requests
        if not requests:
            return results
        results += [p.execute(request) for request in requests]
    raise AssertionError(f"The sensor still requests runs after {max_ticks} ticks.")


def build_stale_summaries(p):
    for request in p.tick(stale_summaries).run_requests:
        assert p.execute(request).success


def is_stored_as_at_whoop(p, stream, key):
    row = p.home.rows(stream)[key]
    truth = {record["id"]: record for record in p.home.truth(row["user_id"])[stream]}
    return row["payload"] == truth[key]


def assert_summaries_equal_a_rebuild(p):
    stored = p.home.contents()["daily_summary"]
    rebuild_days(p.home.database, p.home.members, p.today - timedelta(days=12), p.today)
    assert stored == p.home.contents()["daily_summary"]
