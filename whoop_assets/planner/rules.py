"""The planner's rules, and the plan that they give: no I/O and no state.

The same facts give the same plan.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import UTC, datetime, time, timedelta

from whoop_assets.planner import gaps, history, rereading
from whoop_assets.planner.facts import Facts
from whoop_assets.planner.fetch_tasks import (
    BACKFILL,
    LANES_IN_ORDER,
    SCHEDULE,
    FetchTask,
    Plan,
    PlannerSettings,
    Reason,
    pages,
)
from whoop_assets.planner.member_view import ONE_DAY, MemberView, Wanted
from whoop_assets.planner.pace import Pace, expected_event_requests, pace, webhooks_work
from whoop_assets.whoop_api.scopes import allows
from whoop_assets.whoop_api.streams import SNAPSHOT_STREAMS

CONNECT_SECONDS = 30
MAX_STRAP_OFF = timedelta(days=2)

MIN_BACKFILL_SHARE = 0.1
"""The backfill lane may use this share of the daily limit, however many requests webhooks need."""

RETRY_HELD_AFTER = timedelta(minutes=15)


def snapshot(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads profile and body measurements once a day.

    They have no webhooks, and WHOOP keeps no history of them.

    An account without body measurements returns 404 and stores no row. The profile, which is read just
    before, then shows that both were requested.
    """
    facts, today = view.facts, view.settings.last_day
    taken = facts.profile_read_at
    failed = {failure.stream for failure in facts.failures if failure.last_day >= today}
    # The connection stores a profile, but no body measurements.
    after_connecting = taken is not None and taken > facts.connected_at + timedelta(seconds=CONNECT_SECONDS)
    done = taken is not None and (after_connecting or facts.body_read)
    tomorrow = datetime.combine(today + ONE_DAY, time.min, view.settings.zone).astimezone(UTC)
    due = {stream: tomorrow if done and stream not in failed else view.now for stream in SNAPSHOT_STREAMS}
    return [Wanted(due, today, today)]


def open_cycle(view: MemberView, pace: Pace) -> list[Wanted]:
    """Reads the strain of the open cycle, if configured. WHOOP sends no event for it."""
    every, latest, span = view.settings.open_cycle_every, view.latest, view.newest_span("cycles")
    if every is None or latest is None or span is None or latest.end is not None:
        return []
    if view.now - latest.start > MAX_STRAP_OFF:
        return []
    return [Wanted({"cycles": span.read_at + every * pace.stretch}, latest.day, view.today)]


@dataclass(frozen=True, slots=True)
class Rule:
    """A rule of the planner.

    Attributes:
        reason: Why the rule reads something.
        condition: Returns missing or stale streams and days, with due times.
        lane: Lane of the requests.
        max_budget_share: Share of the daily limit up to which the rule may add requests.
    """

    reason: Reason
    condition: Callable[[MemberView, Pace], list[Wanted]]
    lane: str
    max_budget_share: float


RULES = (
    Rule(Reason.MORNING, gaps.morning, SCHEDULE, 0.95),
    Rule(Reason.RECOVERY, gaps.nights, SCHEDULE, 0.95),
    Rule(Reason.ASKED, gaps.asked, SCHEDULE, 0.95),
    Rule(Reason.CYCLE, gaps.cycles, SCHEDULE, 0.95),
    Rule(Reason.EVENT, gaps.failed_events, SCHEDULE, 0.95),
    Rule(Reason.UNREAD, history.unread_last_month, SCHEDULE, 0.95),
    Rule(Reason.FAILED, gaps.failed_loads, BACKFILL, 0.85),
    Rule(Reason.OPEN_CYCLE, open_cycle, SCHEDULE, 0.95),
    Rule(Reason.SNAPSHOT, snapshot, BACKFILL, 0.85),
    Rule(Reason.FORCED, gaps.forced, BACKFILL, 0.85),
    Rule(Reason.HISTORY, history.unread_history, BACKFILL, 0.85),
    Rule(Reason.RECENT, rereading.recent, BACKFILL, 0.7),
    Rule(Reason.MONTH, rereading.month, BACKFILL, 0.7),
    Rule(Reason.ALL, rereading.older, BACKFILL, 0.7),
)
"""All rules, most urgent first. `fetch_tasks.pages` gives the cost of a task."""

_MAX_BUDGET_SHARE = {rule.reason: rule.max_budget_share for rule in RULES}


def plan(facts: Facts, settings: PlannerSettings) -> Plan:
    """Returns the tasks of all members: due now, due but over the budget, and later.

    Tasks are ordered by lane, rule and due time; imports with the least history come first. A due task that
    another due task of the member covers is dropped. A member has one history piece at a time, so imports
    take turns.
    """
    webhooks = webhooks_work(facts.events, facts.now)
    members = sorted(facts.members, key=lambda member: member.user_id)
    views = [MemberView(member, settings, facts.now) for member in members]
    current = pace(
        views,
        webhooks=webhooks,
        settings=settings,
        per_day=facts.budget.per_day,
        importing=any(history.unread_history(view) for view in views),
    )
    due: list[FetchTask] = []
    later: list[FetchTask] = []
    for view in views:
        tasks = [
            task
            for rule in RULES
            for wanted in rule.condition(view, current)
            if (task := _task(view, rule, wanted)) is not None
        ]
        due += _without_duplicates([task for task in tasks if task.due <= facts.now])
        later += [task for task in tasks if task.due > facts.now]
    due.sort(key=_order)
    granted, held = _within_budget(due, facts, expected_event_requests(facts, webhooks))
    later.sort(key=lambda task: (task.due, task.user_id, task.reason.rank))
    return Plan(
        facts.now, tuple(granted), tuple(held), tuple(later), current.stretch, current.expected, webhooks
    )


def _task(view: MemberView, rule: Rule, wanted: Wanted) -> FetchTask | None:
    """Returns the task for those streams that are due together; None without a scope or a partition."""
    first, last = max(wanted.first, view.settings.first_day), min(wanted.last, view.settings.last_day)
    due = {
        stream: max(at, view.blocked_until(stream))
        for stream, at in wanted.due.items()
        if allows(view.facts.scopes, stream)
    }
    if not due or first > last:
        return None
    soonest = min(due.values())
    streams = tuple(stream for stream, at in due.items() if at <= max(view.now, soonest))
    requests = pages(streams, (last - first).days + 1)
    since = view.now if wanted.since is None else wanted.since
    return FetchTask(
        view.facts.user_id, streams, first, last, rule.lane, rule.reason, soonest, requests, since
    )


def _order(task: FetchTask) -> tuple[int, int, float, datetime, int]:
    # The import with the newest next piece has come least far.
    lag = -float(task.last.toordinal()) if task.reason is Reason.HISTORY else 0.0
    return LANES_IN_ORDER.index(task.lane), task.reason.rank, lag, task.due, task.user_id


def _without_duplicates(due: list[FetchTask]) -> list[FetchTask]:
    kept: list[FetchTask] = []
    largest_first = sorted(
        due, key=lambda task: (-(task.last - task.first).days, -len(task.streams), _order(task))
    )
    for task in largest_first:
        if not any(other.covers(task) for other in kept):
            kept.append(task)
    return kept


def _within_budget(
    due: Iterable[FetchTask], facts: Facts, event_requests: float
) -> tuple[list[FetchTask], list[FetchTask]]:
    """Splits the due tasks into those within today's budget, and those that wait.

    The backfill lane leaves free what webhooks are expected to need. Otherwise a first import would use the
    daily limit within an hour and a half, and later events would wait until the next day.
    """
    budget, now = facts.budget, facts.now
    left = budget.per_day - max(0.0, event_requests - budget.webhooks)
    left = max(left, budget.used - budget.backfills + MIN_BACKFILL_SHARE * budget.per_day)
    retry_at = now + RETRY_HELD_AFTER
    if budget.oldest is not None:
        retry_at = max(now + timedelta(minutes=1), min(retry_at, budget.oldest + ONE_DAY))
    closed_until = budget.closed_until or now
    closed = closed_until > now + RETRY_HELD_AFTER
    if closed:
        retry_at = closed_until
    granted, held, planned = [], [], budget.used
    for task in due:
        limit = _MAX_BUDGET_SHARE[task.reason] * budget.per_day
        if task.lane == BACKFILL:
            limit = min(limit, left)
        if closed or planned + task.requests > max(limit, task.requests):
            held.append(replace(task, due=retry_at))
        else:
            planned += task.requests
            granted.append(task)
    return granted, held
