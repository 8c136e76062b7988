"""What the planner has been asking for in vain: readings that have long been due, and nights that do not come."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from whoop_assets.db.database import Database
from whoop_assets.planner.current_plan import gather
from whoop_assets.planner.fetch_tasks import BACKFILL, SCHEDULE, Reading, Reason
from whoop_assets.planner.habits import next_waking
from whoop_assets.planner.member_view import View
from whoop_assets.planner.rules import plan
from whoop_assets.settings import Settings

LATE_AFTER = {SCHEDULE: timedelta(hours=2), BACKFILL: timedelta(hours=26)}
"""The sensor looks every minute, and gives whom it asks in vain a new time. What nobody has read for so long since it was
due was not asked for, or its runs do not come to an end."""

AWAITED_AFTER = timedelta(hours=6)
"""So long after a member's usual time of waking a night counts as awaited. It mostly is in a strap that was not synced."""

OF_NO_TIME = frozenset({Reason.HISTORY, Reason.UNREAD})
"""Due since the member connected, however far the reading is: `whoop-assets members` shows that."""


@dataclass(frozen=True, slots=True)
class Lateness:
    """Late readings, the latest first; readings of the schedule lane that the request budget holds back; whose nights are
    awaited, by member id."""

    now: datetime
    late: Sequence[Reading]
    held: Sequence[Reading]
    awaited: Sequence[int]
    members: int


def lateness(database: Database, settings: Settings) -> Lateness:
    """What is late at this moment, by the plan that the sensor follows; SQL only."""
    facts, rules = gather(database, settings)
    made = plan(facts, rules)
    views = [View(one, rules, facts.now) for one in facts.members]
    known = {view.facts.user_id: _known_since(view) for view in views}
    late = [
        one
        for one in made.due
        if one.reason not in OF_NO_TIME
        and facts.now - max(one.due, known[one.user_id]) > LATE_AFTER[one.lane]
    ]
    awaited = sorted(
        view.facts.user_id
        for view in views
        if view.facts.cycles and facts.now - next_waking(view).usual > AWAITED_AFTER
    )
    held = [one for one in made.held if one.lane == SCHEDULE and one.reason not in OF_NO_TIME]
    return Lateness(
        facts.now, sorted(late, key=lambda one: (one.due, one.user_id)), held, awaited, len(views)
    )


def _known_since(view: View) -> datetime:
    """When the member was last read: a gap in the past is due since then, but nobody could know before it was read."""
    read = [span.read_at for stream in view.streams for span in view.spans(stream)]
    return max(read, default=view.facts.connected_at)
