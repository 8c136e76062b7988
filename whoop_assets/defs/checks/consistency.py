"""Checks that all stored data of all members and days fit together.

Each result is at most a WARN, because a person must look at most findings, and WHOOP causes some of them
(docs/checks.md). The checks run in one step and read everything. Runs that sensors request leave them out;
the schedule `check_daily` and manual runs include them.
"""

from collections.abc import Callable, Iterable
from datetime import timedelta

import dagster as dg

from whoop_assets.defs.assets.streams import STREAM_ASSETS, cycles
from whoop_assets.defs.assets.summaries import daily_summary
from whoop_assets.defs.checks.factory import Spec, checks
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.planner.overdue import MAX_DELAY, lateness
from whoop_assets.quality import consistency
from whoop_assets.quality.consistency import MAX_EXAMPLES, Example, Findings
from whoop_assets.report.formatting import counted
from whoop_assets.v1_migration.integrity import check_integrity
from whoop_assets.whoop_api.streams import SLEEPS

MAX_IN_SENTENCE = 5


_CHECKS: dict[str, tuple[Spec, Callable[..., Findings], str]] = {
    spec.name: (spec, look, what)
    for spec, look, what in (
        (
            Spec(
                "values_within_bounds",
                daily_summary,
                "Every value lies within WHOOP's documented range, or within a physiologically possible"
                " range.",
            ),
            consistency.out_of_bounds,
            "record with impossible values",
        ),
        (
            Spec(
                "nothing_twice",
                daily_summary,
                "No cycle, sleep or workout has two ids, and no cycle has two recoveries of one night.",
            ),
            consistency.duplicates,
            "record that is stored twice",
        ),
        (
            Spec(
                "records_linked",
                daily_summary,
                "Every recovery has its sleep and its cycle, every sleep its cycle, and every workout"
                " starts in a cycle.",
            ),
            consistency.broken_links,
            "record without its cycle or sleep",
        ),
        (
            Spec(
                "stages_add_up",
                STREAM_ASSETS[SLEEPS.name],
                "Light, slow wave and REM sleep, time awake and time without data add up to the time in bed.",
            ),
            consistency.stage_mismatches,
            "sleep with stages that do not add up to the time in bed",
        ),
        (
            Spec(
                "cycles_follow_each_other",
                cycles,
                "Each cycle ends where the member's next one starts: no gap, no overlap, one open cycle at"
                " most.",
            ),
            consistency.cycle_gaps,
            "cycle with a gap, an overlap or no end before the next one",
        ),
        (
            Spec(
                "days_complete",
                daily_summary,
                "No day is missing between two days that the API provides.",
            ),
            consistency.missing_days,
            "day missing between a member's first and last one",
        ),
        (
            Spec(
                "summaries_follow",
                daily_summary,
                "Every day with a record has a summary or is stale; no other day has a summary.",
            ),
            consistency.missing_summaries,
            "day with records without a summary, or a summary without records",
        ),
        (
            Spec(
                "quarantine_empty",
                daily_summary,
                "The quarantine contains no record of WHOOP and no row of an export.",
            ),
            consistency.open_quarantine,
            "record that could not be parsed, in the table quarantine or export_quarantine",
        ),
        (
            Spec(
                "counts_match_whoop",
                daily_summary,
                "For every completely read range, the database has as many records as WHOOP's pages.",
            ),
            consistency.count_mismatches,
            "range with another number of records than WHOOP's pages",
        ),
    )
}
_UNITS = {"days_complete": "day", "counts_match_whoop": "record"}
"""What `looked_at` of the check's findings counts."""
V1_IDS = Spec(
    "v1_ids_mapped",
    daily_summary,
    "Every imported v1 id is mapped to exactly one record with the same content.",
)
FRESH = Spec(
    "readings_in_time",
    daily_summary,
    "No planned reading is overdue, and no urgent reading waits for the request budget.",
)


@checks([*(spec for spec, _, _ in _CHECKS.values()), V1_IDS, FRESH])
def records_fit_together(
    context: dg.AssetCheckExecutionContext, whoop: WhoopResource
) -> Iterable[dg.AssetCheckResult]:
    """Check all stored data and name inconsistencies by member and day."""
    asked = {key.name: key for key in context.selected_asset_check_keys}
    # One transaction per check: a long one would delay PostgreSQL's vacuum.
    for spec, look, what in _CHECKS.values():
        if spec.name in asked:
            with whoop.database.read() as connection:
                found = look(connection)
            yield _result(asked[spec.name], spec, found, what, _UNITS.get(spec.name, "row"))
    if V1_IDS.name in asked:
        yield _v1_ids(asked[V1_IDS.name], whoop)
    if FRESH.name in asked:
        yield _fresh(asked[FRESH.name], whoop)


def _result(key: dg.AssetCheckKey, spec: Spec, found: Findings, what: str, unit: str) -> dg.AssetCheckResult:
    """Turn findings into the result of the check.

    Args:
        key: The check.
        spec: Its definition; a passed check repeats the description.
        found: The violations.
        what: A violation. Its first word is a singular noun.
        unit: Singular of what `found.looked_at` counts.
    """
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
        description=_sentence(found, spec.description, what, unit),
        metadata=metadata,
    )


def _sentence(found: Findings, statement: str, what: str, unit: str) -> str:
    if not found.count:
        looked_at = "all stored data" if found.looked_at is None else counted(found.looked_at, unit)
        return f"Looked at {looked_at}: {statement[0].lower()}{statement[1:]}"
    shown = [_named(one) for one in found.examples[:MAX_IN_SENTENCE]]
    named = list(dict.fromkeys(shown))
    more = found.count - len(shown)
    noun, _, trouble = what.partition(" ")
    return (
        f"{counted(found.count, noun)} {trouble}: {', '.join(named)}{f', and {more} more' if more else ''}."
    )


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
        counts, found = check_integrity(connection)
    what = "id of v1 that is not mapped, or with a contradicting or shared record"
    result = _result(key, V1_IDS, found, what, "v1 id")
    metadata = {name: dg.MetadataValue.int(count) for name, count in counts.items()}
    return result._replace(metadata={**result.metadata, **metadata})


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
    found = Findings(len(trouble), trouble[:MAX_EXAMPLES], seen.members)
    limits = " or ".join(f"{_hours(limit)} ({lane})" for lane, limit in MAX_DELAY.items())
    what = f"reading due for longer than {limits}, or waiting for the request budget"
    result = _result(key, FRESH, found, what, "member")
    awaited = ", ".join(map(str, seen.awaited[:MAX_EXAMPLES]))
    return result._replace(
        metadata={
            **result.metadata,
            "nights_awaited": dg.MetadataValue.int(len(seen.awaited)),
            "nights_awaited_of": dg.MetadataValue.text(awaited),
        }
    )


def _hours(span: timedelta) -> str:
    return f"{span.total_seconds() / 3600:.0f} h"
