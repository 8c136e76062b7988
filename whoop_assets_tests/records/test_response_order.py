"""Order of responses: by updated_at, then by send time; an older response never overwrites a newer one."""

from datetime import timedelta

from hypothesis import given
from hypothesis import strategies as st

from whoop_assets.records import upsert
from whoop_assets_tests.support.data.factories import (
    MEMBER,
    NOW,
    UPDATED,
    at,
    cycle,
    rolled_back,
    rows,
    workout,
)

KEY = 93845


def the_open_cycle(strain, sent, updated=0):
    return cycle(
        KEY,
        at(3),
        None,
        strain=strain,
        updated_at=UPDATED + timedelta(hours=updated),
        requested_at=NOW + timedelta(seconds=sent),
    )


def store(connection, *answers):
    return upsert.store(connection, MEMBER, "cycles", answers, NOW)


def test_a_later_request_with_other_content_wins_at_the_same_updated_at(database):
    with database.write([MEMBER]) as connection:
        store(connection, the_open_cycle(4.0, sent=1))
        result = store(connection, the_open_cycle(9.5, sent=2))
        assert (result.created, result.changed) == (0, 1)
        assert rows(connection, "cycles")[KEY]["strain"] == 9.5


def test_a_response_to_an_earlier_request_is_superseded(database):
    with database.write([MEMBER]) as connection:
        store(connection, the_open_cycle(9.5, sent=2))
        result = store(connection, the_open_cycle(4.0, sent=1))
        assert (result.changed, result.superseded, result.days) == (0, 1, set())
        assert rows(connection, "cycles")[KEY]["strain"] == 9.5


def test_a_superseded_record_is_outdated_unless_a_later_request_has_confirmed_the_stored_one(database):
    with database.write([MEMBER]) as connection:
        store(connection, the_open_cycle(9.5, sent=2, updated=1))
        assert store(connection, the_open_cycle(4.0, sent=1)).outdated == set()
        assert store(connection, the_open_cycle(4.0, sent=2)).outdated == set()
        assert store(connection, the_open_cycle(4.0, sent=3)).outdated == {KEY}


def test_updated_at_counts_more_than_the_send_time(database):
    with database.write([MEMBER]) as connection:
        store(connection, the_open_cycle(9.5, sent=1, updated=2))
        assert store(connection, the_open_cycle(4.0, sent=5, updated=1)).superseded == 1
        assert rows(connection, "cycles")[KEY]["strain"] == 9.5


def test_the_same_content_again_changes_nothing_but_synced_at(database):
    with database.write([MEMBER]) as connection:
        store(connection, the_open_cycle(9.5, sent=1))
        before = rows(connection, "cycles")[KEY]
        result = upsert.store(
            connection, MEMBER, "cycles", [the_open_cycle(9.5, sent=60)], NOW + timedelta(hours=1)
        )
        assert (result.confirmed, result.days) == (1, set())
        after = rows(connection, "cycles")[KEY]
        assert after.pop("synced_at") == NOW + timedelta(seconds=60)
        assert before.pop("synced_at") == NOW + timedelta(seconds=1)
        assert after == before


def test_a_late_confirmation_does_not_reduce_synced_at(database):
    with database.write([MEMBER]) as connection:
        store(connection, the_open_cycle(9.5, sent=60))
        store(connection, the_open_cycle(9.5, sent=1))
        assert rows(connection, "cycles")[KEY]["synced_at"] == NOW + timedelta(seconds=60)


answers = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 2), st.booleans()), min_size=1, max_size=6
).flatmap(lambda contents: st.permutations(list(enumerate(contents))))
"""(number of the request, (updated_at, strain, still open)), in the order of arrival."""


@given(arrivals=answers, batches=st.lists(st.integers(1, 3), min_size=6, max_size=6))
def test_the_same_response_wins_in_any_order_of_arrival(database, arrivals, batches):
    incoming = [
        cycle(
            KEY,
            at(3),
            None if still_open else at(4),
            strain=float(strain),
            updated_at=UPDATED + timedelta(hours=updated),
            requested_at=NOW + timedelta(seconds=number),
        )
        for number, (updated, strain, still_open) in arrivals
    ]
    with rolled_back(database) as connection:
        rest = list(incoming)
        for size in batches:
            store(connection, *rest[:size])
            rest = rest[size:]
        row = rows(connection, "cycles")[KEY]
        last = max(incoming, key=lambda answer: answer.order)
        assert row["content_hash"] == last.fields["content_hash"]
        assert row["strain"] == last.fields["strain"]
        assert row["end_time"] == last.fields["end_time"]
        assert row["synced_at"] == max(
            answer.requested_at for answer in incoming if answer.fields["content_hash"] == row["content_hash"]
        )
        versions = rows(connection, "record_versions").values()
        closed = {a.fields["content_hash"] for a in incoming if a.fields["end_time"] is not None}
        assert {version["content_hash"] for version in versions if not version["open"]} == closed
        assert len([version for version in versions if version["open"]]) <= 1


def test_each_distinct_content_is_kept_once_with_the_endpoint_that_gave_it(database):
    with database.write([MEMBER]) as connection:
        for sent, sport in enumerate(("running", "cycling", "running", "cycling")):
            answer = workout(
                "w1",
                at(3, 9),
                sport_name=sport,
                requested_at=NOW + timedelta(seconds=sent),
                endpoint="/v2/activity/workout" if sent == 0 else "/v2/activity/workout/w1",
            )
            upsert.store(connection, MEMBER, "workouts", [answer], NOW)
        versions = sorted(rows(connection, "record_versions").values(), key=lambda row: row["requested_at"])
        assert rows(connection, "workouts")["w1"]["sport_name"] == "cycling"
        assert [row["endpoint"] for row in versions] == ["/v2/activity/workout", "/v2/activity/workout/w1"]


def test_only_the_last_open_state_and_the_final_state_of_a_cycle_are_kept(database):
    final = cycle(
        KEY,
        at(3),
        at(4),
        strain=14.0,
        updated_at=UPDATED + timedelta(days=1),
        requested_at=NOW + timedelta(days=1),
    )
    with database.write([MEMBER]) as connection:
        for sent, strain in enumerate((1.0, 2.0, 3.0)):
            store(connection, the_open_cycle(strain, sent))
        store(connection, final)
        kept = {row["content_hash"]: row["open"] for row in rows(connection, "record_versions").values()}
        last_passing = the_open_cycle(3.0, 2).fields["content_hash"]
        assert kept == {last_passing: True, final.fields["content_hash"]: False}
