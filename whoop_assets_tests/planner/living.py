"""Living through weeks in seconds: the real planner and the real loads against the simulator, without
Dagster.
"""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from whoop_assets.planner import FetchTask, Plan
from whoop_assets.planner.current_plan import grouped, plan_now, planner_settings_at
from whoop_assets.sync.load_members import load_members
from whoop_assets_tests.support.home import KEY, RECORDS, Home, moment

MINUTE = timedelta(minutes=1)


@dataclass
class Life:
    """A home that does what the planner asks for, on the clock that it shares with the simulator."""

    home: Home
    start_date: date
    timezone: str
    done: list[tuple[datetime, FetchTask]] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = self.home.connection.settings.replace(
            start_date=self.start_date, timezone=self.timezone
        )

    def plan(self) -> Plan:
        return plan_now(self.home.database, self.settings)

    def carry_out(self, plan: Plan) -> None:
        """What the sensor's runs would do, one after the other."""
        for group in grouped(plan.due):
            before = self.home.world.requests
            self.home.clock.advance(0.001)
            for order in group.orders(
                self.home.clock.now(), planner_settings_at(self.settings, plan.now).last_day
            ):
                assert load_members(self.home.connection, order).failures == []
            reason = group.any.reason.value
            cost = self.home.world.requests - before
            self.requests[reason] = self.requests.get(reason, 0) + cost
            self.done += [(plan.now, reading) for reading in group.tasks]

    def live(self, until: datetime) -> None:
        """Until then: look, do what is due, and let time pass until something will be, or a minute."""
        while self.home.clock.now() < until:
            plan = self.plan()
            self.carry_out(plan)
            now = self.home.clock.now()
            to = now + MINUTE if plan.due or plan.next_at is None else max(now + MINUTE, plan.next_at)
            self.home.advance(min(until, to) - now + timedelta(milliseconds=1))

    def differences(self, *, made_before: datetime, changed_before: datetime) -> list[object]:
        """What WHOOP had made, or changed, by then and is not stored so; and what is stored and does not
        exist.

        A sleep's or workout's own offset does not count: WHOOP writes the member's present one into all of
        history.
        """
        found: list[object] = []
        for member in self.home.members:
            truth = self.home.truth(member)
            for stream in RECORDS:
                rows = {k: row for k, row in self.home.rows(stream).items() if row["user_id"] == member}
                theirs = {record[KEY[stream]]: record for record in truth[stream]}
                found += [(stream, key, "only here") for key in rows.keys() - theirs.keys()]
                for key, record in theirs.items():
                    if key not in rows:
                        if moment(record["created_at"]) < made_before:
                            found.append((stream, key, "only there", record["created_at"]))
                    elif moment(record["updated_at"]) < changed_before and record.get("end", "") is not None:
                        left, right = _comparable(stream, rows[key]["payload"]), _comparable(stream, record)
                        if left != right:
                            found.append((stream, key, "differs", record["updated_at"]))
        return found


def _comparable(stream: str, record: dict[str, Any]) -> dict[str, Any]:
    without = {"timezone_offset"} if stream in ("sleeps", "workouts") else set()
    return {name: value for name, value in record.items() if name not in without}
