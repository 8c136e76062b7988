"""Rounds in which several processes use one expired token, some with a killed or stalled process."""

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
from whoop_assets_tests.support.token_processes.readers import RECONNECT, SERVED, ReaderProcess, TokenReaders
from whoop_assets_tests.support.waiting import wait_until

TOKEN_PATH = "/oauth/oauth2/token"
MOMENTS = {
    "any time": 16,
    "lease taken": 9,
    "request sent": 4,
    "request refused": 8,
    "token spent": 4,
    "response sent": 9,
}
"""Number of rounds out of fifty; a round with a lost response takes ten seconds."""
FAULTS: dict[str, dict[str, dict[str, Any]]] = {
    "request sent": {"latency": {"seconds": 0.5}},
    "request refused": {"latency": {"seconds": 0.5}, "status": {"status": 503}},
    "token spent": {"stall": {"seconds": 0.5}},
}
"""Faults that prolong the exchange at the moment of the kill."""


def refresh_each_round(group: TokenReaders, rounds: int) -> int:
    """Expire the token and let every reader read, `rounds` times; return the number of served readers.

    In every second round the database has the expiry too, and each reader acts like a new process.
    """
    served = 0
    for number in range(1, rounds + 1):
        expiry_is_stored = number % 2 == 0
        group.world.expire_tokens(group.member)
        if expiry_is_stored:
            _expire_in_database(group)
        outcomes = send_to_all(group.readers, "read as new process" if expiry_is_stored else "read")
        assert Counter(what for what, _ in outcomes) == {SERVED: len(group.readers)}, outcomes
        counts = group.counts()
        assert (counts["refreshes"], counts["token_refusals"]) == (number, 0)
        served += len(outcomes)
    assert _is_live(group, stored(group))
    return served


@dataclass
class KillResults:
    """Result of the rounds with a killed process."""

    rounds: int = 0
    served: int = 0
    reconnect: int = 0
    lost: Counter[str] = field(default_factory=Counter)
    kept: Counter[str] = field(default_factory=Counter)
    slowest: float = 0.0

    def __str__(self) -> str:
        per_moment = ", ".join(
            f"{moment} {self.lost[moment]}/{self.lost[moment] + self.kept[moment]}" for moment in MOMENTS
        )
        return (
            f"{self.rounds} rounds, one process killed in each: {self.served} served, {self.reconnect}"
            f" told to reconnect; {self.lost.total()} tokens lost, each used by WHOOP for the killed process"
            f" (lost/rounds by moment: {per_moment}); the slowest round took {self.slowest:.1f} s"
        )


def kill_one_each_round(group: TokenReaders, rounds: int, seed: int) -> KillResults:
    """Like `refresh_each_round`, but kill one process per round at a random moment, mostly the lease holder.

    After a round, either WHOOP accepts the stored refresh token and every other process was served. Or WHOOP
    has used it for the killed process, every other process got an error, and the member reconnects.
    """
    rng = random.Random(seed)
    result = KillResults()
    moments = [moment for moment, count in MOMENTS.items() for _ in range(count)]
    rng.shuffle(moments)
    moments = (moments * rounds)[:rounds]
    for number, moment in enumerate(moments, 1):
        before, counts = stored(group), group.counts()
        group.world.expire_tokens(group.member)
        for kind, options in FAULTS.get(moment, {}).items():
            group.world.inject_fault(kind, path_prefix=TOKEN_PATH, **options)
        began = time.monotonic()
        for reader in group.readers:
            reader.send("read")
        killed = _kill_at(group, moment, rng, counts)
        survivors = [reader for reader in group.readers if reader is not killed]
        group.readers = list(survivors)
        if number < rounds:
            group.start(1)  # while the other processes read
        outcomes = [reader.result() for reader in survivors]
        result.slowest = max(result.slowest, time.monotonic() - began)
        group.world.clear_faults()

        after, counts_after = stored(group), group.counts()
        granted = counts_after["refreshes"] - counts["refreshes"]
        refused = counts_after["invalid_grant"] - counts["invalid_grant"]
        results = Counter(result_name for result_name, _ in outcomes)
        with group.database.read() as connection:
            reason = member_store.reason_to_reconnect(connection, group.member)
        assert granted == 1, (moment, granted, outcomes)
        if _is_live(group, after):
            assert results == {SERVED: len(survivors)}, (moment, outcomes)
            assert (refused, reason, after.intent_at) == (0, None, None), moment
            result.kept[moment] += 1
            result.served += len(outcomes)
        else:
            # WHOOP granted only the killed process's exchange, so no other process got a token.
            assert after.refresh_token == before.refresh_token
            assert results == {RECONNECT: len(survivors)}, (moment, outcomes)
            assert refused == 1, "one process detects it"
            assert reason is not None
            assert f"(pid {killed.pid}) stopped during a token exchange that began at" in reason
            assert all(reason in sentence for _, sentence in outcomes)
            result.lost[moment] += 1
            result.reconnect += len(outcomes)
            group.connect()
        result.rounds += 1
    return result


def rotate_keys_during_reads(
    group: TokenReaders, rotations: int, new_key: Callable[[], str]
) -> tuple[int, int]:
    """Rotate the keys while all readers read with tokens that expire after two seconds.

    Args:
        group: The readers.
        rotations: Number of rotations.
        new_key: Configures the next key; returns the value of WHOOP_TOKEN_KEY.

    Returns:
        Number of reads and of refreshes.
    """
    for reader in group.readers:
        reader.send("read until next command")
    for _ in range(rotations):
        before = group.counts()["refreshes"]
        wait_until(partial(_exceeds, group, "refreshes", before + 1), "the next refreshes")
        rotate(group.database, new_key())
    before = group.counts()["refreshes"]
    wait_until(lambda: group.counts()["refreshes"] > before + 1, "refreshes with the last key")
    outcomes = send_to_all(group.readers, "stop")
    assert {what for what, _ in outcomes} == {SERVED}, outcomes
    counts = group.counts()
    assert counts["token_refusals"] == 0
    assert _is_live(group, stored(group))
    return sum(int(reads) for _, reads in outcomes), counts["refreshes"]


def stall_holder_each_round(group: TokenReaders, rounds: int) -> int:
    """Stop the lease holder after WHOOP has used its token; continue it after another process got an error.

    The holder has the new pair, and all readers are served. Returns the number of served readers.
    """
    served = 0
    for _ in range(rounds):
        before = group.counts()
        group.world.expire_tokens(group.member)
        group.world.inject_fault("stall", seconds=2, path_prefix=TOKEN_PATH)  # enough time to find the holder
        for reader in group.readers:
            reader.send("read")
        wait_until(partial(_is_granted, group, before), "the exchange")
        (stopped,) = [reader for reader in group.readers if _holds(group, reader)]
        os.kill(stopped.pid, signal.SIGSTOP)
        try:
            wait_until(
                partial(_exceeds, group, "invalid_grant", before["invalid_grant"]),
                "another process to take over",
            )
        finally:
            os.kill(stopped.pid, signal.SIGCONT)
        outcomes = [reader.result() for reader in group.readers]
        assert {what for what, _ in outcomes} == {SERVED}, outcomes
        counts = group.counts()
        assert counts["refreshes"] - before["refreshes"] == 1
        assert counts["invalid_grant"] - before["invalid_grant"] == 1
        after = stored(group)
        assert _is_live(group, after)
        assert (after.intent_at, after.lease_holder) == (None, None)
        served += len(outcomes)
    return served


def _holds(group: TokenReaders, reader: ReaderProcess) -> bool:
    return (stored(group).lease_holder or "").endswith(f":{reader.pid}")


class KeySource:
    """Keys of the processes: on SQLite in the key file that a rotation writes, else in the test's `.env`."""

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
        """Configure a new key, followed by the previous key only."""
        if not self._in_file:
            self._keys = [Fernet.generate_key().decode(), *self._keys[:1]]
            Path(".env").write_text(f"WHOOP_TOKEN_KEY={self.setting}\n")
        return self.setting

    def assert_only_newest_key_is_used(self, database: Database) -> None:
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


def _kill_at(group: TokenReaders, moment: str, rng: random.Random, before: dict[str, int]) -> ReaderProcess:
    """Kill the holder of the lease at that moment or another process, and return it."""
    world = group.world
    match moment:
        case "any time":
            time.sleep(rng.uniform(0.0, 0.12))
        case "lease taken":
            # The lease may end before it is seen.
            wait_until(lambda: stored(group).lease_until or _is_granted(group, before), "a lease")
            time.sleep(rng.uniform(0.0, 0.01))
        case "request sent" | "request refused":
            wait_until(lambda: not world.faults.ordered, "the request")
            time.sleep(rng.uniform(0.0, 0.4))
        case "token spent":
            wait_until(lambda: _is_granted(group, before), "the exchange")
            time.sleep(rng.uniform(0.0, 0.4))
        case "response sent":
            wait_until(lambda: _is_granted(group, before), "the exchange")
            time.sleep(rng.uniform(0.0, 0.06))
    holders = [reader for reader in group.readers if _holds(group, reader)]
    victim = holders[0] if holders else rng.choice(group.readers)
    victim.kill()
    return victim


def _is_granted(group: TokenReaders, before: dict[str, int]) -> bool:
    return _exceeds(group, "refreshes", before["refreshes"])


def _exceeds(group: TokenReaders, name: str, number: int) -> bool:
    return group.counts()[name] > number


def _is_live(group: TokenReaders, pair: StoredPair) -> bool:
    """Return whether WHOOP accepts the pair's refresh token now."""
    return pair.refresh_token is not None and group.world.accepts_refresh_token(
        group.member, pair.refresh_token
    )


def send_to_all(readers: list[ReaderProcess], command: str) -> list[tuple[str, str]]:
    """Send the command to all readers, and return their results."""
    for reader in readers:
        reader.send(command)
    return [reader.result() for reader in readers]


def stored(group: TokenReaders) -> StoredPair:
    with group.database.read() as connection:
        pair = token_store.load(connection, group.member, group.connection.cipher)
    assert pair is not None
    return pair


def _expire_in_database(group: TokenReaders) -> None:
    with group.database.write() as connection:
        now = connection.scalar(select(tables.tokens.c.refreshed_at))
        assert now is not None
        connection.execute(update(tables.tokens).values(expires_at=now - timedelta(seconds=1)))
