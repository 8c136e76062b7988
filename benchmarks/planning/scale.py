"""Capacity of WHOOP's limits: members kept fresh, duration of first imports, and fairness between members.

    python -m benchmarks.planning.scale [--members 10 100] [--years 1 5] [--days 3] [--only PART]

Real code on a virtual clock: planner, choice of runs by its sensor, run slots of dagster.yaml, and the
request budget with lanes and tables (100 a minute, 10,000 a day). Modelled: members, webhooks, and the times
of runs and requests (`whoop_assets_tests/support/models/budgeted_whoop.py`). The output includes the
predicted value of each figure; docs/scale.md derives the predictions.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from whoop_assets_tests.support.models.budgeted_whoop import BudgetedWhoop

NOW = datetime(2026, 8, 3, 12, tzinfo=UTC)
ONE_DAY, HOUR, MINUTE, SECOND = (
    timedelta(days=1),
    timedelta(hours=1),
    timedelta(minutes=1),
    timedelta(seconds=1),
)
PER_MINUTE, PER_DAY = 100, 10_000
YEAR = 365
MILESTONES = {"last_month": 30, "last_quarter": 90, "everything": 0}

# Predicted values per member and day; docs/scale.md gives the reasons.
EVENTS = 2 * (1 + 1 / 3) + 1 + 1
SNAPSHOTS = 2
LOOKS, NIGHT = 20, 2
BACKFILL_RATE = 0.98 * PER_MINUTE
BACKFILL_DAY = 0.85 * PER_DAY
PIECE_DAYS = 90


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--members", type=int, nargs="+", default=[10, 100])
    parser.add_argument(
        "--years", type=float, nargs="+", default=[1, 5], help="Of history, for first imports."
    )
    parser.add_argument("--days", type=int, default=3, help="Days of steady state that are counted.")
    parser.add_argument(
        "--look-every", type=float, default=1, help="Minutes between two ticks of the sensor."
    )
    parser.add_argument(
        "--at-most", type=float, default=200, help="Days after which a first import is no longer watched."
    )
    parser.add_argument("--only", choices=["steady", "imports", "newcomers"])
    chosen = parser.parse_args()
    began = time.monotonic()
    for members in chosen.members:
        coarse = 1 if members <= 10 else 5 if members <= 100 else 15
        every = (chosen.look_every or coarse) * MINUTE
        if chosen.only in (None, "steady"):
            print(f"\n-- {members} members kept fresh: {chosen.days} days after two of getting into step")
            for hooks in (True, False):
                steady(members, hooks, chosen.days, every)
        if chosen.only in (None, "imports"):
            for years in chosen.years:
                print(f"\n-- {members} members connect at once, with {years:g} years of history each")
                of_a_day = import_on_paper(members, round(years * YEAR))["everything"] < ONE_DAY
                ticks = (chosen.look_every or (1 if of_a_day else coarse)) * MINUTE
                imports(members, years, ticks, chosen.at_most * ONE_DAY)
        if chosen.only in (None, "newcomers"):
            print(f"\n-- {members} members, and as many more who connect at once, with a year of history")
            newcomers(members, every)
    print(f"\n{time.monotonic() - began:.0f} s")


@contextmanager
def living(members: int, every: timedelta, *, hooks: bool = True, **more: Any) -> Iterator[BudgetedWhoop]:
    with tempfile.TemporaryDirectory() as folder:
        whoop = BudgetedWhoop(
            Path(folder),
            members=members,
            now=NOW,
            plan_interval=every,
            webhooks=hooks,
            per_minute=PER_MINUTE,
            per_day=PER_DAY,
            **more,
        )
        try:
            yield whoop
        finally:
            whoop.close()


def steady(members: int, hooks: bool, days: int, every: timedelta) -> None:
    """Steady state after all imports: requests, waits, and the age of nights when they are stored."""
    with living(members, every, hooks=hooks, days=YEAR, ahead=days + 5) as whoop:
        whoop.import_everything()
        whoop.spread_read_times()
        whoop.run_until(NOW + 2 * ONE_DAY)
        whoop.reset_counts()
        whoop.run_until(whoop.now + days * ONE_DAY)
        counts, per = whoop.counts, members * days
        paper = on_paper(members, hooks)
        row = {
            "members": members,
            "webhooks": hooks,
            "requests_per_member_and_day": round(counts.requests.total() / per, 1),
            "on_paper": round(paper["requests"], 1),
            "share_of_the_days_limit": round(counts.requests.total() / days / PER_DAY, 2),
            "stretch": round(whoop.plan().stretch, 1),
            "stretch_on_paper": round(paper["stretch"], 1),
            "a_night_is_here_after_minutes": in_minutes([age for _, age in counts.nights]),
            "median_on_paper": round(paper["night_minutes"], 1),
            "an_announced_change_after_seconds": in_seconds(counts.announced),
            "waits_for_the_budget_seconds": {
                lane: in_seconds(waits) for lane, waits in counts.waits.items() if waits
            },
            "runs_turned_away": dict(counts.refused),
            "by": {reason: round(count / per, 2) for reason, count in counts.requests.most_common()},
        }
        print(json.dumps(row), flush=True)


def imports(members: int, years: float, every: timedelta, at_most: timedelta) -> None:
    """All members connect at once to a new deployment: the time at which each has which history."""
    days = round(years * YEAR)
    paper = import_on_paper(members, days)
    watched = min(at_most, 4 * paper["everything"] + 5 * ONE_DAY)
    with living(members, every, days=days, ahead=watched // ONE_DAY + 3) as whoop:
        whoop.forget_events()
        whoop.connect(whoop.members, milestones=tuple(MILESTONES.values()))
        whoop.run_until(NOW + watched, done=lambda: _complete(whoop))
        reached = whoop.complete.values()
        row: dict[str, object] = {
            "members": members,
            "years": years,
            "watched": said(whoop.now - NOW),
            "share_read": round(statistics.fmean(whoop.progress(one).share for one in whoop.members), 3),
            "least_share_read": round(min(whoop.progress(one).share for one in whoop.members), 3),
            "requests_per_member": round(import_requests(whoop) / members, 1),
            "on_paper": round(pages_of(days), 1),
        }
        for name, back in MILESTONES.items():
            at = sorted(one[back] - NOW for one in reached if back in one)
            row[name] = {
                **({} if len(at) == members else {"members": len(at)}),
                "first": said(at[0]) if at else None,
                "median": said(at[len(at) // 2]) if at else None,
                "last": said(at[-1]) if at else None,
                "last_on_paper": said(paper[name]),
            }
        row["nights_of_these_days_after_minutes"] = in_minutes([age for _, age in whoop.counts.nights])
        row["announced_changes_after_seconds"] = in_seconds(whoop.counts.announced)
        row["runs_turned_away"] = dict(whoop.counts.refused)
        row["by"] = dict(whoop.counts.requests.most_common())
        print(json.dumps(row), flush=True)


def newcomers(members: int, every: timedelta) -> None:
    """Members in steady state, while the same number of new members connects: the effect on the former."""
    with living(2 * members, every, days=YEAR, ahead=12) as whoop:
        new = whoop.members[1::2]
        here = {member.user_id for member in whoop.members[::2]}
        whoop.import_everything()
        whoop.spread_read_times()
        whoop.leave(new)
        whoop.run_until(NOW + 2 * ONE_DAY)
        for name in ("a day before", "the day on which they connect", "the day after"):
            whoop.reset_counts()
            if name == "the day on which they connect":
                whoop.connect(new, milestones=tuple(MILESTONES.values()))
            whoop.run_until(whoop.now + ONE_DAY)
            nights = [age for user_id, age in whoop.counts.nights if user_id in here]
            complete = sum(0 in one for one in whoop.complete.values())
            row = {
                "when": name,
                "nights_of_those_who_were_here_after_minutes": in_minutes(nights),
                "announced_changes_after_seconds": in_seconds(whoop.counts.announced),
                "most_open_events": whoop.counts.open_events,
                "newcomers_complete": complete,
                "requests": whoop.counts.requests.total(),
                "runs_turned_away": dict(whoop.counts.refused),
                "by": dict(whoop.counts.requests.most_common()),
            }
            print(json.dumps(row), flush=True)


# Predictions


def on_paper(members: int, hooks: bool) -> dict[str, float]:
    """Predicted requests per member and day, stretch of re-reading, and minutes until the median night is
    stored.
    """
    pieces = sum(17 / min(365, max(14, age / 2)) for age in range(31, YEAR, PIECE_DAYS))
    if hooks:
        needed, tiers = EVENTS + SNAPSHOTS + 1, 4 + 8 / 7 + pieces
        left: float = PER_DAY - (8 + SNAPSHOTS + 1) * members
        night = 0.2
    else:
        looks = min(LOOKS * members, 0.2 * PER_DAY) / members
        needed, tiers = looks + NIGHT + SNAPSHOTS, 4 * 24 + 8 + pieces
        left = PER_DAY - (looks + SNAPSHOTS) * members
        # Half the time between two checks; each check and the load after it waits for a tick and a run.
        night = 5 * max(1.0, LOOKS / looks) / 2 + 2 * (0.5 + 0.1)
    allowance = max(0.5 * left, 0.05 * PER_DAY)
    stretch = max(1.0, tiers * members / allowance)
    return {"requests": needed + tiers / stretch, "stretch": stretch, "night_minutes": night}


def pages_of(days: int) -> float:
    """Predicted requests for `days` days of one member: four streams of one record a day, 24 new records per
    page, and half a page more for each stream and piece.
    """
    return 4 * days / 24 + 4 * 0.5 * (1 + days / PIECE_DAYS)


def import_on_paper(members: int, days: int) -> dict[str, timedelta]:
    """Predicted times at which the last member has the last month, the last quarter, and everything."""
    found = {}
    for name, back in MILESTONES.items():
        back = min(back or days, days)
        requests = pages_of(back) * members
        minutes = max(requests / BACKFILL_RATE, back / PIECE_DAYS + 0.2) * MINUTE
        daily = max(BACKFILL_DAY - (EVENTS + SNAPSHOTS) * members, 0.1 * PER_DAY)
        found[name] = (
            minutes if requests <= BACKFILL_DAY else (1 + (requests - BACKFILL_DAY) / daily) * ONE_DAY
        )
    return found


# Figures


def _complete(whoop: BudgetedWhoop) -> bool:
    return all(0 in reached for reached in whoop.complete.values())


def import_requests(whoop: BudgetedWhoop) -> int:
    return sum(whoop.counts.requests[reason] for reason in ("new_member", "unread", "history"))


def in_minutes(times: Sequence[timedelta]) -> dict[str, float] | None:
    return _spread([one / MINUTE for one in times])


def in_seconds(times: Sequence[timedelta]) -> dict[str, float] | None:
    return _spread([one / SECOND for one in times])


def _spread(numbers: list[float]) -> dict[str, float] | None:
    if not numbers:
        return None
    ordered = sorted(numbers)
    return {
        "median": round(statistics.median(ordered), 1),
        "p99": round(ordered[int(0.99 * (len(ordered) - 1))], 1),
        "longest": round(ordered[-1], 1),
    }


def said(span: timedelta) -> str:
    """8 s, 12 min, 3.4 h or 2.1 d."""
    for unit, name, most in ((SECOND, "s", 120), (MINUTE, "min", 120), (HOUR, "h", 48)):
        if span < most * unit:
            return f"{span / unit:.0f} {name}" if unit < HOUR else f"{span / unit:.1f} {name}"
    return f"{span / ONE_DAY:.1f} d"


if __name__ == "__main__":
    main()
