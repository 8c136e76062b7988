"""The team's morning for operators, members' pages for them, and invitations."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from starlette.requests import Request
from starlette.responses import Response

from whoop_assets.db.database import Transaction
from whoop_assets.members import invitations, sessions
from whoop_assets.members import store as member_store
from whoop_assets.report.calendar_days import UsualRange
from whoop_assets.report.formatting import hours, number, number_range
from whoop_assets.web.connecting import page_address
from whoop_assets.web.pages import texts
from whoop_assets.web.pages.me import MemberPages
from whoop_assets.web.pages.member_view import STATUS_TEXTS
from whoop_assets.web.pages.queries import TeamMember, team
from whoop_assets.web.pages.rendering import PageRefused, PageRenderer, Visitor
from whoop_assets.web.pages.service import PageService

INVITATION_LIFETIME = timedelta(hours=72)
MIN_SLEEP_SHARE = 0.75
MAX_LOAD_RATIO = 1.5
_ID = re.compile(r"-?[1-9][0-9]{0,17}", re.ASCII)


@dataclass(frozen=True, slots=True)
class TeamRow:
    """One line of the table, as text. `weight` orders the lines: the higher, the more attention is needed."""

    user_id: int
    weight: int
    attention: tuple[str, ...]
    recovery: str
    band: str | None
    hrv: str
    hrv_usual: str
    resting_heart_rate: str
    resting_heart_rate_usual: str
    sleep: str
    strain: str
    load_ratio: str
    status: str
    status_kind: str
    age: str


class TeamPages:
    """The pages under /team."""

    def __init__(self, pages: PageService, member_pages: MemberPages) -> None:
        self._pages = pages
        self._member_pages = member_pages

    async def team(self, request: Request, visitor: Visitor) -> Response:
        return await self._pages.show(show_team, visitor)

    async def member(self, request: Request, visitor: Visitor) -> Response:
        text = str(request.path_params["user_id"])
        if not _ID.fullmatch(text):
            raise PageRefused(404, texts.NOT_FOUND)
        user_id = int(text)
        if user_id != visitor.user_id:
            await self._pages.write(
                lambda connection, now: (
                    member_store.exists(connection, user_id)
                    and sessions.record(connection, user_id, "operator", "viewed", now)
                ),
                user_id,
            )
        return await self._member_pages.member_page(visitor, user_id)

    async def invite(self, request: Request, visitor: Visitor, form: dict[str, str]) -> Response:
        def work(connection: Transaction, now: datetime) -> str:
            return invitations.invite(connection, now, INVITATION_LIFETIME)

        secret = await self._pages.once(visitor, form, "operator", "invite", work)
        if secret is None:
            return self._pages.redirect("team")
        address = page_address(self._pages.settings.redirect_uri, f"connect/{secret}")
        return self._pages.html("invitation.html", visitor=visitor, address=address)


def show_team(pages: PageRenderer, visitor: Visitor) -> str:
    """Return the table of all members' mornings."""
    with pages.database.read() as connection:
        now = pages.database.now(connection)
        members = team(connection, now)
    rows = sorted((team_row(member, now) for member in members), key=lambda row: (-row.weight, row.user_id))
    return pages.html("team.html", visitor=visitor, rows=rows, max_load_ratio=MAX_LOAD_RATIO)


def team_row(member: TeamMember, now: datetime) -> TeamRow:
    """Return the line of one member, with the reasons for attention."""
    day, yesterday = member.today, member.yesterday
    reasons: list[tuple[int, str]] = []
    hrv = resting = asleep = needed = ratio = None
    hrv_usual = resting_usual = None
    if day is not None:
        hrv, resting = day.number("hrv_rmssd_milli"), day.number("resting_heart_rate")
        asleep, needed = day.number("sleep_duration_minutes"), day.number("sleep_needed_minutes")
        ratio = day.number("training_load_ratio_7_21")
        hrv_usual, resting_usual = day.usual_hrv, day.usual("resting_heart_rate")
        if day.trend.get("illness_flag"):
            reasons.append((50, texts.ILLNESS))
        if day.band == "red" and not day.is_calibrating:
            reasons.append((30, texts.RED_RECOVERY))
        if hrv is not None and hrv_usual is not None and hrv < hrv_usual.low:
            reasons.append((10, texts.HRV_LOW))
        if resting is not None and resting_usual is not None and resting > resting_usual.high:
            reasons.append((10, texts.RHR_HIGH))
        if asleep is not None and needed and asleep / needed < MIN_SLEEP_SHARE:
            reasons.append((8, texts.SHORT_SLEEP))
        if ratio is not None and ratio > MAX_LOAD_RATIO:
            reasons.append((8, texts.HIGH_LOAD))
    if member.status == member_store.RECONNECTION_NEEDED:
        reasons.append((100, texts.STATUS_RECONNECT))
    elif member.status == member_store.CONNECTED and (day is None or day.number("recovery_score") is None):
        reasons.append((5, texts.NO_DATA_TODAY))
    label, kind, _ = STATUS_TEXTS[member.status]
    return TeamRow(
        user_id=member.user_id,
        weight=sum(weight for weight, _ in reasons),
        attention=tuple(text for _, text in sorted(reasons, reverse=True)),
        recovery=number(None if day is None else day.number("recovery_score"), 0, "%"),
        band=None if day is None else day.band,
        hrv=number(hrv),
        hrv_usual=_usual(hrv_usual),
        resting_heart_rate=number(resting),
        resting_heart_rate_usual=_usual(resting_usual),
        sleep=f"{hours(asleep)} / {hours(needed)}",
        strain=number(None if yesterday is None else yesterday.number("strain"), 1),
        load_ratio=number(ratio, 2),
        status=label,
        status_kind=kind,
        age=_age(member.read_at, now),
    )


def _usual(usual: UsualRange | None) -> str:
    return "" if usual is None else texts.USUAL.format(number_range(usual.low, usual.high))


def _age(read_at: datetime | None, now: datetime) -> str:
    if read_at is None:
        return texts.NEVER
    passed = now - read_at
    if passed >= timedelta(days=2):
        return texts.DAYS_OLD.format(passed.days)
    return texts.HOURS_OLD.format(int(passed.total_seconds() // 3600))
