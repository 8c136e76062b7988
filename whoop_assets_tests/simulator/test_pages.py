"""Filters, order and cursor of the collections."""

import base64
import json
from datetime import datetime, timedelta

import pytest

from whoop_assets_tests.simulator.conftest import PATHS, Api
from whoop_simulator.running import RunningSimulator


def test_reading_all_pages_gives_exactly_the_visible_records_newest_first(big: RunningSimulator) -> None:
    for user_id in big.world.user_ids[:2]:
        api = Api(big, user_id)
        truth = big.world.truth(user_id)
        for stream in PATHS:
            assert api.crawl(stream) == truth[stream]
        starts = [cycle["start"] for cycle in truth["cycles"]]
        assert starts == sorted(starts, reverse=True)


def test_recoveries_are_ordered_by_their_sleeps_start(big: RunningSimulator) -> None:
    truth = big.world.truth(big.world.user_ids[0])
    start = {sleep["id"]: sleep["start"] for sleep in truth["sleeps"]}
    starts = [start[recovery["sleep_id"]] for recovery in truth["recoveries"]]
    assert starts == sorted(starts, reverse=True)


@pytest.mark.parametrize("stream", PATHS)
def test_start_and_end_select_what_overlaps_the_window(big: RunningSimulator, stream: str) -> None:
    user_id = big.world.user_ids[0]
    api = Api(big, user_id)
    truth = big.world.truth(user_id)
    span = {sleep["id"]: (sleep["start"], sleep["end"]) for sleep in truth["sleeps"]}

    def interval(record: dict[str, str]) -> tuple[str, str]:
        if stream == "recoveries":
            return span[record["sleep_id"]]
        return record["start"], record["end"] or "9999"

    edges = [interval(record)[side] for record in truth[stream][40:60] for side in (0, 1)]
    for start in edges[::3]:
        for end in edges[::5]:
            expected = [r for r in truth[stream] if interval(r)[1] >= start and interval(r)[0] < end]
            assert api.crawl(stream, start=start, end=end) == expected


def test_the_open_cycle_overlaps_every_later_window(simulator: RunningSimulator, api: Api) -> None:
    newest = simulator.world.truth(api.user_id)["cycles"][0]
    assert newest["end"] is None
    assert api.crawl("cycles", start="2026-11-20T14:59:00.000Z") == [newest]


def test_the_end_defaults_to_now(simulator: RunningSimulator, api: Api) -> None:
    simulator.world.add(
        api.user_id, "workouts", {"start": "2026-11-20T16:00:00.000Z", "end": "2026-11-20T16:30:00.000Z"}
    )
    assert api.crawl("workouts", start="2026-11-20T15:30:00.000Z") == []
    assert len(api.crawl("workouts", start="2026-11-20T15:30:00.000Z", end="2026-11-21T00:00:00Z")) == 1


def test_ten_records_by_default_and_the_cursor_is_an_offset(api: Api) -> None:
    page = api.get("/v2/cycle").json()
    assert len(page["records"]) == 10
    assert json.loads(base64.b64decode(page["next_token"])) == {"$": "o@1", "o": 10}
    assert page["next_token"] == "eyIkIjoib0AxIiwibyI6MTB9"


def test_the_next_token_of_the_last_page_is_null(api: Api) -> None:
    total = len(api.crawl("cycles"))
    token = base64.b64encode(json.dumps({"$": "o@1", "o": total - 25}).encode()).decode()
    page = api.get("/v2/cycle", limit=25, nextToken=token).json()
    assert len(page["records"]) == 25
    assert page["next_token"] is None


def test_a_next_token_parameter_is_ignored(api: Api) -> None:
    first = api.get("/v2/cycle").json()
    assert api.get("/v2/cycle", next_token=first["next_token"]).json() == first


@pytest.mark.parametrize(
    "query",
    [
        {"limit": "26"},
        {"limit": "0"},
        {"limit": "-1"},
        {"limit": "ten"},
        {"limit": ""},
        {"start": "2026-11-01"},
        {"start": "yesterday"},
        {"end": "2026-11-01T00:00:00"},
        {"end": "2026-13-01T00:00:00Z"},
        {"nextToken": "rubbish"},
        {"nextToken": "MTIzOjEyMzEyMw"},
        {"nextToken": base64.b64encode(b'{"$":"o@1","o":-5}').decode()},
        {"nextToken": base64.b64encode(b'{"$":"o@1","o":true}').decode()},
        {"nextToken": base64.b64encode(b"[]").decode()},
    ],
)
def test_an_invalid_query_gets_400(api: Api, query: dict[str, str]) -> None:
    for path in PATHS.values():
        assert api.get(path, **query).status_code == 400


def test_filters_accept_offsets_and_times_without_fractions(api: Api) -> None:
    same = [
        api.crawl("sleeps", start=start)
        for start in ("2026-11-10T12:00:00Z", "2026-11-10T12:00:00.000Z", "2026-11-10T07:00:00-05:00")
    ]
    assert same[0] == same[1] == same[2] != []


@pytest.mark.parametrize(
    "path",
    ["/v2/cycle/abc", "/v2/cycle/99999999999999999999", "/v2/activity/sleep/1", "/v2/activity/workout/x-y"],
)
def test_an_invalid_id_gets_400(api: Api, path: str) -> None:
    assert api.get(path).status_code == 400


@pytest.mark.parametrize(
    "path",
    [
        "/v2/cycle/1",
        "/v2/cycle/1/sleep",
        "/v2/cycle/1/recovery",
        "/v2/activity/sleep/00000000-0000-4000-8000-000000000000",
        "/v2/activity/workout/00000000-0000-4000-8000-000000000000",
        "/v1/activity-mapping/1",
    ],
)
def test_an_unknown_id_gets_404(api: Api, path: str) -> None:
    assert api.get(path).status_code == 404


def test_a_token_gives_no_access_to_records_of_other_members(big: RunningSimulator) -> None:
    first, second = big.world.user_ids[:2]
    api = Api(big, first)
    theirs = big.world.truth(second)
    assert api.get(f"/v2/cycle/{theirs['cycles'][0]['id']}").status_code == 404
    assert api.get(f"/v2/activity/sleep/{theirs['sleeps'][0]['id']}").status_code == 404
    assert {record["user_id"] for stream in PATHS for record in api.crawl(stream)} == {first}


def test_a_deletion_between_two_pages_hides_the_next_record(simulator: RunningSimulator, api: Api) -> None:
    before = simulator.world.truth(api.user_id)["workouts"]

    def delete_newest(number: int, path: str, query: dict[str, str]) -> None:
        if "nextToken" in query:
            simulator.world.before_request = None
            simulator.world.delete(api.user_id, "workouts", before[0]["id"])

    simulator.world.before_request = delete_newest
    seen = [record["id"] for record in api.crawl("workouts")]
    assert len(before) > 26
    assert seen == [record["id"] for record in before[:25] + before[26:]]


def test_a_new_record_between_two_pages_repeats_a_record(simulator: RunningSimulator, api: Api) -> None:
    before = simulator.world.truth(api.user_id)["workouts"]

    def add_one(number: int, path: str, query: dict[str, str]) -> None:
        if "nextToken" in query:
            simulator.world.before_request = None
            simulator.world.add(api.user_id, "workouts", {})

    simulator.world.before_request = add_one
    seen = [record["id"] for record in api.crawl("workouts")]
    assert seen[24] == seen[25]
    assert len(seen) == len(before) + 1


def test_sleep_and_recovery_of_a_cycle_are_the_main_ones(big: RunningSimulator) -> None:
    user_id = big.world.user_ids[0]
    truth = big.world.truth(user_id)
    api = Api(big, user_id)
    napped = {sleep["cycle_id"]: sleep["id"] for sleep in truth["sleeps"] if sleep["nap"]}
    main = {sleep["cycle_id"]: sleep["id"] for sleep in truth["sleeps"] if not sleep["nap"]}
    both = [cycle_id for cycle_id in napped if cycle_id in main][:5]
    assert both
    for cycle_id in both:
        assert api.get(f"/v2/cycle/{cycle_id}/recovery").json()["sleep_id"] == main[cycle_id]
        assert api.get(f"/v2/cycle/{cycle_id}/sleep").json()["id"] == main[cycle_id]
    without = next(cycle["id"] for cycle in truth["cycles"] if cycle["id"] not in main)
    assert api.get(f"/v2/cycle/{without}").status_code == 200
    assert api.get(f"/v2/cycle/{without}/recovery").status_code == 404
    assert api.get(f"/v2/cycle/{without}/sleep").status_code == 404


def test_old_activities_are_found_by_their_v1_id(big: RunningSimulator) -> None:
    user_id = big.world.user_ids[0]
    known = big.control.get(f"v1_ids/{user_id}")
    v1_id, uuid = next(iter(known.items()))
    assert Api(big, user_id).get(f"/v1/activity-mapping/{v1_id}").json() == {"v2_activity_id": uuid}
    truth = big.world.truth(user_id)
    old = [r for r in truth["sleeps"] + truth["workouts"] if r["start"] < "2025-09-01"]
    assert {record["id"] for record in old} == set(known.values())
    assert datetime.fromisoformat(old[0]["start"]) > big.world.moment - timedelta(days=502)
