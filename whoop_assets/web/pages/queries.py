"""Queries of the pages: a member's connection and requests, and the team's morning."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import Connection, and_, func, select

from whoop_assets.db.types import UtcDateTime
from whoop_assets.members import store as member_store
from whoop_assets.members.store import Member
from whoop_assets.members.tables import members
from whoop_assets.planner import forced
from whoop_assets.planner.forced import ForcedProgress
from whoop_assets.planner.gaps import ASKED_STREAMS
from whoop_assets.planner.tables import asked_readings
from whoop_assets.records.day_assignment import offset_of
from whoop_assets.records.tables import coverage
from whoop_assets.report.calendar_days import ReportDay
from whoop_assets.summaries.tables import daily_summary, trends
from whoop_assets.webhooks.tables import webhook_events
from whoop_assets.whoop_api.scopes import allows, not_granted
from whoop_assets.whoop_api.streams import STREAMS
from whoop_assets.whoop_day import local_date

ONE_DAY = timedelta(days=1)
UTC_ZONE = timedelta(0)


@dataclass(frozen=True, slots=True)
class ReadNow:
    """The last request to read the last days, and the time when it was done; None: not yet."""

    asked_at: datetime
    done_at: datetime | None


@dataclass(frozen=True, slots=True)
class ConnectionState:
    """The state of a member's connection to WHOOP.

    Attributes:
        offset: The member's current distance to UTC.
        missing_streams: Streams without a granted scope.
    """

    member: Member
    offset: timedelta
    last_read_at: datetime | None
    last_webhook_at: datetime | None
    missing_streams: tuple[str, ...]
    read_now: ReadNow | None
    forced: ForcedProgress | None

    @property
    def is_connected(self) -> bool:
        return self.member.status == member_store.CONNECTED


def connection_state(connection: Connection, user_id: int) -> ConnectionState | None:
    """Read the state of a member's connection; None if the member is not stored."""
    if not member_store.exists(connection, user_id):
        return None
    (member,) = member_store.chosen(connection, [user_id])
    c = coverage.c
    time = UtcDateTime()
    query = select(c.stream, func.max(c.read_at, type_=time)).where(c.user_id == user_id).group_by(c.stream)
    read = dict(connection.execute(query).all())
    w = webhook_events.c
    webhook_at = connection.scalar(select(func.max(w.received_at, type_=time)).where(w.user_id == user_id))
    asked_at = connection.scalar(select(asked_readings.c.asked_at).where(asked_readings.c.user_id == user_id))
    granted = [stream for stream in STREAMS if allows(member.scopes, stream)]
    return ConnectionState(
        member,
        newest_offset(connection, user_id),
        max(read.values(), default=None),
        webhook_at,
        () if member.status == member_store.EXPORT_ONLY else tuple(not_granted(member.scopes)),
        _read_now(read, granted, asked_at),
        forced.progress(connection, user_id, granted),
    )


def newest_offset(connection: Connection, user_id: int) -> timedelta:
    """Return the member's distance to UTC on the newest day; 0 if there is none."""
    c = daily_summary.c
    query = (
        select(c.timezone_offset)
        .where(c.user_id == user_id, c.timezone_offset.is_not(None))
        .order_by(c.day.desc())
        .limit(1)
    )
    offset = connection.scalar(query)
    return UTC_ZONE if offset is None else offset_of(offset)


def _read_now(read: dict[str, datetime], streams: Sequence[str], asked_at: datetime | None) -> ReadNow | None:
    if asked_at is None:
        return None
    asked = set(streams) & set(ASKED_STREAMS)
    newest = [read[stream] for stream in asked if stream in read]
    done_at = min(newest) if newest and len(newest) == len(asked) else None
    return ReadNow(asked_at, done_at if done_at is not None and done_at >= asked_at else None)


_DAY_COLUMNS = (
    "day",
    "timezone_offset",
    "is_partial",
    "recovery_score",
    "recovery_band",
    "user_calibrating",
    "hrv_rmssd_milli",
    "resting_heart_rate",
    "sleep_duration_minutes",
    "sleep_needed_minutes",
    "strain",
)
_TREND_COLUMNS = (
    "ln_hrv_rmssd_usual_mean_28",
    "ln_hrv_rmssd_usual_sd_28",
    "resting_heart_rate_usual_mean_28",
    "resting_heart_rate_usual_sd_28",
    "training_load_ratio_7_21",
    "illness_flag",
    "illness_signs",
)


@dataclass(frozen=True, slots=True)
class TeamMember:
    """One member's morning. `today` is None if the member's current date has no daily row."""

    user_id: int
    status: str
    today: ReportDay | None
    yesterday: ReportDay | None
    read_at: datetime | None


def team(connection: Connection, now: datetime) -> list[TeamMember]:
    """Read the morning of every member with one query, by id.

    Args:
        now: The database's time. A member's date differs from UTC's by at most a day.
    """
    d, t = daily_summary.c, trends.c
    read_at = (
        select(func.max(coverage.c.read_at, type_=UtcDateTime()))
        .where(coverage.c.user_id == members.c.user_id)
        .correlate(members)
        .scalar_subquery()
    )
    query = (
        select(
            members.c.user_id,
            members.c.status,
            read_at.label("read_at"),
            *(d[name] for name in _DAY_COLUMNS),
            *(t[name] for name in _TREND_COLUMNS),
        )
        .select_from(members)
        .outerjoin(
            daily_summary,
            and_(d.user_id == members.c.user_id, d.day >= now.date() - 2 * ONE_DAY),
        )
        .outerjoin(trends, and_(t.user_id == d.user_id, t.day == d.day))
        .order_by(members.c.user_id, d.day)
    )
    rows: dict[int, list[Any]] = {}
    for row in connection.execute(query).mappings():
        rows.setdefault(row["user_id"], []).append(dict(row))
    return [_team_member(found, now) for found in rows.values()]


def _team_member(rows: list[dict[str, Any]], now: datetime) -> TeamMember:
    days = {row["day"]: ReportDay(row["day"], row, row) for row in rows if row["day"] is not None}
    # A day without a cycle has no offset.
    offset = next((row["timezone_offset"] for row in reversed(rows) if row["timezone_offset"]), None)
    today = local_date(now, UTC_ZONE if offset is None else offset_of(offset))
    first = rows[0]
    return TeamMember(
        first["user_id"], first["status"], days.get(today), days.get(today - ONE_DAY), first["read_at"]
    )
