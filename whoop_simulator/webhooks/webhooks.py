"""Webhooks: sends each change of a member with a live grant to every subscribed URL.

Six types exist: `updated` (also for new records) and `deleted`, for sleeps, recoveries and workouts. The id
is the record's, for a recovery the sleep's. Cycles, profile and body measurements have no webhooks. All times
follow the simulator's clock: after a leap of a month the events of the month follow in order, and a frozen
clock triggers no retry. Faults depend only on the seed and the event, so that the same world has the same
faults.
"""

import heapq
import random
import threading
import uuid
from collections import Counter, deque
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from typing import TYPE_CHECKING, Any

from whoop_simulator.errors import SimulatorError
from whoop_simulator.http.validation import flag, number
from whoop_simulator.timestamps import MINUTE, SECOND
from whoop_simulator.webhooks.delivery import (
    ENDED,
    NEVER_SENT,
    STATUSES,
    WAITING,
    WebhookDelivery,
    checked_url,
    post,
)
from whoop_simulator.world.operations import Operation
from whoop_simulator.world.records import RECOVERIES, SLEEPS, WORKOUTS

if TYPE_CHECKING:
    from whoop_simulator.world.world import World

KIND_OF = {SLEEPS: "sleep", RECOVERIES: "recovery", WORKOUTS: "workout"}
MAX_ENDED_DELIVERIES = 10_000
"""Number of completed deliveries that the simulator lists."""
POLL_SECONDS = 0.1
"""Real seconds between two checks for due deliveries while the clock runs."""
_RANGES = {"delay_seconds": (0, 7 * 86_400), "timeout_seconds": (0.01, 60)}


@dataclass
class WebhookFaults:
    """Faults of the deliveries. Shares are from 0 to 1 of the events."""

    duplicates: float = 0.0
    """Sent twice, under the same trace_id."""
    disorder: float = 0.0
    """Delayed by up to ten minutes, so that later events arrive first."""
    lost: float = 0.0
    """Never sent."""
    delay_seconds: float = 0.0
    """Seconds between the change and the first attempt, for all events."""
    timeout_seconds: float = 1.0
    """Real seconds that the receiver has for its response."""
    resign: bool = False
    """Whether a retry is signed with its own time, not that of the first attempt.

    WHOOP's behaviour is not known.
    """

    @classmethod
    def from_json(cls, order: dict[str, Any]) -> "WebhookFaults":
        known = {one.name for one in fields(cls)}
        if unknown := set(order) - known:
            raise SimulatorError(
                f"webhooks have no {', '.join(sorted(unknown))}: use {', '.join(sorted(known))}"
            )
        result = cls()
        for name, value in order.items():
            if name == "resign":
                result.resign = flag(name, value)
            else:
                setattr(result, name, number(name, value, *_RANGES.get(name, (0, 1))))
        return result


class WebhookSender:
    """Creates and sends the deliveries.

    Public methods hold the world's lock, except while they wait for a receiver.
    """

    def __init__(self, world: "World") -> None:
        self._world = world
        self._delivery_lock = threading.Lock()
        self.urls: list[str] = []
        self.faults = WebhookFaults()
        self._events: Counter[int] = Counter()
        """User id -> number of announced changes. The number determines the trace_id."""
        self._numbers = 0
        self._waiting: list[tuple[int, int, WebhookDelivery]] = []
        self._ended: deque[WebhookDelivery] = deque(maxlen=MAX_ENDED_DELIVERIES)
        self._counts = dict.fromkeys((*STATUSES, "attempts"), 0)

    # Subscriptions and faults

    def subscribe(self, url: object) -> None:
        """Send future changes to this URL too."""
        checked = checked_url(url)
        with self._world.lock:
            self.collect()
            if checked not in self.urls:
                self.urls.append(checked)
            self._world.save()

    def unsubscribe(self, url: object) -> None:
        """Send nothing more to this URL, and end its waiting deliveries."""
        with self._world.lock:
            if url not in self.urls:
                raise SimulatorError(f"{url!r} is not subscribed: GET /_control/webhooks lists the URLs")
            self.collect()
            self.urls.remove(str(url))
            self._end_all(lambda delivery: delivery.url == url)
            self._world.save()

    def redirect(self, urls: Sequence[str]) -> None:
        """Send future changes to exactly these URLs."""
        checked = [checked_url(url) for url in urls]
        with self._world.lock:
            for url in [url for url in self.urls if url not in checked]:
                self.unsubscribe(url)
            for url in checked:
                self.subscribe(url)

    def set_faults(self, faults: WebhookFaults) -> None:
        with self._world.lock:
            self.collect()
            self.faults = faults
            self._world.save()

    # Events

    def collect(self) -> None:
        """Create deliveries for all changes up to the clock's time. Call it before grants change."""
        with self._world.lock:
            now = self._world.now()
            found = []
            for place, member in enumerate(self._world.members.values()):
                member.move_to(now)
                for serial, operation in enumerate(member.unannounced):
                    kind = event_type(operation)
                    if kind is not None and self._world.grants.live(member.user_id, operation.at):
                        found.append((operation.at, place, serial, member.user_id, kind, operation.key))
                member.unannounced.clear()
            for at, _, _, user_id, kind, key in sorted(found):
                self._announce(at, user_id, kind, key)

    def _announce(self, at: int, user_id: int, kind: str, key: str) -> None:
        self._events[user_id] += 1
        chance = random.Random(f"{self._world.seed}/{user_id}/event/{self._events[user_id]}")
        trace_id = str(uuid.UUID(int=chance.getrandbits(128), version=4))
        lost, late, twice = (chance.random() for _ in range(3))
        due = at + int(self.faults.delay_seconds * SECOND)
        if late < self.faults.disorder:
            due += chance.randrange(SECOND, 10 * MINUTE)
        for url in self.urls:
            for _ in range(2 if twice < self.faults.duplicates else 1):
                self._numbers += 1
                delivery = WebhookDelivery(self._numbers, url, user_id, key, kind, trace_id, due)
                if lost < self.faults.lost:
                    self._end(delivery, NEVER_SENT)
                else:
                    heapq.heappush(self._waiting, (delivery.due, delivery.number, delivery))

    def revoked(self, user_id: int) -> None:
        """End the waiting deliveries of a member whose grants were revoked."""
        with self._world.lock:
            self._end_all(lambda delivery: delivery.user_id == user_id)

    # Sending

    def deliver(self, stopped: threading.Event | None = None) -> list[WebhookDelivery]:
        """Send all due deliveries in the order of their times, until `stopped` is set.

        Returns:
            The deliveries that were attempted, with any outcome.
        """
        sent = []
        with self._delivery_lock:
            self.collect()
            while not (stopped and stopped.is_set()) and (delivery := self._next()) is not None:
                signed_at = delivery.signed_at
                assert signed_at is not None
                secret = self._world.app.client_secret
                status = post(delivery.url, delivery.body, secret, signed_at, self.faults.timeout_seconds)
                self._answered(delivery, status)
                sent.append(delivery)
        if sent:
            with self._world.lock:
                self._world.save()
        return sent

    def deliver_until(self, stopped: threading.Event) -> None:
        """Send deliveries as they become due while the clock runs, until `stopped` is set."""
        while not stopped.wait(POLL_SECONDS):
            if self.urls and not self._world.clock.frozen:
                # The next request to the control API reports a state file that cannot be written.
                with suppress(SimulatorError):
                    self.deliver(stopped)

    def _next(self) -> WebhookDelivery | None:
        with self._world.lock:
            now = self._world.now()
            if not self._waiting or self._waiting[0][0] > now:
                return None
            delivery = heapq.heappop(self._waiting)[2]
            if delivery.signed_at is None or self.faults.resign:
                delivery.signed_at = now
            return delivery

    def _answered(self, delivery: WebhookDelivery, status: int | None) -> None:
        with self._world.lock:
            delivery.answered(self._world.now(), status)
            self._counts["attempts"] += 1
            still_wanted = delivery.url in self.urls and self._world.grants.of_member(delivery.user_id)
            if delivery.status != WAITING:
                self._end(delivery, delivery.status)
            elif still_wanted:
                heapq.heappush(self._waiting, (delivery.due, delivery.number, delivery))
            else:
                self._end(delivery, ENDED)

    def _end(self, delivery: WebhookDelivery, status: str) -> None:
        delivery.status = status
        self._counts[status] += 1
        self._ended.append(delivery)

    def _end_all(self, which: Callable[[WebhookDelivery], bool]) -> None:
        ending = [entry for entry in self._waiting if which(entry[2])]
        self._waiting = [entry for entry in self._waiting if not which(entry[2])]
        heapq.heapify(self._waiting)
        for entry in sorted(ending):
            self._end(entry[2], ENDED)

    # Results

    def next_due(self) -> int | None:
        """The time of the next waiting delivery, or None."""
        with self._world.lock:
            self.collect()
            return self._waiting[0][0] if self._waiting else None

    def deliveries(self) -> list[WebhookDelivery]:
        """Completed deliveries in the order of completion, then waiting ones by due time."""
        with self._world.lock:
            self.collect()
            return [*self._ended, *(delivery for _, _, delivery in sorted(self._waiting))]

    def stats(self) -> dict[str, Any]:
        """Subscriptions, faults, and the number of deliveries per status."""
        with self._world.lock:
            self.collect()
            counts = self._counts | {WAITING: len(self._waiting)}
            return {"urls": list(self.urls), "faults": asdict(self.faults), "counts": counts}

    def to_json(self) -> dict[str, Any]:
        """The state that a restart needs. Completed deliveries and their counts are not kept."""
        return {
            "urls": self.urls,
            "faults": asdict(self.faults),
            "events": {str(user_id): count for user_id, count in self._events.items()},
            "numbers": self._numbers,
            "waiting": [delivery.to_json() for _, _, delivery in sorted(self._waiting)],
        }

    def restore(self, saved: dict[str, Any]) -> None:
        self.urls = [checked_url(url) for url in saved["urls"]]
        self.faults = WebhookFaults.from_json(saved["faults"])
        self._events = Counter({int(user_id): count for user_id, count in saved["events"].items()})
        self._numbers = saved["numbers"]
        waiting = [WebhookDelivery(**delivery) for delivery in saved["waiting"]]
        self._waiting = [(delivery.due, delivery.number, delivery) for delivery in waiting]
        heapq.heapify(self._waiting)


def event_type(operation: Operation) -> str | None:
    """The event type of a change, or None if WHOOP sends no webhook for it."""
    kind = KIND_OF.get(operation.stream)
    if kind is None:
        return None
    return f"{kind}.deleted" if operation.kind == "delete" else f"{kind}.updated"
