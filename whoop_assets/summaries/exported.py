"""The records that an export adds to a day, in the form of the API's, and what stays unknown.

An export has no ids, so its records get ids of their own for the time of the computation, and the row gets none. What an export
does not say is None: steps, disturbances, calibration, zone 0.

Which records count is decided for each stream of each day:

- The API was read for the day: the API's records alone.
- It was not read: the API's records, if a webhook or a neighbouring reading brought any, and those of the export beside them.
- The API has no record of the day in any stream: the export's records alone.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any, NamedTuple

from whoop_assets.summaries.columns import DAILY_SOURCES
from whoop_assets.summaries.record_columns import ASLEEP, CYCLE_SCORE, RECOVERY_SCORE, WORKOUT_SCORE
from whoop_assets.whoop_day import begins_as_nap

Row = Mapping[str, Any]
Key = tuple[int, date]
Place = tuple[int, datetime]
"""A member, and the start of a cycle or sleep."""

FROM_EXPORT, FROM_BOTH = "export", "mixed"
"""The source of a daily row that an export fills alone, or beside the API."""

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
"""Columns of a daily row that no export gives."""

OF_NAPS = tuple(name for name, sources in DAILY_SOURCES.items() if ("sleeps", "nap") in sources)
OF_WORKOUTS = tuple(
    name for name, sources in DAILY_SOURCES.items() if {table for table, _ in sources} == {"workouts"}
)

_EXPORTED_RECOVERY = tuple(name for name in RECOVERY_SCORE if name != "user_calibrating")
_SCORED, _NOT_SCORED = "SCORED", "UNSCORABLE"
MAX_ROUNDING = 0.5
"""How far an export's recovery score may be from the API's, percent."""
_OURS = "exported "
"""Begins the ids that sleeps and workouts get here."""


@dataclass(slots=True)
class ApiRecords:
    """What the API gave of some days: the records as rows, and for which member-days each stream was read completely."""

    cycles: Sequence[Row] = ()
    sleeps: Sequence[Row] = ()
    recoveries: Sequence[Row] = ()
    workouts: Sequence[Row] = ()
    read: Mapping[str, Collection[Key]] = field(default_factory=dict)

    def days(self, stream: str) -> set[Key]:
        """The member-days with a record of the stream."""
        return {_key(row) for row in getattr(self, stream)}


class ListedSleep(NamedTuple):
    """A sleep of an export, as a recovery refers to it."""

    identity: str | None
    """The id by which it counts. None: WHOOP has deleted the sleep, or the API's sleeps replace it."""
    nap: bool
    replaced: bool
    """The API's sleeps of the day count, and this one is not among them."""


@dataclass(slots=True)
class Filling:
    """The records that an export adds, in the form of the API's. `latest_cycle`: members whose newest cycle is among them."""

    cycles: list[dict[str, Any]] = field(default_factory=list)
    sleeps: list[dict[str, Any]] = field(default_factory=list)
    recoveries: list[dict[str, Any]] = field(default_factory=list)
    workouts: list[dict[str, Any]] = field(default_factory=list)
    latest_cycle: dict[int, int] = field(default_factory=dict)


def filling(
    api: ApiRecords,
    cycles: Sequence[Row],
    sleeps: Sequence[Row],
    workouts: Sequence[Row],
    newest_cycle: Mapping[int, datetime],
) -> Filling:
    """What an export adds to these days.

    Args:
        cycles, sleeps, workouts: Rows of `imported_cycles`, `imported_sleeps` and `imported_workouts`, whole days of them, each
            with `alive`: None if it is matched with no record of the API, else whether that record still exists. Cycles
            also have `moved`: whether the API has the cycle on another day than the export.
        newest_cycle: The start of each member's newest cycle, from the API or an export: only that one can be partial.
    """
    anything = set().union(*map(api.days, ("cycles", "sleeps", "recoveries", "workouts")))

    def fills(stream: str, row: Row) -> bool:
        return _key(row) not in anything or _key(row) not in api.read.get(stream, ())

    result = Filling()
    matched = {row["matched_id"] for row in cycles}
    unmatched = [row for row in api.cycles if row["id"] not in matched]
    api_cycle = {_key(row): row["id"] for row in unmatched}
    # Days of which the API has a cycle that the export does not have on this day: WHOOP has edited it since.
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
            result.cycles.append(_cycle(row, -number))
            if newest_cycle.get(row["user_id"]) == row["start_time"]:
                result.latest_cycle[row["user_id"]] = -number
    begun_with: dict[Place, tuple[bool, datetime, str | None]] = {}
    beginning: dict[Place, ListedSleep] = {}
    for number, row in enumerate(sleeps, 1):
        cycle_start = row["assigned_cycle_start_time"] or row["cycle_start_time"]
        place = (row["user_id"], cycle_start)
        used = row["alive"] is None and fills("sleeps", row)
        replaced = row["alive"] is None and not used
        identity = f"{_OURS}{number:09}" if used else (row["matched_id"] if row["alive"] else None)
        if used:
            result.sleeps.append(_sleep(row, str(identity), cycle_id.get(place)))
        beginning[row["user_id"], row["start_time"]] = ListedSleep(identity, row["nap"], replaced)
        if not row["nap"] and not replaced:
            # A row that names no sleep has the recovery of the sleep that the cycle begins with.
            offered = (row["start_time"] != cycle_start, row["start_time"], identity)
            begun_with[place] = min(offered, begun_with.get(place, offered), key=lambda one: one[:2])
    _name_sleeps_of_recoveries(api, result.sleeps, cycles, cycle_id, begun_with)
    result.recoveries = _recoveries(api, cycles, cycle_id, begun_with, beginning, fills)
    result.workouts = [
        _workout(row, f"{_OURS}{number:09}")
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
    """Give an exported main sleep the id by which the API's recovery of its cycle names its sleep.

    The API's recovery is known and its sleep is not. A cycle can have the recovery of a nap too, so the sleep is this one only
    if the export states the same recovery for it, or if all recoveries were read and the only one is of a cycle without naps.
    """
    known = {row["id"] for row in api.sleeps}
    named: dict[int, list[Row]] = {}
    for row in api.recoveries:
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
    """The recoveries in the rows of these cycles, each under the sleep that its row names.

    None where WHOOP has deleted the cycle or the sleep, or has the recovery. A recovery under a sleep that is not the day's
    main sleep never becomes the day's.
    """
    main_sleeps: dict[int, list[str]] = {}
    for row in api.sleeps:
        if not row["nap"] and row["cycle_id"] is not None:
            main_sleeps.setdefault(row["cycle_id"], []).append(row["id"])
    known = {row["sleep_id"] for row in api.recoveries}
    given = api.days("recoveries")
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
                # The API has no main sleep that it can be of, or a recovery that may be the same.
                sleep = None
            else:
                sleep = f"{_OURS}of {row['start_time']}"
        if sleep is None or sleep in known:
            continue
        found.append(_recovery(row, of_cycle, sleep))
    return found


def finish(
    rows: Iterable[dict[str, object]],
    api: ApiRecords,
    filled: Filling,
    *,
    naps_known: Collection[Key] = (),
    workouts_known: Collection[Key] = (),
) -> None:
    """Empty what is unknown in these daily rows, and the ids that are not WHOOP's; enter where the values come from.

    A count is 0 only if the stream was read for that day, or an export with the file in question covers it.
    `naps_known`, `workouts_known`: the member-days for which an export does.
    """
    given = set().union(*(api.days(stream) for stream in ("cycles", "sleeps", "recoveries", "workouts")))
    workouts_added = {_key(row) for row in filled.workouts}
    naps_added = {_key(row) for row in filled.sleeps if row["nap"]}
    added = workouts_added | {_key(row) for row in (*filled.cycles, *filled.sleeps)}
    recoveries_added = {_key(row) for row in filled.recoveries}
    for row in rows:
        key = _key(row)
        # A recovery may be offered and not be the day's; WHOOP's own says when it was confirmed.
        offered = key in recoveries_added and row["last_recovery_synced_at"] is None
        if key in added or (offered and any(row[name] is not None for name in _EXPORTED_RECOVERY)):
            row["source"] = FROM_BOTH if key in given else FROM_EXPORT
        if row["source"] == FROM_EXPORT:
            row.update(dict.fromkeys(NOT_EXPORTED))
        if isinstance(row["cycle_id"], int) and row["cycle_id"] < 0:
            row["cycle_id"] = None
        if isinstance(row["sleep_id"], str) and row["sleep_id"].startswith(_OURS):
            row["sleep_id"] = None
        if key in workouts_added:
            row["zone_zero_milli"] = None
        unknown: tuple[str, ...] = ()
        if row["cycle_count"] == 0 and key not in api.read.get("cycles", ()) and key not in added:
            unknown += ("cycle_count",)
        # Without sleeps.csv a nap of an export is known only from its cycle's row: there may be others.
        few = row["nap_count"] == 0 or key in naps_added
        if few and key not in api.read.get("sleeps", ()) and key not in naps_known:
            unknown += OF_NAPS
        if (
            row["workout_count"] == 0
            and key not in api.read.get("workouts", ())
            and key not in workouts_known
        ):
            unknown += OF_WORKOUTS
        row.update(dict.fromkeys(unknown))


def _same_recovery(row: Row, other: Row) -> bool:
    """Whether an export's row states the recovery score of the API, which it rounds to whole percents."""
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
        # Of the four parts of the need an export gives the sum and one.
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
