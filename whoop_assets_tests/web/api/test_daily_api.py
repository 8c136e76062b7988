"""GET /api/v1/whoop/daily returns the stored rows of the reader's members, page by page."""

import csv
import io
from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sqlalchemy import delete, text

from whoop_assets.db.database import Database
from whoop_assets.members import readers
from whoop_assets.summaries.tables import daily_summary
from whoop_assets.sync.members import membership
from whoop_assets.web.api import parameters
from whoop_assets.web.api.responses import plain
from whoop_assets_tests.support.data.daily_rows import (
    BUILT,
    DAILY,
    DAY,
    RECOVERY_STATUS,
    Key,
    connect,
    daily_row,
    key_for,
    store,
    stored,
)
from whoop_assets_tests.web.conftest import MEMBER, Service

ONE_DAY = timedelta(days=1)
OTHER, STRANGER, NOBODY = MEMBER + 1, MEMBER + 2, MEMBER + 3
EXPORTED = -2
"""A member from an export has a negative number."""


@pytest.fixture
def key(service: Service) -> Key:
    """A key of two of three members."""
    connect(service.database, OTHER, STRANGER)
    return key_for(service.database, service.server.base_url, MEMBER, OTHER)


def as_told(service: Service, *user_ids: int) -> list[dict[str, object]]:
    """Return the expected rows of the members."""
    with service.database.read() as connection:
        rows = stored(connection)
    return [{name: plain(value) for name, value in row.items()} for row in rows if row["user_id"] in user_ids]


def test_a_row_has_the_stored_values(service: Service, key: Key) -> None:
    store(service.database, [daily_row(MEMBER, DAY), daily_row(MEMBER, DAY + ONE_DAY, full=False)])
    answer = key.days(DAY, DAY + ONE_DAY)
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/json")
    assert answer.json() == {"data": as_told(service, MEMBER), "next_cursor": None}
    first, second = answer.json()["data"]
    assert (first["day"], first["built_at"][:11], first["built_at"][-1]) == ("2026-11-02", "2026-11-03T", "Z")
    assert (second["recovery_score"], second["sports"]) == (None, None)


def test_csv_has_the_same_values(service: Service, key: Key) -> None:
    store(service.database, [daily_row(MEMBER, DAY), daily_row(OTHER, DAY, full=False)])
    data = key.days(DAY, DAY).json()["data"]
    asked_for = [
        key.days(DAY, DAY, format="csv"),
        key.days(DAY, DAY, headers={"Accept": "text/csv"}),
        key.days(DAY, DAY, headers={"Accept": "application/json;q=0.5, text/*"}),
    ]
    for answer in asked_for:
        assert answer.headers["content-type"] == "text/csv; charset=utf-8; header=present"
        rows = list(csv.DictReader(io.StringIO(answer.text)))
        words = {None: "", True: "true", False: "false"}
        assert rows == [
            {
                name: words.get(value, str(value))
                if not isinstance(value, int | float) or isinstance(value, bool)
                else repr(value)
                for name, value in row.items()
            }
            for row in data
        ]


def test_the_bounds_are_included_and_the_order_is_day_then_member(service: Service, key: Key) -> None:
    days = [DAY + n * ONE_DAY for n in range(-1, 4)]
    store(
        service.database, [daily_row(user_id, day) for user_id in (OTHER, MEMBER) for day in reversed(days)]
    )
    data = key.days(DAY, DAY + 2 * ONE_DAY).json()["data"]
    assert [(row["day"], row["user_id"]) for row in data] == [
        (day.isoformat(), user_id) for day in days[1:4] for user_id in (MEMBER, OTHER)
    ]
    only = key.days(DAY, DAY, member=OTHER).json()["data"]
    assert [(row["day"], row["user_id"]) for row in only] == [(DAY.isoformat(), OTHER)]


def walk(key: Key, *, limit: int, between: Callable[[], None] = lambda: None) -> list[tuple[str, int]]:
    """Return the keys of all rows by following the Link headers."""
    found: list[tuple[str, int]] = []
    answer = key.days(DAY, DAY + 30 * ONE_DAY, limit=limit)
    while True:
        body = answer.json()
        assert len(body["data"]) <= limit
        found += [(row["day"], row["user_id"]) for row in body["data"]]
        if "next" not in answer.links:
            assert body["next_cursor"] is None
            return found
        between()
        answer = httpx.get(
            key.base_url + answer.links["next"]["url"],
            headers={"Authorization": f"Bearer {key.key}"},
            timeout=60,
        )


def test_pages_hold_every_row_once(service: Service, key: Key) -> None:
    store(
        service.database,
        [daily_row(user_id, DAY + n * ONE_DAY) for n in range(7) for user_id in (MEMBER, OTHER)],
    )
    everything = [(row["day"], row["user_id"]) for row in as_told(service, MEMBER, OTHER)]
    for limit in (1, 3, 7, 14, 15):
        assert walk(key, limit=limit) == everything


def test_rows_added_or_deleted_between_pages_shift_no_other_row(service: Service, key: Key) -> None:
    store(service.database, [daily_row(MEMBER, DAY + n * ONE_DAY) for n in range(0, 20, 2)])
    before = as_told(service, MEMBER)

    def change() -> None:
        c = daily_summary.c
        store(service.database, [daily_row(OTHER, DAY), daily_row(MEMBER, DAY + 3 * ONE_DAY)])
        with service.database.write() as connection:
            connection.execute(delete(daily_summary).where(c.day == DAY, c.user_id == MEMBER))

    found = walk(key, limit=4, between=change)
    assert len(found) == len(set(found))
    assert {(row["day"], row["user_id"]) for row in before} <= set(found)


def test_an_unchanged_page_has_no_body(service: Service, key: Key) -> None:
    store(service.database, [daily_row(MEMBER, DAY + n * ONE_DAY) for n in range(3)])

    def again(**query: object) -> httpx.Response:
        return key.days(DAY, DAY + 9 * ONE_DAY, headers={"If-None-Match": tag}, **query)

    answer = key.days(DAY, DAY + 9 * ONE_DAY)
    tag = answer.headers["etag"]
    assert answer.headers["cache-control"] == "private, no-cache"
    assert set(answer.headers["vary"].split(", ")) == {"Authorization", "Accept"}
    unchanged = again()
    assert (unchanged.status_code, unchanged.content, unchanged.headers["etag"]) == (304, b"", tag)
    assert again(format="csv").status_code == 200
    for changed in (
        [daily_row(MEMBER, DAY, built_at=BUILT + timedelta(microseconds=1))],
        # A confirmation does not renew `built_at`.
        [
            daily_row(
                MEMBER,
                DAY,
                built_at=BUILT + timedelta(microseconds=1),
                last_recovery_synced_at=BUILT + ONE_DAY,
            )
        ],
        [daily_row(OTHER, DAY)],
    ):
        store(service.database, changed)
        answer = again()
        assert answer.status_code == 200
        tag = answer.headers["etag"]
        assert again().status_code == 304
    with service.database.write() as connection:
        connection.execute(delete(daily_summary).where(daily_summary.c.user_id == OTHER))
    assert again().status_code == 200


def test_a_new_row_after_the_page_adds_a_next_page(service: Service, key: Key) -> None:
    store(service.database, [daily_row(MEMBER, DAY)])
    tag = key.days(DAY, DAY + ONE_DAY, limit=1).headers["etag"]
    store(service.database, [daily_row(MEMBER, DAY + ONE_DAY)])
    answer = key.days(DAY, DAY + ONE_DAY, limit=1, headers={"If-None-Match": tag})
    assert (answer.status_code, len(answer.json()["data"])) == (200, 1)
    assert answer.json()["next_cursor"] is not None


# Keys


def test_without_a_valid_key_nothing_is_shown(service: Service, key: Key) -> None:
    revoked = key_for(service.database, key.base_url, MEMBER)
    with service.database.write() as connection:
        assert readers.revoke(connection, revoked.number, BUILT)
    for path in (DAILY, RECOVERY_STATUS):
        answer = httpx.get(key.base_url + path, timeout=60)
        assert (answer.status_code, answer.headers["www-authenticate"]) == (
            401,
            'Bearer realm="whoop-assets"',
        )
        wrong = Key(key.base_url, 0, key.key[:-1] + ("a" if key.key[-1] != "a" else "b"))
        refused = [reader.get(path) for reader in (wrong, revoked, Key(key.base_url, 0, "x"))]
        assert {response.status_code for response in refused} == {401}
        assert len({response.content for response in refused}) == 1
        assert 'error="invalid_token"' in refused[0].headers["www-authenticate"]
        basic = httpx.get(key.base_url + path, headers={"Authorization": f"Basic {key.key}"}, timeout=60)
        assert basic.status_code == 401
        in_the_query = httpx.get(key.base_url + path, params={"key": key.key}, timeout=60)
        assert in_the_query.status_code == 401


def test_an_unknown_member_and_another_readers_member_give_the_same_response(
    service: Service, key: Key
) -> None:
    store(service.database, [daily_row(STRANGER, DAY)])
    days: dict[str, Any] = {"from": str(DAY), "to": str(DAY)}
    for path, query in ((DAILY, days), (RECOVERY_STATUS, {})):
        strange, absent = (key.get(path, **query, member=user_id) for user_id in (STRANGER, NOBODY))
        assert (strange.status_code, strange.content) == (404, absent.content)
        assert str(STRANGER) not in strange.text


def test_no_key_is_stored(service: Service, key: Key) -> None:
    with service.database.read() as connection:
        rows = [str(row) for row in connection.execute(text("select * from readers"))]
    assert len(rows) == 1
    assert key.key not in rows[0]
    assert key.key.removeprefix(readers.PREFIX) not in rows[0]


def test_an_erased_member_is_removed_from_every_reader(service: Service, key: Key) -> None:
    store(service.database, [daily_row(MEMBER, DAY), daily_row(OTHER, DAY)])
    with service.database.write() as connection:
        membership.erase_member(connection, MEMBER)
    connect(service.database, MEMBER)
    store(service.database, [daily_row(MEMBER, DAY)])
    assert {row["user_id"] for row in key.days(DAY, DAY).json()["data"]} == {OTHER}
    assert key.days(DAY, DAY, member=MEMBER).status_code == 404


MEMBERS = [MEMBER, OTHER, STRANGER, NOBODY, EXPORTED]
days_ = st.integers(-1, 4).map(lambda n: DAY + n * ONE_DAY)


@given(
    mine=st.sets(st.sampled_from(MEMBERS), min_size=1, max_size=3),
    rows=st.sets(st.tuples(days_, st.sampled_from(MEMBERS))),
    first=days_,
    last=days_,
    member=st.none() | st.sampled_from(MEMBERS),
    after=st.none() | st.tuples(days_, st.sampled_from(MEMBERS)),
    limit=st.integers(1, 5),
    form=st.sampled_from(["json", "csv"]),
)
@settings(max_examples=25)
def test_a_key_shows_only_its_own_members(
    sqlite_service: Service, mine, rows, first, last, member, after, limit, form
) -> None:
    database = sqlite_service.database
    connect(database, *MEMBERS)
    with database.write() as connection:
        connection.execute(delete(daily_summary))
    store(database, [daily_row(user_id, day, full=False) for day, user_id in rows])
    key = key_for(database, sqlite_service.server.base_url, *mine)
    cursor = None if after is None else parameters.encode_cursor(after)
    answer = key.days(first, last, member=member, cursor=cursor, limit=limit, format=form)
    status = key.get(RECOVERY_STATUS, member=member)
    if first > last:
        assert answer.status_code == 400
        return
    if member is not None and member not in mine:
        assert (answer.status_code, status.status_code) == (404, 404)
        return
    visible = mine if member is None else {member}
    assert {row["user_id"] for row in status.json()["data"]} == visible
    expected = sorted(
        (day.isoformat(), user_id)
        for day, user_id in rows
        if user_id in visible and first <= day <= last and (after is None or (day, user_id) > after)
    )[:limit]
    data = list(csv.DictReader(io.StringIO(answer.text))) if form == "csv" else answer.json()["data"]
    assert [(row["day"], int(row["user_id"])) for row in data] == expected
    if "next" in answer.links:
        following = httpx.get(
            key.base_url + answer.links["next"]["url"],
            headers={"Authorization": f"Bearer {key.key}"},
            timeout=60,
        )
        for stranger in {str(user_id) for user_id in MEMBERS} - {str(user_id) for user_id in visible}:
            assert stranger not in following.text


# Invalid requests


@pytest.mark.parametrize(
    ("query", "what"),
    [
        ({"to": "2026-11-02"}, "from is missing"),
        ({"from": "2026-11-02"}, "to is missing"),
        ({"from": "2026-11-2", "to": "2026-11-02"}, "YYYY-MM-DD"),
        ({"from": "2026-11-03", "to": "2026-11-02"}, "exchange"),
        ({"form": "csv"}, "no such parameter"),
        ({"member": "0"}, "not an id"),
        ({"member": "9" * 19}, "not an id"),
        ({"member": "-" + "9" * 19}, "not an id"),
        ({"member": "all"}, "not an id"),
        ({"limit": "0"}, "from 1 to 1000"),
        ({"limit": "1001"}, "from 1 to 1000"),
        ({"cursor": "nonsense"}, "cursor"),
        ({"cursor": ""}, "cursor"),
        ({"format": "xml"}, "json or csv"),
    ],
)
def test_an_invalid_parameter_is_named(service: Service, key: Key, query: dict[str, Any], what: str) -> None:
    whole: dict[str, Any] = {"from": str(DAY), "to": str(DAY)} if not {"from", "to"} & set(query) else {}
    answer = key.get(DAILY, **whole, **query)
    assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")
    assert answer.json()["status"] == 400
    assert what in answer.json()["detail"]
    assert answer.headers["cache-control"] == "private, no-store"


def test_the_widest_range_of_days_is_accepted(service: Service, key: Key) -> None:
    answer = key.get(DAILY, from_="0001-01-01", to="9999-12-31")
    assert answer.status_code == 200
    assert answer.json() == key.get(DAILY, from_="2000-01-01", to="2100-01-01").json()


def test_other_rejected_requests(service: Service, key: Key) -> None:
    assert key.days(DAY, DAY, headers={"Accept": "text/html"}).status_code == 406
    twice = httpx.get(
        f"{key.base_url}{DAILY}?from={DAY}&to={DAY}&to={DAY}",
        headers={"Authorization": f"Bearer {key.key}"},
        timeout=60,
    )
    assert "given twice" in twice.json()["detail"]
    posted = httpx.post(key.base_url + DAILY, timeout=60)
    assert (posted.status_code, posted.json()["status"]) == (405, 405)
    assert set(posted.headers["allow"].split(", ")) == {"GET", "HEAD"}
    nowhere = httpx.get(key.base_url + "/api/v2/whoop/daily", timeout=60)
    assert (nowhere.status_code, nowhere.headers["content-type"]) == (404, "application/problem+json")
    headed = httpx.head(
        f"{key.base_url}{DAILY}?from={DAY}&to={DAY}", headers={"Authorization": f"Bearer {key.key}"}
    )
    assert (headed.status_code, headed.content) == (200, b"")


def test_a_reader_above_its_rate_gets_429_and_affects_no_other_reader(
    sqlite_service: Service,
) -> None:
    base_url, database = sqlite_service.server.base_url, sqlite_service.database
    slow, other = key_for(database, base_url, MEMBER, rate=1), key_for(database, base_url, MEMBER)
    assert slow.days(DAY, DAY).status_code == 200
    answer = slow.days(DAY, DAY)
    assert (answer.status_code, answer.json()["status"]) == (429, 429)
    assert "may send 1 request a minute" in answer.json()["detail"]
    assert 1 <= int(answer.headers["retry-after"]) <= 60
    assert slow.get(RECOVERY_STATUS).status_code == 429
    assert other.days(DAY, DAY).status_code == 200


def test_a_failing_database_gives_503_and_is_not_named(sqlite_service: Service) -> None:
    key = key_for(sqlite_service.database, sqlite_service.server.base_url, MEMBER)
    with Database(sqlite_service.settings.database_url).write() as connection:
        connection.execute(text("drop table reader_members"))
    answer = key.days(DAY, DAY)
    assert (answer.status_code, answer.headers["retry-after"]) == (503, "10")
    assert "reader_members" not in answer.text
