"""The current plan: facts from the database, settings from the environment, and tasks grouped into runs."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from whoop_assets.db.database import Database, Transaction
from whoop_assets.planner import FetchTask, Plan, PlannerSettings, Reason, plan
from whoop_assets.planner import gather as gathering
from whoop_assets.planner.facts import Facts
from whoop_assets.planner.history import Progress, progress
from whoop_assets.planner.member_view import MemberView
from whoop_assets.settings import Settings


def gather(database: Database, settings: Settings) -> tuple[Facts, PlannerSettings]:
    """Reads the planner's facts and settings. SQL only."""
    with database.read() as connection:
        return facts_at(connection, settings, database.now(connection))


def facts_at(
    connection: Transaction, settings: Settings, now: datetime, *, only: int | None = None
) -> tuple[Facts, PlannerSettings]:
    """Reads the planner's facts and settings within a transaction.

    Args:
        now: The database's time.
        only: Restricts the facts to this member.
    """
    planner_settings = planner_settings_at(settings, now)
    facts = gathering.gather(
        connection, now, planner_settings.last_day, requests_per_day=settings.requests_per_day, only=only
    )
    return facts, planner_settings


def planner_settings_at(settings: Settings, now: datetime) -> PlannerSettings:
    """Returns the planner's settings at that time; today is a date in the time zone of the partitions."""
    minutes = settings.open_cycle_minutes
    return PlannerSettings(
        first_day=settings.start_date,
        last_day=settings.today(now),
        reread_share=settings.reread_share,
        open_cycle_every=timedelta(minutes=minutes) if minutes else None,
        zone=ZoneInfo(settings.timezone),
    )


def plan_now(database: Database, settings: Settings) -> Plan:
    return plan(*gather(database, settings))


def progress_of_members(facts: Facts, planner_settings: PlannerSettings) -> dict[int, Progress]:
    """Returns the import progress of each member of the facts, all of whom are connected."""
    return {
        member.user_id: progress(MemberView(member, planner_settings, facts.now)) for member in facts.members
    }


@dataclass(frozen=True, slots=True)
class Group:
    """Tasks of several members that become one run: same streams, days, lane and reason."""

    tasks: tuple[FetchTask, ...]

    @property
    def any(self) -> FetchTask:
        """One of the tasks, for the values that all of them share."""
        return self.tasks[0]

    @property
    def members(self) -> tuple[int, ...]:
        return tuple(task.user_id for task in self.tasks)

    @property
    def requests(self) -> int:
        return sum(task.requests for task in self.tasks)


def grouped(tasks: Iterable[FetchTask]) -> list[Group]:
    """Groups tasks into runs, in the order of the first task of each."""
    groups: dict[tuple[tuple[str, ...], date, date, str, Reason, datetime], list[FetchTask]] = {}
    for task in tasks:
        key = (task.streams, task.first, task.last, task.lane, task.reason, task.since)
        groups.setdefault(key, []).append(task)
    return [Group(tuple(sorted(group, key=lambda task: task.user_id))) for group in groups.values()]
