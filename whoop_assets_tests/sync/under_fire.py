"""Rounds in which a crowd of processes wants one expired token, undisturbed or with one of them killed."""

import os
import random
import signal
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from cryptography.fernet import Fernet
from sqlalchemy import select, update

from whoop_assets.db.database import Database
from whoop_assets.members import store as member_store
from whoop_assets.tokens import store as token_store
from whoop_assets.tokens import tables
from whoop_assets.tokens.cipher import TokenCipher, key_file, read_key_file
from whoop_assets.tokens.key_rotation import in_use, rotate
from whoop_assets.tokens.store import StoredPair
from whoop_assets_tests.sync.crowd import SERVED, TOLD, Crowd, Reader, until

TOKEN_PATH = "/oauth/oauth2/token"
MOMENTS = {
    "any time": 16,
    "lease taken": 9,
    "request sent": 4,
    "request refused": 8,
    "token spent": 4,
    "answer sent": 9,
}
"""Number of rounds out of fifty; a round with a lost response takes ten seconds."""
FAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "request sent": {"latency": {"seconds": 0.5}},
    "request refused": {"latency": {"seconds": 0.5}, "status": {"status": 503}},
    "token spent": {"stall": {"seconds": 0.5}},
}
"""Faults that prolong the exchange at the moment of the kill."""


def race(crowd: Crowd, rounds: int) -> int:
    """Every reader wants the token that has just ended, `rounds` times; how many were served.

    In every other round the database knows that it has ended, and the readers have not had it in hand before.
    """
    served = 0
    for number in range(1, rounds + 1):
        known = number % 2 == 0
        crowd.world.expire_tokens(crowd.member)
        if known:
            _ended_by_the_clock(crowd)
        outcomes = everyone(crowd.readers, "read afresh" if known else "read")
        assert Counter(what for what, _ in outcomes) == {SERVED: len(crowd.readers)}, outcomes
        counts = crowd.counts()
        assert (counts["refreshes"], counts["token_refusals"]) == (number, 0)
        served += len(outcomes)
    assert _is_live(crowd, stored(crowd))
    return served


@dataclass
class Losses:
    """Result of the rounds with a killed process."""

    rounds: int = 0
    served: int = 0
    told: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def __str__(self) -> str:
        per_moment = ", ".join(
            f"{moment} {self.lost[moment]}/{self.lost[moment] + self.kept[moment]}" for moment in MOMENTS
        )
        return (
            f"{self.rounds} rounds, one process killed in each: {self.served} served, {self.told} told the"
            " truth;"
            f" {self.lost.total()} tokens lost, each spent by WHOOP for the killed process (lost/rounds by"
            " moment:"
            f" {per_moment}); the slowest round took {self.slowest:.1f} s"
        )


def kill_in_each(crowd: Crowd, rounds: int, seed: int) -> Losses:
    """As `race`, but each round kills one process at a random moment, mostly the lease holder.

    After each round either the stored refresh token is WHOOP's live one and every survivor was served, or
    WHOOP has spent it for the killed process and every survivor got an error; then the member is connected
    again.
    """
    rng = random.Random(seed)
    result = Losses()
    moments = [moment for moment, often in MOMENTS.items() for _ in range(often)]
    rng.shuffle(moments)
    moments = (moments * rounds)[:rounds]
    for number, moment in enumerate(moments, 1):
        before, counts = stored(crowd), crowd.counts()
        crowd.world.expire_tokens(crowd.member)
        for kind, options in FAULTS.get(moment, {}).items():
            crowd.world.inject_fault(kind, path_prefix=TOKEN_PATH, **options)
        began = time.monotonic()
        for reader in crowd.readers:
            reader.ask("read")
        killed = _kill_at(crowd, moment, rng, counts)
        survivors = [reader for reader in crowd.readers if reader is not killed]
        crowd.readers = list(survivors)
        if number < rounds:
            crowd.join(1)  # while the others find their way
        outcomes = [reader.answer() for reader in survivors]
        result.slowest = max(result.slowest, time.monotonic() - began)
        crowd.world.clear_faults()

        after, counts_after = stored(crowd), crowd.counts()
        granted = counts_after["refreshes"] - counts["refreshes"]
        refused = counts_after["invalid_grant"] - counts["invalid_grant"]
        said = Counter(what for what, _ in outcomes)
        with crowd.database.read() as connection:
            reason = member_store.reason_to_reconnect(connection, crowd.member)
        assert granted == 1, (moment, granted, outcomes)
        if _is_live(crowd, after):
            assert said == {SERVED: len(survivors)}, (moment, outcomes)
            assert (refused, reason, after.intent_at) == (0, None, None), moment
            result.kept[moment] += 1
            result.served += len(outcomes)
        else:
            # The one exchange that was granted is the killed process's: no survivor got a token from
            # anywhere.
            assert after.refresh_token == before.refresh_token
            assert said == {TOLD: len(survivors)}, (moment, outcomes)
            assert refused == 1, "it is found out by one"
            assert reason is not None
            assert f"(pid {killed.pid}) stopped during a token exchange that began at" in reason
            assert all(reason in sentence for _, sentence in outcomes)
            result.lost[moment] += 1
            result.told += len(outcomes)
            crowd.connect()
        result.rounds += 1
    return result


def rotate_while_all_read(crowd: Crowd, rotations: int, new_key: Callable[[], str]) -> tuple[int, int]:
    """Rotate the keys while all readers read with tokens that expire every other second.

    `new_key` puts the next key where processes find it, and gives what WHOOP_TOKEN_KEY is then.
    """
    for reader in crowd.readers:
        reader.ask("read on")
    for _ in range(rotations):
        seen = crowd.counts()["refreshes"]
        until(partial(_exceeds, crowd, "refreshes", seen + 1), "the next refreshes")
        rotate(crowd.database, new_key())
    seen = crowd.counts()["refreshes"]
    until(lambda: crowd.counts()["refreshes"] > seen + 1, "refreshes under the last key")
    outcomes = everyone(crowd.readers, "that will do")
    assert {what for what, _ in outcomes} == {SERVED}, outcomes
    counts = crowd.counts()
    assert counts["token_refusals"] == 0
    assert _is_live(crowd, stored(crowd))
    return sum(int(reads) for _, reads in outcomes), counts["refreshes"]


def stall_in_each(crowd: Crowd, rounds: int) -> int:
    """Stop the lease holder after WHOOP has used its token; continue it after another process got an error.

    The holder has the new pair, and all readers are served. Returns the number of served readers.
    """
    served = 0
    for _ in range(rounds):
        before = crowd.counts()
        crowd.world.expire_tokens(crowd.member)
        crowd.world.inject_fault("stall", seconds=2, path_prefix=TOKEN_PATH)  # time enough to find the holder
        for reader in crowd.readers:
            reader.ask("read")
        until(partial(_is_granted, crowd, before), "the exchange")
        (stopped,) = [reader for reader in crowd.readers if _holds(crowd, reader)]
        os.kill(stopped.pid, signal.SIGSTOP)
        try:
            until(
                partial(_exceeds, crowd, "invalid_grant", before["invalid_grant"]),
                "another process to take over",
            )
        finally:
            os.kill(stopped.pid, signal.SIGCONT)
        outcomes = [reader.answer() for reader in crowd.readers]
        assert {what for what, _ in outcomes} == {SERVED}, outcomes
        counts = crowd.counts()
        assert counts["refreshes"] - before["refreshes"] == 1
        assert counts["invalid_grant"] - before["invalid_grant"] == 1
        after = stored(crowd)
        assert _is_live(crowd, after)
        assert (after.intent_at, after.lease_holder) == (None, None)
        served += len(outcomes)
    return served


def _holds(crowd: Crowd, reader: Reader) -> bool:
    return (stored(crowd).lease_holder or "").endswith(f":{reader.pid}")


class KeysOfTheTest:
    """Where processes find their keys: on SQLite in the key file, which rotation writes; else in `.env`.

    The tests' working folder is their own, and so is the `.env` in it.
    """

    def __init__(self, database_url: str) -> None:
        self._in_file = database_url.startswith("sqlite")
        self._keys: list[str] = []
        if not self._in_file:
            self.next()

    @property
    def setting(self) -> str:
        """WHOOP_TOKEN_KEY."""
        return ",".join(self._keys)

    def next(self) -> str:
        """A new key in front, the one before behind it, and any older gone."""
        if not self._in_file:
            self._keys = [Fernet.generate_key().decode(), *self._keys[:1]]
            Path(".env").write_text(f"WHOOP_TOKEN_KEY={self.setting}\n")
        return self.setting

    def assert_only_the_last_is_needed(self, database: Database) -> None:
        if self._in_file:
            path = key_file(database)
            assert len(read_key_file(path)) == 2
            last = read_key_file(path)[0]
        else:
            last = self._keys[0].encode()
        cipher = TokenCipher([last])
        with database.read() as connection:
            (use,) = in_use(connection, cipher)
            assert (use.key_id, use.members) == (cipher.first, 1)
            for user_id in connection.scalars(select(tables.tokens.c.user_id)):
                assert token_store.load(connection, user_id, cipher) is not None


def _kill_at(crowd: Crowd, moment: str, rng: random.Random, before: dict[str, int]) -> Reader:
    """Kill the holder of the lease at that moment or another process, and return it."""
    world = crowd.world
    match moment:
        case "any time":
            time.sleep(rng.uniform(0.0, 0.12))
        case "lease taken":
            # Seldom it is over before it is seen.
            until(lambda: stored(crowd).lease_until or _is_granted(crowd, before), "a lease")
            time.sleep(rng.uniform(0.0, 0.01))
        case "request sent" | "request refused":
            until(lambda: not world.faults.ordered, "the request")
            time.sleep(rng.uniform(0.0, 0.4))
        case "token spent":
            until(lambda: _is_granted(crowd, before), "the exchange")
            time.sleep(rng.uniform(0.0, 0.4))
        case "answer sent":
            until(lambda: _is_granted(crowd, before), "the exchange")
            time.sleep(rng.uniform(0.0, 0.06))
    hit = [reader for reader in crowd.readers if _holds(crowd, reader)]
    victim = hit[0] if hit else rng.choice(crowd.readers)
    victim.kill()
    return victim


def _is_granted(crowd: Crowd, before: dict[str, int]) -> bool:
    return _exceeds(crowd, "refreshes", before["refreshes"])


def _exceeds(crowd: Crowd, name: str, number: int) -> bool:
    return crowd.counts()[name] > number


def _is_live(crowd: Crowd, pair: StoredPair) -> bool:
    """Whether WHOOP would exchange the refresh token of this pair now."""
    return pair.refresh_token is not None and crowd.world.accepts_refresh_token(
        crowd.member, pair.refresh_token
    )


def everyone(readers: list[Reader], order: str) -> list[tuple[str, str]]:
    """Send the order to all readers and return their results."""
    for reader in readers:
        reader.ask(order)
    return [reader.answer() for reader in readers]


def stored(crowd: Crowd) -> StoredPair:
    with crowd.database.read() as connection:
        pair = token_store.load(connection, crowd.member, crowd.connection.cipher)
    assert pair is not None
    return pair


def _ended_by_the_clock(crowd: Crowd) -> None:
    with crowd.database.write() as connection:
        now = connection.scalar(select(tables.tokens.c.refreshed_at))
        assert now is not None
        connection.execute(update(tables.tokens).values(expires_at=now - timedelta(seconds=1)))
