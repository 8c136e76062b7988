"""Loads with random faults: network faults, changes of the data during the load, and crashes.

The seed determines everything. `FaultyLoad.run` runs one load, from the consent to the comparison.
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
from whoop_assets_tests.support.random_faults.comparison import (
    StateHistory,
    coverage_errors,
    coverage_gaps,
    differences,
    rows_of_member,
    transaction_errors,
)
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
"""A load that hits more faults than this retries without limit."""

PIECE = re.compile(
    r"(INSERT INTO|UPDATE|DELETE FROM) (cycles|sleeps|reco|workouts|coverage|stale_days|quarantine)"
)

SHORT = httpx.Timeout(0.1, connect=10.0)
"""Timeout of a load with the fault `latency`; shorter than that latency."""


class Killed(BaseException):
    """The process ended here."""


class CountedFaults(Faults):
    """Records the requests that faults hit."""

    def __init__(self, seed: int) -> None:
        super().__init__(seed)
        self.hits: list[tuple[str, str]] = []
        self.gave_up = False

    def matching(self, path: str) -> dict[str, Fault]:
        matches = super().matching(path)
        self.hits += [(kind, path.removeprefix("/developer")) for kind in matches]
        if len(self.hits) > MAX_FAULTS:
            self.gave_up = True
            self.clear()
        return matches


@dataclass
class Outcome:
    """Result of one load with faults."""

    seed: int
    injected: list[dict[str, Any]] = field(default_factory=list)
    hits: list[tuple[str, str]] = field(default_factory=list)
    changes: int = 0
    retries: int = 0
    ended: str = ""
    """Crash of the load, if any: Killed or DatabaseUnreachable."""
    failed: list[tuple[str, str]] = field(default_factory=list)
    """(stream, cause)"""
    errors: list[str] = field(default_factory=list)

    @property
    def recovered(self) -> bool:
        """The load hit faults, and succeeded after retries."""
        return bool(self.hits) and self.retries > 0 and not self.failed and not self.ended


MEMBERS, HISTORY = 25, 35
"""Members of a world, and their days of history. Each member is loaded once, on another day."""


def run_faulty_loads(database_url: str, seeds: Iterable[int], patch: pytest.MonkeyPatch) -> list[Outcome]:
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
        # With high limits, responses have rate-limit headers; without limits they have none.
        **(limits if world_seed % 2 else {"limits": False}),
    )
    with at_home(database_url, world, connect=False) as home:
        for seed in sorted(seeds):
            member_index = seed % MEMBERS
            home.clock.advance(NOW + timedelta(days=member_index, hours=seed % 7) - home.clock.now())
            world.set_clock(home.clock.now())
            days = HISTORY + member_index
            outcomes.append(FaultyLoad(home, seed, world.user_ids[member_index], days, patch).run())
    return outcomes


@dataclass
class FaultyLoad:
    """A load of one member with the faults of one seed; `days` is the length of the member's history."""

    home: Home
    seed: int
    user_id: int
    days: int
    patch: pytest.MonkeyPatch

    def run(self) -> Outcome:
        """Connect, load with faults and check the coverage; load again without faults and compare."""
        self.rng = rng = random.Random(self.seed)
        self.outcome = outcome = Outcome(self.seed)
        self.history = StateHistory(self.home, self.user_id)
        self.home.connect(self.user_id)
        today = self.home.clock.now().date()
        last = today - timedelta(days=rng.choice([0, 0, 0, 1, 5]))
        first = last - timedelta(days=rng.randint(3, self.days - 8))
        self._prepare(first, last)

        until = self._next_start
        results = self._load_with_faults(first, last)
        outcome.errors += [f"after the faults: {error}" for error in self._comparison_errors()]
        outcome.errors += self._failure_errors(results)
        if not outcome.changes and not outcome.ended:
            loaded = set(RECORDS) - {stream for stream, _ in outcome.failed}
            for stream in sorted(loaded):
                outcome.errors += coverage_gaps(self.home, self.user_id, stream, first, last, until)

        self.home.world.clear_faults()
        self.home.advance(1)
        self.history.record()
        until = self._next_start
        results = self.home.load(first, last, STREAMS, members=[self.user_id])
        outcome.errors += [
            f"in the end: {failure.stream} failed: {failure.cause}"
            for result in results
            for failure in result.failures
        ]
        outcome.errors += [f"in the end: {error}" for error in self._comparison_errors()]
        outcome.errors += [f"in the end: {error}" for error in differences(self.history, first, last, until)]
        return outcome

    @property
    def _short_timeout(self) -> bool:
        """Whether the load with faults uses the timeout SHORT."""
        return any(fault["kind"] == "latency" for fault in self.outcome.injected)

    @property
    def _next_start(self) -> datetime:
        """Start of the next load."""
        return self.home.clock.now() + timedelta(milliseconds=1)

    def _comparison_errors(self) -> list[str]:
        return [*coverage_errors(self.history), *transaction_errors(self.home, self.user_id)]

    def _prepare(self, first: date, last: date) -> None:
        """Prepare the world: an earlier load, edits, an invalid record, many records at one time."""
        world, rng = self.home.world, self.rng
        self.history.record()
        if rng.random() < 0.5:
            self.home.advance(1)
            self.home.load(first, last, STREAMS, members=[self.user_id])
            self.home.advance(1)
            world.random_edits(self.user_id, rng.randint(0, 8), self.seed)
            self._move_out_of(first)
        workouts = world.truth(self.user_id)["workouts"]
        if rng.random() < 0.15 and workouts:
            invalid = rng.choice(workouts)
            world.edit(self.user_id, "workouts", invalid["id"], {"sport_name": None})
            self.history.invalid.add(invalid["id"])
        self.follows_cursor = rng.random() < 0.2
        if self.follows_cursor:
            # More records at one time than a page has, so the load must follow the cursor.
            cycle = rng.choice(world.truth(self.user_id)["cycles"][1:5])
            for _ in range(30):
                world.add(self.user_id, "workouts", {"start": cycle["start"], "end": cycle["end"]})
        self.history.record()
        self.home.advance(1)

    def _move_out_of(self, first: date) -> None:
        """Move a workout to an earlier day: it is missing in the loaded span, but exists."""
        world = self.home.world
        workouts = world.truth(self.user_id)["workouts"]
        if workouts:
            earlier = datetime(first.year, first.month, first.day, tzinfo=UTC) - timedelta(days=2)
            times = {"start": rfc3339(earlier), "end": rfc3339(earlier + timedelta(hours=1))}
            world.edit(self.user_id, "workouts", workouts[0]["id"], times)

    def _load_with_faults(self, first: date, last: date) -> list[LoadResult]:
        world, outcome = self.home.world, self.outcome
        faults = world.faults = CountedFaults(self.seed)
        outcome.injected = self._random_faults()
        for order in outcome.injected:
            world.inject_fault(**order)
        results: list[LoadResult] = []
        with self.patch.context() as patch, self._change_data(), self._crash():
            if self._short_timeout:
                patch.setattr(transport, "TIMEOUT", SHORT)
            try:
                results = self.home.load(first, last, STREAMS, members=[self.user_id])
            except (Killed, DatabaseUnreachable) as error:
                outcome.ended = type(error).__name__
        outcome.hits = faults.hits
        if faults.gave_up:
            outcome.errors.append("the load would have retried without limit")
        outcome.retries = int(sum(result.total("retries") for result in results))
        outcome.failed = [
            (failure.stream, failure.cause) for result in results for failure in result.failures
        ]
        return results

    def _random_faults(self) -> list[dict[str, Any]]:
        rng = self.rng
        faults = []
        for _ in range(rng.choice([1, 1, 2, 3])):
            kind = rng.choice(
                ["status", "status", "status", "reset", "truncate", "not_json", "latency", "401"]
            )
            if self.follows_cursor and rng.random() < 0.8:
                kind = "repeat_cursor"
            fault: dict[str, Any] = {"kind": kind}
            if rng.random() < 0.5:
                # With a slash, the fault hits single records instead of the collection.
                fault["path_prefix"] = rng.choice(list(PATHS.values())) + rng.choice(["", "", "/"])
            draw = rng.random()
            if kind == "401":
                fault |= {"kind": "status", "status": 401, "count": 1 if draw < 0.8 else 3}
            elif kind == "latency":
                fault |= {"seconds": 0.3, "count": rng.choice([1, 2, 5])}
            else:
                if kind == "status":
                    fault["status"] = rng.choice([500, 502, 503, 429])
                if draw < 0.4:
                    fault["count"] = rng.randint(1, 6)
                else:
                    fault["probability"] = rng.choice([0.05, 0.2, 0.5, 0.8, 1.0])
            if kind == "reset" and rng.random() < 0.5:
                # This status prevents the request; the reset happens after it was processed.
                faults.append({**fault, "kind": "status", "status": 500})
            faults.append(fault)
        return faults

    @contextmanager
    def _change_data(self) -> Iterator[None]:
        """Change the data between two requests."""
        world, rng = self.home.world, random.Random(f"{self.seed}/changes")
        # A deletion can hide a record while the load follows WHOOP's cursor; that is a known limit of WHOOP.
        if rng.random() < 0.4 or self.follows_cursor:
            yield
            return
        before = world.requests
        moments = sorted(before + rng.randint(1, 12) for _ in range(rng.randint(1, 3)))

        def change(number: int, _path: str, _query: dict[str, str]) -> None:
            while moments and number >= moments[0]:
                moments.pop(0)
                self.history.record()
                self._change(rng)
                self.history.record()
                self.outcome.changes += 1

        world.before_request = change
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
    def _crash(self) -> Iterator[None]:
        """End the process or the database during a transaction or its commit."""
        rng = random.Random(f"{self.seed}/ending")
        remaining = rng.randint(1, 40) if rng.random() < 0.35 else -1
        kill, name = rng.random() < 0.5, rng.choice(["commit", "before_cursor_execute"])

        def crash(_connection: Any, *statement: Any) -> None:
            nonlocal remaining
            # Count only statements that write a piece, because requests execute statements too.
            remaining -= not statement or bool(PIECE.match(statement[1]))
            if remaining == 0:
                remaining = -1
                raise Killed if kill else OperationalError("COMMIT", {}, Exception("the server is gone"))

        engine = self.home.database.engine
        event.listen(engine, name, crash)
        try:
            yield
        finally:
            event.remove(engine, name, crash)

    def _failure_errors(self, results: list[LoadResult]) -> Iterator[str]:
        """Yield failures without a fault or without a row in the database, and missing streams."""
        outcome = self.outcome
        for stream, cause in outcome.failed:
            paths = (PATHS[stream], PATHS["cycles"]) if stream in RECORDS else (PATHS[stream],)
            faults = {kind for kind, path in outcome.hits if path.startswith(paths)}
            if self._short_timeout:
                # With this timeout, a slow machine can cause the fault too.
                faults.add("latency")
            if NOT_SENT in cause and outcome.hits:
                continue  # faults of other streams used up the run's retry time
            if not any(re.search(CAUSES[kind], cause) for kind in faults):
                yield f"{stream} failed after {sorted(faults) or 'no fault'}: {cause}"
        recorded = {
            (row["stream"], row["cause"]) for row in rows_of_member(self.home, "load_failures", self.user_id)
        }
        if not outcome.ended and recorded != set(outcome.failed):
            yield f"failed: {outcome.failed}, in the database: {recorded}"
        if not outcome.ended and len(results) != len(STREAMS):
            yield f"only {len(results)} streams were loaded"
