"""Runs the real planner and the real loads against the simulator for simulated weeks, without Dagster."""

from dataclasses import dataclass, field
from datetime import date, datetime, timedelta
from typing import Any

from whoop_assets.planner import FetchTask, Plan
from whoop_assets.planner.current_plan import grouped, plan_now, planner_settings_at
from whoop_assets.sync.load_members import load_members
from whoop_assets_tests.support.home import KEY, RECORDS, Home, load_requests, moment

MINUTE = timedelta(minutes=1)


@dataclass
class PlanningLoop:
    """Plans and loads in turn, on the clock that the database shares with the simulator."""

    home: Home
    start_date: date
    timezone: str
    completed: list[tuple[datetime, FetchTask]] = field(default_factory=list)
    requests: dict[str, int] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self.settings = self.home.connection.settings.replace(
            start_date=self.start_date, timezone=self.timezone
        )

    def plan(self) -> Plan:
        return plan_now(self.home.database, self.settings)

    def carry_out(self, plan: Plan) -> None:
        """Executes the due tasks in order, as the sensor's runs would."""
        for group in grouped(plan.due):
            before = self.home.world.requests
            self.home.clock.advance(0.001)
            today = planner_settings_at(self.settings, plan.now).last_day
            for order in load_requests(group, self.home.clock.now(), today):
                assert load_members(self.home.connection, order).failures == []
            reason = group.any.reason.value
            cost = self.home.world.requests - before
            self.requests[reason] = self.requests.get(reason, 0) + cost
            self.completed += [(plan.now, task) for task in group.tasks]

    def run_until(self, until: datetime) -> None:
        """Plans, executes the due tasks, and advances the clock to the next due time, at least a minute."""
        while self.home.clock.now() < until:
            plan = self.plan()
            self.carry_out(plan)
            now = self.home.clock.now()
            next_time = now + MINUTE if plan.due or plan.next_at is None else max(now + MINUTE, plan.next_at)
            self.home.advance(min(until, next_time) - now + timedelta(milliseconds=1))

    def differences(self, *, made_before: datetime, changed_before: datetime) -> list[object]:
        """Lists the differences between the stored records and WHOOP's.

        The offset of a sleep or workout is ignored: WHOOP writes the member's present offset into all of
        history.

        Args:
            made_before: Records that WHOOP created later may be missing.
            changed_before: Records that WHOOP changed later may be outdated.
        """
        found: list[object] = []
        for member in self.home.members:
            truth = self.home.truth(member)
            for stream in RECORDS:
                rows = {k: row for k, row in self.home.rows(stream).items() if row["user_id"] == member}
                expected = {record[KEY[stream]]: record for record in truth[stream]}
                found += [(stream, key, "only stored") for key in rows.keys() - expected.keys()]
                for key, record in expected.items():
                    if key not in rows:
                        if moment(record["created_at"]) < made_before:
                            found.append((stream, key, "only at WHOOP", record["created_at"]))
                    elif moment(record["updated_at"]) < changed_before and record.get("end", "") is not None:
                        stored, current = (
                            _comparable(stream, rows[key]["payload"]),
                            _comparable(stream, record),
                        )
                        if stored != current:
                            found.append((stream, key, "differs", record["updated_at"]))
        return found


def _comparable(stream: str, record: dict[str, Any]) -> dict[str, Any]:
    ignored = {"timezone_offset"} if stream in ("sleeps", "workouts") else set()
    return {name: value for name, value in record.items() if name not in ignored}
