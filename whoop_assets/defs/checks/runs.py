"""Checks of reading: failures, open events, and members to reconnect.

They name members by their WHOOP user id.
"""

from datetime import timedelta
from typing import Any

import dagster as dg

from whoop_assets.defs.assets.streams import STREAM_ASSETS, cycles, profile
from whoop_assets.defs.assets.summaries import daily_summary, trends
from whoop_assets.defs.checks.factory import check
from whoop_assets.defs.resources import WhoopResource
from whoop_assets.errors import RECONNECT
from whoop_assets.members import store as member_store
from whoop_assets.records import load_failures, quarantine
from whoop_assets.report.formatting import counted, members_text
from whoop_assets.sync.members.time_zone import easternmost
from whoop_assets.webhooks import inbox

MAX_SHOWN = 20
MAX_PARKED_AGE = timedelta(days=7)
"""The check reports a parked event for this long. `whoop-assets events list --state parked` always lists
it."""


@check(trends, blocking=True)
def loads_complete(context: dg.AssetCheckExecutionContext, whoop: WhoopResource) -> dg.AssetCheckResult:
    """Every stream of every member was read, and every record was parsed.

    The check runs last, after all data are written.

    The severity is ERROR for a failure of this run that a retry may fix. It is WARN if a person must act, for
    example reconnect a member, so that later runs do not fail.
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
        for record in rejected[:MAX_SHOWN]
    ]
    if not rows:
        read = len(whoop.chosen_members())
        return dg.AssetCheckResult(
            passed=True,
            description=f"Looked at {counted(read, 'member')}: no load failed, and no record is in"
            " quarantine.",
        )
    concerned = {failure.user_id for failure in shown} | {record.user_id for record in rejected}
    sentences = []
    if shown:
        sentences.append(f"{counted(len(shown), 'load')} did not complete: {shown[0].cause}")
    if rejected:
        sentences.append(
            f"The table quarantine holds {counted(len(rejected), 'record')} that could not be parsed."
        )
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.ERROR if passing else dg.AssetCheckSeverity.WARN,
        description=f"{members_text(concerned).capitalize()}: {' '.join(sentences)}",
        metadata={"failures": dg.MetadataValue.table(rows)},
    )


@check(daily_summary)
def events_loaded(_context: dg.AssetCheckExecutionContext, whoop: WhoopResource) -> dg.AssetCheckResult:
    """No webhook event is open for too long, and none was parked in the last week.

    The setting WHOOP_OPEN_EVENT_MINUTES gives the limit for open events.

    The severity is WARN. Open events are retried automatically; `whoop-assets events replay` retries parked
    events.
    """
    allowed = timedelta(minutes=whoop.settings().open_event_minutes)
    with whoop.database.read() as connection:
        now = whoop.database.now(connection)
        found = inbox.trouble(
            connection, open_before=now - allowed, parked_after=now - MAX_PARKED_AGE, examples=MAX_SHOWN
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
            description=f"Looked at {counted(found.figures.open, 'open event')}: none is older than"
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
            f"Open for more than {allowed.total_seconds() / 60:.0f} minutes: {counted(found.late, 'event')},"
            f" the oldest for {age / 60:.0f}."
        )
    if found.newly_parked:
        sentences.append(
            f"Parked in the last week: {counted(found.newly_parked, 'event')}. The table gives the causes;"
            " replay the events when these are fixed."
        )
    whose = {event.user_id for event in found.examples}
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{members_text(whose).capitalize()}: {' '.join(sentences)}",
        metadata=metadata | {"events": dg.MetadataValue.table(rows)},
    )


# After the loads, so that the check sees a consent that this run found revoked.
@check(profile, after=[asset for asset in STREAM_ASSETS.values() if asset is not profile])
def members_connected(_context: dg.AssetCheckExecutionContext, whoop: WhoopResource) -> dg.AssetCheckResult:
    """WHOOP accepts the consent of every member.

    The severity is WARN, because only a person can reconnect a member.
    """
    with whoop.database.read() as connection:
        gone = member_store.listed(connection, member_store.RECONNECTION_NEEDED)
        connected = len(member_store.listed(connection, member_store.CONNECTED))
    if not gone:
        return dg.AssetCheckResult(
            passed=True,
            description=f"Looked at {counted(connected, 'member')}: no member must reconnect.",
        )
    rows = [
        dg.TableRecord(
            {"member": member.user_id, "cause": member.status_reason or "", "mended by": RECONNECT}
        )
        for member in gone
    ]
    who = members_text([member.user_id for member in gone]).capitalize()
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=f"{who} must reconnect: run `{RECONNECT}`; loading then resumes.",
        metadata={"members_to_reconnect": dg.MetadataValue.table(rows)},
    )


@check(profile, after=[cycles])
def timezone_covers_members(
    _context: dg.AssetCheckExecutionContext, whoop: WhoopResource
) -> dg.AssetCheckResult:
    """No member lives east of WHOOP_TIMEZONE.

    The severity is WARN: such a member's days are read hours late.
    """
    east = easternmost(whoop.database, whoop.settings())
    if east is None:
        with whoop.database.read() as connection:
            connected = len(member_store.listed(connection, member_store.CONNECTED))
        return dg.AssetCheckResult(
            passed=True,
            description=f"Looked at {counted(connected, 'member')}: none lives east of"
            f" {whoop.settings().timezone}.",
        )
    return dg.AssetCheckResult(
        passed=False,
        severity=dg.AssetCheckSeverity.WARN,
        description=east.sentence,
        metadata={"member": east.user_id, "timezone_to_set": east.zone},
    )
