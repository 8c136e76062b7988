"""Finds overdue tasks, and members with a late night."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from whoop_assets.db.database import Database
from whoop_assets.planner.current_plan import gather
from whoop_assets.planner.fetch_tasks import BACKFILL, SCHEDULE, FetchTask, Reason
from whoop_assets.planner.member_view import MemberView
from whoop_assets.planner.rules import plan
from whoop_assets.planner.waking import next_waking
from whoop_assets.settings import Settings

MAX_DELAY = {SCHEDULE: timedelta(hours=2), BACKFILL: timedelta(hours=26)}
"""Overdue threshold per lane.

The sensor runs every minute, so a later task was not requested, or its runs fail.
"""

MAX_NIGHT_DELAY = timedelta(hours=6)
"""A night is late this long after the usual waking. The usual cause is a strap that was not synced."""

WITHOUT_DUE_TIME = frozenset({Reason.HISTORY, Reason.UNREAD})
"""Due since the member connected. `whoop-assets members` shows the progress."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Overdue tasks (latest first), tasks that wait for the budget, and members with a late night."""

    now: datetime
    late: Sequence[FetchTask]
    held: Sequence[FetchTask]
    awaited: Sequence[int]
    members: int


def lateness(database: Database, settings: Settings) -> Lateness:
    """Returns overdue tasks and late nights, by the plan of the sensor. SQL only."""
    facts, planner_settings = gather(database, settings)
    current = plan(facts, planner_settings)
    views = [MemberView(member, planner_settings, facts.now) for member in facts.members]
    known_since = {view.facts.user_id: _last_read(view) for view in views}
    late = [
        task
        for task in current.due
        if task.reason not in WITHOUT_DUE_TIME
        and facts.now - max(task.due, known_since[task.user_id]) > MAX_DELAY[task.lane]
    ]
    late.sort(key=lambda task: (task.due, task.user_id))
    held = [task for task in current.held if task.lane == SCHEDULE and task.reason not in WITHOUT_DUE_TIME]
    awaited = sorted(
        view.facts.user_id
        for view in views
        if view.facts.cycles and facts.now - next_waking(view).usual > MAX_NIGHT_DELAY
    )
    return Lateness(facts.now, late, held, awaited, len(views))


def _last_read(view: MemberView) -> datetime:
    """Returns the member's last read. A gap in the past is due since it arose, but only a read reveals it."""
    read = [span.read_at for stream in view.streams for span in view.spans(stream)]
    return max(read, default=view.facts.connected_at)
