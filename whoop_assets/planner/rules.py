"""The planner: facts in, readings out. No I/O, no state of its own; the same facts give the same plan."""

from collections.abc import Iterable
from datetime import datetime, timedelta

from whoop_assets.planner.facts import BudgetFacts, Facts
from whoop_assets.planner.fetch_tasks import BACKFILL, LANES_IN_ORDER, SNAPSHOTS, Plan, Reading, Reason, Rules
from whoop_assets.planner.gaps import LOOK_EVERY, gaps
from whoop_assets.planner.habits import ONE_DAY, Webhooks, webhooks
from whoop_assets.planner.history import history
from whoop_assets.planner.member_view import View, midnight, soonest
from whoop_assets.planner.tiers import Pace, announced, pace, tiers

SNAPSHOT_AFTER = timedelta(minutes=30)
"""Snapshots are taken so long after the day begins, of all members at once."""

CEILINGS = {"tier": 0.7, BACKFILL: 0.85, "schedule": 0.95}
"""Shares of the day's limit up to which tiers, other work of the backfill lane, and the schedule lane go on: what is
above is left to those who are more urgent, the rest to webhooks and to people."""

LEAST_BACKFILL = 0.1
"""However much is expected of webhooks, the backfill lane may use so much of the day's limit."""

LOOK_AGAIN = timedelta(minutes=15)


def plan(facts: Facts, rules: Rules) -> Plan:
    """What should be read next of every member: due now, due but over the budget, and later.

    Order: the lane, then the reason's rank, then those whose last import lags most, then the due time. What another due
    reading of the same member does anyway is left out. First imports take turns: one piece a member, the member with the
    least history first.
    """
    hooks = webhooks(facts.events, facts.now)
    views = [View(one, rules, facts.now) for one in sorted(facts.members, key=lambda one: one.user_id)]
    unread = {view.facts.user_id: history(view) for view in views}
    importing = any(reading is not None and reading.reason is Reason.HISTORY for reading in unread.values())
    at = pace(views, hooks, rules, facts.budget.per_day, importing=importing)
    due: list[Reading] = []
    later: list[Reading] = []
    for view in views:
        wanted = gaps(view, hooks, look_every=LOOK_EVERY * at.look_stretch)
        wanted += soonest([unread[view.facts.user_id], snapshot(view), open_cycle(view, at)])
        wanted += tiers(view, hooks, at.stretch)
        now = _without_double([one for one in wanted if one.due <= facts.now])
        due += now
        later += [one for one in wanted if one.due > facts.now]
    due.sort(key=_order)
    granted, held = _within(due, facts.budget, facts.now, for_webhooks=announced(facts, hooks))
    later.sort(key=lambda one: (one.due, one.user_id, one.reason.rank))
    return Plan(
        facts.now, tuple(granted), tuple(held), tuple(later), at.stretch, _expected(at, rules), hooks.working
    )


def snapshot(view: View) -> Reading | None:
    """Profile and body measurements, once a day: they have no webhooks, and WHOOP keeps no history of them.

    An account without body measurements answers 404 and leaves no row: that they were asked for is told by the
    profile, which is read just before.
    """
    today = view.rules.last_day
    taken = view.facts.profile_read_at
    failed = any(one.stream in SNAPSHOTS and one.last_day >= today for one in view.facts.failures)
    # Connecting stores a profile, but no body measurements.
    if (taken is not None and taken > view.facts.connected_at + timedelta(seconds=30) and not failed) or (
        taken is not None and view.facts.body_read and not failed
    ):
        day = today + ONE_DAY
    else:
        day = today
    due = midnight(day, timedelta(0)) + SNAPSHOT_AFTER
    if day == today:
        due = min(due, view.now)
    return view.reading(Reason.SNAPSHOT, dict.fromkeys(SNAPSHOTS, due), today, today, lane=BACKFILL)


def open_cycle(view: View, at: Pace) -> Reading | None:
    """The passing strain of the open cycle, if that is configured: WHOOP announces it nowhere."""
    every, latest, read = view.rules.open_cycle_every, view.latest, view.frontier("cycles")
    if every is None or latest is None or read is None or latest.end is not None:
        return None
    if view.now - latest.start > 2 * ONE_DAY:
        return None  # the strap is off
    due = read.read_at + every * at.stretch
    return view.reading(Reason.OPEN_CYCLE, {"cycles": due}, latest.day, view.today)


def _order(one: Reading) -> tuple[int, int, float, datetime, int]:
    # Of imports the one that has come least far, whose next piece is the newest.
    lag = -float(one.last.toordinal()) if one.reason is Reason.HISTORY else 0.0
    return LANES_IN_ORDER.index(one.lane), one.reason.rank, lag, one.due, one.user_id


def _without_double(due: list[Reading]) -> list[Reading]:
    """Without those that another one of them does anyway."""
    kept: list[Reading] = []
    for one in sorted(due, key=lambda one: (-(one.last - one.first).days, -len(one.streams), _order(one))):
        if not any(other.holds(one) for other in kept):
            kept.append(one)
    return kept


def _within(
    due: Iterable[Reading], budget: BudgetFacts, now: datetime, *, for_webhooks: float
) -> tuple[list[Reading], list[Reading]]:
    """Those that the day's budget has room for, in order, and those that wait until it may have.

    `for_webhooks`: requests a day that they are expected to need. What of it has not been sent within the last day is
    kept free by the backfill lane: a first import can take a day's limit within an hour and a half, and what would be
    announced after that would wait until tomorrow.
    """
    to_come = max(0.0, for_webhooks - budget.webhooks)
    of_others = budget.used - budget.backfills
    left = max(budget.per_day - to_come, of_others + LEAST_BACKFILL * budget.per_day)
    granted, held = [], []
    planned = budget.used
    room_at = now + LOOK_AGAIN
    if budget.oldest is not None:
        room_at = max(now + timedelta(minutes=1), min(room_at, budget.oldest + ONE_DAY))
    for one in due:
        ceiling = CEILINGS["tier" if one.reason.tier else one.lane] * budget.per_day
        if one.lane == BACKFILL:
            ceiling = min(ceiling, left)
        closed = budget.closed_until is not None and budget.closed_until > now + LOOK_AGAIN
        if closed or planned + one.requests > max(ceiling, one.requests):
            held.append(_put_off(one, budget.closed_until if closed and budget.closed_until else room_at))
        else:
            planned += one.requests
            granted.append(one)
    return granted, held


def _put_off(one: Reading, until: datetime) -> Reading:
    return Reading(
        one.user_id, one.streams, one.first, one.last, one.lane, one.reason, until, one.requests, one.since
    )


def _expected(at: Pace, rules: Rules) -> dict[str, float]:
    """Requests a day that are expected, by purpose. First imports end, so they are no daily cost."""
    tiers_cost = min(at.demand, at.allowance) if rules.reread_share > 0 else 0.0
    return {
        "webhooks": round(at.events, 1),
        "mornings": round(at.mornings, 1),
        "snapshots": round(at.snapshots, 1),
        "re-reading": round(tiers_cost, 1),
    }


__all__ = ["Plan", "Reading", "Reason", "Rules", "Webhooks", "plan"]
