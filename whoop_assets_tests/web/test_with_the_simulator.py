"""The simulator repeats and reorders webhooks like WHOOP; each change becomes one open event."""

from collections.abc import Callable

from whoop_assets.members import store as member_store
from whoop_assets_tests.support.fixed_time import NOW
from whoop_assets_tests.support.servers.ports import REFUSING_PORT
from whoop_assets_tests.web.conftest import Service
from whoop_simulator.webhooks.webhooks import WebhookFaults
from whoop_simulator.world.world import World


def test_every_announced_change_is_stored_once(serve: Callable[..., Service], database_url: str) -> None:
    world = World(members=2, days=40, seed=5, now=NOW, frozen=True, limits=False)
    service = serve(database_url, client_secret=world.app.client_secret)
    for user_id in world.user_ids:
        world.issue_tokens(user_id)
        with service.database.write() as connection:
            no_profile = {"email": None, "first_name": None, "last_name": None}
            member_store.connect(
                connection, user_id, ["offline"], no_profile, service.database.now(connection)
            )
    world.webhooks.subscribe(service.url)
    world.webhooks.set_faults(WebhookFaults(duplicates=0.5, timeout_seconds=60))
    for user_id in world.user_ids:
        world.random_edits(user_id, 30, seed=1)
    sent = world.webhooks.deliver()
    assert {delivery.status for delivery in sent} == {"delivered"}
    announced = {delivery.trace_id: delivery for delivery in sent}
    assert len(announced) < len(sent)
    stored = service.stored()
    assert set(stored) == set(announced)
    for trace_id, event in stored.items():
        delivery = announced[trace_id]
        assert (event.user_id, event.record_id, event.event_type) == (
            delivery.user_id,
            delivery.id,
            delivery.type,
        )
        assert event.state == "open"


def test_a_service_that_was_down_gets_the_event_with_whoops_next_attempt(
    serve: Callable[..., Service], database_url: str
) -> None:
    world = World(members=1, days=10, seed=5, now=NOW, frozen=True, limits=False)
    world.issue_tokens(world.user_ids[0])
    world.webhooks.subscribe(f"http://127.0.0.1:{REFUSING_PORT}/webhooks/whoop")
    world.add(world.user_ids[0], "workouts", {})
    (delivery,) = world.webhooks.deliver()
    assert delivery.status == "waiting"
    service = serve(database_url, client_secret=world.app.client_secret)
    world.webhooks.set_faults(WebhookFaults(timeout_seconds=60))
    delivery.url = service.url
    world.webhooks.urls.append(service.url)
    world.advance(61)
    world.webhooks.deliver()
    assert delivery.status == "delivered", "signed a minute ago, at the first attempt"
    assert set(service.stored()) == {delivery.trace_id}
