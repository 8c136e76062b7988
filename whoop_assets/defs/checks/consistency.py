"""The checks of what is stored: whether it fits together, over all members and days, whatever a run is about.

A WARN each, which turns no run red: most of what they find is for a human to look at, and may well be WHOOP's own
(docs/checks.md). They are one step, so that they cost a run one start, and they look at everything: the runs that sensors
ask for leave them out, the schedule `check_daily` and runs that people start have them.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

import dagster as dg

from whoop_assets.defs.assets.daily_summary import daily_summary
from whoop_assets.defs.assets.records import cycles, sleeps
from whoop_assets.defs.checks.factory import Spec, checks
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.planner.overdue import LATE_AFTER, lateness
from whoop_assets.quality import consistency
from whoop_assets.quality.consistency import MOST_NAMED, Example, Found
from whoop_assets.v1_migration import store as v1_store

MOST_IN_SENTENCE = 5


_LOOKS: dict[str, tuple[Spec, Callable[..., Found], str]] = {
    spec.name: (spec, look, what)
    for spec, look, what in (
        (
            Spec(
                "values_within_bounds",
                daily_summary,
                "Every measurement lies within WHOOP's own bounds, or within what a living body can do.",
            ),
            consistency.out_of_bounds,
            "records have values that cannot be",
        ),
        (
            Spec(
                "nothing_twice",
                daily_summary,
                "No cycle, sleep or workout is there under two ids, and no cycle has two recoveries of one night.",
            ),
            consistency.doubles,
            "things are there twice",
        ),
        (
            Spec(
                "records_linked",
                daily_summary,
                "Every recovery has its sleep and its cycle, every sleep its cycle, and every workout starts in a cycle.",
            ),
            consistency.unlinked,
            "records lack what they belong to",
        ),
        (
            Spec(
                "stages_add_up",
                sleeps,
                "Light, slow wave and REM sleep, time awake and time without data add up to the time in bed.",
            ),
            consistency.stages_apart,
            "sleeps do not add up to their time in bed",
        ),
        (
            Spec(
                "cycles_follow_each_other",
                cycles,
                "Each cycle ends where the member's next one starts: no gap, no overlap, one open cycle at most.",
            ),
            consistency.breaks_between_cycles,
            "cycles do not end where the next one starts",
        ),
        (
            Spec(
                "days_complete",
                daily_summary,
                "No day is missing between two that the API gives.",
            ),
            consistency.missing_days,
            "days between a member's first and last one are missing",
        ),
        (
            Spec(
                "summaries_follow",
                daily_summary,
                "Every day with a record has its summary, or is marked to get it; no other day has one.",
            ),
            consistency.summaries_behind,
            "days have records and no summary, or the reverse",
        ),
        (
            Spec(
                "quarantine_empty",
                daily_summary,
                "No record waits in quarantine for a valid one of its key, and no row of an export.",
            ),
            consistency.in_quarantine,
            "records were not understood and are kept in the table quarantine, or export_quarantine",
        ),
        (
            Spec(
                "counts_match_whoop",
                daily_summary,
                "Of every span that was read completely there are as many records here as WHOOP's pages held.",
            ),
            consistency.other_counts_than_whoops,
            "spans hold another number of records than WHOOP's pages did",
        ),
    )
}
V1_IDS = Spec(
    "v1_ids_mapped",
    daily_summary,
    "Every id of WHOOP's v1 that was taken in is mapped, to a record of its own that says the same.",
)
FRESH = Spec(
    "readings_in_time",
    daily_summary,
    "Nothing that the planner asks for has been due for long, and the request budget holds no urgent reading back.",
)


@checks([*(spec for spec, _, _ in _LOOKS.values()), V1_IDS, FRESH])
def records_fit_together(
    context: dg.AssetCheckExecutionContext, whoop: WhoopResource
) -> Iterable[dg.AssetCheckResult]:
    """Look at all that is stored, and name what does not fit together by member and day."""
    asked = {key.name: key for key in context.selected_asset_check_keys}
    # One transaction each: a long one would hold up what the database cleans away behind it.
    for spec, look, what in _LOOKS.values():
        if spec.name in asked:
            with whoop.database.read() as connection:
                found = look(connection)
            yield _result(asked[spec.name], found, what)
    if V1_IDS.name in asked:
        yield _v1_ids(asked[V1_IDS.name], whoop)
    if FRESH.name in asked:
        yield _fresh(asked[FRESH.name], whoop)


def _result(key: dg.AssetCheckKey, found: Found, what: str) -> dg.AssetCheckResult:
    metadata: dict[str, dg.MetadataValue] = {"found": dg.MetadataValue.int(found.count)}
    if found.looked_at is not None:
        metadata["looked_at"] = dg.MetadataValue.int(found.looked_at)
    if found.count:
        metadata["named"] = _table(found.examples)
    return dg.AssetCheckResult(
        check_name=key.name,
        asset_key=key.asset_key,
        passed=not found.count,
        severity=dg.AssetCheckSeverity.WARN,
        description=_sentence(found, what),
        metadata=metadata,
    )


def _sentence(found: Found, what: str) -> str:
    if not found.count:
        looked_at = "everything that is stored" if found.looked_at is None else found.looked_at
        return f"Looked at {looked_at}: no {what}."
    shown = [_named(one) for one in found.examples[:MOST_IN_SENTENCE]]
    named = list(dict.fromkeys(shown))
    more = found.count - len(shown)
    return f"{found.count} {what}: {', '.join(named)}{f', and {more} more' if more else ''}."


def _named(one: Example) -> str:
    return f"member {one.user_id}" if one.day is None else f"member {one.user_id} on {one.day}"


def _table(examples: Iterable[Example]) -> dg.MetadataValue:
    rows = [
        dg.TableRecord({"member": one.user_id, "day": str(one.day or ""), "what": one.what})
        for one in examples
    ]
    return dg.MetadataValue.table(rows)


def _v1_ids(key: dg.AssetCheckKey, whoop: WhoopResource) -> dg.AssetCheckResult:
    """The integrity report of `migrate-v1`."""
    with whoop.database.read() as connection:
        found, report = v1_store.not_in_order(connection), v1_store.report(connection)
    result = _result(key, found, "ids of v1 are not mapped, contradict their records, or share one")
    counts = {
        "mapped": report.mapped,
        **{f"mapped_by_{way}": count for way, count in report.ways.items()},
        "unmapped": report.unmapped,
        "open": report.open,
        "contradicting": report.contradicting,
        "doubles": report.doubles,
        "not_stored": report.not_stored,
    }
    return result._replace(
        metadata={**result.metadata, **{name: dg.MetadataValue.int(count) for name, count in counts.items()}}
    )


def _fresh(key: dg.AssetCheckKey, whoop: WhoopResource) -> dg.AssetCheckResult:
    seen = lateness(whoop.database, whoop.settings())
    trouble = [
        Example(one.user_id, one.last, f"{_hours(seen.now - one.due)} late: {one.reason.sentence}")
        for one in seen.late
    ]
    trouble += [
        Example(one.user_id, one.last, f"waits for the request budget: {one.reason.sentence}")
        for one in seen.held
    ]
    found = Found(len(trouble), trouble[:MOST_NAMED], seen.members)
    limits = " or ".join(f"{_hours(limit)} ({lane})" for lane, limit in LATE_AFTER.items())
    result = _result(
        key, found, f"readings have been due for longer than {limits}, or wait for the request budget"
    )
    awaited = ", ".join(map(str, seen.awaited[:MOST_NAMED]))
    return result._replace(
        metadata={
            **result.metadata,
            "nights_awaited": dg.MetadataValue.int(len(seen.awaited)),
            "nights_awaited_of": dg.MetadataValue.text(awaited),
        }
    )


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.0f} h"
