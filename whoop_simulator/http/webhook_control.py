"""The endpoints of the control API for webhooks."""

from typing import Any

from whoop_simulator.http.validation import needed
from whoop_simulator.webhooks.webhooks import WebhookFaults
from whoop_simulator.world.world import World

Order = dict[str, Any]
MAX_LISTED_DELIVERIES = 1000


def webhooks(world: World, order: Order) -> Any:
    return world.webhooks.stats()


def subscribe(world: World, order: Order) -> Any:
    world.webhooks.subscribe(str(needed(order, "url")))
    return {"urls": world.webhooks.urls}


def unsubscribe(world: World, order: Order) -> Any:
    world.webhooks.unsubscribe(str(needed(order, "url")))
    return {"urls": world.webhooks.urls}


def webhook_faults(world: World, order: Order) -> Any:
    """Set all faults. Faults that the request does not name get their defaults."""
    world.webhooks.set_faults(WebhookFaults.from_json(order))
    return world.webhooks.stats()["faults"]


def deliveries(world: World, order: Order) -> Any:
    """The last thousand deliveries: completed ones, then waiting ones."""
    return [delivery.to_json() for delivery in world.webhooks.deliveries()[-MAX_LISTED_DELIVERIES:]]


def deliver(world: World, order: Order) -> Any:
    """Send all due deliveries, and return them with their outcomes."""
    return [delivery.to_json() for delivery in world.webhooks.deliver()]


WEBHOOK_ORDERS = (
    ("GET", "/webhooks", webhooks),
    ("GET", "/webhooks/deliveries", deliveries),
    ("POST", "/webhooks/subscribe", subscribe),
    ("POST", "/webhooks/unsubscribe", unsubscribe),
    ("POST", "/webhooks/faults", webhook_faults),
    ("POST", "/webhooks/deliver", deliver),
)
