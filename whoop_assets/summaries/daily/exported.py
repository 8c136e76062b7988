"""Add an app export's records to the API's records of a day, and empty the values that stay unknown.

An export has no ids. Its records get temporary ids during the computation, and the daily row gets none.
Values that an export lacks are None: steps, disturbances, calibration, zone 0.

For each stream of each day:

- If the API was read for the day, only the API's records count.
- If it was not read, the API's records that arrived by a webhook or with neighbouring days count, and the
export's too.
- If the API has no record of the day in any stream, only the export's records count.
"""

from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from whoop_assets.summaries.record_columns import ASLEEP, CYCLE_SCORE, RECOVERY_SCORE, WORKOUT_SCORE
from whoop_assets.summaries.tables import DAILY_SOURCES
from whoop_assets.whoop_day import begins_as_nap

Row = Mapping[str, Any]
Key = tuple[int, date]
Place = tuple[int, datetime]
"""A member and the start time of a cycle or sleep."""

FROM_EXPORT, FROM_BOTH = "export", "mixed"
"""The `source` of a daily row from an export only, and from export and API."""

NOT_EXPORTED = (
    "cycle_id",
    "sleep_id",
    "step_count",
    "user_calibrating",
    "disturbance_count",
    "zone_zero_milli",
    "last_recovery_data_changed_at",
    "last_recovery_synced_at",
)
"""Columns of a daily row that no export provides."""

OF_NAPS = tuple(name for name, sources in DAILY_SOURCES.items() if ("sleeps", "nap") in sources)
OF_WORKOUTS = tuple(
    name for name, sources in DAILY_SOURCES.items() if {table for table, _ in sources} == {"workouts"}
)

_EXPORTED_RECOVERY = tuple(name for name in RECOVERY_SCORE if name != "user_calibrating")
_SCORED, _NOT_SCORED = "SCORED", "UNSCORABLE"
MAX_ROUNDING = 0.5
"""Largest difference between an export's recovery score and the API's, in percentage points."""
_TEMPORARY = "exported "
"""Prefix of the temporary ids of sleeps and workouts."""


@dataclass(slots=True)
class ApiRecords:
    """The API's records of some days.

    Attributes:
        records: Stream -> rows of its records.
        read: Stream -> member-days for which the stream was read completely.
    """

    records: Mapping[str, Sequence[Row]] = field(default_factory=dict)
    read: Mapping[str, Collection[Key]] = field(default_factory=dict)

    def days(self) -> set[Key]:
        """Return the member-days with any record."""
        return {_key(row) for rows in self.records.values() for row in rows}


class ListedSleep(NamedTuple):
    """A sleep of an export, as a recovery refers to it.

    Attributes:
        identity: Id of the sleep. None if WHOOP has deleted it, or if the API's sleeps replace it.
        nap: Whether it is a nap.
        replaced: Whether only the API's sleeps of the day count and this one is not among them.
    """

    identity: str | None
    nap: bool
    replaced: bool


@dataclass(slots=True)
class AddedRecords:
    """The records that an export adds, with the columns of the API's records.

    Attributes:
        records: Stream -> rows of its records.
        latest_cycle: Member -> temporary id of the member's latest cycle, if the export adds it.
    """

    records: dict[str, list[dict[str, Any]]] = field(default_factory=lambda: defaultdict(list))
    latest_cycle: dict[int, int] = field(default_factory=dict)


def fill_gaps(
    api: ApiRecords,
    cycles: Sequence[Row],
    sleeps: Sequence[Row],
    workouts: Sequence[Row],
    newest_cycle: Mapping[int, datetime],
) -> AddedRecords:
    """Return the records that an export adds to these days.

    Args:
        api: The API's records of the days.
        cycles: Rows of `imported_cycles` with `alive` and `moved`. `alive` is None if the row matches no
            record of the
            API, else whether that record exists. `moved` is true if the API has the cycle on another day.
        sleeps: Rows of `imported_sleeps` with `alive`.
        workouts: Rows of `imported_workouts` with `alive`.
        newest_cycle: Member -> start of the newest cycle from API or export; only that one can be partial.
    """
    anything = api.days()

    def fills(stream: str, row: Row) -> bool:
        return _key(row) not in anything or _key(row) not in api.read.get(stream, ())

    result = AddedRecords()
    matched = {row["matched_id"] for row in cycles}
    unmatched = [row for row in api.records["cycles"] if row["id"] not in matched]
    api_cycle = {_key(row): row["id"] for row in unmatched}
    # On these days the API has a cycle that the export lacks: WHOOP changed it after the export.
    edited = {_key(row) for row in unmatched} | {_key(row) for row in cycles if row["alive"] and row["moved"]}
    cycle_id: dict[Place, int | None] = {}
    for number, row in enumerate(cycles, 1):
        place = (row["user_id"], row["start_time"])
        cycle_id[place] = row["matched_id"] if row["alive"] else None
        if row["alive"] is not None:
            continue
        if _key(row) in edited or not fills("cycles", row):
            cycle_id[place] = api_cycle.get(_key(row))
        else:
            cycle_id[place] = -number
            result.records["cycles"].append(_cycle(row, -number))
            if newest_cycle.get(row["user_id"]) == row["start_time"]:
                result.latest_cycle[row["user_id"]] = -number
    begun_with: dict[Place, tuple[bool, datetime, str | None]] = {}
    beginning: dict[Place, ListedSleep] = {}
    for number, row in enumerate(sleeps, 1):
        cycle_start = row["assigned_cycle_start_time"] or row["cycle_start_time"]
        place = (row["user_id"], cycle_start)
        used = row["alive"] is None and fills("sleeps", row)
        replaced = row["alive"] is None and not used
        identity = f"{_TEMPORARY}{number:09}" if used else (row["matched_id"] if row["alive"] else None)
        if used:
            result.records["sleeps"].append(_sleep(row, str(identity), cycle_id.get(place)))
        beginning[row["user_id"], row["start_time"]] = ListedSleep(identity, row["nap"], replaced)
        if not row["nap"] and not replaced:
            # A row without a sleep has the recovery of the sleep at the start of the cycle.
            offered = (row["start_time"] != cycle_start, row["start_time"], identity)
            begun_with[place] = min(
                offered, begun_with.get(place, offered), key=lambda candidate: candidate[:2]
            )
    _name_sleeps_of_recoveries(api, result.records["sleeps"], cycles, cycle_id, begun_with)
    result.records["recoveries"] = _recoveries(api, cycles, cycle_id, begun_with, beginning, fills)
    result.records["workouts"] = [
        _workout(row, f"{_TEMPORARY}{number:09}")
        for number, row in enumerate(workouts, 1)
        if row["alive"] is None and fills("workouts", row)
    ]
    return result


def _name_sleeps_of_recoveries(
    api: ApiRecords,
    sleeps: list[dict[str, Any]],
    cycles: Sequence[Row],
    cycle_id: Mapping[Place, int | None],
    begun_with: dict[Place, tuple[bool, datetime, str | None]],
) -> None:
    """Give exported main sleeps the `sleep_id` of the API's recovery.

    Applies if the API has the recovery without its sleep.

    A cycle can also have the recovery of a nap. The sleep gets the id only if the export has the same
    recovery score, or if all recoveries were read and the cycle has one recovery and no naps.
    """
    known = {row["id"] for row in api.records["sleeps"]}
    named: dict[int, list[Row]] = {}
    for row in api.records["recoveries"]:
        if row["sleep_id"] not in known:
            named.setdefault(row["cycle_id"], []).append(row)
    by_id = {row["id"]: row for row in sleeps}
    with_naps = {row["cycle_id"] for row in sleeps if row["nap"]}
    for row in cycles:
        place = (row["user_id"], row["start_time"])
        later, start, identity = begun_with.get(place, (False, None, None))
        candidates = named.get(cycle_id[place] or 0, [])
        if start is None or identity not in by_id or row["sleep_start_time"] not in (None, start):
            continue
        same = [other for other in candidates if _same_recovery(row, other)]
        if not same and _key(row) in api.read.get("recoveries", ()) and cycle_id[place] not in with_naps:
            same = candidates
        if len(same) == 1:
            by_id[identity]["id"] = same[0]["sleep_id"]
            begun_with[place] = (later, start, same[0]["sleep_id"])


def _recoveries(
    api: ApiRecords,
    cycles: Sequence[Row],
    cycle_id: Mapping[Place, int | None],
    begun_with: Mapping[Place, tuple[bool, datetime, str | None]],
    beginning: Mapping[Place, ListedSleep],
    fills: Any,
) -> list[dict[str, Any]]:
    """Return the recoveries of the exported cycles, each with the id of the sleep in its row.

    Leaves out recoveries that the API has, and recoveries of deleted cycles and sleeps. The recovery of
    a sleep that is not the day's main sleep never becomes the day's.
    """
    main_sleeps: dict[int, list[str]] = {}
    for row in api.records["sleeps"]:
        if not row["nap"] and row["cycle_id"] is not None:
            main_sleeps.setdefault(row["cycle_id"], []).append(row["id"])
    known = {row["sleep_id"] for row in api.records["recoveries"]}
    given = {_key(row) for row in api.records["recoveries"]}
    found = []
    for row in cycles:
        if row["alive"] is False or not fills("recoveries", row):
            continue
        if all(row[name] is None for name in _EXPORTED_RECOVERY):
            continue
        place = (row["user_id"], row["start_time"])
        of_cycle = cycle_id[place]
        onset = row["sleep_start_time"]
        first = begun_with.get(place)
        listed = None if onset is None else beginning.get((row["user_id"], onset))
        if listed is not None and listed.nap:
            continue
        if first is not None and onset in (None, first[1]):
            sleep = first[2]
        elif listed is not None and not listed.replaced:
            sleep = listed.identity
        elif onset is not None and listed is None and begins_as_nap(row["start_time"], onset):
            sleep = None
        else:
            of_api = main_sleeps.get(of_cycle, []) if of_cycle is not None and first is None else []
            if len(of_api) == 1:
                sleep = of_api[0]
            elif _key(row) in api.read.get("sleeps", ()) or _key(row) in given:
                # The API has no matching main sleep, or a recovery that may be the same.
                sleep = None
            else:
                sleep = f"{_TEMPORARY}of {row['start_time']}"
        if sleep is None or sleep in known:
            continue
        found.append(_recovery(row, of_cycle, sleep))
    return found


def finish(
    rows: Iterable[dict[str, object]],
    api: ApiRecords,
    added_records: AddedRecords,
    *,
    naps_known: Collection[Key] = (),
    workouts_known: Collection[Key] = (),
) -> None:
    """Set `source`, and empty unknown values and temporary ids in these daily rows.

    A count is 0 only if the stream was read for that day, or if an export with the stream's file covers the
    day.

    Args:
        rows: The daily rows, which are changed.
        api: The API's records of the days.
        added_records: The records that an export added.
        naps_known: Member-days with complete naps in an export.
        workouts_known: Member-days with complete workouts in an export.
    """
    given = api.days()
    workouts_added = {_key(row) for row in added_records.records["workouts"]}
    naps_added = {_key(row) for row in added_records.records["sleeps"] if row["nap"]}
    added = workouts_added | {
        _key(row) for row in (*added_records.records["cycles"], *added_records.records["sleeps"])
    }
    recoveries_added = {_key(row) for row in added_records.records["recoveries"]}
    for row in rows:
        key = _key(row)
        # The day's recovery can be another one: the API's has a `last_recovery_synced_at`.
        offered = key in recoveries_added and row["last_recovery_synced_at"] is None
        if key in added or (offered and any(row[name] is not None for name in _EXPORTED_RECOVERY)):
            row["source"] = FROM_BOTH if key in given else FROM_EXPORT
        if row["source"] == FROM_EXPORT:
            row.update(dict.fromkeys(NOT_EXPORTED))
        if isinstance(row["cycle_id"], int) and row["cycle_id"] < 0:
            row["cycle_id"] = None
        if isinstance(row["sleep_id"], str) and row["sleep_id"].startswith(_TEMPORARY):
            row["sleep_id"] = None
        if key in workouts_added:
            row["zone_zero_milli"] = None
        unknown: tuple[str, ...] = ()
        if row["cycle_count"] == 0 and key not in api.read.get("cycles", ()) and key not in added:
            unknown += ("cycle_count",)
        # Without sleeps.csv a nap is known only from its cycle's row, so there may be more naps.
        incomplete = row["nap_count"] == 0 or key in naps_added
        if incomplete and key not in api.read.get("sleeps", ()) and key not in naps_known:
            unknown += OF_NAPS
        if (
            row["workout_count"] == 0
            and key not in api.read.get("workouts", ())
            and key not in workouts_known
        ):
            unknown += OF_WORKOUTS
        row.update(dict.fromkeys(unknown))


def _same_recovery(row: Row, other: Row) -> bool:
    """Whether the recovery scores are equal; exports round them to whole percentages."""
    stated, given = row["recovery_score"], other["recovery_score"]
    return stated is not None and given is not None and abs(stated - given) <= MAX_ROUNDING


def _key(row: Mapping[str, Any]) -> Key:
    return row["user_id"], row["day"]


def _cycle(row: Row, number: int) -> dict[str, Any]:
    scored = any(row.get(name) is not None for name in CYCLE_SCORE)
    return {
        **{name: row[name] for name in ("user_id", "day", "start_time", "end_time", "timezone_offset")},
        **{name: row.get(name) for name in CYCLE_SCORE},
        "id": number,
        "score_state": _SCORED if scored else _NOT_SCORED,
        "step_count": None,
    }


def _sleep(row: Row, identity: str, cycle: int | None) -> dict[str, Any]:
    needed, debt = row["sleep_needed_milli"], row["need_from_sleep_debt_milli"]
    return {
        **dict(row),
        "id": identity,
        "cycle_id": cycle,
        "score_state": _SCORED if all(row[name] is not None for name in ASLEEP) else _NOT_SCORED,
        # An export has the total need and the part from sleep debt only.
        "baseline_milli": None if needed is None else needed - (debt or 0),
        "need_from_sleep_debt_milli": (0 if debt is None and needed is not None else debt),
        "need_from_recent_strain_milli": 0,
        "need_from_recent_nap_milli": 0,
        "disturbance_count": None,
    }


def _recovery(row: Row, cycle: int | None, sleep: str) -> dict[str, Any]:
    return {
        "user_id": row["user_id"],
        "day": row["day"],
        "sleep_id": sleep,
        "cycle_id": cycle,
        "score_state": _SCORED,
        "user_calibrating": None,
        "changed_at": None,
        "synced_at": None,
        **{name: row[name] for name in _EXPORTED_RECOVERY},
    }


def _workout(row: Row, identity: str) -> dict[str, Any]:
    return {
        **{name: row.get(name) for name in WORKOUT_SCORE},
        **{name: row[name] for name in ("user_id", "day", "start_time", "end_time", "sport_name")},
        "id": identity,
        "score_state": _NOT_SCORED if row["strain"] is None else _SCORED,
        "zone_zero_milli": None,
    }
