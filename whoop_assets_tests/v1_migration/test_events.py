"""Parked webhook events with v1 ids."""

import json

from whoop_assets.v1_migration import migrate as v1_migration
from whoop_assets.webhooks import inbox
from whoop_assets_tests.v1_migration.old_store import UNKNOWN, old_ids


def park_v1_event(home, kind, number, trace_id):
    """Receives a webhook with a v1 id, which is parked."""
    body = {"user_id": home.member, "id": number, "type": f"{kind}.updated", "trace_id": trace_id}
    delivery = inbox.delivery_of(json.dumps(body).encode(), home.clock.now())
    with home.database.write() as connection:
        assert inbox.receive(connection, [delivery], home.clock.now()) == ["parked"]


def event(home, trace_id):
    with home.database.read() as connection:
        return inbox.stored(connection, trace_id)[0]


def test_parked_v1_events_are_reopened_with_their_v2_ids(home):
    key, sleep = next(iter(old_ids(home).items()))
    recovery = next(row for row in home.rows("recoveries").values() if row["sleep_id"] == key)
    park_v1_event(home, "sleep", sleep.v1_id, "one")
    park_v1_event(home, "recovery", recovery["cycle_id"], "two")
    park_v1_event(home, "workout", UNKNOWN, "three")
    v1_migration.import_event_ids(home.database)
    assert v1_migration.migrate(home.connection) == {}
    assert v1_migration.reopen_events(home.database) == 2
    for trace_id in ("one", "two"):
        assert (event(home, trace_id).state, event(home, trace_id).record_id) == ("open", key)
    assert (event(home, "three").state, event(home, "three").record_id) == ("parked", str(UNKNOWN))
    # A replay parses the stored body again, but keeps the v2 id.
    assert inbox.replay_events(home.database, ["one", "three"])["one"] is None
    assert event(home, "one").record_id == key
    assert event(home, "three").state == "parked"
