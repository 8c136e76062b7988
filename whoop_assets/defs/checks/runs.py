"""The checks of reading: what failed, what waits, who must connect again, naming members by their WHOOP user id."""

from datetime import timedelta
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.daily_summary import daily_summary
from whoop_assets.defs.assets.members import body_measurement, profile
from whoop_assets.defs.assets.records import cycles, recoveries, sleeps, workouts
from whoop_assets.defs.assets.trends import trends
from whoop_assets.defs.checks.factory import check
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import RECONNECT
from whoop_assets.members import store as member_store
from whoop_assets.records import load_failures, quarantine
from whoop_assets.sync.time_zone import easternmost
from whoop_assets.webhooks import problems

MOST_SHOWN = 20
PARKED_SHOWN_FOR = timedelta(days=7)
"""After that a parked event is no news; `whoop-assets events list --state parked` knows it still."""


@check(trends, blocking=True)
def loads_complete(context: dg.AssetCheckExecutionContext, whoop: WhoopResource) -> dg.AssetCheckResult:
    """Every member's streams were read, and every record was understood. Runs last: a run ends red only after all that could be written was.

    An ERROR is a failure of this run that may pass by itself, so that trying the run again makes sense; what waits for
    a human (a member to reconnect) is a WARN, which does not turn runs red for ever.
    """
    with whoop.database.read() as connection:
        of_this_run = load_failures.open_failures(connection, run_id=context.run.run_id)
        everything = load_failures.open_failures(connection)
        rejected = quarantine.open_records(connection)
    passing = [failure for failure in of_this_run if failure.transient]
    shown = of_this_run or everything
    rows = [
        dg.TableRecord(
            {
                "member": failure.user_id,
                "stream": failure.stream,
                "days": f"{failure.first_day} to {failure.last_day}",
                "cause": failure.cause,
            }
        )
        for failure in shown
    ]
    rows += [
        dg.TableRecord(
            {
                "member": record.user_id,
                "stream": record.stream,
                "days": "in quarantine",
                "cause": record.reason,
            }
        )
        for record in rejected[:MOST_SHOWN]
    ]
    if not rows:
        read = len(whoop.chosen_members())
        return dg.AssetCheckResult(
            passed=True,
            description=f"Looked at {_members(read)}: no load failed, and no record is in quarantine.",
        )
    concerned = sorted({failure.user_id for failure in shown} | {record.user_id for record in rejected})
    sentences = []
    if shown:
        sentences.append(f"{len(shown)} loads did not complete: {shown[0].cause}")
    if rejected:
        sentences.append(f"{len(rejected)} records were not understood and are kept in the table quarantine.")
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR if passing else dg.AssetCheckSeverity.WARN,
        description=f"Members {', '.join(map(str, concerned))}: {' '.join(sentences)}",
        metadata={"failures": dg.MetadataValue.table(rows)},
    )


@check(daily_summary)
def events_loaded(_context: dg.AssetCheckExecutionContext, whoop: WhoopResource) -> dg.AssetCheckResult:
    """No webhook event has been open for longer than WHOOP_OPEN_EVENT_MINUTES, and none was parked in the last week.

    A WARN: what is open is tried again by itself; what is parked waits for `whoop-assets events replay`.
    """
    allowed = timedelta(minutes=whoop.settings().open_event_minutes)
    with whoop.database.read() as connection:
        now = whoop.database.now(connection)
        found = problems.trouble(
            connection, open_before=now - allowed, parked_after=now - PARKED_SHOWN_FOR, examples=MOST_SHOWN
        )
    oldest = found.figures.oldest_open_since
    age = 0.0 if oldest is None else max(0.0, (now - oldest).total_seconds())
    metadata: dict[str, Any] = {
        "open": found.figures.open,
        "parked": found.figures.parked,
        "oldest_open_seconds": round(age),
    }
    if not found.examples:
        return dg.AssetCheckResult(
            passed=True,
            description=f"Looked at {found.figures.open} open events: none is older than"
            f" {allowed.total_seconds() / 60:.0f} minutes, and none was parked in the last week.",
            metadata=metadata,
        )
    rows = [
        dg.TableRecord(
            {
                "event": event.trace_id,
                "member": event.user_id,
                "type": event.event_type,
                "state": event.state,
                "attempts": event.attempts,
                "cause": event.reason or event.last_error or "It has not been tried yet.",
            }
        )
        for event in found.examples
    ]
    sentences = []
    if found.late:
        sentences.append(
            f"{found.late} events have been open for more than {allowed.total_seconds() / 60:.0f} minutes, the oldest for"
            f" {age / 60:.0f}."
        )
    if found.newly_parked:
        sentences.append(
            f"{found.newly_parked} events were parked in the last week: see why in the table, and replay them when that is"
            " mended."
        )
    whose = sorted({event.user_id for event in found.examples})
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Members {', '.join(map(str, whose))}: {' '.join(sentences)}",
        metadata=metadata | {"events": dg.MetadataValue.table(rows)},
    )


# After all that reads, so that it also knows of a grant that this very run found to be gone.
@check(profile, after=[body_measurement, cycles, sleeps, recoveries, workouts])
def members_connected(_context: dg.AssetCheckExecutionContext, whoop: WhoopResource) -> dg.AssetCheckResult:
    """WHOOP honours every member's grant. A WARN, since no run can mend it: it names the members and the command that does."""
    with whoop.database.read() as connection:
        gone = member_store.listed(connection, member_store.RECONNECTION_NEEDED)
        connected = len(member_store.listed(connection, member_store.CONNECTED))
    if not gone:
        return dg.AssetCheckResult(
            passed=True,
            description=f"Looked at {_members(connected)}: none has to be connected again.",
        )
    rows = [
        dg.TableRecord(
            {"member": member.user_id, "cause": member.status_reason or "", "mended by": RECONNECT}
        )
        for member in gone
    ]
    who = ", ".join(str(member.user_id) for member in gone)
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"Members {who} must be connected again: run `{RECONNECT}`; loading goes on where it stopped.",
        metadata={"members_to_reconnect": dg.MetadataValue.table(rows)},
    )


@check(profile, after=[cycles])
def timezone_covers_members(
    _context: dg.AssetCheckExecutionContext, whoop: WhoopResource
) -> dg.AssetCheckResult:
    """No member lives east of WHOOP_TIMEZONE. A WARN: the days of such a member can be read only hours late."""
    east = easternmost(whoop.database, whoop.settings())
    if east is None:
        with whoop.database.read() as connection:
            connected = len(member_store.listed(connection, member_store.CONNECTED))
        return dg.AssetCheckResult(
            passed=True,
            description=f"Looked at {_members(connected)}: none lives east of {whoop.settings().timezone}.",
        )
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=east.sentence,
        metadata={"member": east.user_id, "timezone_to_set": east.zone},
    )


def _members(count: int) -> str:
    return "1 member" if count == 1 else f"{count} members"
