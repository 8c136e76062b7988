"""The planner on a virtual clock: detection of corrections, cost of a webhook outage, and requests per member
and day.

The planner's code and the API's limits are real. Members, webhooks and pages are a model
(`whoop_assets_tests/support/models/modelled_whoop.py`), without requests and database.
"""

import argparse
import json
import statistics
import time
from collections import Counter
from datetime import UTC, datetime, timedelta

from whoop_assets.records.coverage import Span
from whoop_assets_tests.support.models.modelled_whoop import ModelledWhoop, Rescore

NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
ONE_DAY, HOUR = timedelta(days=1), timedelta(hours=1)
AGES = (1, 3, 10, 40, 200)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, nargs="+", default=[1, 50, 500])
    parser.add_argument("--days", type=int, default=2, help="Days of steady state that are counted.")
    parser.add_argument("--until", type=int, default=120, help="Days within which corrections must be found.")
    parser.add_argument("--only", choices=["rescores", "outage", "steady"])
    chosen = parser.parse_args()
    if chosen.only in (None, "rescores"):
        rescores(chosen.until)
    if chosen.only in (None, "outage"):
        for members in chosen.members:
            outage(members)
    if chosen.only in (None, "steady"):
        for members in chosen.members:
            for hooks in (True, False):
                steady(members, hooks, chosen.days)


def living(members: int, *, hooks: bool, days: int = 400, seed: int = 1, ahead: int = 140) -> ModelledWhoop:
    """Members with a loaded history, one day after their tiers have settled."""
    whoop = ModelledWhoop(members=members, now=NOW, days=days, ahead=ahead, webhooks=hooks, seed=seed)
    whoop.import_everything()
    whoop.spread_read_times()
    whoop.run(NOW + ONE_DAY, step=timedelta(minutes=5))
    return whoop


def rescores(until: int) -> None:
    """Unannounced corrections of one member's cycles, of several ages and at several times."""
    print("\n-- 4. Corrections without an event: found by which tier, after how long, at how many requests")
    for hooks in (False, True):
        rows: dict[int, list[tuple[timedelta, str, int]]] = {age: [] for age in AGES}
        for seed in range(5):
            whoop = living(1, hooks=hooks, seed=seed)
            at = whoop.now + seed * 5 * HOUR + timedelta(minutes=7)
            whoop.run(at)
            (member,) = whoop.members
            whoop.rescores = [
                Rescore(member.user_id, "cycles", (at - age * ONE_DAY).date(), at) for age in AGES
            ]
            before = len(whoop.executed)
            end = at + until * ONE_DAY
            while whoop.now < end and any(one.found is None for one in whoop.rescores):
                whoop.run(min(end, whoop.now + ONE_DAY))
            for age, one in zip(AGES, whoop.rescores, strict=True):
                if one.found is not None:
                    when, reading = one.found
                    cost = next(
                        cost for moment, made, cost in whoop.executed[before:] if (moment, made) == one.found
                    )
                    rows[age].append((when - at, reading.reason.value, cost))
        for age, found in rows.items():
            waits = sorted(wait for wait, _, _ in found)
            row = {
                "webhooks": hooks,
                "record_is_days_old": age,
                "found": f"{len(found)} of 5",
                "by": dict(Counter(reason for _, reason, _ in found)),
                "after_median_hours": round(statistics.median(wait / HOUR for wait in waits), 1)
                if waits
                else None,
                "after_most_hours": round(waits[-1] / HOUR, 1) if waits else None,
                "requests_of_that_reading": sorted({cost for _, _, cost in found}),
            }
            print(json.dumps(row), flush=True)


def outage(members: int) -> None:
    """Two hours without any webhook, about when the first member wakes; and the same without loss."""
    print(f"\n-- 5. Two hours without any webhook, {members} members", flush=True)
    whoop, calm = living(members, hooks=True, ahead=6), living(members, hooks=True, ahead=6)
    first = next(night for night in whoop.members[0].nights if night.made_at > NOW + 1.5 * ONE_DAY)
    start = first.made_at - HOUR
    for one in (whoop, calm):
        one.run(start - HOUR, step=timedelta(minutes=5))
        one.by_reason.clear()
    whoop.dead = Span(start, start + 2 * HOUR)
    lost = whoop.events_within(whoop.dead)
    whoop.rescores = [Rescore(member.user_id, stream, day, at) for at, member, stream, day in lost]
    while whoop.now < start + 28 * HOUR and any(one.found is None for one in whoop.rescores):
        whoop.run(whoop.now + HOUR)
    calm.run(whoop.now)
    found = [(one, *one.found) for one in whoop.rescores if one.found is not None]
    after = sorted((when - whoop.dead.end) / HOUR for _, when, _ in found)
    nights = [(when - one.at) / timedelta(minutes=1) for one, when, _ in found if one.stream == "recoveries"]
    more = Counter(whoop.by_reason)
    more.subtract(Counter(calm.by_reason))
    row = {
        "members": members,
        "lost_events": len(lost),
        "found": len(found),
        "by": dict(Counter(reading.reason.value for _, _, reading in found)),
        "hours_after_the_end_median": round(statistics.median(after), 1) if after else None,
        "hours_after_the_end_most": round(after[-1], 1) if after else None,
        "a_lost_recovery_is_there_after_median_minutes": round(statistics.median(nights)) if nights else None,
        "requests_more_than_without_the_outage": sum(more.values()),
        "of_which": {reason: cost for reason, cost in more.items() if cost},
        "hours_counted": round((whoop.now - start + HOUR) / HOUR, 1),
    }
    print(json.dumps(row), flush=True)


def steady(members: int, hooks: bool, days: int) -> None:
    """Requests per member and day without faults."""
    whoop = living(members, hooks=hooks, ahead=days + 6)
    whoop.by_reason.clear()
    before, began = len(whoop.sent), whoop.now
    whoop.run(began + days * ONE_DAY, step=timedelta(minutes=5))
    clock = time.process_time()
    plan = whoop.plan()
    seconds = time.process_time() - clock
    per = members * days
    row = {
        "members": members,
        "webhooks": hooks,
        "requests_per_member_and_day": round((len(whoop.sent) - before) / per, 1),
        "without_the_webhooks_own": round(
            (len(whoop.sent) - before - whoop.by_reason.get("webhooks", 0)) / per, 1
        ),
        "by": {reason: round(cost / per, 2) for reason, cost in sorted(whoop.by_reason.items())},
        "requests_per_day": round((len(whoop.sent) - before) / days),
        "stretch": round(plan.stretch, 2),
        "cpu_seconds_of_one_plan": round(seconds, 3),
    }
    print(json.dumps(row), flush=True)


if __name__ == "__main__":
    main()
