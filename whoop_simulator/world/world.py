"""The simulated world: members with their records, clock, grants, rate limits and faults, without HTTP.

Every public method takes the world's lock, so that tests can change the world while the server handles
requests.
"""

import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any, NamedTuple

from whoop_simulator.clock import SimulatorClock
from whoop_simulator.errors import SimulatorError, UnknownRecord
from whoop_simulator.http.faults import Fault, Faults
from whoop_simulator.http.grants import ALL_SCOPES, App, Grants, TokenRequestError
from whoop_simulator.http.limits import AppRateLimits
from whoop_simulator.http.token_endpoint import answer_token_request
from whoop_simulator.physiology.history import History
from whoop_simulator.physiology.personas import ZONES, make_persona
from whoop_simulator.timestamps import from_datetime, to_datetime, to_text
from whoop_simulator.webhooks.webhooks import WebhookSender
from whoop_simulator.world.editing import RecordEditing
from whoop_simulator.world.member import SimulatedMember, Source
from whoop_simulator.world.random_edits import random_edits
from whoop_simulator.world.recorded import read_recorded
from whoop_simulator.world.records import Record
from whoop_simulator.world.state import read_state, reporting_damage, write_state

MAX_MEMBERS, MAX_DAYS = 1000, 20_000
MAX_LOGGED_REQUESTS = 100_000


class LoggedRequest(NamedTuple):
    time: datetime
    """Time by the simulator's clock."""
    method: str
    path: str
    """Path below the API's base URL, such as /v2/cycle."""
    query: dict[str, str]
    status: int
    """0: the connection was reset."""


class World(RecordEditing):
    def __init__(
        self,
        *,
        members: int = 2,
        days: int = 120,
        seed: int = 1,
        start: date | None = None,
        now: datetime | None = None,
        frozen: bool = False,
        limits: bool = True,
        requests_per_minute: int = 100,
        requests_per_day: int = 10_000,
        app: App | None = None,
        zones: Sequence[str] = ZONES,
        data: Path | None = None,
        state: Path | None = None,
    ) -> None:
        """Create a world, or restore it from `state`.

        Args:
            days: Days of history before the clock's date.
            start: First day of the history; `days` before the clock's date (UTC) by default.
            data: Folder of recorded records to serve instead of generated ones.
            state: File that keeps tokens, edits, clock and start date.
        """
        if not 1 <= members <= MAX_MEMBERS:
            raise SimulatorError(f"there can be 1 to {MAX_MEMBERS} members, not {members}")
        if not 0 <= days <= MAX_DAYS:
            raise SimulatorError(f"there can be 0 to {MAX_DAYS} days, not {days}")
        self.lock = threading.RLock()
        self.seed = seed
        self.app = app or App()
        self.clock = SimulatorClock(None if now is None else from_datetime(now), frozen=frozen)
        self.limits = AppRateLimits(requests_per_minute, requests_per_day, enabled=limits)
        self.grants = Grants(self.app)
        self.faults = Faults(seed)
        self.webhooks = WebhookSender(self)
        self.before_request: Callable[[int, str, dict[str, str]], None] | None = None
        """Called with (number of the request, path, query) before each API request is processed, in the
        server's thread. It may change this world, but must not call the simulator over HTTP.
        """
        self.request_log: list[LoggedRequest] = []
        self.requests = 0
        self._counts = {
            "limited": 0,
            "token_requests": 0,
            "token_refusals": 0,
            "refreshes": 0,
            "invalid_grant": 0,
            "invalid_client": 0,
        }
        self._state_file = state

        saved = None if state is None else read_state(state)
        self._identity = {
            "seed": seed,
            "members": members,
            "days": days,
            "data": None if data is None else str(data),
        }
        if saved is not None:
            with reporting_damage(state):
                if saved["world"] != self._identity:
                    raise SimulatorError(
                        f"the state file {state} was made with {_options(saved['world'])}: "
                        "start with the same, or remove it"
                    )
                self.clock.restore(saved["clock"])
                start = date.fromisoformat(saved["start"])
        if start is None:
            start = to_datetime(self.clock.now()).date() - timedelta(days=days)
        self.start = start
        sources: dict[int, Source] = {}
        if data is not None:
            sources |= read_recorded(data)
        else:
            for place in range(members):
                persona = make_persona(seed, place, zones)
                sources[persona.user_id] = History(seed, persona, start)
        self.members = {user_id: SimulatedMember(user_id, source) for user_id, source in sources.items()}
        if saved is not None:
            with reporting_damage(state):
                self._restore(saved)
        for member in self.members.values():
            member.move_to(self.clock.now())
        self.save()

    # Time

    def now(self) -> int:
        """Milliseconds since 1970, by the simulator's clock."""
        return self.clock.now()

    @property
    def moment(self) -> datetime:
        return to_datetime(self.clock.now())

    def set_clock(self, moment: datetime) -> None:
        with self.lock:
            self.clock.set(from_datetime(moment if moment.tzinfo else moment.astimezone()))
            self.save()

    def advance(self, by: timedelta | float) -> None:
        """Move the clock by a timedelta or by seconds, also backwards."""
        with self.lock:
            try:
                step = by if isinstance(by, timedelta) else timedelta(seconds=by)
            except (OverflowError, ValueError):
                raise SimulatorError(f"the clock cannot be moved by {by} seconds: give fewer") from None
            self.clock.advance(step // timedelta(milliseconds=1))
            self.save()

    def freeze(self) -> None:
        with self.lock:
            self.clock.freeze()
            self.save()

    def run(self) -> None:
        with self.lock:
            self.clock.run()
            self.save()

    def next_at(self) -> int | None:
        """Return the time of the next change of a record or the next due webhook.

        None if there is none within three days.

        A test can move the clock from one such time to the next without missing a change.
        """
        with self.lock:
            now = self.now()
            for member in self.members.values():
                member.move_to(now)
            moments = [member.next_change() for member in self.members.values()]
            return min((at for at in (*moments, self.webhooks.next_due()) if at is not None), default=None)

    # Data

    def member(self, user_id: int) -> SimulatedMember:
        member = self.members.get(user_id)
        if member is None:
            raise UnknownRecord(f"there is no member {user_id}: look at /_control/members")
        member.move_to(self.clock.now())
        return member

    @property
    def user_ids(self) -> list[int]:
        return list(self.members)

    def member_names(self) -> list[tuple[int, str]]:
        with self.lock:
            now = self.now()
            profiles = [(user_id, member.profile(now) or {}) for user_id, member in self.members.items()]
            return [(user_id, str(profile.get("first_name", "member"))) for user_id, profile in profiles]

    def truth(self, user_id: int) -> dict[str, list[Record]]:
        """Stream -> visible records, newest start first: the result of reading all pages without bounds."""
        with self.lock:
            return self.member(user_id).truth(self.now())

    def profile(self, user_id: int) -> Record | None:
        with self.lock:
            return self.member(user_id).profile(self.now())

    def body_measurement(self, user_id: int) -> Record | None:
        with self.lock:
            return self.member(user_id).body_measurement(self.now())

    def random_edits(self, user_id: int, count: int, seed: int) -> list[dict[str, Any]]:
        with self.lock:
            return random_edits(self, user_id, count, seed)

    # Grants

    def grant_code(self, user_id: int, scopes: Sequence[str], redirect_uri: str) -> str:
        with self.lock:
            code = self.grants.new_code(user_id, scopes, redirect_uri, self.now())
            self.save()
            return code

    def token_request(self, fields: Mapping[str, str]) -> dict[str, Any]:
        """Handle a form of the token endpoint; raise TokenRequestError if it is refused."""
        with self.lock:
            self._counts["token_requests"] += 1
            self.webhooks.collect()
            try:
                answer = answer_token_request(self.grants, fields, self.now())
            except TokenRequestError as error:
                self._counts["token_refusals"] += 1
                if (name := error.body["error"]) in self._counts:
                    self._counts[str(name)] += 1
                raise
            self._counts["refreshes"] += fields["grant_type"] == "refresh_token"
            self.save()
            return answer

    def issue_tokens(self, user_id: int, scopes: Iterable[str] = ALL_SCOPES) -> dict[str, Any]:
        """Create a grant without the consent page; return the response of the token endpoint."""
        with self.lock:
            self.member(user_id)
            self.webhooks.collect()
            answer = self.grants.issue(user_id, scopes, self.now())
            self.save()
            return answer

    def expire_tokens(self, user_id: int) -> int:
        """Expire the member's access tokens, not the refresh tokens; return the number of grants."""
        with self.lock:
            self.member(user_id)
            count = self.grants.expire(user_id)
            self.save()
            return count

    def revoke_tokens(self, user_id: int) -> int:
        """Revoke the member's grants; return their number."""
        with self.lock:
            self.member(user_id)
            self.webhooks.collect()
            count = self.grants.revoke(user_id)
            self.webhooks.revoked(user_id)
            self.save()
            return count

    def accepts_refresh_token(self, user_id: int, refresh_token: str) -> bool:
        """Whether the token endpoint would accept this refresh token of the member now."""
        with self.lock:
            return self.grants.is_live(user_id, refresh_token, self.now())

    # Limits and faults

    def set_limits(self, per_minute: int | None = None, per_day: int | None = None) -> None:
        with self.lock:
            self.limits.change(per_minute, per_day)

    def inject_fault(self, kind: str, **options: Any) -> None:
        """Inject a fault. `faults.KINDS` lists the kinds, `faults.Fault` the options."""
        with self.lock:
            self.faults.order(Fault.from_json({"kind": kind, **options}))

    def clear_faults(self) -> None:
        with self.lock:
            self.faults.clear()

    # Log and counts

    def log(self, now: int, method: str, path: str, query: dict[str, str], status: int) -> None:
        self._counts["limited"] += status == 429
        if len(self.request_log) >= MAX_LOGGED_REQUESTS:
            del self.request_log[: MAX_LOGGED_REQUESTS // 2]
        self.request_log.append(LoggedRequest(to_datetime(now), method, path, query, status))

    def stats(self) -> dict[str, Any]:
        with self.lock:
            return {
                "now": to_text(self.now()),
                "clock": "frozen" if self.clock.frozen else "running",
                "requests": self.requests,
                **self._counts,
                "worst_minute": self.limits.worst_minute,
                "limits": {
                    "enabled": self.limits.enabled,
                    "per_minute": self.limits.minute.limit,
                    "per_day": self.limits.day.limit,
                    "used_this_minute": self.limits.minute.used,
                    "used_today": self.limits.day.used,
                },
                "faults_ordered": len(self.faults.ordered),
            }

    def reset_stats(self) -> None:
        """Reset counts and log, not the windows of the rate limits."""
        with self.lock:
            self.requests = self.limits.worst_minute = 0
            self._counts = dict.fromkeys(self._counts, 0)
            self.request_log.clear()

    # State

    def save(self) -> None:
        if self._state_file is None:
            return
        self.webhooks.collect()
        write_state(
            self._state_file,
            {
                "world": self._identity,
                "start": self.start.isoformat(),
                "clock": self.clock.to_json(),
                "oauth": self.grants.to_json(),
                "members": {str(user_id): member.state() for user_id, member in self.members.items()},
                "webhooks": self.webhooks.to_json(),
            },
        )

    def _restore(self, saved: dict[str, Any]) -> None:
        self.grants.restore(saved["oauth"])
        if "webhooks" in saved:
            self.webhooks.restore(saved["webhooks"])
        for user_id, state in saved["members"].items():
            if (member := self.members.get(int(user_id))) is not None:
                member.restore(state)
                member.move_to(self.now())


def _options(world: dict[str, Any]) -> str:
    return ", ".join(f"--{name} {value}" for name, value in world.items() if value is not None)
