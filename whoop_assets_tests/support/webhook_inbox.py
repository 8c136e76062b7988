"""Moves webhook events from the simulator to the inbox without a network, and loads them."""

from collections.abc import Callable, Iterable
from datetime import timedelta

from whoop_assets.clock import SystemClock
from whoop_assets.records.stale_days import STALE_DAYS, STALE_TRENDS
from whoop_assets.webhooks import inbox
from whoop_assets.webhooks.inbox import Event, delivery_of
from whoop_assets_tests.support.due_events import process_due_events
from whoop_assets_tests.support.home import Home
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_simulator.webhooks.delivery import WebhookDelivery as Delivery

NOWHERE = f"http://127.0.0.1:{REFUSING_PORT}/webhooks"
SECOND = timedelta(seconds=1)

Reorder = Callable[[list[Delivery]], Iterable[Delivery]]


class SimulatedInbox:
    """The inbox of a home, and the events of its simulator.

    Args:
        home: The home.
        real: Events get the time of `SystemClock`, which Dagster's runs use.
    """

    def __init__(self, home: Home, *, real: bool = False) -> None:
        self.home = home
        self._real = real
        home.world.webhooks.subscribe(NOWHERE)
        self._known = 0

    def announced(self) -> list[Delivery]:
        """Return the events announced since the last call, in order."""
        deliveries = self.home.world.webhooks.deliveries()
        new = [delivery for delivery in deliveries if delivery.number > self._known]
        self._known = max((delivery.number for delivery in new), default=self._known)
        return sorted(new, key=lambda delivery: delivery.number)

    def receive(self, order: Reorder = list) -> list[Delivery]:
        """Store the announced events in the order that `order` returns; advance the clock around it."""
        self._advance(SECOND)
        deliveries = list(order(self.announced()))
        self.store(*(delivery.body for delivery in deliveries))
        return deliveries

    def store(self, *bodies: bytes) -> list[str]:
        """Store the bodies of deliveries in this order."""
        outcomes = []
        for body in bodies:
            self._advance(timedelta(milliseconds=10))
            now = SystemClock().now() if self._real else self.home.clock.now()
            with self.home.database.write() as connection:
                outcomes += inbox.receive(connection, [delivery_of(body, now)], now)
        self._advance(SECOND)
        return outcomes

    def _advance(self, time: timedelta) -> None:
        if not self._real:
            self.home.advance(time)

    def events(self, state: str | None = None) -> list[Event]:
        with self.home.database.read() as connection:
            return inbox.listed(connection, state=state)

    def states(self) -> list[str]:
        return sorted(event.state for event in self.events())

    def process_due_events(self, by: str = "test") -> None:
        """Load the due events; check that no event failed or is open, and that no day is stale."""
        results = process_due_events(self.home.connection, by=by)
        assert [failure for result in results for failure in result.failures] == []
        assert [event for event in self.events() if event.state == "open"] == []
        self.assert_nothing_stale()

    def assert_nothing_stale(self) -> None:
        with self.home.database.read() as connection:
            assert STALE_DAYS.stale(connection) == []
            assert STALE_TRENDS.stale(connection) == []
