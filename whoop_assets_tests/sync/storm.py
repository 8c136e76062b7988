"""Random faults during a load: network faults, data that change during the read, and a sudden end.

Everything follows from the seed. `Storm.over` is one such load, from the member's consent to the comparison.
"""

import random
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from typing import Any

import httpx
import pytest
from sqlalchemy import event
from sqlalchemy.exc import OperationalError

from whoop_assets.errors import DatabaseUnreachable
from whoop_assets.sync.load_members import LoadResult
from whoop_assets.whoop_api.fields import rfc3339
from whoop_assets.whoop_api.http import transport
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.home import KEY, RECORDS, Home, at_home
from whoop_assets_tests.sync.claims import Witness, differences, gaps, half_written, rows_of, untrue_claims
from whoop_simulator.http.faults import Fault, Faults
from whoop_simulator.world.world import World

STREAMS = ("profile", "body_measurement", *RECORDS)
PATHS = {
    "profile": "/v2/user/profile",
    "body_measurement": "/v2/user/measurement",
    "cycles": "/v2/cycle",
    "sleeps": "/v2/activity/sleep",
    "recoveries": "/v2/recovery",
    "workouts": "/v2/activity/workout",
}
NOT_SENT = "was not sent, because WHOOP kept failing"
CAUSES = {
    "status": r"answered (500|502|503|429|401)\b|request limit",
    "reset": r"no complete response from WHOOP \((ReadError|RemoteProtocolError|WriteError)\)",
    "truncate": r"no complete response from WHOOP \(RemoteProtocolError\)",
    "latency": r"no complete response from WHOOP \(ReadTimeout\)",
    "not_json": r"a body that is not JSON",
    "repeat_cursor": r"named a next page that was already read",
}
"""Text of a failure by the fault that caused it."""

MAX_FAULTS = 500
"""A load that meets more faults than this retries without end."""

PIECE = re.compile(
    r"(INSERT INTO|UPDATE|DELETE FROM) (cycles|sleeps|reco|workouts|coverage|stale_days|quarantine)"
)

SHORT = httpx.Timeout(0.1, connect=10.0)
"""How long a load waits for a response if latency is ordered: less than that latency."""


class Killed(BaseException):
    """The process ended here."""


class CountedFaults(Faults):
    """Faults that remember whom they hit."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.hits: list[tuple[str, str]] = []
        self.gave_up = False

    def matching(self, path: str) -> dict[str, Fault]:
        hits = super().matching(path)
        self.hits += [(kind, path.removeprefix("/developer")) for kind in hits]
        if len(self.hits) > MAX_FAULTS:
            self.gave_up = True
            self.clear()
        return hits


@dataclass
class Outcome:
    """Result of one load with faults."""

    seed: int
    orders: list[dict[str, Any]] = field(default_factory=list)
    hits: list[tuple[str, str]] = field(default_factory=list)
    changes: int = 0
    retries: int = 0
    ended: str = ""
    """How the load was ended in the middle, if it was: Killed, DatabaseUnreachable."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """(stream, cause)"""
    wrong: list[str] = field(default_factory=list)

    @property
    def mended(self) -> bool:
        """Faults were met, and overcome by trying again."""
        return bool(self.hits) and self.retries > 0 and not self.failed and not self.ended


MEMBERS, HISTORY = 25, 35
"""Members of a world. Each is loaded once, on another day, so that no load depends on another."""


def storms(database_url: str, seeds: Iterable[int], patch: pytest.MonkeyPatch) -> list[Outcome]:
    """Run the loads of the seeds in one database; MEMBERS seeds share one world."""
    outcomes = []
    (world_seed,) = {seed // MEMBERS for seed in seeds}
    limits = {"limits": True, "requests_per_minute": 10**6, "requests_per_day": 10**7}
    world = World(
        members=MEMBERS,
        days=HISTORY,
        seed=world_seed,
        now=NOW,
        frozen=True,
        # With limits far away answers, and so 429s, state them in their headers; without, they have none.
        **(limits if world_seed % 2 else {"limits": False}),
    )
    with at_home(database_url, world, connect=False) as home:
        for seed in sorted(seeds):
            place = seed % MEMBERS
            home.clock.advance(NOW + timedelta(days=place, hours=seed % 7) - home.clock.now())
            world.set_clock(home.clock.now())
            days = HISTORY + place
            outcomes.append(Storm(home, seed, world.user_ids[place], days, patch).over())
    return outcomes


@dataclass
class Storm:
    """The weather of one seed, for one member of a home; `days` are those of the member's history."""

    home: Home
    seed: int
    user_id: int
    days: int
    patch: pytest.MonkeyPatch

    def over(self) -> Outcome:
        """Connect, load with faults and check the claims; load again without faults and compare."""
        self.rng = rng = random.Random(self.seed)
        self.outcome = outcome = Outcome(self.seed)
        self.witness = Witness(self.home, self.user_id)
        self.home.connect(self.user_id)
        today = self.home.clock.now().date()
        last = today - timedelta(days=rng.choice([0, 0, 0, 1, 5]))
        first = last - timedelta(days=rng.randint(3, self.days - 8))
        self._prepare(first, last)

        until = self._present
        rounds = self._load_in_bad_weather(first, last)
        outcome.wrong += [f"after the faults: {what}" for what in self._wrong_claims()]
        outcome.wrong += self._wrong_failures(rounds)
        if not outcome.changes and not outcome.ended:
            done = set(RECORDS) - {stream for stream, _ in outcome.failed}
            for stream in sorted(done):
                outcome.wrong += gaps(self.home, self.user_id, stream, first, last, until)

        self.home.world.clear_faults()
        self.home.advance(1)
        self.witness.look()
        until = self._present
        rounds = self.home.load(first, last, STREAMS, members=[self.user_id])
        outcome.wrong += [f"in the end: {f.stream} failed: {f.cause}" for one in rounds for f in one.failures]
        outcome.wrong += [f"in the end: {what}" for what in self._wrong_claims()]
        outcome.wrong += [f"in the end: {what}" for what in differences(self.witness, first, last, until)]
        return outcome

    @property
    def _impatient(self) -> bool:
        """Whether the load with faults waits at most SHORT for a response."""
        return any(order["kind"] == "latency" for order in self.outcome.orders)

    @property
    def _present(self) -> datetime:
        """The time at which the next load begins."""
        return self.home.clock.now() + timedelta(milliseconds=1)

    def _wrong_claims(self) -> list[str]:
        return [*untrue_claims(self.witness), *half_written(self.home, self.user_id)]

    def _prepare(self, first: date, last: date) -> None:
        """Prepare the world: perhaps an earlier load, edits, odd records, many records at one moment."""
        world, rng = self.home.world, self.rng
        self.witness.look()
        if rng.random() < 0.5:
            self.home.advance(1)
            self.home.load(first, last, STREAMS, members=[self.user_id])
            self.home.advance(1)
            world.random_edits(self.user_id, rng.randint(0, 8), self.seed)
            self._move_out_of(first)
        workouts = world.truth(self.user_id)["workouts"]
        if rng.random() < 0.15 and workouts:
            odd = rng.choice(workouts)
            world.edit(self.user_id, "workouts", odd["id"], {"sport_name": None})
            self.witness.invalid.add(odd["id"])
        self.follows_cursor = rng.random() < 0.2
        if self.follows_cursor:
            # More at one moment than a page holds: time leads no further, and the cursor has to be followed.
            cycle = rng.choice(world.truth(self.user_id)["cycles"][1:5])
            for _ in range(30):
                world.add(self.user_id, "workouts", {"start": cycle["start"], "end": cycle["end"]})
        self.witness.look()
        self.home.advance(1)

    def _move_out_of(self, first: date) -> None:
        """A workout turns out to have been on an earlier day: it is missing where it was, and exists."""
        world = self.home.world
        workouts = world.truth(self.user_id)["workouts"]
        if workouts:
            earlier = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=2)
            times = {"start": rfc3339(earlier), "end": rfc3339(earlier + timedelta(hours=1))}
            world.edit(self.user_id, "workouts", workouts[0]["id"], times)

    def _load_in_bad_weather(self, first: date, last: date) -> list[LoadResult]:
        world, outcome = self.home.world, self.outcome
        faults = world.faults = CountedFaults(self.seed)
        outcome.orders = self._orders()
        for order in outcome.orders:
            world.inject_fault(**order)
        rounds: list[LoadResult] = []
        with self.patch.context() as patch, self._changing(), self._ending():
            if self._impatient:
                patch.setattr(transport, "TIMEOUT", SHORT)
            try:
                rounds = self.home.load(first, last, STREAMS, members=[self.user_id])
            except (Killed, DatabaseUnreachable) as error:
                outcome.ended = type(error).__name__
        outcome.hits = faults.hits
        if faults.gave_up:
            outcome.wrong.append("the load would have retried without end")
        outcome.retries = int(sum(one.total("retries") for one in rounds))
        outcome.failed = [(f.stream, f.cause) for one in rounds for f in one.failures]
        return rounds

    def _orders(self) -> list[dict[str, Any]]:
        rng = self.rng
        orders = []
        for _ in range(rng.choice([1, 1, 2, 3])):
            kind = rng.choice(
                ["status", "status", "status", "reset", "truncate", "not_json", "latency", "401"]
            )
            if self.follows_cursor and rng.random() < 0.8:
                kind = "repeat_cursor"
            order: dict[str, Any] = {"kind": kind}
            if rng.random() < 0.5:
                # With the slash: single records by their URL, not the collection.
                order["path_prefix"] = rng.choice(list(PATHS.values())) + rng.choice(["", "", "/"])
            often = rng.random()
            if kind == "401":
                order |= {"kind": "status", "status": 401, "count": 1 if often < 0.8 else 3}
            elif kind == "latency":
                order |= {"seconds": 0.3, "count": rng.choice([1, 2, 5])}
            else:
                if kind == "status":
                    order["status"] = rng.choice([500, 502, 503, 429])
                if often < 0.4:
                    order["count"] = rng.randint(1, 6)
                else:
                    order["probability"] = rng.choice([0.05, 0.2, 0.5, 0.8, 1.0])
            if kind == "reset" and rng.random() < 0.5:
                # Before anything is done, instead of after it.
                orders.append({**order, "kind": "status", "status": 500})
            orders.append(order)
        return orders

    @contextmanager
    def _changing(self) -> Iterator[None]:
        """The member, or WHOOP, changes the data between two requests."""
        world, rng = self.home.world, random.Random(f"{self.seed}/changes")
        # Where the cursor has to be followed, a deletion can open a seam: that is WHOOP's cursor, and known.
        if rng.random() < 0.4 or self.follows_cursor:
            yield
            return
        begun = world.requests
        moments = sorted(begun + rng.randint(1, 12) for _ in range(rng.randint(1, 3)))

        def hook(number: int, _path: str, _query: dict[str, str]) -> None:
            while moments and number >= moments[0]:
                moments.pop(0)
                self.witness.look()
                self._change(rng)
                self.witness.look()
                self.outcome.changes += 1

        world.before_request = hook
        try:
            yield
        finally:
            world.before_request = None

    def _change(self, rng: random.Random) -> None:
        world, kind = self.home.world, rng.random()
        if kind < 0.4:
            world.random_edits(self.user_id, 1, rng.randint(0, 10**6))
        elif kind < 0.55:
            world.expire_tokens(self.user_id)
        elif kind < 0.85:
            stream = rng.choice(["sleeps", "workouts", "workouts", "recoveries"])
            records = world.truth(self.user_id)[stream]
            if records:
                world.delete(self.user_id, stream, rng.choice(records)[KEY[stream]])
        else:
            cycle = rng.choice(world.truth(self.user_id)["cycles"][1:])
            stream = rng.choice(["sleeps", "workouts"])
            nap = {"nap": True} if stream == "sleeps" else {}
            world.add(self.user_id, stream, {"start": cycle["end"], "end": cycle["end"]} | nap)

    @contextmanager
    def _ending(self) -> Iterator[None]:
        """End the process or the database during a transaction or its commit."""
        rng = random.Random(f"{self.seed}/ending")
        left = rng.randint(1, 40) if rng.random() < 0.35 else -1
        dies, name = rng.random() < 0.5, rng.choice(["commit", "before_cursor_execute"])

        def end(_connection: Any, *statement: Any) -> None:
            nonlocal left
            # Count only statements that write a piece; a request has other statements too.
            left -= not statement or bool(PIECE.match(statement[1]))
            if left == 0:
                left = -1
                raise Killed if dies else OperationalError("COMMIT", {}, Exception("the server is gone"))

        engine = self.home.database.engine
        event.listen(engine, name, end)
        try:
            yield
        finally:
            event.remove(engine, name, end)

    def _wrong_failures(self, rounds: list[LoadResult]) -> Iterator[str]:
        """Failures without a fault or without a record, and streams that were left out silently."""
        outcome = self.outcome
        for stream, cause in outcome.failed:
            own = (PATHS[stream], PATHS["cycles"]) if stream in RECORDS else (PATHS[stream],)
            met = {kind for kind, path in outcome.hits if path.startswith(own)}
            if self._impatient:
                # Then it can be the machine that was late, on any stream.
                met.add("latency")
            if NOT_SENT in cause and outcome.hits:
                continue  # The faults of other streams have used up the run's time for retries.
            if not any(re.search(CAUSES[kind], cause) for kind in met):
                yield f"{stream} failed, which met {sorted(met) or 'no fault'}: {cause}"
        recorded = {
            (row["stream"], row["cause"]) for row in rows_of(self.home, "load_failures", self.user_id)
        }
        if not outcome.ended and recorded != set(outcome.failed):
            yield f"failed: {outcome.failed}, on record: {recorded}"
        if not outcome.ended and len(rounds) != len(STREAMS):
            yield f"only {len(rounds)} streams were loaded"
