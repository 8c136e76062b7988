"""The plan of this moment: the facts from the warehouse, the rules from the settings."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from whoop_assets.db.database import Database
from whoop_assets.planner import Plan, Reading, Reason, Rules, plan
from whoop_assets.planner import gather as planning
from whoop_assets.planner.facts import Facts
from whoop_assets.planner.history import Progress, progress
from whoop_assets.planner.member_view import View
from whoop_assets.settings import Settings
from whoop_assets.sync.load_members import LoadRequest


def gather(database: Database, settings: Settings) -> tuple[Facts, Rules]:
    """What the planner looks at, and what is configured; SQL only."""
    with database.read() as connection:
        now = database.now(connection)
        rules = rules_at(settings, now)
        facts = planning.gather(connection, now, rules.last_day, requests_per_day=settings.requests_per_day)
    return facts, rules


def rules_at(settings: Settings, now: datetime) -> Rules:
    """What is configured, on the day that it is then in the partitions' time zone."""
    minutes = settings.open_cycle_minutes
    return Rules(
        first_day=settings.start_date,
        last_day=now.astimezone(ZoneInfo(settings.timezone)).date(),
        reread_share=settings.reread_share,
        open_cycle_every=timedelta(minutes=minutes) if minutes else None,
    )


def plan_now(database: Database, settings: Settings) -> Plan:
    """What should be read next."""
    return plan(*gather(database, settings))


def progress_of_members(database: Database, settings: Settings) -> dict[int, Progress]:
    """How far the history of each connected member is read."""
    facts, rules = gather(database, settings)
    return {one.user_id: progress(View(one, rules, facts.now)) for one in facts.members}


@dataclass(frozen=True, slots=True)
class Group:
    """Readings that are one run: the same streams and days, in the same lane for the same reason, of several members."""

    readings: tuple[Reading, ...]

    @property
    def any(self) -> Reading:
        return self.readings[0]

    @property
    def members(self) -> tuple[int, ...]:
        return tuple(reading.user_id for reading in self.readings)

    @property
    def requests(self) -> int:
        """What the run is expected to cost."""
        return sum(reading.requests for reading in self.readings)

    def orders(self, until: datetime, today: date, run_id: str = "") -> list[LoadRequest]:
        """What a run does, stream by stream."""
        one = self.any
        return [
            LoadRequest(
                stream,
                one.first,
                one.last,
                today,
                until,
                one.since,
                lane=one.lane,
                members=self.members,
                run_id=run_id,
            )
            for stream in one.streams
        ]


def grouped(readings: Iterable[Reading]) -> list[Group]:
    """The readings as runs, in the order of each one's most urgent."""
    found: dict[tuple[tuple[str, ...], date, date, str, Reason, datetime], list[Reading]] = {}
    for one in readings:
        found.setdefault((one.streams, one.first, one.last, one.lane, one.reason, one.since), []).append(one)
    return [Group(tuple(sorted(of, key=lambda one: one.user_id))) for of in found.values()]
